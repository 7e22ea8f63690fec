package ldapserver

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// TestShutdown lets an idle client, one with an operation of ours and one with
// a relayed request under way live through a shutdown.
func TestShutdown(t *testing.T) {
	held := newWaits()
	arrived, release := make(chan struct{}), make(chan struct{})
	srv, addr := start(t, Config{Extended: ops(held), Dial: fake(t, func(d *wire) {
		m, ok := d.receive()
		if !ok {
			return
		}
		close(arrived)
		<-release
		d.send(answer(m.ID, message.ModifyResponse, 0))
		d.receive()
	})})
	idle, ours, theirs := newWire(t, addr), newWire(t, addr), newWire(t, addr)
	idle.send(ext(1, echoOID, nil))
	idle.want(1, message.ExtendedResponse, 0)
	ours.send(ext(1, waitOID, nil))
	<-held.entered
	theirs.send(message.AppendMessage(nil, 1, message.ModifyRequest, nil, nil))
	<-arrived

	down := make(chan error)
	go func() { down <- srv.Shutdown(t.Context()) }()
	idle.wantNotice(result.Unavailable)
	held.release <- struct{}{}
	ours.want(1, message.ExtendedResponse, 0)
	ours.wantNotice(result.Unavailable)
	select {
	case err := <-down:
		t.Fatalf("Shutdown returned %v with a request under way", err)
	default:
	}
	close(release)
	theirs.want(1, message.ModifyResponse, 0)
	theirs.wantNotice(result.Unavailable)
	if err := <-down; err != nil {
		t.Error(err)
	}
}

func TestShutdownInTime(t *testing.T) {
	held := newWaits()
	srv, addr := start(t, Config{Extended: ops(held)})
	w := newWire(t, addr)
	w.send(ext(1, waitOID, nil))
	<-held.entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown returned %v", err)
	}
	w.wantNotice(result.Unavailable)
	if err := <-held.canceled; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestCloseStuck closes a server whose client takes nothing and whose
// directory says nothing.
func TestCloseStuck(t *testing.T) {
	srv, addr := start(t, Config{Extended: ops(nil), Dial: fake(t, func(d *wire) {
		for {
			if _, ok := d.receive(); !ok {
				return
			}
		}
	})})
	w := newWire(t, addr)
	w.send(simpleBind(1, "cn=a", "x"))
	stuck := newWire(t, addr)
	request := ext(1, echoOID, make([]byte, 100_000))
	_ = stuck.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	for {
		if _, err := stuck.conn.Write(request); err != nil {
			break
		}
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	w.wantNotice(result.Unavailable)
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if n := len(srv.sessions); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

func TestShutdownWithoutConnections(t *testing.T) {
	srv, _ := start(t, Config{})
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
