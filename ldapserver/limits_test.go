package ldapserver

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// TestHostile sends what no client should. The connection ends with a notice
// of disconnection, and another client does not notice.
func TestHostile(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil), MessageTimeout: 50 * time.Millisecond})
	other := newWire(t, addr)
	deep := []byte{}
	for range 10_000 {
		deep = message.AppendElement(nil, 0xa0, deep)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, octets := range map[string][]byte{
		"1 GiB":                unhex("308440000000"),
		"300 KiB, anonymous":   unhex("30830493e0"),
		"indefinite length":    unhex("3080020101420000000"[:18]),
		"10,000 deep":          message.AppendMessage(nil, 1, message.SearchRequest, deep, nil),
		"message ID 0":         unhex("30050201004200"),
		"negative ID":          unhex("30050201ff4200"),
		"ID of nine octets":    unhex("300d020900000000000000000142 00"[:28] + "00"),
		"no ID":                unhex("3000"),
		"a response":           answer(1, message.BindResponse, 0),
		"unknown operation":    unhex("30050201017f00"),
		"unknown request":      unhex("30050201015e00"),
		"bind without parts":   message.AppendMessage(nil, 1, message.BindRequest, nil, nil),
		"bind with two":        unhex("3010020101600b02010304008000800178"),
		"extended, no name":    message.AppendMessage(nil, 1, message.ExtendedRequest, nil, nil),
		"abandon without ID":   message.AppendMessage(nil, 1, message.AbandonRequest, nil, nil),
		"HTTP":                 []byte("GET / HTTP/1.1\r\n\r\n"),
		"TLS":                  unhex("16030100ff010000"),
		"half a message":       unhex("300502"),
		"an octet":             unhex("30"),
		"never ending lengths": bytes.Repeat([]byte{0x30, 0x84}, 5000),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, addr)
			w.send(octets)
			w.wantNotice(result.ProtocolError)
		})
	}
	other.send(ext(1, echoOID, nil))
	other.want(1, message.ExtendedResponse, 0)
}

// TestOctetByOctet sends a request an octet at a time: slow is no fault.
func TestOctetByOctet(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil)})
	w := newWire(t, addr)
	for _, o := range ext(1, echoOID, []byte("slow")) {
		w.send([]byte{o})
	}
	w.want(1, message.ExtendedResponse, 0)
}

func TestSizeLimits(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil), MaxMessageSize: 100_000, MaxAnonymousMessageSize: 1000})
	big := func(id int32, n int) []byte { return ext(id, echoOID, bytes.Repeat([]byte("x"), n)) }
	w := newWire(t, addr)
	w.send(big(1, 900))
	w.want(1, message.ExtendedResponse, 0)
	// The larger limit is in force as soon as the bind has succeeded.
	w.send(simpleBind(2, slapd.Reader.DN, slapd.Reader.Password), big(3, 90_000))
	w.want(2, message.BindResponse, 0)
	w.want(3, message.ExtendedResponse, 0)
	w.send(big(4, 110_000))
	w.wantNotice(result.ProtocolError)

	w = newWire(t, addr)
	w.send(big(1, 1000))
	w.wantNotice(result.ProtocolError)
}

func TestOperationFlood(t *testing.T) {
	held := newWaits()
	_, addr := start(t, Config{Extended: ops(held), MaxOperations: 3})
	w := newWire(t, addr)
	for id := range int32(10) {
		w.send(ext(id+1, waitOID, nil))
	}
	for id := int32(4); id <= 10; id++ {
		w.want(id, message.ExtendedResponse, result.Busy)
	}
	close(held.release)
	for range 3 {
		if m, r := w.next(); m.ID > 3 || r.Code != 0 {
			t.Errorf("message %d: %v", m.ID, r.Code)
		}
	}
}

func TestRelayedFlood(t *testing.T) {
	_, addr := start(t, Config{MaxRelayed: 2, Dial: fake(t, func(d *wire) {
		var first []byte
		for {
			m, ok := d.receive()
			if !ok {
				return
			}
			if first = append(first, answer(m.ID, message.CompareResponse, result.CompareFalse)...); m.ID == 9 {
				d.send(first)
			}
		}
	})})
	w := newWire(t, addr)
	for _, id := range []int32{1, 9, 3, 4} {
		w.send(message.AppendMessage(nil, id, message.CompareRequest, nil, nil))
		if id == 9 {
			w.want(1, message.CompareResponse, result.CompareFalse)
			w.want(9, message.CompareResponse, result.CompareFalse)
		}
	}
	w.send(message.AppendMessage(nil, 5, message.CompareRequest, nil, nil))
	w.want(5, message.CompareResponse, result.Busy)
}

func TestIDInUse(t *testing.T) {
	held := newWaits()
	_, addr := start(t, Config{Extended: ops(held)})
	w := newWire(t, addr)
	w.send(ext(1, waitOID, nil), ext(1, echoOID, nil))
	w.wantNotice(result.ProtocolError)
}

func TestConnectFlood(t *testing.T) {
	seen := &events{}
	_, addr := start(t, Config{Extended: ops(nil), MaxConnections: 2, Observer: seen})
	first, second := newWire(t, addr), newWire(t, addr)
	for _, w := range []*wire{first, second} {
		w.send(ext(1, echoOID, nil))
		w.want(1, message.ExtendedResponse, 0)
	}
	newWire(t, addr).wantNotice(result.Unavailable)
	if seen.of("refused") != 1 {
		t.Errorf("observed %v", seen.counts)
	}
	first.send(message.AppendMessage(nil, 2, message.UnbindRequest, nil, nil))
	first.wantEnd()
	for {
		// The place becomes free a little after the client sees the end.
		w := newWire(t, addr)
		_, _ = w.conn.Write(ext(1, echoOID, nil))
		if m, ok := w.receive(); ok && m.ID == 1 {
			return
		}
	}
}

func TestIdle(t *testing.T) {
	held := newWaits()
	_, addr := start(t, Config{Extended: ops(held), IdleTimeout: 50 * time.Millisecond})
	w := newWire(t, addr)
	w.wantNotice(result.Unavailable)

	// A request under way keeps the connection.
	w = newWire(t, addr)
	w.send(ext(1, waitOID, nil))
	<-held.entered
	time.Sleep(200 * time.Millisecond)
	held.release <- struct{}{}
	w.want(1, message.ExtendedResponse, 0)
	w.wantNotice(result.Unavailable)
}

func TestHandshakeTimeout(t *testing.T) {
	srv := New(Config{Dial: dialSlapd, TLSConfig: tlsConfig(t), HandshakeTimeout: 50 * time.Millisecond})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, srv, func() error { return srv.ServeTLS(l) })
	newWire(t, l.Addr().String()).wantEnd()

	_, addr := start(t, Config{TLSConfig: tlsConfig(t), HandshakeTimeout: 50 * time.Millisecond})
	w := newWire(t, addr)
	w.send(ext(1, message.StartTLSOID, nil))
	w.want(1, message.ExtendedResponse, 0)
	w.wantEnd()
}

// TestClientDoesNotRead lets a client ask for much and take nothing: it is
// dropped, and nothing piles up meanwhile.
func TestClientDoesNotRead(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil), WriteTimeout: 100 * time.Millisecond})
	w := newWire(t, addr)
	request := ext(1, echoOID, bytes.Repeat([]byte("x"), 100_000))
	for {
		if _, err := w.conn.Write(request); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the connection was not closed")
		} else if err != nil {
			return
		}
	}
}

// flaky is a listener whose first calls fail as they do without free file
// descriptors.
type flaky struct {
	net.Listener
	failures int
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.failures > 0 {
		f.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

func TestAcceptRetries(t *testing.T) {
	srv := New(Config{Dial: dialSlapd, Extended: ops(nil)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, srv, func() error { return srv.Serve(&flaky{l, 4}) })
	w := newWire(t, l.Addr().String())
	w.send(ext(1, echoOID, nil))
	w.want(1, message.ExtendedResponse, 0)
}

func TestServeReturnsLastingErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	srv := New(Config{})
	if err := srv.Serve(l); err == nil || err == ErrServerClosed {
		t.Errorf("Serve on a closed listener: %v", err)
	}
	_ = srv.Close()
	if err := srv.Serve(l); err != ErrServerClosed {
		t.Errorf("Serve after Close: %v", err)
	}
}
