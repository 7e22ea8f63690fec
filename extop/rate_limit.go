package extop

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/shares"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// RateLimit configures a Limiter that gives each caller the same share.
type RateLimit struct {
	// PerSecond is how many requests a caller may make in the long run. 0
	// means 5.
	PerSecond float64

	// Burst is how many may come at once. 0 means 20.
	Burst int

	// ByAddress gives each client address the same share, instead of each
	// identity. Addresses of IPv6 are told apart by their first 64 bits, as
	// many as one network has. Callers without an address, on a local
	// socket, are not limited.
	ByAddress bool

	// MaxCallers bounds the callers that are remembered. The one who has not
	// asked for the longest time is forgotten first, and starts afresh. 0
	// means 10,000.
	MaxCallers int
}

// Limiter returns a Limiter that answers busy(51) to who asks too often. A
// caller is the identity that its connection is bound as, however it is
// spelled: an identity that it merely claims by proxied authorization makes
// no difference.
func (c RateLimit) Limiter() Limiter {
	if c.PerSecond <= 0 {
		c.PerSecond = 5
	}
	if c.Burst <= 0 {
		c.Burst = 20
	}
	l := &rateLimiter{byAddress: c.ByAddress, callers: shares.New(c.PerSecond, c.Burst, c.MaxCallers)}
	return l.ask
}

type rateLimiter struct {
	byAddress bool
	callers   *shares.Shares
}

// An Addressed is a Caller that knows where it is.
type Addressed interface {
	// Address returns the address of the client. It is invalid where the
	// connection has none, as on a local socket.
	Address() netip.Addr
}

// Limiters returns a Limiter that asks each of those that are not nil, in
// order, until one refuses.
func Limiters(limiters ...Limiter) Limiter {
	limiters = slices.DeleteFunc(slices.Clone(limiters), func(l Limiter) bool { return l == nil })
	if len(limiters) == 0 {
		return nil
	}
	return func(q Question) error {
		for _, l := range limiters {
			if err := l(q); err != nil {
				return err
			}
		}
		return nil
	}
}

// network returns what stands for a caller's address, empty if it has none.
func network(c Caller) string {
	a, ok := c.(Addressed)
	if !ok {
		return ""
	}
	addr := a.Address().Unmap()
	if !addr.IsValid() {
		return ""
	}
	if addr.Is6() {
		p, _ := addr.WithZone("").Prefix(64)
		return p.String()
	}
	return addr.String()
}

func (l *rateLimiter) ask(q Question) error {
	key := q.Caller.AuthzID()
	if l.byAddress {
		if key = network(q.Caller); key == "" {
			return nil
		}
	} else if name, ok := strings.CutPrefix(key, "dn:"); ok {
		key = "dn:" + dn.Key(name)
	}
	if l.callers.Of(key).AllowN(time.Now(), 1) {
		return nil
	}
	return result.New(result.Busy, "too many requests: try again in a moment")
}
