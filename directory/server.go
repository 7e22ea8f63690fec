package directory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// A DialFunc opens a connection on which LDAP is spoken at once.
type DialFunc func(ctx context.Context) (net.Conn, error)

// A server is one of the directory's servers.
type server struct {
	name string // its URL
	dial DialFunc

	failures  atomic.Int32  // since the last success
	until     atomic.Int64  // Unix nanoseconds until which it counts as down, unless monitored
	monitored atomic.Bool   // checks tell when it is up again
	draining  atomic.Bool   // no new connections
	suspect   chan struct{} // holds a token if a check is due at once

	mu    sync.Mutex
	conns map[*tracked]struct{} // of Dial
	gone  chan struct{}         // closed once conns is empty; nil if nobody waits
}

// fail notes a failure and returns how many there were in a row.
func (s *server) fail() int32 {
	n := s.failures.Add(1)
	s.until.Store(time.Now().Add(s.backOff(maxDownTime)).UnixNano())
	return n
}

// succeed notes that the server answers. It reports whether it was down.
func (s *server) succeed() bool {
	if s.failures.Load() == 0 {
		return false
	}
	s.until.Store(0)
	return s.failures.Swap(0) != 0
}

// backOff is the time that the failures so far are worth.
func (s *server) backOff(most time.Duration) time.Duration {
	n := max(s.failures.Load()-1, 0)
	return min(minDownTime<<min(n, 10), most)
}

func (s *server) isDown() bool {
	return s.failures.Load() > 0 && (s.monitored.Load() || time.Now().UnixNano() < s.until.Load())
}

// doubt has the server checked at once, if it is monitored.
func (s *server) doubt() {
	select {
	case s.suspect <- struct{}{}:
	default:
	}
}

// newServer parses an LDAP URL (RFC 4516) without a DN.
func newServer(raw string, cfg Config) (*server, error) {
	s := &server{name: raw, suspect: make(chan struct{}, 1)}
	// net/url refuses the %2F of a socket's path in the host.
	if rest, ok := strings.CutPrefix(raw, "ldapi://"); ok {
		path, err := url.PathUnescape(strings.TrimSuffix(rest, "/"))
		if err != nil || !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("directory: %q: the path of the socket must follow ldapi://, with %%2F for each slash", raw)
		}
		s.dial = func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", path) }
		return s, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("directory: %q is no URL", raw)
	}
	if u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("directory: %q: an LDAP URL here is a scheme, a host and perhaps a port", raw)
	}
	tlsConfig := new(tls.Config)
	if cfg.TLS != nil {
		tlsConfig = cfg.TLS.Clone()
	}
	if tlsConfig.ServerName == "" {
		tlsConfig.ServerName = u.Hostname()
	}
	port := u.Port()
	switch u.Scheme {
	case "ldap":
		if port == "" {
			port = "389"
		}
	case "ldaps":
		if port == "" {
			port = "636"
		}
	default:
		return nil, fmt.Errorf("directory: %q: the scheme must be ldap, ldaps or ldapi", raw)
	}
	addr := net.JoinHostPort(u.Hostname(), port)
	s.dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		if err := sendHeader(ctx, conn, cfg.ProxyProtocol); err != nil {
			conn.Close()
			return nil, err
		}
		if u.Scheme == "ldap" && !cfg.StartTLS {
			return conn, nil
		}
		return secure(ctx, conn, tlsConfig, u.Scheme == "ldap")
	}
	return s, nil
}

// secure turns conn into a TLS connection, after StartTLS if ask is set. It
// closes conn if it fails.
func secure(ctx context.Context, conn net.Conn, cfg *tls.Config, ask bool) (net.Conn, error) {
	if ask {
		stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
		err := startTLS(conn)
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			conn.Close()
			return nil, err
		}
	}
	t := tls.Client(conn, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return t, nil
}

// startTLS asks for TLS (RFC 4511 4.14).
//
//	LDAPMessage { messageID 1, extendedReq { requestName [0] 1.3.6.1.4.1.1466.20037 } }
//
// It reads no octet beyond the response: the next ones belong to TLS. What
// would arrive between the two was sent in the clear and is never looked at.
func startTLS(conn net.Conn) error {
	const request = "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	header := make([]byte, 2, 2+4)
	if _, err := io.ReadFull(conn, header); err != nil {
		return err
	}
	length := int(header[1])
	if length >= 0x80 {
		octets := length - 0x80
		if octets < 1 || octets > 4 {
			return errors.New("malformed answer to StartTLS")
		}
		header = header[:2+octets]
		if _, err := io.ReadFull(conn, header[2:]); err != nil {
			return err
		}
		length = 0
		for _, b := range header[2:] {
			length = length<<8 | int(b)
		}
	}
	if length < 0 || length > 64<<10 {
		return errors.New("malformed answer to StartTLS")
	}
	message := append(header, make([]byte, length)...)
	if _, err := io.ReadFull(conn, message[len(header):]); err != nil {
		return err
	}
	packet, err := ber.DecodePacketErr(message)
	if err != nil {
		return err
	}
	return ldap.GetLDAPError(packet)
}

// eachServer calls f for one server after another until one succeeds, in the
// order of Config.Balance, those that are down last.
func (c *Client) eachServer(ctx context.Context, f func(context.Context, *server) error) error {
	last := error(errDrained)
	for _, s := range c.order() {
		attempt, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
		err := f(attempt, s)
		cancel()
		if err == nil {
			// Under Monitor, only a check that was answered ends a failure:
			// a server that accepts connections may still answer nothing.
			if !s.monitored.Load() {
				c.succeeded(s)
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.failed(s, err)
		last = err
	}
	var e *result.Error
	if errors.As(last, &e) {
		return e
	}
	return result.Wrap(last, result.Unavailable, "the directory cannot be reached")
}

// Dial opens a connection to a server, as Config.Balance says, without
// binding. The caller speaks LDAP on it and closes it. It is to no server that
// is down while another one answers.
//
// Errors: unavailable(52) if no server can be reached; the context's error.
func (c *Client) Dial(ctx context.Context) (net.Conn, error) {
	var conn net.Conn
	err := c.eachServer(ctx, func(ctx context.Context, s *server) error {
		raw, err := s.dial(ctx)
		if err != nil {
			return err
		}
		conn = s.track(raw)
		return nil
	})
	return conn, err
}
