package ldapserver

import (
	"context"
	"net"
	"net/netip"
)

type clientKey struct{}

// ClientAddrs returns, from the context that Config.Dial is given, the
// address of the client for whom the connection is, and the address at which
// it arrived. It returns nil for any other context.
func ClientAddrs(ctx context.Context) (client, server net.Addr) {
	if conn, ok := ctx.Value(clientKey{}).(net.Conn); ok {
		return conn.RemoteAddr(), conn.LocalAddr()
	}
	return nil, nil
}

// origin is where a client counts as coming from: its address, or the /64
// that it is in, since whoever has one address of IPv6 has the others too.
// All clients of local sockets have one origin.
func origin(addr net.Addr) netip.Prefix {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits)
	return p
}

// Address implements extop.Addressed.
func (s *session) Address() netip.Addr {
	if tcp, ok := s.raw.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}
