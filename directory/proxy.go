package directory

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// source is where a client came from, and where it went.
type source struct{ client, server netip.AddrPort }

type sourceKey struct{}

// WithSource returns a context for Dial that tells for whom the connection
// is: the address of the client and the address at which it arrived, for the
// header of the PROXY protocol. Addresses that are not TCP's leave ctx as it
// is.
func WithSource(ctx context.Context, client, server net.Addr) context.Context {
	c, ok1 := client.(*net.TCPAddr)
	s, ok2 := server.(*net.TCPAddr)
	if !ok1 || !ok2 {
		return ctx
	}
	return context.WithValue(ctx, sourceKey{}, source{unmap(c), unmap(s)})
}

func unmap(a *net.TCPAddr) netip.AddrPort {
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// sendHeader sends the header of the PROXY protocol that a connection begins
// with.
func sendHeader(ctx context.Context, conn net.Conn, version int) error {
	if version == 0 {
		return nil
	}
	s, _ := ctx.Value(sourceKey{}).(source)
	if d, ok := ctx.Deadline(); ok {
		if err := conn.SetWriteDeadline(d); err != nil {
			return err
		}
	}
	_, err := conn.Write(appendHeader(nil, version, s))
	if err != nil {
		return err
	}
	return conn.SetWriteDeadline(time.Time{})
}

// appendHeader appends a header of the PROXY protocol (HAProxy's
// proxy-protocol.txt, sections 2.1 and 2.2). Without addresses it says that
// the connection is the sender's own: LOCAL in version 2, UNKNOWN in version
// 1, which has no LOCAL. Where one address is of IPv6, both are written so.
func appendHeader(dst []byte, version int, s source) []byte {
	known := s.client.IsValid() && s.server.IsValid()
	ipv4 := known && s.client.Addr().Is4() && s.server.Addr().Is4()
	if version == 1 {
		switch {
		case !known:
			return append(dst, "PROXY UNKNOWN\r\n"...)
		case ipv4:
			return fmt.Appendf(dst, "PROXY TCP4 %v %v %d %d\r\n", s.client.Addr(), s.server.Addr(), s.client.Port(), s.server.Port())
		}
		return fmt.Appendf(dst, "PROXY TCP6 %v %v %d %d\r\n", as6(s.client), as6(s.server), s.client.Port(), s.server.Port())
	}
	dst = append(dst, "\r\n\r\n\x00\r\nQUIT\n"...)
	switch {
	case !known:
		return append(dst, 0x20, 0x00, 0, 0)
	case ipv4:
		c, d := s.client.Addr().As4(), s.server.Addr().As4()
		dst = append(dst, 0x21, 0x11, 0, 12)
		dst = append(append(dst, c[:]...), d[:]...)
	default:
		c, d := s.client.Addr().As16(), s.server.Addr().As16()
		dst = append(dst, 0x21, 0x21, 0, 36)
		dst = append(append(dst, c[:]...), d[:]...)
	}
	dst = binary.BigEndian.AppendUint16(dst, s.client.Port())
	return binary.BigEndian.AppendUint16(dst, s.server.Port())
}

func as6(a netip.AddrPort) netip.Addr { return netip.AddrFrom16(a.Addr().As16()) }
