package audit

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// message is the grammar of RFC 5424 section 6, as far as it concerns us.
var message = regexp.MustCompile(`^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) - (.*)$`)

// want checks a message for the event with a number.
func want(t *testing.T, got string, seq int) {
	t.Helper()
	m := message.FindStringSubmatch(got)
	if m == nil {
		t.Fatalf("no message of RFC 5424: %q", got)
	}
	host, _ := os.Hostname()
	if m[1] != "86" || m[3] != host || m[4] != "ldapsuggest" || m[5] != strconv.Itoa(os.Getpid()) || m[6] != "audit" {
		t.Errorf("header of %q", got)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(m[7]), &line); err != nil || line["time"] != m[2] || line["seq"] != float64(seq) {
		t.Errorf("%q: %v", got, err)
	}
}

// frame reads a message with its length before it (RFC 6587 section 3.4.1).
func frame(in *bufio.Reader) (string, error) {
	size, err := in.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(size, " "))
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(in, b)
	return string(b), err
}

// serve accepts connections and passes the messages on that come over them,
// until the listener is closed.
func serve(t *testing.T, l net.Listener) (messages chan string) {
	messages = make(chan string, 100)
	done := make(chan struct{})
	conns := make(chan net.Conn, 10)
	t.Cleanup(func() {
		l.Close()
		<-done
		close(conns)
		for c := range conns {
			c.Close()
		}
	})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
			go func() {
				in := bufio.NewReader(c)
				for {
					m, err := frame(in)
					if err != nil {
						c.Close()
						return
					}
					messages <- m
				}
			}()
		}
	}()
	return messages
}

func TestSyslog(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	certificate := web.TLS.Certificates[0]
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	web.Close()

	datagrams := func(c net.PacketConn) chan string {
		messages := make(chan string, 100)
		t.Cleanup(func() { c.Close() })
		go func() {
			b := make([]byte, 1<<16)
			for {
				n, _, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				messages <- string(b[:n])
			}
		}()
		return messages
	}
	tests := map[string]func(t *testing.T) (Syslog, chan string){
		"unix": func(t *testing.T) (Syslog, chan string) {
			path := filepath.Join(t.TempDir(), "log")
			c, err := net.ListenPacket("unixgram", path)
			if err != nil {
				t.Fatal(err)
			}
			return Syslog{URL: "unix://" + path}, datagrams(c)
		},
		"udp": func(t *testing.T) (Syslog, chan string) {
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			return Syslog{URL: "udp://" + c.LocalAddr().String()}, datagrams(c)
		},
		"tcp": func(t *testing.T) (Syslog, chan string) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			return Syslog{URL: "tcp://" + l.Addr().String()}, serve(t, l)
		},
		"tls": func(t *testing.T) (Syslog, chan string) {
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
			if err != nil {
				t.Fatal(err)
			}
			return Syslog{URL: "tls://" + l.Addr().String(), TLS: &tls.Config{RootCAs: roots}}, serve(t, l)
		},
	}
	for name, start := range tests {
		t.Run(name, func(t *testing.T) {
			cfg, messages := start(t)
			cfg.Facility = 10
			l := open(t, Config{Syslog: &cfg, OnFailure: Refuse})
			for i := range 3 {
				if err := l.Record(event(i)); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 3 {
				select {
				case m := <-messages:
					want(t, m, i+1)
				case <-time.After(10 * time.Second):
					t.Fatal("no message came")
				}
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSyslogDistrusts: a server that cannot prove who it is gets nothing.
func TestSyslogDistrusts(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	l := open(t, Config{Syslog: &Syslog{URL: "tls://" + web.Listener.Addr().String()}, OnFailure: Refuse})
	var unknown x509.UnknownAuthorityError
	if err := l.Record(event(0)); !errors.As(err, &unknown) {
		t.Errorf("recorded with %v", err)
	}
}

// TestSyslogReturns: a server that is not there, or goes away, is found again,
// and told what it has missed.
func TestSyslogReturns(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := first.Addr().String()
	first.Close()
	var c tally
	l := open(t, Config{Syslog: &Syslog{URL: "tcp://" + addr, Facility: 10}, OnFailure: Refuse, Observe: c.observe})
	if err := l.Record(event(0)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("recorded with %v", err)
	}
	again, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	messages := serve(t, again)
	if err := l.Record(event(1)); err != nil {
		t.Fatal(err)
	}
	if m := <-messages; !strings.Contains(m, `"event":"lost","lines":1,`) {
		t.Errorf("%s", m)
	}
	want(t, <-messages, 2)
	c.want(t, 1, 1)
}

func TestCheckURL(t *testing.T) {
	for url, ok := range map[string]bool{
		"unix:///dev/log":            true,
		"udp://192.0.2.1:514":        true,
		"tcp://[2001:db8::1]:601":    true,
		"tls://logs.example.com:601": true,
		"":                           false,
		"/dev/log":                   false,
		"unix://dev/log":             false,
		"udp://192.0.2.1":            false,
		"http://192.0.2.1:80":        false,
		"tcp://:601":                 false,
		"tcp://user:pw@h:601":        false,
		"tcp://h:601/path":           false,
		"tcp://h:601?x=y":            false,
	} {
		if err := CheckURL(url); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := Open(Config{Syslog: &Syslog{URL: "x"}, File: &File{Path: filepath.Join(t.TempDir(), "f")}}); err == nil {
		t.Error("a log with a bad URL was opened")
	}
}

func TestHeaderField(t *testing.T) {
	for in, out := range map[string]string{"": "-", "host": "host", "a b\nc\x00é": "abc", strings.Repeat("x", 60): strings.Repeat("x", 48)} {
		if got := headerField(in, 48); got != out {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// TestLongMessage: what a datagram cannot hold is lost, and what is behind it
// is not.
func TestLongMessage(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var count tally
	l := open(t, Config{Syslog: &Syslog{URL: "udp://" + c.LocalAddr().String()}, Observe: count.observe})
	long := strings.Repeat("\x01", maxText) // six octets each
	for _, e := range []Event{{Kind: SignIn, Caller: long, As: long, Target: long}, event(1)} {
		if err := l.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<16)
	for _, part := range []string{`"caller":"` + event(1).Caller} {
		n, _, err := c.ReadFrom(b)
		if err != nil || !strings.Contains(string(b[:n]), part) {
			t.Errorf("%v, %s", err, fmt.Sprintf("%.200q", b[:n]))
		}
	}
	count.want(t, 1, 1)
}
