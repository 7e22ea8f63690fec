package directory

import (
	"errors"
	"net"
	"os"
	"slices"
	"sync/atomic"
)

// A tracked is a connection of Dial, known to its server.
type tracked struct {
	net.Conn
	server *server
	closed atomic.Bool
}

func (s *server) track(conn net.Conn) net.Conn {
	t := &tracked{Conn: conn, server: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = make(map[*tracked]struct{})
	}
	s.conns[t] = struct{}{}
	return t
}

// NetConn returns the connection itself, which may be a *tls.Conn.
func (t *tracked) NetConn() net.Conn { return t.Conn }

// Read reads from the connection. One that the server ended has the server
// checked: it may be the first to learn that the server is gone. It does not
// count as a failure itself, or a client could have a server taken out of use
// with a request that makes the server hang up.
func (t *tracked) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	if err != nil && !t.closed.Load() && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.server.doubt()
	}
	return n, err
}

// Close closes the connection.
func (t *tracked) Close() error {
	if !t.closed.Swap(true) {
		s := t.server
		s.mu.Lock()
		delete(s.conns, t)
		if len(s.conns) == 0 && s.gone != nil {
			close(s.gone)
			s.gone = nil
		}
		s.mu.Unlock()
	}
	return t.Conn.Close()
}

func (s *server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// empty returns what is closed once the server has no connections of Dial,
// nil if it has none.
func (s *server) empty() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) == 0 {
		return nil
	}
	if s.gone == nil {
		s.gone = make(chan struct{})
	}
	return s.gone
}

// closeConnections closes what is below the connections of Dial: their owners
// find that the server has ended them.
func (s *server) closeConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.conns {
		_ = t.Conn.Close()
	}
}

// Dialed returns the URL of the server that a connection of c.Dial is to. It is
// false for any other connection.
func (c *Client) Dialed(conn net.Conn) (url string, ok bool) {
	t, ok := conn.(*tracked)
	if !ok || !slices.Contains(c.servers, t.server) {
		return "", false
	}
	return t.server.name, true
}
