package ldapserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

func TestRation(t *testing.T) {
	r := ration{max: 10}
	var ended []string
	shares := map[string]*share{}
	for _, name := range []string{"a", "b", "c"} {
		shares[name] = &share{end: func() { ended = append(ended, name) }}
	}
	check := func(held int, want ...string) {
		t.Helper()
		if r.held != held || len(ended) != len(want) {
			t.Fatalf("held %d, ended %v; want %d, %v", r.held, ended, held, want)
		}
		for i := range want {
			if ended[i] != want[i] {
				t.Fatalf("ended %v, want %v", ended, want)
			}
		}
	}
	r.take(shares["a"], 4)
	r.take(shares["b"], 4)
	check(8)
	r.take(shares["a"], 5) // it keeps its place
	check(9)
	r.take(shares["c"], 4)
	check(8, "a")
	r.give(shares["a"]) // it has nothing left
	check(8, "a")
	r.give(shares["b"])
	check(4, "a")
	r.take(shares["c"], 11) // more than there is
	check(0, "a", "c")
}

// TestHalfSentMessages opens many connections that send most of a message and
// stop. What is held of them stays within MaxPartial, and other clients do
// not notice.
func TestHalfSentMessages(t *testing.T) {
	const clients, sent, most = 400, 200_000, 8 << 20
	_, addr := start(t, Config{Extended: ops(nil), MaxPartial: most, MaxConnections: 2 * clients, MaxAddressConnections: -1})
	whole := ext(1, echoOID, bytes.Repeat([]byte("x"), sent+10_000))

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var conns []*wire
	for range clients {
		w := newWire(t, addr)
		w.send(whole[:sent])
		conns = append(conns, w)
	}
	// The last is in time, with a message as large as theirs.
	quick := newWire(t, addr)
	quick.send(whole)
	quick.want(1, message.ExtendedResponse, 0)
	// The first had to go.
	conns[0].wantNotice(result.Busy)
	runtime.GC()
	runtime.ReadMemStats(&after)
	held := int(after.HeapAlloc) - int(before.HeapAlloc)
	t.Logf("%d half-sent messages of %d octets: %d KiB of heap, %d KiB for each connection", clients, sent, held>>10, held>>10/clients)
	// The buffers of the ration, what each connection has beside them, and
	// the test's own copies.
	if limit := most + clients*(32<<10) + 8<<20; held > limit {
		t.Errorf("%d octets of heap are in use, want at most %d", held, limit)
	}
}

func TestAddressLimit(t *testing.T) {
	seen := &events{}
	_, addr := start(t, Config{Extended: ops(nil), MaxAddressConnections: 2, Observer: seen})
	first := newWire(t, addr)
	second := newWire(t, addr)
	for _, w := range []*wire{first, second} {
		w.send(ext(1, echoOID, nil))
		w.want(1, message.ExtendedResponse, 0)
	}
	newWire(t, addr).wantNotice(result.Unavailable)
	if seen.of("refused") != 1 {
		t.Errorf("observed %v", seen.counts)
	}
	// Another address of the loopback network.
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	other := &wire{t, conn, message.NewReader(conn, message.Limits{})}
	other.send(ext(1, echoOID, nil))
	other.want(1, message.ExtendedResponse, 0)
}

func TestOrigin(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:5":               "192.0.2.1/32",
		"[::ffff:192.0.2.1]:5":      "192.0.2.1/32",
		"[2001:db8:1:2:3:4:5:6]:7":  "2001:db8:1:2::/64",
		"[fe80::1%lo]:7":            "fe80::/64",
		"[2001:db8:1:2:ffff::1]:99": "2001:db8:1:2::/64",
	} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := origin(a).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if p := origin(&net.UnixAddr{}); p.IsValid() {
		t.Errorf("a socket: %v", p)
	}
}

// TestHandshakeFlood has many clients begin TLS and say no more. One that
// says more is served all the same.
func TestHandshakeFlood(t *testing.T) {
	srv := New(Config{Dial: dialSlapd, Extended: ops(nil), TLSConfig: tlsConfig(t), MaxHandshakes: 5, HandshakeTimeout: -1})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, srv, func() error { return srv.ServeTLS(l) })
	ended := make(chan error, 20)
	var wg sync.WaitGroup
	defer wg.Wait()
	for range 20 {
		w := newWire(t, l.Addr().String())
		wg.Go(func() {
			_, err := w.conn.Read(make([]byte, 1))
			ended <- err
		})
		defer w.conn.Close()
	}
	for range 15 {
		if err := <-ended; errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("more handshakes are under way than may be")
		}
	}
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: slapd.CAs})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	w := &wire{t, conn, message.NewReader(conn, message.Limits{})}
	w.send(ext(1, echoOID, nil))
	w.want(1, message.ExtendedResponse, 0)
}

func TestClientAddrs(t *testing.T) {
	got := make(chan [2]net.Addr, 1)
	_, addr := start(t, Config{Dial: func(ctx context.Context) (net.Conn, error) {
		client, server := ClientAddrs(ctx)
		got <- [2]net.Addr{client, server}
		return dialSlapd(ctx)
	}})
	w := newWire(t, addr)
	w.send(simpleBind(1, "", ""))
	w.want(1, message.BindResponse, 0)
	if a := <-got; a[0].String() != w.conn.LocalAddr().String() || a[1].String() != addr {
		t.Errorf("client %v at %v, want %v at %v", a[0], a[1], w.conn.LocalAddr(), addr)
	}
	if c, s := ClientAddrs(t.Context()); c != nil || s != nil {
		t.Error("addresses from nowhere")
	}
}
