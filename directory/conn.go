package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// maxMessage bounds what one message of the directory may make a conn
// allocate.
const maxMessage = 16 << 20

// A conn is a connection of the pool: bound as the service account, and
// shared by many searches at a time.
//
// It is not go-ldap's, which builds a tree for each message and hands it from
// goroutine to goroutine: a request about an entry reads that entry, so this
// is on the way of every one. Whoever searches writes its request itself, and
// those of others who are ready; one goroutine reads the answers in place.
type conn struct {
	raw  net.Conn
	from *server

	mu      sync.Mutex
	waiting map[int32]*search
	lastID  int32
	out     []byte // to be written
	spare   []byte // what out was before
	writing bool   // somebody writes what is in out
	err     error  // why the connection is of no more use
}

// A search is one that has not been answered.
type search struct {
	entries []policy.Entry
	done    chan error // holds how it ended
}

var (
	errMalformed = errors.New("the directory sent what is no answer")
	errNotice    = result.New(result.Unavailable, "the directory ended the connection")
	errClosed    = errors.New("the connection was closed")
)

// newConn binds on an open connection, unless dn is empty, and starts to read
// from it. It closes raw if it fails. Errors: *result.Error with what the directory
// answered; others if it did not.
func newConn(ctx context.Context, raw net.Conn, from *server, dn string, password []byte) (*conn, error) {
	r := message.NewReader(raw, message.Limits{MaxSize: maxMessage})
	if dn != "" {
		stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
		err := simpleBind(raw, r, dn, password)
		if !stop() {
			err = ctx.Err()
		}
		if err != nil {
			_ = raw.Close()
			return nil, err
		}
	}
	c := &conn{raw: raw, from: from, lastID: 1, waiting: make(map[int32]*search)}
	go c.read(r)
	return c, nil
}

func simpleBind(w io.Writer, r *message.Reader, dn string, password []byte) error {
	const id = 1
	n := 3 + message.ElementSize(len(dn)) + message.ElementSize(len(password))
	body := message.AppendInt(make([]byte, 0, n), 0x02, 3)
	body = message.AppendElement(body, 0x04, dn)
	body = message.AppendElement(body, message.AuthSimple, password)
	request := message.AppendMessage(make([]byte, 0, n+32), id, message.BindRequest, body, nil)
	_, err := w.Write(request)
	clear(body)
	clear(request)
	if err != nil {
		return err
	}
	m, err := r.Next()
	switch {
	case err != nil:
		return err
	case m.ID == id && m.Op == message.BindResponse:
		return answerOf(m)
	case isNotice(m):
		return errNotice
	}
	return errMalformed
}

// answerOf returns the result of a final response as an error.
func answerOf(m message.Message) error {
	r, err := message.ParseResult(m.Body)
	if err != nil {
		return err
	}
	if r.Code == result.Success {
		return nil
	}
	return &result.Error{Code: r.Code, MatchedDN: string(r.MatchedDN), Text: string(r.Text)}
}

// isNotice reports whether m is a notice of disconnection (RFC 4511 4.4.1).
func isNotice(m message.Message) bool {
	if m.ID != 0 || m.Op != message.ExtendedResponse {
		return false
	}
	r, err := message.ParseResult(m.Body)
	return err == nil && string(r.Name) == message.NoticeOfDisconnectionOID
}

// search runs one search. Errors: *result.Error with what the directory
// answered, ctx's, errSlow after timeout, and others if the connection is of no
// more use.
func (c *conn) search(ctx context.Context, q policy.Query, filter []byte, timeout time.Duration) ([]policy.Entry, error) {
	s := &search{done: make(chan error, 1)}
	id, err := c.send(s, timeout, func(dst []byte, id int32) []byte { return appendSearch(dst, id, q, filter) })
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case err = <-s.done:
		if err != nil {
			return nil, err
		}
		return s.entries, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = errSlow
	}
	c.abandon(id, timeout)
	return nil, err
}

// appendSearch appends a search without limits: a server whose hard limit is
// lower refuses it, rather than apply its own.
func appendSearch(dst []byte, id int32, q policy.Query, filter []byte) []byte {
	var space [256]byte
	attributes := space[:0]
	for _, a := range q.Attributes {
		attributes = message.AppendElement(attributes, 0x04, a)
	}
	var controls []byte
	for _, c := range q.Controls {
		controls = message.AppendControl(controls, c.OID, c.Critical, c.Value)
	}
	return message.AppendSearch(dst, id, message.Search{
		Base: []byte(q.Base), Scope: int32(q.Scope), Filter: filter, Attributes: attributes,
	}, controls)
}

// send writes a request, for s if not nil, and returns its message ID.
func (c *conn) send(s *search, timeout time.Duration, encode func(dst []byte, id int32) []byte) (int32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	for {
		if c.lastID++; c.lastID <= 0 {
			c.lastID = 1
		}
		if c.waiting[c.lastID] == nil {
			break
		}
	}
	id := c.lastID
	if s != nil {
		c.waiting[id] = s
	}
	c.out = encode(c.out, id)
	if c.writing {
		return id, nil
	}
	c.writing = true
	// Others who are about to search add their requests first.
	c.mu.Unlock()
	runtime.Gosched()
	c.mu.Lock()
	for len(c.out) > 0 && c.err == nil {
		out := c.out
		c.out = c.spare[:0]
		c.mu.Unlock()
		err := c.raw.SetWriteDeadline(time.Now().Add(timeout))
		if err == nil {
			_, err = c.raw.Write(out)
		}
		if err != nil {
			c.fail(err)
		}
		c.mu.Lock()
		c.spare = out
	}
	c.writing = false
	if cap(c.spare) > 64<<10 {
		c.spare = nil
	}
	return id, nil
}

// abandon tells the directory that nobody waits for an answer any more (RFC
// 4511 4.11).
func (c *conn) abandon(id int32, timeout time.Duration) {
	c.mu.Lock()
	_, waiting := c.waiting[id]
	delete(c.waiting, id)
	c.mu.Unlock()
	if waiting {
		_, _ = c.send(nil, timeout, func(dst []byte, own int32) []byte { return message.AppendAbandon(dst, own, id) })
	}
}

// read takes answers until the connection ends.
func (c *conn) read(r *message.Reader) {
	for {
		m, err := r.Next()
		if err == nil {
			err = c.take(m)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// take hands an answer to the search that it belongs to. One that was given
// up gets none.
func (c *conn) take(m message.Message) error {
	if m.ID == 0 {
		if isNotice(m) {
			return errNotice
		}
		return nil
	}
	c.mu.Lock()
	s := c.waiting[m.ID]
	if m.Op == message.SearchResultDone {
		delete(c.waiting, m.ID)
	}
	c.mu.Unlock()
	switch m.Op {
	case message.SearchResultEntry:
		if s == nil {
			return nil
		}
		e, err := entryOf(m.Body)
		if err != nil {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
		s.entries = append(s.entries, e)
	case message.SearchResultReference, message.IntermediateResponse:
		// Referrals are never followed.
	case message.SearchResultDone:
		if s != nil {
			s.done <- answerOf(m)
		}
	default:
		return errMalformed
	}
	return nil
}

// entryOf copies an entry out of the body of a SearchResultEntry.
func entryOf(body []byte) (policy.Entry, error) {
	e, err := message.ParseEntry(body)
	if err != nil {
		return policy.Entry{}, err
	}
	out := policy.Entry{DN: string(e.DN)}
	var bad error // of the values of an attribute
	err = message.EachAttribute(e.Attributes, func(name, values, _ []byte) bool {
		a := policy.Attribute{Name: string(name)}
		bad = message.EachString(values, func(v []byte) bool {
			a.Values = append(a.Values, string(v))
			return true
		})
		out.Attributes = append(out.Attributes, a)
		return bad == nil
	})
	return out, errors.Join(err, bad)
}

// isClosing reports whether the connection is of no more use.
func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

func (c *conn) close() { c.fail(errClosed) }

// fail ends the connection and every search on it.
func (c *conn) fail(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
		for _, s := range c.waiting {
			s.done <- err
		}
		clear(c.waiting)
	}
	c.mu.Unlock()
	if first {
		_ = c.raw.Close()
	}
}

// filters compiles search filters (RFC 4515) and keeps them: a dialect has
// few.
type filters struct {
	mu   sync.Mutex
	kept map[string][]byte
}

// maxFilters bounds the filters that are kept: some hold what a user typed.
const maxFilters = 256

// compile returns a filter as an element.
func (f *filters) compile(filter string) ([]byte, error) {
	if filter == "" {
		filter = "(objectClass=*)"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if b, ok := f.kept[filter]; ok {
		return b, nil
	}
	p, err := ldap.CompileFilter(filter)
	if err != nil {
		return nil, err
	}
	if f.kept == nil || len(f.kept) >= maxFilters {
		f.kept = make(map[string][]byte)
	}
	b := p.Bytes()
	f.kept[filter] = b
	return b, nil
}
