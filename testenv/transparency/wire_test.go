package transparency_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// wireTime is what a whole exchange may take. Only a failure takes it.
const wireTime = time.Minute

// A wire is a client that says what it likes.
type wire struct {
	t    testing.TB
	conn net.Conn
	in   *message.Reader
}

func newWire(t testing.TB, url string) *wire {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", host(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(wireTime))
	return &wire{t, conn, message.NewReader(conn, message.Limits{MaxSize: 1 << 30})}
}

// boundWire is bound with message ID 1.
func boundWire(t testing.TB, url string, a testenv.Account) *wire {
	t.Helper()
	w := newWire(t, url)
	w.send(simpleBind(1, a))
	w.want(1, message.BindResponse, result.Success)
	return w
}

func (w *wire) send(octets ...[]byte) {
	w.t.Helper()
	if _, err := w.conn.Write(bytes.Join(octets, nil)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) next() (message.Message, message.Result) {
	w.t.Helper()
	m, err := w.in.Next()
	if err != nil {
		w.t.Fatalf("read: %v", err)
	}
	m.Raw, m.Body, m.Controls = bytes.Clone(m.Raw), bytes.Clone(m.Body), bytes.Clone(m.Controls)
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

// wantNotice expects a notice of disconnection, and nothing behind it.
func (w *wire) wantNotice(code result.Code) {
	w.t.Helper()
	if r := w.want(0, message.ExtendedResponse, code); string(r.Name) != message.NoticeOfDisconnectionOID {
		w.t.Fatalf("the notice is named %q", r.Name)
	}
	w.wantEnd()
}

// wantEnd expects the end of the connection.
func (w *wire) wantEnd() {
	w.t.Helper()
	if m, err := w.in.Next(); err == nil {
		w.t.Fatalf("got %s where the connection should end", hex.EncodeToString(m.Raw))
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Fatal("the connection was not closed")
	}
}

// wantAnyEnd reads until the connection ends.
func (w *wire) wantAnyEnd() {
	w.t.Helper()
	if _, err := io.Copy(io.Discard, w.conn); errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Fatal("the connection was not closed")
	}
}

func simpleBind(id int32, a testenv.Account) []byte {
	body := message.AppendInt(nil, 0x02, 3)
	body = message.AppendElement(body, 0x04, a.DN)
	body = message.AppendElement(body, message.AuthSimple, a.Password)
	return message.AppendMessage(nil, id, message.BindRequest, body, nil)
}

// searchAll asks for all entries of a scope.
func searchAll(id int32, base string, scope int32, controls []byte) []byte {
	return message.AppendSearch(nil, id, message.Search{
		Base: []byte(base), Scope: scope, Filter: message.AppendElement(nil, 0x87, "objectClass"),
	}, controls)
}

func abandon(id, target int32) []byte {
	// The body is the message ID, without its tag and length.
	return message.AppendMessage(nil, id, message.AbandonRequest, message.AppendInt(nil, 0x02, target)[2:], nil)
}

func whoAmI(id int32) []byte {
	return message.AppendExtendedRequest(nil, id, message.WhoAmIOID, nil, nil)
}
