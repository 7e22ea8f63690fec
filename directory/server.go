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
	"sync/atomic"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// A DialFunc opens a connection on which LDAP is spoken at once.
type DialFunc func(ctx context.Context) (net.Conn, error)

// downTime is how long a server that failed is tried after all others.
const downTime = 5 * time.Second

// A server is one of the directory's servers.
type server struct {
	name  string // its URL
	dial  DialFunc
	until atomic.Int64 // Unix nanoseconds until which it counts as down
}

func (s *server) failed()      { s.until.Store(time.Now().Add(downTime).UnixNano()) }
func (s *server) isDown() bool { return time.Now().UnixNano() < s.until.Load() }

// newServer parses an LDAP URL (RFC 4516) without a DN.
func newServer(raw string, cfg Config) (*server, error) {
	s := &server{name: raw}
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
		if err != nil || u.Scheme == "ldap" && !cfg.StartTLS {
			return conn, err
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

// eachServer calls f for one server after another until one succeeds: those
// not known to be down first, each group in the configured order.
func (c *Client) eachServer(ctx context.Context, f func(context.Context, *server) error) error {
	var order, down []*server
	for _, s := range c.servers {
		if s.isDown() {
			down = append(down, s)
		} else {
			order = append(order, s)
		}
	}
	var last error
	for _, s := range append(order, down...) {
		attempt, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
		err := f(attempt, s)
		cancel()
		if err == nil {
			s.until.Store(0)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.cfg.Log.Warn("directory server failed", "server", s.name, "error", err)
		s.failed()
		last = err
	}
	var e *result.Error
	if errors.As(last, &e) {
		return e
	}
	return result.Wrap(last, result.Unavailable, "the directory cannot be reached")
}

// Dial opens a connection to the first server that can be reached, without
// binding. The caller speaks LDAP on it and closes it.
func (c *Client) Dial(ctx context.Context) (net.Conn, error) {
	var conn net.Conn
	err := c.eachServer(ctx, func(ctx context.Context, s *server) (err error) {
		conn, err = s.dial(ctx)
		return err
	})
	return conn, err
}
