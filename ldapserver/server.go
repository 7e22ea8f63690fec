package ldapserver

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// ErrServerClosed is what Serve and ServeTLS return after Shutdown or Close.
var ErrServerClosed = errors.New("ldapserver: server closed")

// A Server serves LDAP clients. New makes one.
type Server struct {
	cfg     Config
	ours    map[string]*extended
	root    rootDSE
	buffers sync.Pool
	crew    crew

	handshakes ration
	partial    ration // of messages that have arrived in part

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	sessions  map[*session]struct{}
	origins   map[netip.Prefix]int // sessions from there
	closing   bool
	empty     chan struct{} // closed once closing and without sessions

	refused     int64     // connections that were too many, since the start
	toldRefused time.Time // when the log last told of one
}

// An extended is an operation that the server answers itself.
type extended struct {
	oid       string
	handler   extop.Handler
	immediate extop.Immediate // handler, if it is one
}

// New returns a server for cfg.
func New(cfg Config) *Server {
	cfg.setDefaults()
	s := &Server{
		cfg:       cfg,
		ours:      make(map[string]*extended, len(cfg.Extended)),
		listeners: make(map[net.Listener]struct{}),
		sessions:  make(map[*session]struct{}),
		origins:   make(map[netip.Prefix]int),
		empty:     make(chan struct{}),
	}
	s.handshakes.limit(cfg.MaxHandshakes)
	s.partial.limit(cfg.MaxPartial)
	s.crew = crew{next: make(chan func()), closed: s.empty}
	s.buffers.New = func() any { return new([bufferSize]byte) }
	for oid, h := range cfg.Extended {
		immediate, _ := h.(extop.Immediate)
		s.ours[oid] = &extended{oid, h, immediate}
	}
	controls := slices.Sorted(maps.Keys(cfg.RewriteControls))
	s.root = newRootDSE(slices.Sorted(maps.Keys(cfg.Extended)), append(controls, cfg.Controls...), cfg.TLSConfig != nil, cfg.PassSecurityLayers)
	return s
}

// Serve accepts connections from l until Shutdown or Close, then returns
// ErrServerClosed. It closes l. Several listeners may be served at a time.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, false) }

// ServeTLS is Serve for clients that begin with a TLS handshake.
func (s *Server) ServeTLS(l net.Listener) error {
	if s.cfg.TLSConfig == nil {
		_ = l.Close()
		return errors.New("ldapserver: ServeTLS needs Config.TLSConfig")
	}
	return s.serve(l, true)
}

func (s *Server) serve(l net.Listener, useTLS bool) error {
	defer l.Close()
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return ErrServerClosed
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()

	var delay time.Duration
	for {
		conn, err := l.Accept()
		if err != nil {
			if s.isClosing() {
				return ErrServerClosed
			}
			if !passing(err) {
				return err
			}
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			s.cfg.Logger.Warn("cannot accept a connection", "listener", l.Addr().String(), "error", err, "retry", delay)
			select {
			case <-time.After(delay):
			case <-s.empty:
			}
			continue
		}
		delay = 0
		s.start(conn, useTLS)
	}
}

// passing reports whether a failure to accept is one that passes: too many
// files open, or a client that has gone before it was accepted.
func passing(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) &&
		(errno.Temporary() || errno == syscall.ECONNABORTED || errno == syscall.ENOBUFS || errno == syscall.ENOMEM)
}

func (s *Server) start(conn net.Conn, useTLS bool) {
	from := origin(conn.RemoteAddr())
	s.mu.Lock()
	full := len(s.sessions) >= s.cfg.MaxConnections || s.origins[from] >= s.cfg.MaxAddressConnections
	if full || s.closing {
		tell := false
		if full {
			s.refused++
			// Once a second: a flood of connections shall not be one of the log.
			if tell = time.Since(s.toldRefused) >= time.Second; tell {
				s.toldRefused = time.Now()
			}
		}
		refused := s.refused
		s.mu.Unlock()
		if full {
			s.cfg.Observer.ConnectionRefused()
		}
		if tell {
			s.cfg.Logger.Warn("too many connections", "client", conn.RemoteAddr().String(), "refused", refused)
		}
		if !useTLS {
			// The send buffer of a new connection is empty: this does not block.
			_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			_, _ = conn.Write(message.AppendNotice(nil, result.Unavailable, "too many connections"))
		}
		_ = conn.Close()
		return
	}
	sess := newSession(s, conn)
	s.sessions[sess] = struct{}{}
	s.origins[from]++
	s.mu.Unlock()

	s.cfg.Observer.ConnectionOpened()
	go func() {
		defer s.remove(sess, from)
		sess.serve(useTLS)
	}()
}

func (s *Server) remove(sess *session, from netip.Prefix) {
	s.cfg.Observer.ConnectionClosed()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, sess)
	if s.origins[from]--; s.origins[from] == 0 {
		delete(s.origins, from)
	}
	if s.closing && len(s.sessions) == 0 {
		close(s.empty)
	}
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// close closes the listeners and returns the sessions there are.
func (s *Server) close() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.closing = true
		if len(s.sessions) == 0 {
			close(s.empty)
		}
	}
	for l := range s.listeners {
		_ = l.Close()
	}
	return slices.Collect(maps.Keys(s.sessions))
}

const closingText = "the server is shutting down"

// Shutdown closes the listeners and lets every connection finish the requests
// that it has received, then sends it a notice of disconnection and closes
// it. Connections that are not done when ctx is, are sent the notice and
// closed as they are, and ctx's error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, sess := range s.close() {
		sess.drain(closingText)
	}
	select {
	case <-s.empty:
		return nil
	case <-ctx.Done():
	}
	_ = s.Close()
	return ctx.Err()
}

// Close closes the listeners, and all connections after a notice of
// disconnection; requests under way are canceled. It returns once the
// connections are closed. A handler that does not heed its context may go on.
func (s *Server) Close() error {
	for _, sess := range s.close() {
		sess.abort()
	}
	select {
	case <-s.empty:
	case <-time.After(2 * abortGrace):
	}
	return nil
}

// handshake makes conn the server side of a TLS connection.
func (s *Server) handshake(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	if s.cfg.HandshakeTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.cfg.HandshakeTimeout)
		defer cancel()
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	share := &share{end: end}
	s.handshakes.take(share, 1)
	defer s.handshakes.give(share)
	c := tls.Server(conn, s.cfg.TLSConfig)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return c, nil
}
