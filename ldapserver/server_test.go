package ldapserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// slapd is one directory for all tests of the package.
var slapd *testenv.Slapd

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "slapd")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		slapd, err = testenv.NewSlapd(context.Background(), dir, testenv.SlapdOptions{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer slapd.Stop()
		before := goleak.IgnoreCurrent()
		code := m.Run()
		if err := goleak.Find(before); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

// dialSlapd is a Config.Dial.
func dialSlapd(ctx context.Context) (net.Conn, error) { return dialURL(ctx, slapd.URL) }

func dialURL(ctx context.Context, u string) (net.Conn, error) {
	parsed, err := url.Parse(u)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", parsed.Host)
}

// start serves cfg on a free port until the test ends, and returns the
// address.
func start(t testing.TB, cfg Config) (*Server, string) {
	t.Helper()
	if cfg.Dial == nil {
		cfg.Dial = dialSlapd
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	srv := New(cfg)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, srv, func() error { return srv.Serve(l) })
	return srv, l.Addr().String()
}

func serve(t testing.TB, srv *Server, f func() error) {
	served := make(chan error, 1)
	go func() { served <- f() }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-served; !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
}

// tlsConfig returns a server's configuration with slapd's certificate.
func tlsConfig(t testing.TB) *tls.Config {
	t.Helper()
	c, err := tls.LoadX509KeyPair(slapd.CAFile, strings.TrimSuffix(slapd.CAFile, "crt")+"key")
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

func dial(t testing.TB, addr string, account testenv.Account) *ldap.Conn {
	t.Helper()
	c, err := ldap.DialURL("ldap://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	c.SetTimeout(20 * time.Second)
	if account.DN != "" {
		if err := c.Bind(account.DN, account.Password); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// A wire is a client that says what it likes.
type wire struct {
	t    testing.TB
	conn net.Conn
	in   *message.Reader
}

func newWire(t testing.TB, addr string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &wire{t, conn, message.NewReader(conn, message.Limits{})}
}

func (w *wire) send(octets ...[]byte) {
	w.t.Helper()
	var all []byte
	for _, o := range octets {
		all = append(all, o...)
	}
	if _, err := w.conn.Write(all); err != nil {
		w.t.Fatal(err)
	}
}

// next returns the next message, with its result if it has one.
func (w *wire) next() (message.Message, message.Result) {
	w.t.Helper()
	m, err := w.in.Next()
	if err != nil {
		w.t.Fatalf("read: %v", err)
	}
	if m, err = message.Scan(bytes.Clone(m.Raw), message.Limits{MaxSize: len(m.Raw)}); err != nil {
		w.t.Fatal(err)
	}
	var r message.Result
	if message.IsFinal(m.Op) {
		if r, err = message.ParseResult(m.Body); err != nil {
			w.t.Fatalf("%x: %v", m.Raw, err)
		}
	}
	return m, r
}

func (w *wire) want(id int32, op byte, code result.Code) message.Result {
	w.t.Helper()
	m, r := w.next()
	if m.ID != id || m.Op != op || r.Code != code {
		w.t.Fatalf("got message %d %s %v %q, want %d %s %v", m.ID, message.OpName(m.Op), r.Code, r.Text, id, message.OpName(op), code)
	}
	return r
}

// rest returns what has arrived behind the last message.
func (w *wire) rest() []byte {
	w.in.Advance()
	return w.in.Unread()
}

// wantNotice expects a notice of disconnection and the end.
func (w *wire) wantNotice(code result.Code) {
	w.t.Helper()
	r := w.want(0, message.ExtendedResponse, code)
	if string(r.Name) != message.NoticeOfDisconnectionOID {
		w.t.Fatalf("the notice is named %q", r.Name)
	}
	w.wantEnd()
}

func (w *wire) wantEnd() {
	w.t.Helper()
	if m, err := w.in.Next(); err == nil {
		w.t.Fatalf("got a message %s after the end", hex.EncodeToString(m.Raw))
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Fatal("the connection was not closed")
	}
}

func simpleBind(id int32, dn, password string) []byte {
	body := message.AppendInt(nil, 0x02, 3)
	body = message.AppendElement(body, 0x04, dn)
	body = message.AppendElement(body, 0x80, password)
	return message.AppendMessage(nil, id, message.BindRequest, body, nil)
}

func saslBind(id int32, mechanism, credentials string) []byte {
	body := message.AppendInt(nil, 0x02, 3)
	body = message.AppendElement(body, 0x04, "")
	sasl := message.AppendElement(nil, 0x04, mechanism)
	if credentials != "" {
		sasl = message.AppendElement(sasl, 0x04, credentials)
	}
	body = message.AppendElement(body, 0xa3, sasl)
	return message.AppendMessage(nil, id, message.BindRequest, body, nil)
}

func ext(id int32, oid string, value []byte) []byte {
	return message.AppendExtendedRequest(nil, id, oid, value, nil)
}

func abandon(id, target int32) []byte {
	n := message.AppendInt(nil, 0x50, target)
	body, _, _ := message.Expect(n, 0x50)
	return message.AppendMessage(nil, id, message.AbandonRequest, body, nil)
}

func cancel(id, target int32) []byte {
	return ext(id, message.CancelOID, message.AppendElement(nil, 0x30, message.AppendInt(nil, 0x02, target)))
}

// The operations that the tests add.
const (
	echoOID  = "1.3.6.1.4.1.99999.1" // answers at once with its value
	waitOID  = "1.3.6.1.4.1.99999.2" // waits until it is released or canceled
	whoOID   = "1.3.6.1.4.1.99999.3" // answers with the caller's identity
	seeOID   = "1.3.6.1.4.1.99999.4" // sees the entry that its value names
	panicOID = "1.3.6.1.4.1.99999.5"
)

type handlerFunc func(ctx context.Context, req *extop.Request) (*extop.Response, error)

func (f handlerFunc) ServeExtended(ctx context.Context, req *extop.Request) (*extop.Response, error) {
	return f(ctx, req)
}

// echo answers immediately, unless its value is "later".
type echo struct{}

func (echo) ServeExtended(_ context.Context, req *extop.Request) (*extop.Response, error) {
	return &extop.Response{Name: echoOID, Value: append([]byte(nil), req.Value...)}, nil
}

func (echo) ServeImmediate(_ context.Context, req *extop.Request, resp *extop.Response) (bool, error) {
	switch string(req.Value) {
	case "later":
		return false, nil
	case "panic":
		panic("as asked")
	}
	if err := extop.CheckControls(req.Controls); err != nil {
		return true, err
	}
	resp.Name = echoOID
	resp.Value = append(resp.Value[:0], req.Value...)
	return true, nil
}

// waits is the handler of waitOID.
type waits struct {
	entered  chan struct{}
	release  chan struct{}
	canceled chan error
}

func newWaits() *waits {
	return &waits{make(chan struct{}, 100), make(chan struct{}), make(chan error, 100)}
}

func (w *waits) ServeExtended(ctx context.Context, _ *extop.Request) (*extop.Response, error) {
	w.entered <- struct{}{}
	select {
	case <-w.release:
		return &extop.Response{Value: []byte("released")}, nil
	case <-ctx.Done():
		w.canceled <- ctx.Err()
		return nil, ctx.Err()
	}
}

func ops(w *waits) map[string]extop.Handler {
	m := map[string]extop.Handler{
		echoOID: echo{},
		whoOID: handlerFunc(func(_ context.Context, req *extop.Request) (*extop.Response, error) {
			return &extop.Response{Value: []byte(req.Caller.AuthzID())}, nil
		}),
		seeOID: handlerFunc(func(ctx context.Context, req *extop.Request) (*extop.Response, error) {
			dn, authzID, _ := strings.Cut(string(req.Value), "|")
			if err := req.Caller.See(ctx, dn, authzID); err != nil {
				return nil, err
			}
			return &extop.Response{}, nil
		}),
		panicOID: handlerFunc(func(_ context.Context, req *extop.Request) (*extop.Response, error) {
			panic("as asked: " + string(req.Value))
		}),
	}
	if w != nil {
		m[waitOID] = w
	}
	return m
}

// An events observer counts.
type events struct {
	noObserver
	mu     sync.Mutex
	counts map[string]int
}

func (e *events) count(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.counts == nil {
		e.counts = make(map[string]int)
	}
	e.counts[what]++
}

func (e *events) of(what string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts[what]
}

func (e *events) ConnectionOpened()             { e.count("opened") }
func (e *events) ConnectionRefused()            { e.count("refused") }
func (e *events) Panicked(oid string)           { e.count("panic " + oid) }
func (e *events) Disconnected(code result.Code) { e.count("disconnected " + code.String()) }
func (e *events) Answered(oid string, code result.Code, _ time.Duration) {
	e.count(oid + " " + code.String())
}
func (e *events) Relayed(op byte) { e.count(message.OpName(op)) }
