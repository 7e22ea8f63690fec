package audit

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A Syslog is a syslog server. Each line becomes one message of RFC 5424.
type Syslog struct {
	// URL says where it is: unix:///dev/log, udp://host:514 (RFC 5426),
	// tcp://host:601 (RFC 6587, with octet counting) or tls://host:6514 (RFC
	// 5425). Over udp and unix lines may get lost on the way without anybody
	// knowing; over tcp and tls, those that were sent last before the
	// connection ended.
	URL string

	// Facility is that of the messages, 0 to 23. 10 is authpriv.
	Facility int

	// AppName and Hostname go into the header. Empty means ldapsuggest and
	// the name of the machine.
	AppName, Hostname string

	// TLS is for tls. Nil means the zero Config; ServerName is set from URL
	// where it is empty.
	TLS *tls.Config
}

const (
	dialTimeout  = 5 * time.Second
	writeTimeout = 5 * time.Second

	informational = 6 // the severity of RFC 5424
)

// parseURL returns the network and address of a syslog server.
func parseURL(s string) (network, addr string, useTLS bool, err error) {
	u, err := url.Parse(s)
	bad := fmt.Errorf("%q is none of unix:///PATH, udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT", s)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", "", false, bad
	}
	switch u.Scheme {
	case "unix":
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") {
			return "", "", false, bad
		}
		return "unixgram", u.Path, false, nil
	case "udp", "tcp", "tls":
		host, port, err := net.SplitHostPort(u.Host)
		if err != nil || host == "" || port == "" || strings.Trim(u.Path, "/") != "" {
			return "", "", false, bad
		}
		network = u.Scheme
		if network == "tls" {
			network = "tcp"
		}
		return network, u.Host, u.Scheme == "tls", nil
	}
	return "", "", false, bad
}

// CheckURL reports what is wrong with Syslog.URL.
func CheckURL(s string) error {
	_, _, _, err := parseURL(s)
	return err
}

// A syslog is the destination Syslog.
type syslog struct {
	network, addr string
	tls           *tls.Config // nil for none
	priority      int
	header        string // between TIMESTAMP and MSG

	conn   net.Conn // nil if there is none
	gone   *atomic.Bool
	buf    []byte
	dialer net.Dialer
}

func newSyslog(cfg Syslog) (*syslog, error) {
	network, addr, useTLS, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	s := &syslog{network: network, addr: addr, priority: cfg.Facility*8 + informational, dialer: net.Dialer{Timeout: dialTimeout}}
	if useTLS {
		s.tls = cfg.TLS.Clone()
		if s.tls == nil {
			s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if s.tls.ServerName == "" {
			s.tls.ServerName, _, _ = net.SplitHostPort(addr)
		}
	}
	if cfg.Hostname == "" {
		cfg.Hostname, _ = os.Hostname()
	}
	if cfg.AppName == "" {
		cfg.AppName = "ldapsuggest"
	}
	s.header = fmt.Sprintf(" %s %s %d audit - ", headerField(cfg.Hostname, 255), headerField(cfg.AppName, 48), os.Getpid())
	return s, nil
}

// headerField makes s a field of the header (RFC 5424 section 6): visible
// ASCII, of bounded length, "-" for nothing.
func headerField(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if len(s) > most {
		s = s[:most]
	}
	if s == "" {
		return "-"
	}
	return s
}

// appendMessage appends the message for a line.
//
//	SYSLOG-MSG = "<" PRIVAL ">1" SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP "-" SP MSG
func (s *syslog) appendMessage(b, line []byte) []byte {
	const at = len(`{"time":"`) // every line begins with its time
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(s.priority), 10)
	b = append(b, ">1 "...)
	b = append(b, line[at:at+len(timeFormat)]...)
	b = append(b, s.header...)
	return append(b, line...)
}

// write implements destination. A message that is too long for the network to
// take is lost; another failure ends the connection.
func (s *syslog) write(lines []byte) (n, lost int, err error) {
	if err := s.connect(); err != nil {
		return 0, 0, err
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, 0, s.drop(err)
	}
	stream := s.network == "tcp"
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n')
		message := s.appendMessage(s.buf[:0], lines[:end])
		s.buf = message
		if stream {
			// MSG-LEN SP SYSLOG-MSG (RFC 6587 section 3.4.1)
			var frame net.Buffers
			frame = append(frame, append(strconv.AppendInt(nil, int64(len(message)), 10), ' '), message)
			_, err = frame.WriteTo(s.conn)
		} else {
			_, err = s.conn.Write(message)
		}
		switch {
		case err != nil && !stream && errors.Is(err, syscall.EMSGSIZE):
			lost++
		case err != nil:
			return n, lost, s.drop(err)
		}
		n += end + 1
		lines = lines[end+1:]
	}
	return n, lost, nil
}

func (s *syslog) connect() error {
	if s.conn != nil && !s.gone.Load() {
		return nil
	}
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	conn, err := s.dialer.DialContext(ctx, s.network, s.addr)
	if err != nil {
		return err
	}
	if s.tls != nil {
		c := tls.Client(conn, s.tls)
		if err := c.HandshakeContext(ctx); err != nil {
			return errors.Join(err, conn.Close())
		}
		conn = c
	}
	s.conn, s.gone = conn, new(atomic.Bool)
	if s.network == "tcp" {
		// A server sends nothing. What it does send is its goodbye, which a
		// write would not notice.
		go func(gone *atomic.Bool) {
			_, _ = io.Copy(io.Discard, conn)
			gone.Store(true)
		}(s.gone)
	}
	return nil
}

// drop ends a connection of no more use.
func (s *syslog) drop(err error) error {
	_ = s.conn.Close()
	s.conn = nil
	return err
}

func (s *syslog) tick() error { return nil }

func (s *syslog) reopen() error { return nil }

func (s *syslog) close() error {
	if s.conn == nil {
		return nil
	}
	return s.conn.Close()
}
