package ldapserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

func TestAbandon(t *testing.T) {
	held := newWaits()
	_, addr := start(t, Config{Extended: ops(held)})
	w := newWire(t, addr)
	w.send(ext(1, waitOID, nil))
	<-held.entered
	w.send(abandon(2, 1))
	if err := <-held.canceled; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// Whatever is sent for the abandoned operation is sent before the bind
	// that waits for it is answered.
	w.send(simpleBind(3, "", ""))
	w.want(3, message.BindResponse, 0)

	// An abandon of a relayed request reaches the directory.
	w.send(simpleBind(4, slapd.Reader.DN, slapd.Reader.Password))
	w.want(4, message.BindResponse, 0)
	w.send(persistentSearch(5), abandon(6, 5), ext(7, message.WhoAmIOID, nil))
	for {
		m, _ := w.next()
		if m.ID == 7 {
			break
		}
		if m.ID != 5 {
			t.Fatalf("an answer to %d", m.ID)
		}
	}
	w.send(ext(8, message.StartTLSOID, nil))
	w.want(8, message.ExtendedResponse, result.ProtocolError)
}

// persistentSearch is a search with the sync control (RFC 4533), in mode
// refreshAndPersist: it ends only by an abandon.
func persistentSearch(id int32) []byte {
	control := message.AppendControl(nil, "1.3.6.1.4.1.4203.1.9.1.1", true, message.AppendElement(nil, 0x30, message.AppendInt(nil, 0x0a, 3)))
	return message.AppendBaseSearch(nil, id, slapd.Suffix, control)
}

func TestCancel(t *testing.T) {
	held := newWaits()
	_, addr := start(t, Config{Extended: ops(held)})
	w := newWire(t, addr)
	w.send(ext(1, waitOID, nil))
	<-held.entered
	w.send(cancel(2, 1))
	w.want(1, message.ExtendedResponse, result.Canceled)
	w.want(2, message.ExtendedResponse, 0)
	<-held.canceled

	w.send(cancel(3, 99))
	w.want(3, message.ExtendedResponse, result.NoSuchOperation)
	w.send(ext(4, message.CancelOID, []byte("x")))
	w.want(4, message.ExtendedResponse, result.ProtocolError)
}

func TestCancelTooLate(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	stubborn := handlerFunc(func(context.Context, *extop.Request) (*extop.Response, error) {
		close(entered)
		<-release
		return &extop.Response{Value: []byte("done")}, nil
	})
	_, addr := start(t, Config{Extended: map[string]extop.Handler{waitOID: stubborn, echoOID: echo{}}})
	w := newWire(t, addr)
	w.send(ext(1, waitOID, nil))
	<-entered
	w.send(cancel(2, 1), ext(3, echoOID, nil))
	w.want(3, message.ExtendedResponse, 0)
	close(release)
	if r := w.want(1, message.ExtendedResponse, 0); string(r.Value) != "done" {
		t.Errorf("value %q", r.Value)
	}
	w.want(2, message.ExtendedResponse, result.TooLate)
}

func TestUnbindAndLossCancel(t *testing.T) {
	for name, leave := range map[string]func(*wire){
		"unbind": func(w *wire) { w.send(message.AppendMessage(nil, 9, message.UnbindRequest, nil, nil)) },
		"loss":   func(w *wire) { _ = w.conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			held := newWaits()
			_, addr := start(t, Config{Extended: ops(held)})
			w := newWire(t, addr)
			w.send(ext(1, waitOID, nil))
			<-held.entered
			leave(w)
			if err := <-held.canceled; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

func TestPanic(t *testing.T) {
	seen := &events{}
	var log testenv.Output
	_, addr := start(t, Config{Extended: ops(nil), Observer: seen, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	w := newWire(t, addr)
	w.send(ext(1, panicOID, []byte("secret")))
	w.want(1, message.ExtendedResponse, result.Other)
	w.send(ext(2, echoOID, []byte("panic")))
	w.want(2, message.ExtendedResponse, result.Other)
	w.send(ext(3, echoOID, []byte("x")))
	w.want(3, message.ExtendedResponse, 0)
	if seen.of("panic "+panicOID) != 1 || seen.of("panic "+echoOID) != 1 {
		t.Errorf("observed %v", seen.counts)
	}
	text := log.String()
	if !strings.Contains(text, "panic in an operation") || strings.Contains(text, "secret") {
		t.Errorf("log: %s", text)
	}
	// Who looks for the cause finds the place, and what the runtime says.
	if !strings.Contains(text, "handlerFunc.ServeExtended") || !strings.Contains(text, "panic=string") {
		t.Errorf("log: %s", text)
	}
	defer func() {
		if text := panicText(recover()); !strings.Contains(text, "index out of range [1] with length 1") {
			t.Errorf("a failure of the runtime is told as %s", text)
		}
	}()
	one := []int{0}
	_ = one[len(one)]
}

func TestSee(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil)})
	w := newWire(t, addr)
	// slapd's access control lets nobody but services see people.
	w.send(ext(1, seeOID, []byte(slapd.UserDN(1))))
	if r := w.want(1, message.ExtendedResponse, result.NoSuchObject); len(r.MatchedDN) != 0 {
		t.Errorf("matched %q", r.MatchedDN)
	}
	w.send(simpleBind(2, slapd.Reader.DN, slapd.Reader.Password))
	w.want(2, message.BindResponse, 0)
	w.send(ext(3, seeOID, []byte(slapd.UserDN(1))))
	w.want(3, message.ExtendedResponse, 0)
	w.send(ext(4, seeOID, []byte("uid=nobody,ou=people,"+slapd.Suffix)))
	if r := w.want(4, message.ExtendedResponse, result.NoSuchObject); string(r.MatchedDN) != "ou=people,"+slapd.Suffix {
		t.Errorf("matched %q", r.MatchedDN)
	}
	// The directory decides who may act as another.
	w.send(ext(5, seeOID, []byte(slapd.UserDN(1)+"|dn:"+slapd.Helpdesk.DN)))
	w.want(5, message.ExtendedResponse, result.AuthorizationDenied)
	w.send(simpleBind(6, slapd.Admin.DN, slapd.Admin.Password))
	w.want(6, message.BindResponse, 0)
	w.send(ext(7, seeOID, []byte(slapd.UserDN(1)+"|dn:"+slapd.Reader.DN)))
	w.want(7, message.ExtendedResponse, 0)
}

// TestQuestionID has the client use the message ID that a question of ours has
// at the moment.
func TestQuestionID(t *testing.T) {
	arrived, release := make(chan int32, 1), make(chan struct{})
	_, addr := start(t, Config{Extended: ops(nil), Dial: fake(t, func(d *wire) {
		m, _ := d.receive()
		arrived <- m.ID
		<-release
		id := m.ID
		d.send(message.AppendSearchEntry(nil, id, "cn=a", nil), answer(id, message.SearchResultDone, 0))
		m, _ = d.receive()
		if m.ID != id || m.Op != message.CompareRequest {
			t.Errorf("then came %s %d", message.OpName(m.Op), m.ID)
		}
		d.send(answer(m.ID, message.CompareResponse, result.CompareTrue))
		// The ID is the client's, and the next question has another.
		m, _ = d.receive()
		d.send(answer(m.ID, message.SearchResultDone, result.NoSuchObject))
		d.receive()
	})})
	w := newWire(t, addr)
	w.send(ext(1, seeOID, []byte("cn=a")))
	id := <-arrived
	w.send(message.AppendMessage(nil, id, message.CompareRequest, nil, nil), ext(id-1, echoOID, nil))
	close(release)
	answered := map[int32]result.Code{}
	for range 3 {
		m, r := w.next()
		answered[m.ID] = r.Code
	}
	want := map[int32]result.Code{1: result.Success, id: result.CompareTrue, id - 1: result.Success}
	if !maps.Equal(answered, want) {
		t.Errorf("answered %v, want %v", answered, want)
	}
	w.send(ext(2, seeOID, []byte("cn=a")))
	w.want(2, message.ExtendedResponse, result.NoSuchObject)
}

func TestControls(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil)})
	w := newWire(t, addr)
	w.send(message.AppendExtendedRequest(nil, 1, echoOID, nil, message.AppendControl(nil, "1.2.3", true, nil)))
	w.want(1, message.ExtendedResponse, result.UnavailableCriticalExtension)
	w.send(message.AppendExtendedRequest(nil, 2, echoOID, nil, message.AppendControl(nil, "1.2.3", false, nil)))
	w.want(2, message.ExtendedResponse, 0)
	w.send(message.AppendExtendedRequest(nil, 3, echoOID, nil, []byte{0x30, 0x00}))
	w.want(3, message.ExtendedResponse, result.ProtocolError)
}

func TestUnreachable(t *testing.T) {
	var dialed atomic.Int32
	_, addr := start(t, Config{Extended: ops(nil), Dial: func(context.Context) (net.Conn, error) {
		dialed.Add(1)
		return nil, errors.New("down")
	}})
	w := newWire(t, addr)
	w.send(
		simpleBind(1, "cn=a", "x"),
		message.AppendBaseSearch(nil, 2, "", nil),
		message.AppendMessage(nil, 3, message.DelRequest, []byte("cn=a"), nil),
		ext(4, message.WhoAmIOID, nil),
		ext(5, echoOID, nil),
		abandon(6, 2),
		saslBind(7, "PLAIN", ""),
	)
	w.want(1, message.BindResponse, result.Unavailable)
	w.want(2, message.SearchResultDone, result.Unavailable)
	w.want(3, message.DelResponse, result.Unavailable)
	w.want(4, message.ExtendedResponse, result.Unavailable)
	w.want(5, message.ExtendedResponse, 0)
	w.want(7, message.BindResponse, result.Unavailable)
	w.send(ext(8, seeOID, []byte("cn=a")))
	w.want(8, message.ExtendedResponse, result.Unavailable)
	if n := dialed.Load(); n == 6 {
		t.Error("each request has tried to reach the directory")
	}
}

func TestDirectoryLost(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		_, addr := start(t, Config{Dial: fake(t, func(d *wire) { d.receive() })})
		w := newWire(t, addr)
		w.send(simpleBind(1, "cn=a", "x"))
		w.wantNotice(result.Unavailable)
	})
	t.Run("with a notice", func(t *testing.T) {
		_, addr := start(t, Config{Dial: fake(t, func(d *wire) {
			d.receive()
			d.send(message.AppendNotice(nil, result.StrongerAuthRequired, "its own"))
		})})
		w := newWire(t, addr)
		w.send(simpleBind(1, "cn=a", "x"))
		w.wantNotice(result.StrongerAuthRequired)
	})
	t.Run("inside a message", func(t *testing.T) {
		_, addr := start(t, Config{Dial: fake(t, func(d *wire) {
			m, _ := d.receive()
			d.send(answer(m.ID, message.SearchResultDone, 0)[:7])
		})})
		w := newWire(t, addr)
		w.send(message.AppendBaseSearch(nil, 1, "cn=a", nil))
		w.wantNotice(result.Unavailable)
	})
	t.Run("garbage", func(t *testing.T) {
		_, addr := start(t, Config{Dial: fake(t, func(d *wire) {
			m, _ := d.receive()
			d.send(answer(m.ID, message.SearchResultDone, 0), []byte("HTTP/1.1 400"))
			d.receive()
		})})
		w := newWire(t, addr)
		w.send(message.AppendBaseSearch(nil, 1, "cn=a", nil))
		w.want(1, message.SearchResultDone, 0)
		w.wantNotice(result.Unavailable)
	})
}

// TestPipelined sends a thousand requests of ours and others at a time.
func TestPipelined(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil), MaxOperations: -1})
	w := newWire(t, addr)
	w.send(simpleBind(1, slapd.Reader.DN, slapd.Reader.Password))
	w.want(1, message.BindResponse, 0)
	var all []byte
	const n = 1000
	for id := int32(10); id < 10+n; id++ {
		switch id % 3 {
		case 0:
			all = append(all, ext(id, echoOID, fmt.Append(nil, id))...)
		case 1:
			all = append(all, ext(id, seeOID, []byte(slapd.UserDN(int(id)%200)))...)
		case 2:
			all = append(all, ext(id, message.WhoAmIOID, nil)...)
		}
	}
	go w.conn.Write(all)
	answered := map[int32]bool{}
	for len(answered) < n {
		m, r := w.next()
		if r.Code != 0 || answered[m.ID] {
			t.Fatalf("message %d: %v %s", m.ID, r.Code, r.Text)
		}
		answered[m.ID] = true
		if m.ID%3 == 0 && string(r.Value) != fmt.Sprint(m.ID) {
			t.Fatalf("message %d has the value %q", m.ID, r.Value)
		}
	}
}

// supplement answers compare and refuses SASL; abandon is noted.
type supplement struct{ abandoned chan int32 }

func (s supplement) Supplement(_ context.Context, bindDN string, m message.Message) ([]byte, bool) {
	switch m.Op {
	case message.CompareRequest:
		return message.AppendResult(nil, m.ID, message.CompareResponse, result.CompareTrue, bindDN, ""), true
	case message.BindRequest:
		if b, err := message.ParseBind(m.Body); err == nil && b.Auth == message.AuthSASL {
			return answer(m.ID, message.BindResponse, result.AuthMethodNotSupported), true
		}
	case message.ModifyDNRequest:
		panic("as asked")
	case message.AbandonRequest:
		id, _ := message.ParseAbandon(m.Body)
		s.abandoned <- id
		return nil, true
	case message.SearchRequest:
		if s, err := message.ParseSearch(m.Body); err == nil && (string(s.Base) == "cn=supplement" || len(s.Base) == 0) {
			return append(message.AppendSearchEntry(nil, m.ID, string(s.Base), nil), answer(m.ID, message.SearchResultDone, 0)...), true
		}
	}
	return nil, false
}

func TestSupplement(t *testing.T) {
	s := supplement{make(chan int32, 1)}
	_, addr := start(t, Config{Extended: ops(nil), Supplement: s})
	w := newWire(t, addr)
	w.send(simpleBind(1, slapd.Reader.DN, slapd.Reader.Password))
	w.want(1, message.BindResponse, 0)
	w.send(message.AppendMessage(nil, 2, message.CompareRequest, nil, nil))
	if r := w.want(2, message.CompareResponse, result.CompareTrue); string(r.MatchedDN) != slapd.Reader.DN {
		t.Errorf("the supplement was told %q", r.MatchedDN)
	}
	w.send(message.AppendMessage(nil, 3, message.ModifyDNRequest, nil, nil))
	w.want(3, message.ModifyDNResponse, result.Other)
	w.send(ext(4, message.WhoAmIOID, nil))
	w.want(4, message.ExtendedResponse, 0)
	w.send(abandon(5, 4))
	if id := <-s.abandoned; id != 4 {
		t.Errorf("abandoned %d", id)
	}
	w.send(ext(6, seeOID, []byte("cn=supplement")))
	w.want(6, message.ExtendedResponse, 0)
	w.send(message.AppendBaseSearch(nil, 9, "", nil, "supportedExtension"))
	entry, ok := w.receive()
	if !ok || entry.Op != message.SearchResultEntry || !bytes.Contains(entry.Body, []byte(echoOID)) {
		t.Errorf("our operations are not in the supplement's root DSE: %q", entry.Body)
	}
	w.want(9, message.SearchResultDone, 0)
	w.send(saslBind(7, "PLAIN", ""), ext(8, message.WhoAmIOID, nil))
	w.want(7, message.BindResponse, result.AuthMethodNotSupported)
	if r := w.want(8, message.ExtendedResponse, 0); len(r.Value) != 0 {
		t.Errorf("the directory takes the client for %q", r.Value)
	}
}

// TestNoSecretsInLogs sends passwords wherever one can be, and has everything
// logged.
func TestNoSecretsInLogs(t *testing.T) {
	var log testenv.Output
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug - 100}))
	_, addr := start(t, Config{Extended: ops(nil), Logger: logger, TLSConfig: tlsConfig(t)})
	const secret = "Hush-Pw1!"
	for _, messages := range [][][]byte{
		{simpleBind(1, slapd.Reader.DN, secret), saslBind(2, "PLAIN", "\x00jo\x00"+secret), saslBind(3, "GSSAPI", secret)},
		{message.AppendMessage(nil, 1, message.BindRequest, []byte(secret), nil)},
		{ext(1, panicOID, []byte(secret)), ext(2, message.CancelOID, []byte(secret)), ext(3, message.PasswordModifyOID, []byte(secret))},
		{ext(1, message.StartTLSOID, nil), []byte(secret)},
		{[]byte(secret)},
	} {
		w := newWire(t, addr)
		w.send(messages...)
		w.send(ext(9, echoOID, []byte("last")))
		_ = w.conn.(*net.TCPConn).CloseWrite()
		for {
			if _, ok := w.receive(); !ok {
				break
			}
		}
	}
	if text := log.String(); text == "" || strings.Contains(text, secret) {
		t.Errorf("log: %s", text)
	}
}
