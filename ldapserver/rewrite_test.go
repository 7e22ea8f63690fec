package ldapserver

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

const (
	rewriteOID     = "1.3.6.1.4.1.99999.10" // an extended request with a Rewriter
	rewriteControl = "1.3.6.1.4.1.99999.11" // a control with one
)

// rewriter is a Rewriter made of functions.
type rewriter struct {
	wants   func(*extop.Relayed) bool
	rewrite func(context.Context, *extop.Relayed) (*extop.Rewritten, error)
}

func (r rewriter) Rewrites(req *extop.Relayed) bool { return r.wants == nil || r.wants(req) }

func (r rewriter) Rewrite(ctx context.Context, req *extop.Relayed) (*extop.Rewritten, error) {
	return r.rewrite(ctx, req)
}

// extendedOp is the protocolOp of an extended request.
func extendedOp(name, value string) []byte {
	body := message.AppendElement(nil, 0x80, name)
	body = message.AppendElement(body, 0x81, value)
	return message.AppendElement(nil, message.ExtendedRequest, body)
}

// octets is an OCTET STRING, for requests that nobody looks into.
func octets(s string) []byte { return message.AppendElement(nil, 0x04, s) }

// ended collects what Rewritten.Done is told.
type ended struct {
	mu   sync.Mutex
	errs []*result.Error
	told chan struct{}
}

func newEnded() *ended { return &ended{told: make(chan struct{}, 100)} }

func (e *ended) done(err *result.Error) {
	e.mu.Lock()
	e.errs = append(e.errs, err)
	e.mu.Unlock()
	e.told <- struct{}{}
}

// want waits for the next outcome.
func (e *ended) want(t *testing.T, code result.Code) {
	t.Helper()
	select {
	case <-e.told:
	case <-time.After(20 * time.Second):
		t.Fatal("the end was not told")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	got := result.Success
	if err := e.errs[0]; err != nil {
		got = err.Code
	}
	e.errs = e.errs[1:]
	if got != code {
		t.Errorf("ended with %v, want %v", got, code)
	}
}

func TestRewriteExtended(t *testing.T) {
	outcome := newEnded()
	var sent *extop.Rewritten
	rw := rewriter{
		wants: func(req *extop.Relayed) bool { return string(req.Value) != "as it is" },
		rewrite: func(_ context.Context, req *extop.Relayed) (*extop.Rewritten, error) {
			if req.Name != rewriteOID || req.Tag != message.ExtendedRequest || len(req.Controls) != 2 || req.Controls[1].OID != "1.2.4" {
				t.Errorf("request %+v", req)
			}
			sent = &extop.Rewritten{Op: extendedOp(rewriteOID, "better "+string(req.Value)), Value: []byte("secret"), Done: outcome.done}
			return sent, nil
		},
	}
	controls := message.AppendControl(message.AppendControl(nil, "1.2.3", true, []byte("v")), "1.2.4", false, nil)
	untouched := message.AppendExtendedRequest(nil, 2, rewriteOID, []byte("as it is"), controls)
	referral := append([]byte{0x0a, 1, 0, 0x04, 0}, 0x04, 2, 'o', 'k')
	_, addr := start(t, Config{RewriteExtended: map[string]extop.Rewriter{rewriteOID: rw}, Dial: fake(t, func(d *wire) {
		m, _ := d.receive()
		if e, err := message.ParseExtended(m.Body); err != nil || string(e.Value) != "better one" || m.ID != 1 || !bytes.Equal(m.Controls, controls) {
			t.Errorf("the directory got %x", m.Raw)
		}
		body := append(bytes.Clone(referral), 0x8a, 1, 'n', 0x8b, 1, 'x')
		d.send(message.AppendMessage(nil, 1, message.ExtendedResponse, body, controls))
		m, _ = d.receive()
		if !bytes.Equal(m.Raw, untouched) {
			t.Errorf("the directory got %x, want %x", m.Raw, untouched)
		}
		d.send(answer(2, message.ExtendedResponse, result.UnwillingToPerform))
		// A refusal passes as it is.
		m, _ = d.receive()
		d.send(message.AppendMessage(nil, m.ID, message.ExtendedResponse, append([]byte{0x0a, 1, 19, 0x04, 0}, 0x04, 2, 'n', 'o', 0x8b, 1, 'x'), controls))
		d.receive()
	})})
	w := newWire(t, addr)
	w.send(message.AppendExtendedRequest(nil, 1, rewriteOID, []byte("one"), controls))
	m, r := w.next()
	if m.ID != 1 || r.Code != 0 || string(r.Text) != "ok" || string(r.Name) != "n" || string(r.Value) != "secret" || !bytes.Equal(m.Controls, controls) {
		t.Errorf("answer %x", m.Raw)
	}
	outcome.want(t, result.Success)
	if bytes.Contains(sent.Op, []byte("better")) || bytes.Contains(sent.Value, []byte("secret")) {
		t.Error("not wiped")
	}
	w.send(untouched)
	w.want(2, message.ExtendedResponse, result.UnwillingToPerform)
	w.send(message.AppendExtendedRequest(nil, 3, rewriteOID, []byte("three"), controls))
	m, r = w.next()
	if m.ID != 3 || r.Code != 19 || string(r.Value) != "x" || !bytes.Equal(m.Controls, controls) {
		t.Errorf("answer %x", m.Raw)
	}
	outcome.want(t, result.ConstraintViolation)
}

// TestRewriteControl has an add completed and its control taken away.
func TestRewriteControl(t *testing.T) {
	outcome := newEnded()
	rw := rewriter{rewrite: func(_ context.Context, req *extop.Relayed) (*extop.Rewritten, error) {
		if req.Tag != message.AddRequest {
			return nil, &result.Error{Code: result.UnavailableCriticalExtension, Text: "not here"}
		}
		return &extop.Rewritten{
			Op: message.AppendElement(nil, message.AddRequest, octets("added")), Without: rewriteControl,
			Controls: []extop.Control{{OID: "1.2.9", Value: []byte("secret")}}, Done: outcome.done,
		}, nil
	}}
	others := message.AppendControl(nil, "1.2.3", true, []byte("v"))
	both := message.AppendControl(bytes.Clone(others), rewriteControl, true, nil)
	_, addr := start(t, Config{RewriteControls: map[string]extop.Rewriter{rewriteControl: rw}, Dial: fake(t, func(d *wire) {
		for _, want := range [][]byte{others, nil} {
			m, _ := d.receive()
			if m.Op != message.AddRequest || !bytes.Equal(m.Body, octets("added")) || !bytes.Equal(m.Controls, want) || (want == nil) != (m.Controls == nil) {
				t.Errorf("the directory got %x", m.Raw)
			}
			d.send(message.AppendMessage(nil, m.ID, message.AddResponse, []byte{0x0a, 1, 0, 0x04, 0, 0x04, 0}, want))
		}
		d.receive()
	})})
	w := newWire(t, addr)
	w.send(message.AppendMessage(nil, 1, message.AddRequest, octets("x"), both))
	m, r := w.next()
	if want := message.AppendControl(bytes.Clone(others), "1.2.9", false, []byte("secret")); m.Op != message.AddResponse || r.Code != 0 || !bytes.Equal(m.Controls, want) {
		t.Errorf("answer %x", m.Raw)
	}
	outcome.want(t, 0)
	w.send(message.AppendMessage(nil, 2, message.AddRequest, octets("x"), message.AppendControl(nil, rewriteControl, false, nil)))
	m, _ = w.next()
	if want := message.AppendControl(nil, "1.2.9", false, []byte("secret")); !bytes.Equal(m.Controls, want) {
		t.Errorf("answer %x", m.Raw)
	}
	for op, response := range map[byte]byte{
		message.ModifyRequest: message.ModifyResponse, message.DelRequest: message.DelResponse, message.SearchRequest: message.SearchResultDone,
		message.CompareRequest: message.CompareResponse, message.ModifyDNRequest: message.ModifyDNResponse,
	} {
		w.send(message.AppendMessage(nil, 3, op, octets("x"), both))
		if r := w.want(3, response, result.UnavailableCriticalExtension); string(r.Text) != "not here" {
			t.Errorf("text %q", r.Text)
		}
	}
	w.send(message.AppendExtendedRequest(nil, 3, "1.2.3.4", nil, both))
	w.want(3, message.ExtendedResponse, result.UnavailableCriticalExtension)
}

// TestRewriteTag has an extended request performed by a modify.
func TestRewriteTag(t *testing.T) {
	rw := rewriter{rewrite: func(context.Context, *extop.Relayed) (*extop.Rewritten, error) {
		return &extop.Rewritten{Op: message.AppendElement(nil, message.ModifyRequest, octets("modified")), Value: []byte("secret")}, nil
	}}
	controls := message.AppendControl(nil, "1.2.3", false, nil)
	_, addr := start(t, Config{RewriteExtended: map[string]extop.Rewriter{rewriteOID: rw}, Dial: fake(t, func(d *wire) {
		for _, code := range []byte{0, 50} {
			m, _ := d.receive()
			if m.Op != message.ModifyRequest {
				t.Errorf("the directory got %x", m.Raw)
			}
			body := append([]byte{0x0a, 1, code, 0x04, 1, 'm', 0x04, 2, 't', 'x'}, 0xa3, 3, 0x04, 1, 'u')
			d.send(message.AppendMessage(nil, m.ID, message.ModifyResponse, body, controls))
		}
		d.receive()
	})})
	w := newWire(t, addr)
	for _, tc := range []struct {
		code  byte
		value string
	}{{0, "secret"}, {50, ""}} {
		w.send(ext(1, rewriteOID, nil))
		m, r := w.next()
		if m.Op != message.ExtendedResponse || r.Code != result.Code(tc.code) || string(r.Value) != tc.value || string(r.MatchedDN) != "m" ||
			string(r.Text) != "tx" || !bytes.Equal(m.Controls, controls) || !bytes.Contains(m.Body, []byte{0xa3, 3, 0x04, 1, 'u'}) {
			t.Errorf("answer %x", m.Raw)
		}
	}
}

func TestRewriteRetry(t *testing.T) {
	outcome := newEnded()
	make1 := func(value string) *extop.Rewritten {
		return &extop.Rewritten{Op: extendedOp(rewriteOID, value), Value: []byte(value), Done: outcome.done}
	}
	rw := rewriter{rewrite: func(_ context.Context, req *extop.Relayed) (*extop.Rewritten, error) {
		first := make1("first")
		tries := 0
		var again func(context.Context, extop.Refusal) *extop.Rewritten
		again = func(_ context.Context, r extop.Refusal) *extop.Rewritten {
			if r.Code != result.ConstraintViolation || r.Text != "history" || len(r.Controls) != 1 {
				t.Errorf("refusal %+v", r)
			}
			if tries++; tries > 2 {
				return nil
			}
			next := make1(strings.Repeat("again", tries))
			next.Retry = again
			return next
		}
		first.Retry = again
		return first, nil
	}}
	controls := message.AppendControl(nil, "1.2.3", false, nil)
	refusal := message.AppendMessage(nil, 1, message.ExtendedResponse, append([]byte{0x0a, 1, 19, 0x04, 0, 0x04, 7}, "history"...), controls)
	accept := 0
	_, addr := start(t, Config{RewriteExtended: map[string]extop.Rewriter{rewriteOID: rw}, Dial: fake(t, func(d *wire) {
		for n, want := range []string{"first", "again", "first", "again", "againagain"} {
			m, _ := d.receive()
			if e, _ := message.ParseExtended(m.Body); string(e.Value) != want || m.ID != 1 {
				t.Errorf("the directory got %q, want %q", e.Value, want)
			}
			if n == 1 {
				accept++
				d.send(answer(1, message.ExtendedResponse, result.Success))
				continue
			}
			d.send(refusal)
		}
		d.receive()
	})})
	w := newWire(t, addr)
	w.send(ext(1, rewriteOID, nil))
	if r := w.want(1, message.ExtendedResponse, result.Success); string(r.Value) != "again" {
		t.Errorf("value %q", r.Value)
	}
	outcome.want(t, result.Success)
	w.send(ext(1, rewriteOID, nil))
	if m, _ := w.next(); !bytes.Equal(m.Raw, refusal) {
		t.Errorf("answer %x, want %x", m.Raw, refusal)
	}
	outcome.want(t, result.ConstraintViolation)
	if accept != 1 || len(outcome.errs) != 0 {
		t.Errorf("accepted %d, further outcomes %v", accept, outcome.errs)
	}
}

// TestRewriteGivenUp has the client abandon and cancel while a request is
// here, and while the directory has it.
func TestRewriteGivenUp(t *testing.T) {
	outcome := newEnded()
	entered, canceled := make(chan struct{}, 10), make(chan error, 10)
	rw := rewriter{rewrite: func(ctx context.Context, req *extop.Relayed) (*extop.Rewritten, error) {
		if string(req.Value) == "wait" {
			entered <- struct{}{}
			<-ctx.Done()
			canceled <- ctx.Err()
			return nil, ctx.Err()
		}
		return &extop.Rewritten{Op: extendedOp(rewriteOID, "sent"), Value: []byte("secret"), Done: outcome.done,
			Retry: func(context.Context, extop.Refusal) *extop.Rewritten { return nil }}, nil
	}}
	seen := make(chan message.Message)
	reply := make(chan []byte)
	_, addr := start(t, Config{RewriteExtended: map[string]extop.Rewriter{rewriteOID: rw}, Dial: fake(t, func(d *wire) {
		for range 4 {
			m, _ := d.receive()
			m, _ = message.Scan(bytes.Clone(m.Raw), message.Limits{})
			seen <- m
			d.send(<-reply)
		}
	})})
	w := newWire(t, addr)

	// While it is here.
	w.send(ext(1, rewriteOID, []byte("wait")))
	<-entered
	w.send(abandon(2, 1))
	if err := <-canceled; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.send(ext(3, rewriteOID, []byte("wait")))
	<-entered
	w.send(cancel(4, 3))
	w.want(3, message.ExtendedResponse, result.Canceled)
	w.want(4, message.ExtendedResponse, result.Success)
	<-canceled

	// While the directory has it.
	w.send(ext(5, rewriteOID, nil))
	if m := <-seen; m.ID != 5 || m.Op != message.ExtendedRequest {
		t.Errorf("the directory got %x", m.Raw)
	}
	w.send(abandon(6, 5))
	reply <- nil
	if m := <-seen; m.Op != message.AbandonRequest {
		t.Errorf("the directory got %x", m.Raw)
	}
	outcome.want(t, result.Canceled)
	reply <- nil
	w.send(ext(7, rewriteOID, nil))
	if m := <-seen; m.ID != 7 {
		t.Errorf("the directory got %x", m.Raw)
	}
	w.send(cancel(8, 7))
	reply <- nil
	if m := <-seen; m.ID != 8 || m.Op != message.ExtendedRequest {
		t.Errorf("the directory got %x", m.Raw)
	}
	reply <- append(answer(7, message.ExtendedResponse, result.Canceled), answer(8, message.ExtendedResponse, result.Success)...)
	w.want(7, message.ExtendedResponse, result.Canceled)
	w.want(8, message.ExtendedResponse, result.Success)
	outcome.want(t, result.Canceled)
}

func TestRewriteLost(t *testing.T) {
	outcome := newEnded()
	rw := rewriter{rewrite: func(context.Context, *extop.Relayed) (*extop.Rewritten, error) {
		return &extop.Rewritten{Op: extendedOp(rewriteOID, "sent"), Done: outcome.done}, nil
	}}
	_, addr := start(t, Config{RewriteExtended: map[string]extop.Rewriter{rewriteOID: rw}, Dial: fake(t, func(d *wire) {
		d.receive()
		_ = d.conn.Close()
	})})
	w := newWire(t, addr)
	w.send(ext(1, rewriteOID, nil))
	w.wantNotice(result.Unavailable)
	outcome.want(t, result.Unavailable)
}

// elsewhere is a connection to another machine.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 389} }

func TestRewriteRefused(t *testing.T) {
	outcome := newEnded()
	seen := &events{}
	rw := rewriter{rewrite: func(_ context.Context, req *extop.Relayed) (*extop.Rewritten, error) {
		switch string(req.Value) {
		case "panic":
			panic("as asked")
		case "nothing":
			return nil, nil
		case "protected":
			return &extop.Rewritten{Op: extendedOp(rewriteOID, "sent"), Protected: true, Done: outcome.done}, nil
		}
		return nil, &result.Error{Code: result.NoSuchObject, MatchedDN: "dc=x", Text: "no"}
	}}
	dial := fake(t, func(d *wire) { d.receive() })
	_, addr := start(t, Config{RewriteExtended: map[string]extop.Rewriter{rewriteOID: rw}, Observer: seen, Dial: func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		return elsewhere{conn}, err
	}})
	w := newWire(t, addr)
	w.send(ext(1, rewriteOID, nil))
	if r := w.want(1, message.ExtendedResponse, result.NoSuchObject); string(r.MatchedDN) != "dc=x" || string(r.Text) != "no" {
		t.Errorf("answer %+v", r)
	}
	for id, value := range []string{"panic", "nothing"} {
		w.send(ext(int32(id+2), rewriteOID, []byte(value)))
		w.want(int32(id+2), message.ExtendedResponse, result.Other)
	}
	if seen.of("panic "+rewriteOID) != 1 {
		t.Errorf("observed %v", seen.counts)
	}
	w.send(ext(4, rewriteOID, []byte("protected")))
	r := w.want(4, message.ExtendedResponse, result.ConfidentialityRequired)
	outcome.want(t, result.ConfidentialityRequired)
	if !strings.Contains(string(r.Text), "directory") {
		t.Errorf("text %q", r.Text)
	}
}
