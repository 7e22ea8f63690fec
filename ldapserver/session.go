package ldapserver

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

const (
	// holdLimit is how many octets of a client are read ahead while its
	// requests have to wait.
	holdLimit = 64 << 10

	// abortGrace is what Close leaves a connection to take its notice.
	abortGrace = time.Second

	// linger is how long a connection that the server ends is kept for the
	// client to take the notice of disconnection.
	linger = 500 * time.Millisecond
)

// errEnded says that the session is over and why is in session.ending.
var errEnded = errors.New("session ended")

// A session is one client connection with its directory connection.
//
// The goroutine of serve reads the client and decides about every request;
// that of link.pump reads the directory. What both need is under mu.
type session struct {
	srv    *Server
	ctx    context.Context // canceled when the session ends
	cancel context.CancelFunc
	work   sync.WaitGroup // the goroutines of the session but serve's
	raw    net.Conn       // as accepted
	trail  *trail.Connection
	out    *writer // to the client

	// Of serve's goroutine alone.
	in        *message.Reader
	messageBy time.Time // when the message that has arrived in part must be complete
	partial   share     // of what has arrived of it
	request   extop.Request
	response  extop.Response
	immediate trail.Context // of request

	protected atomic.Bool  // the client's connection cannot be listened to
	tls       bool         // of serve's goroutine
	inspected atomic.Int32 // requests among relayed whose answers are looked into

	dial     sync.Mutex // held while dialing
	failed   error      // of the last attempt,
	failedAt time.Time  // that ended then
	link     atomic.Pointer[link]

	mu       sync.Mutex
	conn     net.Conn  // to the client: raw, or TLS above it
	deadline time.Time // that conn's reads have
	identity string    // authorization identity; empty: anonymous or unknown
	bindDN   string    // of a simple bind with a DN
	bound    bool      // as somebody, for the limits
	bind     *bind     // sent to the directory and not yet concluded
	midSASL  bool      // between the steps of a SASL bind
	opaque   bool      // only octets are passed from now on

	relayed   map[int32]relayed    // requests that the directory has not answered
	ops       map[int32]*operation // requests that the server works on
	questions map[int32]*question  // our own requests to the directory
	lastID    int32                // of questions
	unsent    int                  // answers that were taken from relayed or ops but may not be written yet

	changes  uint64 // counts what may let a held request go on
	reading  bool   // serve's goroutine reads the client, and
	holding  bool   // wants to know of changes
	wakeup   chan struct{}
	draining string // why no further request is taken; empty: any is
	ending   *ending
	gone     bool // no answer will be written any more
}

// relayed is a request that the directory has.
type relayed struct {
	op      byte
	root    *rootWant // for a search of the root DSE
	rewrite *rewrite  // for a request that a Rewriter completed
}

// An ending is why the server ends a session.
type ending struct {
	code   result.Code
	text   string
	silent bool // without notice of disconnection
}

func newSession(srv *Server, conn net.Conn) *session {
	s := &session{
		srv:    srv,
		raw:    conn,
		trail:  srv.cfg.Trails.Connection("ldap", conn.RemoteAddr().String()),
		conn:   conn,
		out:    newWriter(conn, &srv.buffers, srv.cfg.WriteTimeout),
		lastID: message.MaxID,
		wakeup: make(chan struct{}, 1),
	}
	s.in = message.NewReader(conn, message.Limits{MaxSize: srv.cfg.MaxAnonymousMessageSize, MaxDepth: srv.cfg.MaxDepth})
	s.ctx, s.cancel = context.WithCancel(trail.New(context.Background(), trail.Trail{Connection: s.trail}))
	s.partial.end = func() { s.end(result.Busy, "too much has arrived of messages that are not finished") }
	s.protected.Store(local(conn.RemoteAddr()))
	return s
}

// local reports whether a peer is on this machine.
func local(addr net.Addr) bool {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

func (s *session) serve(useTLS bool) {
	defer s.teardown()
	defer func() {
		if p := recover(); p != nil {
			s.srv.cfg.Observer.Panicked("")
			s.srv.cfg.Logger.ErrorContext(s.ctx, "panic in a session", "panic", panicText(p), "stack", string(debug.Stack()))
			s.end(result.Unavailable, "internal error")
		}
	}()
	if useTLS {
		conn, err := s.srv.handshake(s.ctx, s.raw)
		if err != nil {
			s.srv.cfg.Logger.DebugContext(s.ctx, "TLS handshake failed", "client", s.trail.Remote, "error", err)
			s.endSilently()
			return
		}
		s.useTLS(conn)
		s.out.acquire()
		s.out.release(conn)
	}
	if err := s.read(); err != nil && !errors.Is(err, errEnded) {
		s.endSilently()
	}
}

func (s *session) useTLS(conn net.Conn) {
	s.tls = true
	s.protected.Store(true)
	s.mu.Lock()
	s.conn = conn
	s.deadline = time.Time{}
	_ = conn.SetReadDeadline(s.deadline)
	s.mu.Unlock()
	s.in.Reset(conn)
	s.messageBy = time.Time{}
}

// A verdict says what serve's goroutine does after a message.
type verdict int

const (
	done verdict = iota // the message is dealt with
	held                // it has to wait for a change
	over                // the session has ended
)

// read takes the client's messages one after the other. It returns errEnded
// if the server ended the session, and otherwise why reading ended.
func (s *session) read() error {
	for {
		s.mu.Lock()
		changes := s.changes
		hold := s.bind != nil
		switch {
		case s.ending != nil:
			s.mu.Unlock()
			return errEnded
		case s.opaque && !hold:
			s.mu.Unlock()
			return s.passBlindly()
		case s.bound:
			s.in.Limits.MaxSize = s.srv.cfg.MaxMessageSize
		default:
			s.in.Limits.MaxSize = s.srv.cfg.MaxAnonymousMessageSize
		}
		reason := s.draining
		drained := reason != "" && len(s.relayed)+len(s.ops)+s.unsent == 0
		s.mu.Unlock()

		if !hold {
			m, ok, err := s.in.Peek()
			if err != nil {
				var reason message.Error
				errors.As(err, &reason)
				s.end(result.ProtocolError, string(reason))
				return errEnded
			}
			if ok {
				s.messageBy = time.Time{}
				s.complete()
				switch s.handle(m) {
				case done:
					s.in.Advance()
					continue
				case over:
					return errEnded
				case held:
					hold = true
				}
			} else if drained {
				s.flush()
				s.end(result.Unavailable, reason)
				return errEnded
			}
		}
		if err := s.fill(hold, changes); err != nil {
			return err
		}
	}
}

// flush writes what was buffered while messages were at hand.
func (s *session) flush() {
	if l := s.link.Load(); l != nil {
		l.out.flush()
	}
	s.out.flush()
}

// fill waits for octets of the client, or for a change since changes was
// counted if a request is held. It buffers no more than holdLimit ahead of a
// held request, and so notices as far as possible that the client has gone.
func (s *session) fill(hold bool, changes uint64) error {
	s.flush()
	s.mu.Lock()
	if s.ending != nil {
		s.mu.Unlock()
		return errEnded
	}
	draining := s.draining != ""
	watch := hold || draining
	if watch && s.changes != changes {
		s.mu.Unlock()
		return nil
	}
	s.holding = watch
	if watch && (draining || len(s.in.Unread()) >= holdLimit) {
		s.mu.Unlock()
		select {
		case <-s.wakeup:
		case <-s.ctx.Done():
		}
		return nil
	}
	s.reading = true
	s.setDeadline(hold)
	s.mu.Unlock()

	s.buffer(hold)
	err := s.in.Fill()

	s.mu.Lock()
	s.reading, s.holding = false, false
	if err != nil {
		// It has passed: the next fill must set another.
		s.deadline = interrupted
	}
	woken := s.changes != changes || s.ending != nil || s.draining != ""
	waiting := hold || len(s.relayed)+len(s.ops) > 0
	s.mu.Unlock()
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case woken:
		return nil
	case !s.messageBy.IsZero():
		s.end(result.ProtocolError, "a message was not finished in time")
		return errEnded
	case waiting:
		return nil
	}
	s.end(result.Unavailable, "the connection was idle for too long")
	return errEnded
}

// interrupted is the read deadline that wakes serve's goroutine.
var interrupted = time.Unix(1, 0)

// setDeadline sets when the read that follows is to give up. The time of a
// message runs from its first octet, and is not extended.
func (s *session) setDeadline(hold bool) {
	var d time.Time
	switch {
	case hold:
		s.messageBy = time.Time{}
	case len(s.in.Unread()) > 0:
		if t := s.srv.cfg.MessageTimeout; t > 0 && s.messageBy.IsZero() {
			s.messageBy = time.Now().Add(t)
		}
		d = s.messageBy
	case s.srv.cfg.IdleTimeout > 0:
		d = time.Now().Add(s.srv.cfg.IdleTimeout)
		// Moving a deadline costs; a little early will do.
		if d.After(s.deadline) && d.Sub(s.deadline) < s.srv.cfg.IdleTimeout/16 {
			return
		}
	}
	if !d.Equal(s.deadline) {
		s.deadline = d
		_ = s.conn.SetReadDeadline(d)
	}
}

// changed tells serve's goroutine that a held request may go on. The caller
// holds mu.
func (s *session) changed() {
	s.changes++
	if s.holding {
		s.interrupt()
	}
}

// interrupt wakes serve's goroutine if it waits for the client. The caller
// holds mu.
func (s *session) interrupt() {
	select {
	case s.wakeup <- struct{}{}:
	default:
	}
	if s.reading {
		s.deadline = interrupted
		_ = s.conn.SetReadDeadline(interrupted)
	}
}

// end makes the session end with a notice of disconnection, once serve's
// goroutine has come to it.
func (s *session) end(code result.Code, text string) { s.setEnding(&ending{code: code, text: text}) }

func (s *session) endSilently() { s.setEnding(&ending{silent: true}) }

func (s *session) setEnding(e *ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending == nil {
		s.ending = e
		s.changes++
		s.interrupt()
	}
}

// drain makes the session end once all that it has received is answered.
func (s *session) drain(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = reason
	s.changes++
	s.interrupt()
}

// abort makes the session end now, and within abortGrace whatever happens.
func (s *session) abort() {
	s.end(result.Unavailable, closingText)
	time.AfterFunc(abortGrace, func() {
		s.cancel()
		_ = s.raw.Close()
		if l := s.link.Load(); l != nil {
			_ = l.conn.Close()
		}
	})
}

// teardown ends what the session has begun, and says goodbye.
func (s *session) teardown() {
	s.mu.Lock()
	e, conn := s.ending, s.conn
	if e != nil && s.opaque {
		e.silent = true // a notice would be garbage there
	}
	for _, op := range s.ops {
		op.abandoned = true
	}
	s.gone = true
	rewrites := s.forgetRewrites()
	s.mu.Unlock()
	for _, rw := range rewrites {
		rw.end(result.Wrap(extop.ErrUnanswered, result.Unavailable, lostText))
	}
	s.cancel()
	s.complete()
	s.in = nil // it is of no more use, and may be large
	if l := s.link.Load(); l != nil {
		_ = l.conn.Close()
	}
	notice := e != nil && !e.silent
	if notice {
		s.srv.cfg.Observer.Disconnected(e.code)
		s.srv.cfg.Logger.InfoContext(s.ctx, "disconnected a client", "client", s.trail.Remote,
			"code", e.code.String(), "reason", e.text)
	}
	// The notice is the last that is written.
	s.out.acquire()
	if notice {
		_ = s.out.write(message.AppendNotice(nil, e.code, e.text))
	}
	s.out.fail(net.ErrClosed)
	s.out.release(conn)
	if notice {
		s.lingeringClose(conn)
	}
	_ = s.raw.Close()
	s.work.Wait()
}

// lingeringClose gives the client the time to take the notice: closing a
// connection with unread octets makes the kernel reset it, and the client
// drop what it has not read.
func (s *session) lingeringClose(conn net.Conn) {
	closer, ok := s.raw.(interface{ CloseWrite() error })
	if !ok {
		return
	}
	if s.tls {
		_ = s.raw.SetWriteDeadline(time.Now().Add(linger))
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
	}
	if closer.CloseWrite() != nil {
		return
	}
	_ = s.raw.SetReadDeadline(time.Now().Add(linger))
	_, _ = io.CopyN(io.Discard, s.raw, 1<<20)
}

// AuthzID implements extop.Caller.
func (s *session) AuthzID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity
}

// Protected implements extop.Caller.
func (s *session) Protected() bool { return s.protected.Load() }
