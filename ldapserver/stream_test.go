package ldapserver

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// tlsWire returns a client of a server that begins with TLS.
func tlsWire(t *testing.T, cfg Config) *wire {
	t.Helper()
	cfg.TLSConfig = tlsConfig(t)
	cfg.Dial = dialSlapd
	srv := New(cfg)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, srv, func() error { return srv.ServeTLS(l) })
	w := newWire(t, l.Addr().String())
	conn := tls.Client(w.conn, slapd.TLSConfig())
	w.conn, w.in = conn, message.NewReader(conn, message.Limits{})
	return w
}

// TestReadAhead sends more behind a bind than is read ahead while the bind
// waits, under TLS too, where waking the reader is another matter.
func TestReadAhead(t *testing.T) {
	for _, name := range []string{"TCP", "TLS"} {
		t.Run(name, func(t *testing.T) {
			var w *wire
			if name == "TLS" {
				w = tlsWire(t, Config{Extended: ops(nil)})
			} else {
				_, addr := start(t, Config{Extended: ops(nil)})
				w = newWire(t, addr)
			}
			const binds, each = 40, 50
			var all []byte
			for i := range int32(binds) {
				all = append(all, simpleBind(1000*i+1, slapd.Reader.DN, slapd.Reader.Password)...)
				for j := range int32(each) {
					all = append(all, ext(1000*i+2+j, echoOID, bytes.Repeat([]byte("x"), 200))...)
				}
			}
			go w.conn.Write(all)
			for i := range int32(binds) {
				w.want(1000*i+1, message.BindResponse, 0)
				for j := range int32(each) {
					w.want(1000*i+2+j, message.ExtendedResponse, 0)
				}
			}
		})
	}
}

// TestBackPressure has the directory send entries to a client that does not
// read: the directory is held up, and nothing is lost when the client goes on.
func TestBackPressure(t *testing.T) {
	sent := make(chan int, 1)
	_, addr := start(t, Config{Dial: fake(t, func(d *wire) {
		m, _ := d.receive()
		entry := message.AppendSearchEntry(nil, m.ID, "cn=a", []message.Attribute{{Name: "cn", Values: [][]byte{bytes.Repeat([]byte("x"), 1000)}}})
		n, partly := 0, 0
		for {
			_ = d.conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			var err error
			if partly, err = d.conn.Write(entry); err != nil {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error(err)
				}
				break
			}
			n++
		}
		sent <- n + 1
		_ = d.conn.SetWriteDeadline(time.Time{})
		d.send(entry[partly:], answer(m.ID, message.SearchResultDone, 0))
		d.receive()
	})})
	w := newWire(t, addr)
	w.send(message.AppendBaseSearch(nil, 1, "cn=a", nil))
	n := <-sent
	if n > 64<<10 {
		t.Errorf("%d entries of 1 KiB were taken from the directory", n)
	}
	for range n {
		if m, _ := w.next(); m.Op != message.SearchResultEntry {
			t.Fatalf("got %s", message.OpName(m.Op))
		}
	}
	w.want(1, message.SearchResultDone, 0)
}

// TestPersistentSearch follows changes through the server (RFC 4533), beside
// operations of ours, for longer than the idle time.
func TestPersistentSearch(t *testing.T) {
	w := tlsWire(t, Config{Extended: ops(nil), IdleTimeout: 50 * time.Millisecond})
	w.send(simpleBind(1, slapd.Reader.DN, slapd.Reader.Password), persistentSearch(2))
	w.want(1, message.BindResponse, 0)
	until := func(what string, f func(m message.Message) bool) {
		t.Helper()
		for {
			m, _ := w.next()
			if f(m) {
				return
			}
			if m.ID != 2 || m.Op == message.SearchResultDone {
				t.Fatalf("waiting for %s, got %s %d", what, message.OpName(m.Op), m.ID)
			}
		}
	}
	until("the end of the refresh", func(m message.Message) bool { return m.Op == message.IntermediateResponse })
	time.Sleep(200 * time.Millisecond)
	admin := slapd.Dial(t, slapd.Admin)
	for i := range 5 {
		modify := ldap.NewModifyRequest(slapd.Suffix, nil)
		modify.Replace("description", []string{fmt.Sprint("change ", i)})
		if err := admin.Modify(modify); err != nil {
			t.Fatal(err)
		}
		until("the change", func(m message.Message) bool {
			return m.Op == message.SearchResultEntry && bytes.Contains(m.Raw, fmt.Append(nil, "change ", i))
		})
		w.send(ext(int32(10+i), echoOID, nil))
		until("our answer", func(m message.Message) bool { return m.ID == int32(10+i) })
	}
	w.send(cancel(3, 2))
	until("the end of the search", func(m message.Message) bool { return m.Op == message.SearchResultDone })
	w.want(3, message.ExtendedResponse, 0)
}

// TestManyInFlight has a thousand operations of ours and as many searches
// under way on one connection, and abandons every other one.
func TestManyInFlight(t *testing.T) {
	held := newWaits()
	held.entered, held.canceled = make(chan struct{}, 1000), make(chan error, 1000)
	_, addr := start(t, Config{Extended: ops(held), MaxOperations: 1000, Dial: fake(t, func(d *wire) {
		for n := 0; ; {
			m, ok := d.receive()
			switch {
			case !ok:
				return
			case m.Op == message.AbandonRequest:
				if n++; n == 500 {
					d.send(answer(20_000, message.CompareResponse, result.CompareTrue))
				}
			}
		}
	})})
	w := newWire(t, addr)
	var all []byte
	for i := range int32(1000) {
		all = append(all, ext(1+i, waitOID, nil)...)
		all = append(all, message.AppendBaseSearch(nil, 10_001+i, "cn=a", nil)...)
	}
	w.send(all)
	for range 1000 {
		<-held.entered
	}
	w.send(message.AppendMessage(nil, 20_000, message.CompareRequest, nil, nil))
	for i := int32(0); i < 1000; i += 2 {
		w.send(abandon(30_000+i, 1+i), abandon(30_001+i, 10_001+i))
	}
	w.want(20_000, message.CompareResponse, result.CompareTrue)
	for range 500 {
		<-held.canceled
	}
	close(held.release)
	for range 500 {
		if m, r := w.next(); m.ID > 1000 || m.ID%2 != 0 || r.Code != 0 {
			t.Fatalf("message %d: %v", m.ID, r.Code)
		}
	}
}
