package ldapserver

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// A Config says what a Server does. Only Dial is required. For every
// duration and number, 0 means the default that is named, and a negative value
// no limit.
type Config struct {
	// Dial connects to the directory. It is called once for each client
	// connection, when its first message needs the directory, and again
	// after a failure.
	Dial func(ctx context.Context) (net.Conn, error)

	// Extended are the extended operations that the server answers itself,
	// by request OID. They are added to the root DSE's supportedExtension.
	// They must be neither StartTLS nor cancel (RFC 3909), which the server
	// knows.
	Extended map[string]extop.Handler

	// RewriteExtended completes extended requests of the directory, by
	// request OID. They are not added to the root DSE: what the directory
	// does not offer is not offered here either.
	RewriteExtended map[string]extop.Rewriter

	// RewriteControls completes requests of any kind but bind, unbind and
	// abandon that carry a control, by its OID. It goes before
	// RewriteExtended. The OIDs are added to the root DSE's
	// supportedControl.
	RewriteControls map[string]extop.Rewriter

	// Controls are further OIDs to add to the root DSE's supportedControl.
	Controls []string

	// TLSConfig is for StartTLS and ServeTLS. Without it StartTLS is
	// refused, and ServeTLS returns an error.
	TLSConfig *tls.Config

	// Supplement answers what the directory cannot. May be nil.
	Supplement Supplement

	// External tells as whom a client may bind by the SASL mechanism
	// EXTERNAL, and how the server gets there at the directory. ok is false
	// for a connection that proves no identity that is known. Without it,
	// such binds are refused, and the mechanism is left out of the root
	// DSE's supportedSASLMechanisms. It must not block.
	External func(p Peer) (b ExternalBind, ok bool)

	// PassSecurityLayers lets SASL mechanisms through that may install a
	// security layer, such as GSSAPI. The server cannot look into such a
	// layer: once the bind has succeeded it passes octets on blindly, answers
	// nothing itself on that connection, and closes it at once on Shutdown.
	// Without it such binds are
	// refused with authMethodNotSupported(7), and the mechanisms are left
	// out of the root DSE's supportedSASLMechanisms.
	PassSecurityLayers bool

	MaxConnections          int // client connections at a time; default 10,000
	MaxAddressConnections   int // the same from one IPv4 address or IPv6 /64; default half of MaxConnections, at least 64
	MaxHandshakes           int // TLS handshakes at a time, of which a further one ends the oldest; default 1,024
	MaxPartial              int // octets held of messages that have arrived in part, as MaxHandshakes; default 64 MiB
	MaxMessageSize          int // octets of a client's message; default 4 MiB
	MaxAnonymousMessageSize int // the same before a bind; default 256 KiB, never above MaxMessageSize
	MaxDepth                int // nesting of a client's message; default 100, at most 255
	MaxRelayed              int // unanswered requests that a connection has at the directory; default 4,096
	MaxOperations           int // requests of a connection that the server works on itself; default 64

	DialTimeout      time.Duration // for Dial; default 10 s
	HandshakeTimeout time.Duration // for a TLS handshake; default 10 s
	MessageTimeout   time.Duration // from a message's first octet to its last; default 1 min
	WriteTimeout     time.Duration // for a write of up to 64 KiB to make its way; default 1 min
	OperationTimeout time.Duration // for an operation that the server works on itself; default 1 min
	IdleTimeout      time.Duration // without a request under way; default 1 h

	// Logger receives what an operator should see. It is never given a
	// password. nil discards.
	Logger *slog.Logger

	// Observer is told what happens, for metrics. May be nil.
	Observer Observer

	// Trails names connections and operations, in the contexts that
	// handlers and Dial are given and in those of the lines for Logger.
	// Doors that log to the same place share one. nil stands for one of the
	// server's own.
	Trails *trail.Source
}

// An Observer is told what a Server does. Its methods are called from many
// goroutines, on the way of every request: they must not block.
type Observer interface {
	// ConnectionOpened is called for each accepted client connection, and
	// ConnectionClosed when it has ended.
	ConnectionOpened()
	ConnectionClosed()

	// ConnectionRefused is called when Config.MaxConnections or
	// MaxAddressConnections is reached.
	ConnectionRefused()

	// Disconnected is called when the server ends a connection with a
	// notice of disconnection.
	Disconnected(code result.Code)

	// Relayed is called for each request that is passed on, with the tag
	// of its protocolOp; message.OpName has its name.
	Relayed(op byte)

	// Answered is called when an extended operation of ours has ended, or
	// was refused at once, with how long that took. It is also called for
	// each request that a Rewriter was given, with the OID that it is
	// configured under.
	Answered(oid string, code result.Code, took time.Duration)

	// Panicked is called when an operation of ours panicked.
	Panicked(oid string)
}

// A Supplement answers what the directory behind the server cannot speak.
type Supplement interface {
	// Supplement is asked before a message is passed on to the directory:
	// any request but unbind, extended operations that are answered
	// elsewhere, and StartTLS. It is given the DN that the connection is
	// bound as, empty if anonymous. If it handles the message, it returns the
	// complete responses to send, under the message's ID, none for an
	// abandon. If not, it must return at once. It is also asked before
	// the searches of Caller.See. It may be called from several goroutines.
	Supplement(ctx context.Context, bindDN string, msg message.Message) (responses []byte, handled bool)
}

// setDefaults replaces each 0 and each negative value.
func (c *Config) setDefaults() {
	number := func(n *int, v int) {
		switch {
		case *n == 0:
			*n = v
		case *n < 0:
			*n = 1<<31 - 1
		}
	}
	number(&c.MaxConnections, 10_000)
	number(&c.MaxAddressConnections, max(c.MaxConnections/2, 64))
	number(&c.MaxHandshakes, 1024)
	number(&c.MaxPartial, 64<<20)
	number(&c.MaxMessageSize, 4<<20)
	number(&c.MaxAnonymousMessageSize, 256<<10)
	c.MaxAnonymousMessageSize = min(c.MaxAnonymousMessageSize, c.MaxMessageSize)
	number(&c.MaxDepth, 100)
	number(&c.MaxRelayed, 4096)
	number(&c.MaxOperations, 64)
	duration := func(d *time.Duration, v time.Duration) {
		switch {
		case *d == 0:
			*d = v
		case *d < 0:
			*d = 0
		}
	}
	duration(&c.DialTimeout, 10*time.Second)
	duration(&c.HandshakeTimeout, 10*time.Second)
	duration(&c.MessageTimeout, time.Minute)
	duration(&c.WriteTimeout, time.Minute)
	duration(&c.OperationTimeout, time.Minute)
	duration(&c.IdleTimeout, time.Hour)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Trails == nil {
		c.Trails = trail.NewSource()
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
}

type noObserver struct{}

func (noObserver) ConnectionOpened()                           {}
func (noObserver) ConnectionClosed()                           {}
func (noObserver) ConnectionRefused()                          {}
func (noObserver) Disconnected(result.Code)                    {}
func (noObserver) Relayed(byte)                                {}
func (noObserver) Answered(string, result.Code, time.Duration) {}
func (noObserver) Panicked(string)                             {}
