package listen

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// ProxyConfig says from whom the PROXY protocol is taken.
type ProxyConfig struct {
	// Trust are the networks of the proxies. A connection from there must
	// begin with a header of version 1 or 2; any other must not, and is its
	// client's own.
	Trust []netip.Prefix

	// Timeout bounds the time until the header is there. 0 means 5 seconds.
	Timeout time.Duration

	// MaxWaiting bounds the connections whose header is not there yet. A
	// further one is closed. 0 means 1,024.
	MaxWaiting int

	// Log gets connections that are refused. Nil means none.
	Log *slog.Logger
}

// Proxied returns a listener for the connections of l with the addresses of
// the clients behind the proxies. Accept never waits for a header.
//
// An address that only a connection on this machine can have, of the loopback
// interface or of a local socket, is believed only of a proxy on this machine:
// who comes from there counts as protected. Another proxy's connection then
// keeps the address of the proxy.
func Proxied(l net.Listener, cfg ProxyConfig) net.Listener {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.MaxWaiting <= 0 {
		cfg.MaxWaiting = 1024
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &proxied{Listener: l, cfg: cfg, ctx: ctx, cancel: cancel,
		ready: make(chan net.Conn), failed: make(chan error), waiting: make(chan struct{}, cfg.MaxWaiting)}
	p.work.Go(p.accept)
	return p
}

type proxied struct {
	net.Listener
	cfg     ProxyConfig
	ctx     context.Context // until Close
	cancel  context.CancelFunc
	ready   chan net.Conn
	failed  chan error
	waiting chan struct{} // one token for each connection without a header yet
	work    sync.WaitGroup
}

// accept takes connections from the listener below. Its errors are handed on,
// the passing ones too: whoever accepts decides when to go on.
func (p *proxied) accept() {
	for {
		conn, err := p.Listener.Accept()
		if err != nil {
			select {
			case p.failed <- err:
				continue
			case <-p.ctx.Done():
				return
			}
		}
		peer := address(conn.RemoteAddr())
		if !p.trusts(peer) {
			p.hand(conn)
			continue
		}
		select {
		case p.waiting <- struct{}{}:
		default:
			p.cfg.Log.Warn("too many connections wait for a PROXY header", "proxy", conn.RemoteAddr().String())
			_ = conn.Close()
			continue
		}
		p.work.Go(func() {
			c, err := p.header(conn, peer)
			<-p.waiting
			if err != nil {
				p.cfg.Log.Warn("a proxy sent no good PROXY header", "proxy", conn.RemoteAddr().String(), "error", err)
				_ = conn.Close()
				return
			}
			p.hand(c)
		})
	}
}

func (p *proxied) hand(conn net.Conn) {
	select {
	case p.ready <- conn:
	case <-p.ctx.Done():
		_ = conn.Close()
	}
}

func (p *proxied) trusts(peer netip.Addr) bool {
	for _, n := range p.cfg.Trust {
		if n.Contains(peer) {
			return true
		}
	}
	return false
}

// header reads the header of a connection.
func (p *proxied) header(conn net.Conn, peer netip.Addr) (net.Conn, error) {
	stop := context.AfterFunc(p.ctx, func() { _ = conn.Close() })
	defer stop()
	c := proxyproto.NewConn(conn, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(p.cfg.Timeout))
	// Reading nothing reads the header, and tells what is wrong with it.
	if _, err := c.Read(nil); err != nil {
		return nil, err
	}
	h := c.ProxyHeader()
	if h == nil {
		return nil, errors.New("no header")
	}
	out := &clientConn{Conn: c, below: conn, remote: conn.RemoteAddr(), local: conn.LocalAddr()}
	if h.Command.IsLocal() {
		return out, nil // the proxy's own, such as a health check
	}
	src, dst, ok := h.TCPAddrs()
	if ok && (!src.IP.IsLoopback() || peer.IsLoopback()) {
		out.remote, out.local = src, dst
	}
	return out, nil
}

// Accept returns the next connection that has told its client.
func (p *proxied) Accept() (net.Conn, error) {
	select {
	case conn := <-p.ready:
		return conn, nil
	case err := <-p.failed:
		return nil, err
	case <-p.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close closes the listener and the connections that wait for a header.
func (p *proxied) Close() error {
	p.cancel()
	err := p.Listener.Close()
	p.work.Wait()
	return err
}

// A clientConn is a connection with the addresses that its proxy told.
type clientConn struct {
	net.Conn
	below         net.Conn
	remote, local net.Addr
}

func (c *clientConn) RemoteAddr() net.Addr { return c.remote }
func (c *clientConn) LocalAddr() net.Addr  { return c.local }

// CloseWrite closes the writing side, as that of a *net.TCPConn.
func (c *clientConn) CloseWrite() error {
	if w, ok := c.below.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// address returns the IP address of addr, the zero Addr if it has none.
func address(addr net.Addr) netip.Addr {
	if t, ok := addr.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
