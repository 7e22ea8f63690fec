package ldapserver

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// TestDrain ends the connections to one of two directories, once what they
// have sent is answered, and no others.
func TestDrain(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := fake(t, func(d *wire) {
		for {
			m, ok := d.receive()
			if !ok {
				return
			}
			close(arrived)
			<-release
			d.send(answer(m.ID, message.ModifyResponse, 0))
		}
	})
	var gone atomic.Pointer[net.Conn]
	srv, addr := start(t, Config{Extended: ops(nil), Dial: func(ctx context.Context) (net.Conn, error) {
		if gone.Load() != nil {
			return dialSlapd(ctx)
		}
		conn, err := slow(ctx)
		gone.Store(&conn)
		return conn, err
	}})
	theirs, other, none := newWire(t, addr), newWire(t, addr), newWire(t, addr)
	theirs.send(message.AppendMessage(nil, 1, message.ModifyRequest, nil, nil))
	<-arrived
	other.send(simpleBind(1, slapd.Reader.DN, slapd.Reader.Password))
	other.want(1, message.BindResponse, result.Success)
	none.send(ext(1, echoOID, nil))
	none.want(1, message.ExtendedResponse, 0)

	if n := srv.Drain(func(conn net.Conn) bool { return conn == *gone.Load() }); n != 1 {
		t.Fatalf("%d connections are drained", n)
	}
	close(release)
	theirs.want(1, message.ModifyResponse, 0)
	theirs.wantNotice(result.Unavailable)
	other.send(simpleBind(2, slapd.Reader.DN, slapd.Reader.Password))
	other.want(2, message.BindResponse, result.Success)
	none.send(ext(2, echoOID, nil))
	none.want(2, message.ExtendedResponse, 0)
	srv.Drain(func(net.Conn) bool { return true })
	other.wantNotice(result.Unavailable)
	// One that never needed the directory is on no server of it.
	none.send(ext(3, echoOID, nil))
	none.want(3, message.ExtendedResponse, 0)
}

// TestSetLimits lowers a limit below what is there, and takes it back.
func TestSetLimits(t *testing.T) {
	srv, addr := start(t, Config{Extended: ops(nil)})
	first := newWire(t, addr)
	first.send(ext(1, echoOID, nil))
	first.want(1, message.ExtendedResponse, 0)
	srv.SetLimits(Limits{Connections: 1})
	newWire(t, addr).wantNotice(result.Unavailable)
	first.send(ext(2, echoOID, nil))
	first.want(2, message.ExtendedResponse, 0)
	srv.SetLimits(Limits{AddressConnections: 1})
	newWire(t, addr).wantNotice(result.Unavailable)
	srv.SetLimits(Limits{Handshakes: 7, Partial: 8})
	second := newWire(t, addr)
	second.send(ext(1, echoOID, nil))
	second.want(1, message.ExtendedResponse, 0)
	if srv.handshakes.max != 7 || srv.partial.max != 8 {
		t.Errorf("%d handshakes, %d octets", srv.handshakes.max, srv.partial.max)
	}
}
