package ldapserver

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

const (
	// streamFrom is the size from which the directory's messages are passed
	// on piece by piece rather than gathered first.
	streamFrom = 64 << 10

	// maxInspected bounds the messages of the directory that are looked into.
	maxInspected = 1 << 20

	// redialAfter is how long a failure to reach the directory answers
	// further requests: they are not each to wait for another.
	redialAfter = time.Second
)

// A link is a session's connection to the directory.
type link struct {
	session *session
	conn    net.Conn
	out     *writer
	in      *message.Reader

	// Of pump's goroutine alone.
	finals   []int32 // responses in the octets about to be sent that end a request
	finished bool    // the directory has sent a notice of disconnection
}

// directory returns the session's connection to the directory, and makes it
// if there is none.
func (s *session) directory(ctx context.Context) (*link, error) {
	if l := s.link.Load(); l != nil {
		return l, nil
	}
	s.dial.Lock()
	defer s.dial.Unlock()
	if l := s.link.Load(); l != nil {
		return l, nil
	}
	if s.failed != nil && time.Since(s.failedAt) < redialAfter {
		return nil, s.failed
	}
	// What is answered already should not wait for the directory.
	s.out.flush()
	if t := s.srv.cfg.DialTimeout; t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	conn, err := s.srv.cfg.Dial(context.WithValue(ctx, clientKey{}, s.raw))
	if err != nil {
		s.srv.cfg.Logger.ErrorContext(ctx, "cannot reach the directory", "error", err)
		if !errors.Is(ctx.Err(), context.Canceled) {
			s.failed, s.failedAt = err, time.Now()
		}
		return nil, err
	}
	l := &link{
		session: s,
		conn:    conn,
		out:     newWriter(conn, &s.srv.buffers, s.srv.cfg.WriteTimeout),
		in:      message.NewReader(conn, message.Limits{}),
	}
	s.link.Store(l)
	if s.ctx.Err() != nil {
		// The session may have ended without seeing the link.
		_ = conn.Close()
		return nil, s.ctx.Err()
	}
	s.work.Go(l.pump)
	return l, nil
}

// append adds a client's request to what is written with the next flush. A
// large one is written at once.
func (l *link) append(raw []byte) {
	if len(raw) >= highWater {
		_ = l.out.send(raw)
		return
	}
	l.out.open()
	l.out.buf = append(l.out.buf, raw...)
	l.out.close(false)
}

var (
	errDirectory = errors.New("the directory sent what is no LDAPMessage")
	errPanic     = errors.New("panic")
)

// pump passes the directory's messages on until the connection ends.
func (l *link) pump() {
	s := l.session
	err := l.run()
	s.fail(result.New(result.Unavailable, "the directory closed the connection"))
	if s.ctx.Err() == nil && !errors.Is(err, errEnded) {
		if !errors.Is(err, io.EOF) {
			s.srv.cfg.Logger.WarnContext(s.ctx, "lost the connection to the directory", "error", err)
		}
		if l.finished {
			s.endSilently()
		} else {
			s.end(result.Unavailable, "the directory closed the connection")
		}
	}
	_ = l.conn.Close()
	l.out.fail(net.ErrClosed)
}

// run forwards until there is an error.
func (l *link) run() (err error) {
	defer func() {
		if p := recover(); p != nil {
			l.session.panicked(l.session.ctx, "relay", p)
			err = errPanic
		}
	}()
	for err == nil {
		if err = l.in.Fill(); err == nil {
			err = l.forward()
		}
	}
	return err
}

// forward sends on what is buffered: whole messages in as few writes as
// possible, octet for octet, but for the few that concern the session itself.
func (l *link) forward() error {
	for {
		buf := l.in.Unread()
		run := 0 // octets to send as they are
		var h message.Head
		var inspect, stream bool
		for run < len(buf) {
			var ok bool
			var err error
			if h, ok, err = message.ReadHead(buf[run:]); err != nil {
				_ = l.sendRun(run)
				return errors.Join(errDirectory, err)
			}
			if !ok {
				break
			}
			inspect = l.concerns(h)
			if h.Size > len(buf)-run {
				stream = h.Size >= streamFrom && (!inspect || h.Size > maxInspected)
				inspect = false
				break
			}
			if inspect {
				break
			}
			if message.IsFinal(h.Op) {
				l.finals = append(l.finals, h.ID)
			}
			run += h.Size
		}
		if err := l.sendRun(run); err != nil {
			return err
		}
		switch {
		case inspect:
			raw := l.in.Unread()[:h.Size]
			m, err := message.Scan(raw, message.Limits{MaxSize: maxInspected})
			if err != nil {
				if h.Op == message.SearchResultEntry && !l.asked(h.ID) {
					err = l.toClient(raw)
				} else {
					err = errors.Join(errDirectory, err)
				}
			} else {
				err = l.inspect(m)
			}
			if err != nil {
				return err
			}
			l.in.Discard(h.Size)
			if l.session.isOpaque() {
				return l.passBlindly()
			}
		case stream:
			if err := l.stream(h); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// toClient sends whole messages to the client.
func (l *link) toClient(raw []byte) error {
	if l.session.out.send(raw) != nil {
		return errEnded
	}
	return nil
}

// sendRun sends the first n unread octets, whole messages, to the client.
// The requests that they end are dropped first: the client may use their IDs
// again as soon as it has the answers.
func (l *link) sendRun(n int) error {
	if n == 0 {
		return nil
	}
	s := l.session
	ended := len(l.finals)
	if ended > 0 {
		s.mu.Lock()
		for _, id := range l.finals {
			s.forget(id)
		}
		s.unsent += ended
		s.mu.Unlock()
		l.finals = l.finals[:0]
	}
	err := l.toClient(l.in.Unread()[:n])
	l.in.Discard(n)
	if ended > 0 {
		s.mu.Lock()
		s.unsent -= ended
		s.changed()
		s.mu.Unlock()
	}
	return err
}

// stream passes a large message on piece by piece. Other answers wait
// meanwhile. One that answers a question of ours, a bind or a request that a
// Rewriter completed is not worth so much: the directory has gone mad.
func (l *link) stream(h message.Head) error {
	s := l.session
	if l.asked(h.ID) || h.Op == message.BindResponse || l.rewritten(h) {
		return errDirectory
	}
	if message.IsFinal(h.Op) {
		s.mu.Lock()
		s.forget(h.ID)
		s.unsent++
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			s.unsent--
			s.changed()
			s.mu.Unlock()
		}()
	}
	s.out.acquire()
	defer func() {
		s.out.mu.Lock()
		conn := s.out.conn
		s.out.mu.Unlock()
		s.out.release(conn)
	}()
	for left := h.Size; left > 0; {
		piece := l.in.Unread()
		if len(piece) == 0 {
			if err := l.in.Fill(); err != nil {
				s.out.fail(err)
				return err
			}
			continue
		}
		piece = piece[:min(len(piece), left)]
		if err := s.out.write(piece); err != nil {
			s.out.fail(err)
			return errEnded
		}
		l.in.Discard(len(piece))
		left -= len(piece)
	}
	return nil
}

// concerns reports whether the session has to look into a message.
func (l *link) concerns(h message.Head) bool {
	switch {
	case h.ID == 0, h.Op == message.BindResponse:
		return true
	case l.session.inspected.Load() == 0:
	case h.Op == message.SearchResultEntry && l.session.rootOf(h.ID) != nil, l.rewritten(h):
		return true
	}
	return l.asked(h.ID)
}

// rewritten reports whether a message is the answer to a request that a
// Rewriter completed.
func (l *link) rewritten(h message.Head) bool {
	if !message.IsFinal(h.Op) || l.session.inspected.Load() == 0 {
		return false
	}
	s := l.session
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.relayed[h.ID].rewrite != nil
}

// asked reports whether id is that of a question of ours.
func (l *link) asked(id int32) bool {
	if id <= lowestID {
		return false
	}
	s := l.session
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.questions[id]
	return ok
}

// inspect deals with a message that concerns the session.
func (l *link) inspect(m message.Message) error {
	s := l.session
	switch {
	case m.ID == 0:
		r, err := message.ParseResult(m.Body)
		l.finished = l.finished || err == nil && string(r.Name) == message.NoticeOfDisconnectionOID
		return l.toClient(m.Raw)
	case l.asked(m.ID):
		s.answered(m)
		return nil
	case m.Op == message.BindResponse:
		return s.bindAnswered(l, m)
	case l.rewritten(message.Head{ID: m.ID, Op: m.Op}):
		return s.rewriteAnswered(l, m)
	}
	want := s.rootOf(m.ID)
	if want == nil {
		return l.toClient(m.Raw)
	}
	if rewritten, ok := s.srv.root.rewrite(m, want); ok {
		return l.toClient(rewritten)
	}
	return l.toClient(m.Raw)
}

func (s *session) rootOf(id int32) *rootWant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.relayed[id].root
}

func (s *session) isOpaque() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opaque
}

// passBlindly passes on what the directory sends behind a SASL security
// layer.
func (l *link) passBlindly() error {
	for {
		if p := l.in.Unread(); len(p) > 0 {
			if err := l.toClient(p); err != nil {
				return err
			}
			l.in.Discard(len(p))
		}
		if err := l.in.Fill(); err != nil {
			return err
		}
	}
}

// passBlindly passes on what the client sends behind a SASL security layer.
func (s *session) passBlindly() error {
	l := s.link.Load()
	for {
		if p := s.in.Unread(); len(p) > 0 {
			if err := l.out.send(p); err != nil {
				return err
			}
			s.in.Discard(len(p))
		}
		s.mu.Lock()
		if s.ending != nil || s.draining != "" {
			s.mu.Unlock()
			return errEnded
		}
		s.reading = true
		if t := s.srv.cfg.IdleTimeout; t > 0 {
			s.deadline = time.Now().Add(t)
		} else {
			s.deadline = time.Time{}
		}
		_ = s.conn.SetReadDeadline(s.deadline)
		s.mu.Unlock()
		err := s.in.Fill()
		s.mu.Lock()
		s.reading = false
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
}
