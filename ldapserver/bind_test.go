package ldapserver

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// fake returns a Config.Dial to a directory that is played by script, once for
// each connection.
func fake(t testing.TB, script func(d *wire)) func(context.Context) (net.Conn, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				script(&wire{t, conn, message.NewReader(conn, message.Limits{})})
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}
}

// receive returns the next message, false at the end.
func (w *wire) receive() (message.Message, bool) {
	m, err := w.in.Next()
	return m, err == nil
}

func answer(id int32, op byte, code result.Code) []byte {
	return message.AppendResult(nil, id, op, code, "", "")
}

func (w *wire) wantIdentity(id int32, want string) {
	w.t.Helper()
	w.send(ext(id, whoOID, nil))
	if r := w.want(id, message.ExtendedResponse, 0); string(r.Value) != want {
		w.t.Errorf("the caller is %q, want %q", r.Value, want)
	}
}

func TestBindIdentity(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil)})
	w := newWire(t, addr)
	w.wantIdentity(1, "")
	w.send(simpleBind(2, slapd.Reader.DN, slapd.Reader.Password))
	w.want(2, message.BindResponse, 0)
	w.wantIdentity(3, "dn:"+slapd.Reader.DN)
	// A bind that fails leaves the connection anonymous.
	w.send(simpleBind(4, slapd.Reader.DN, "wrong"))
	w.want(4, message.BindResponse, result.InvalidCredentials)
	w.wantIdentity(5, "")
	w.send(simpleBind(6, slapd.Reader.DN, slapd.Reader.Password))
	w.want(6, message.BindResponse, 0)
	w.send(simpleBind(7, "", ""))
	w.want(7, message.BindResponse, 0)
	w.wantIdentity(8, "")
}

// TestBindUntold binds at directories that do not say who has bound.
func TestBindUntold(t *testing.T) {
	tests := []struct {
		name   string
		bind   []byte
		answer result.Code // to Who am I
		want   string
	}{
		{"no such operation", simpleBind(1, "Lena@Example.com", "secret"), result.ProtocolError, "u:lena@example.com"},
		{"refused", simpleBind(1, "Lena@Example.com", "secret"), result.InsufficientAccessRights, ""},
		{"unavailable", simpleBind(1, "Lena@Example.com", "secret"), result.Unavailable, ""},
		{"SASL", saslBind(1, "PLAIN", "\x00lena\x00secret"), result.ProtocolError, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, addr := start(t, Config{Extended: ops(nil), Dial: fake(t, func(d *wire) {
				m, _ := d.receive()
				d.send(answer(m.ID, message.BindResponse, 0))
				m, _ = d.receive()
				d.send(answer(m.ID, message.ExtendedResponse, tt.answer))
				d.receive() // the end
			})})
			w := newWire(t, addr)
			w.send(tt.bind)
			w.want(1, message.BindResponse, 0)
			w.wantIdentity(2, tt.want)
			_ = w.conn.Close()
		})
	}
	t.Run("without a password", func(t *testing.T) {
		_, addr := start(t, Config{Extended: ops(nil), Dial: fake(t, func(d *wire) {
			m, _ := d.receive()
			d.send(answer(m.ID, message.BindResponse, 0))
			d.receive()
		})})
		w := newWire(t, addr)
		w.send(simpleBind(1, "lena@example.com", ""))
		w.want(1, message.BindResponse, 0)
		w.wantIdentity(2, "")
		_ = w.conn.Close()
	})
}

func TestBindUnauthenticated(t *testing.T) {
	// A directory that takes a name without password as anonymous, as RFC
	// 4513 section 5.1.2 has it.
	_, addr := start(t, Config{Extended: ops(nil), Dial: fake(t, func(d *wire) {
		for {
			m, ok := d.receive()
			if !ok {
				return
			}
			d.send(answer(m.ID, message.BindResponse, 0))
		}
	})})
	w := newWire(t, addr)
	w.send(simpleBind(1, "cn=admin,dc=example,dc=com", ""))
	w.want(1, message.BindResponse, 0)
	w.wantIdentity(2, "")
}

// TestBindOrder sends requests behind a bind, of ours and others.
func TestBindOrder(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil)})
	w := newWire(t, addr)
	w.send(
		ext(1, whoOID, nil),
		simpleBind(2, slapd.Reader.DN, slapd.Reader.Password),
		ext(3, whoOID, nil),
		ext(4, echoOID, []byte("x")),
		simpleBind(5, slapd.Helpdesk.DN, slapd.Helpdesk.Password),
		ext(6, whoOID, nil),
		ext(7, message.WhoAmIOID, nil),
	)
	order := map[int32]int{}
	values := map[int32]string{}
	for i := range 7 {
		m, r := w.next()
		order[m.ID], values[m.ID] = i, string(r.Value)
	}
	if order[1] > order[2] || order[2] > order[3] || order[2] > order[4] || order[3] > order[5] || order[5] > order[6] {
		t.Errorf("answered in the order %v", order)
	}
	if values[1] != "" || values[3] != "dn:"+slapd.Reader.DN || values[6] != "dn:"+slapd.Helpdesk.DN || values[7] != values[6] {
		t.Errorf("the callers were %v", values)
	}
}

// TestBindWaits has the directory hold its answer to a bind: what follows is
// neither answered nor relayed.
func TestBindWaits(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil), Dial: fake(t, func(d *wire) {
		m, _ := d.receive()
		// Whatever was relayed with the bind would be here by the time that
		// the client has seen the answer to it.
		d.send(answer(m.ID, message.BindResponse, result.SASLBindInProgress))
		if n := len(d.rest()); n != 0 {
			t.Errorf("%d octets were relayed behind the bind", n)
		}
		m, _ = d.receive()
		if m.Op != message.CompareRequest {
			t.Errorf("then came %s", message.OpName(m.Op))
		}
		d.send(answer(m.ID, message.CompareResponse, result.CompareTrue))
	})})
	w := newWire(t, addr)
	compare := message.AppendMessage(nil, 3, message.CompareRequest, nil, nil)
	w.send(saslBind(1, "PLAIN", ""), ext(2, echoOID, nil), compare)
	w.want(1, message.BindResponse, result.SASLBindInProgress)
	w.want(2, message.ExtendedResponse, result.OperationsError)
	w.want(3, message.CompareResponse, result.CompareTrue)
}

func TestSASL(t *testing.T) {
	t.Run("who am I", func(t *testing.T) {
		_, addr := start(t, Config{Extended: ops(nil), Dial: fake(t, func(d *wire) {
			step := 0
			for {
				m, ok := d.receive()
				if !ok {
					return
				}
				switch m.Op {
				case message.BindRequest:
					if step++; step < 3 {
						d.send(answer(m.ID, message.BindResponse, result.SASLBindInProgress))
					} else {
						d.send(answer(m.ID, message.BindResponse, 0))
					}
				case message.ExtendedRequest:
					if m.ID <= lowestID {
						t.Errorf("asked under the ID %d", m.ID)
					}
					d.send(message.AppendExtendedResponse(nil, m.ID, message.ExtendedResult{Value: []byte("u:jo")}))
				}
			}
		})})
		w := newWire(t, addr)
		w.send(saslBind(1, "SCRAM-SHA-256", "n,,n=jo"))
		w.want(1, message.BindResponse, result.SASLBindInProgress)
		w.send(ext(2, whoOID, nil))
		w.want(2, message.ExtendedResponse, result.OperationsError)
		w.send(saslBind(3, "SCRAM-SHA-256", "c"))
		w.want(3, message.BindResponse, result.SASLBindInProgress)
		w.send(saslBind(4, "SCRAM-SHA-256", ""))
		w.want(4, message.BindResponse, 0)
		w.wantIdentity(5, "u:jo")
	})
	t.Run("no who am I", func(t *testing.T) {
		_, addr := start(t, Config{Extended: ops(nil), Dial: fake(t, func(d *wire) {
			for {
				m, ok := d.receive()
				if !ok {
					return
				}
				if m.Op == message.BindRequest {
					d.send(answer(m.ID, message.BindResponse, 0))
				} else {
					d.send(answer(m.ID, message.ExtendedResponse, result.ProtocolError))
				}
			}
		})})
		w := newWire(t, addr)
		w.send(saslBind(1, "PLAIN", "\x00jo\x00secret"), ext(2, whoOID, nil))
		w.want(1, message.BindResponse, 0)
		if r := w.want(2, message.ExtendedResponse, 0); string(r.Value) != "" {
			t.Errorf("the caller is %q", r.Value)
		}
	})
	t.Run("slapd", func(t *testing.T) {
		_, addr := start(t, Config{Extended: ops(nil)})
		w := newWire(t, addr)
		w.send(saslBind(1, "CRAM-MD5", ""))
		w.want(1, message.BindResponse, result.SASLBindInProgress)
		w.send(saslBind(2, "CRAM-MD5", "nobody 0123456789abcdef0123456789abcdef"))
		w.want(2, message.BindResponse, result.InvalidCredentials)
		w.wantIdentity(3, "")
	})
	t.Run("refused", func(t *testing.T) {
		_, addr := start(t, Config{Extended: ops(nil)})
		w := newWire(t, addr)
		for i, mechanism := range []string{"GSSAPI", "GSS-SPNEGO", "DIGEST-MD5", "digest-md5", "EXTERNAL"} {
			id := int32(10*i + 1)
			w.send(saslBind(id, mechanism, ""))
			w.want(id, message.BindResponse, result.AuthMethodNotSupported)
			// The directory forgets who it was, as after any bind that fails.
			w.send(simpleBind(id+1, slapd.Reader.DN, slapd.Reader.Password))
			w.want(id+1, message.BindResponse, 0)
			w.send(saslBind(id+2, mechanism, ""), ext(id+3, message.WhoAmIOID, nil))
			w.want(id+2, message.BindResponse, result.AuthMethodNotSupported)
			if r := w.want(id+3, message.ExtendedResponse, 0); string(r.Value) != "" {
				t.Errorf("%s: the directory takes the client for %q", mechanism, r.Value)
			}
			w.wantIdentity(id+4, "")
		}
	})
}

func TestSASLPassedBlindly(t *testing.T) {
	secret := bytes.Repeat([]byte("\x00\x00\x00\x05wrapd"), 10000)
	_, addr := start(t, Config{Extended: ops(nil), PassSecurityLayers: true, Dial: fake(t, func(d *wire) {
		m, _ := d.receive()
		d.send(answer(m.ID, message.BindResponse, result.SASLBindInProgress))
		m, _ = d.receive()
		d.send(answer(m.ID, message.BindResponse, 0), []byte("at once"))
		d.in.Advance()
		got := 0
		for got < len(secret) {
			if err := d.in.Fill(); err != nil {
				t.Error(err)
				return
			}
			if !bytes.Equal(d.in.Unread(), secret[got:got+len(d.in.Unread())]) {
				t.Error("the octets have changed")
			}
			got += len(d.in.Unread())
			d.in.Discard(1 << 30)
		}
		d.send([]byte("received"))
	})})
	w := newWire(t, addr)
	w.send(saslBind(1, "GSSAPI", ""))
	w.want(1, message.BindResponse, result.SASLBindInProgress)
	w.send(saslBind(2, "GSSAPI", ""))
	w.want(2, message.BindResponse, 0)
	w.send(secret)
	for string(w.rest()) != "at oncereceived" {
		if err := w.in.Fill(); err != nil {
			t.Fatalf("%v after %q", err, w.rest())
		}
	}
}

// TestBindWaitsForOperations sends a bind while an operation of ours is under
// way: it is completed first.
func TestBindWaitsForOperations(t *testing.T) {
	held := newWaits()
	_, addr := start(t, Config{Extended: ops(held)})
	w := newWire(t, addr)
	w.send(ext(1, waitOID, nil), simpleBind(2, slapd.Reader.DN, slapd.Reader.Password), ext(3, whoOID, nil))
	<-held.entered
	held.release <- struct{}{}
	w.want(1, message.ExtendedResponse, 0)
	w.want(2, message.BindResponse, 0)
	if r := w.want(3, message.ExtendedResponse, 0); string(r.Value) != "dn:"+slapd.Reader.DN {
		t.Errorf("the caller is %q", r.Value)
	}
}

// TestHeldClientLeaves closes the connection while a request is held.
func TestHeldClientLeaves(t *testing.T) {
	held := newWaits()
	_, addr := start(t, Config{Extended: ops(held)})
	w := newWire(t, addr)
	w.send(ext(1, waitOID, nil), simpleBind(2, "", ""))
	<-held.entered
	_ = w.conn.Close()
	if err := <-held.canceled; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
