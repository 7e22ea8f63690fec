package restbridge

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/shares"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// RateLimit gives each caller the same share. It bounds its memory: a caller
// who is forgotten starts afresh.
type RateLimit struct {
	// PerSecond is how many requests a caller may make in the long run. 0
	// means no limit.
	PerSecond float64

	// Burst is how many may come at once. 0 means ten seconds' worth, and at
	// least 1.
	Burst int

	// MaxCallers bounds the callers that are remembered. The one who has not
	// asked for the longest time is forgotten first. 0 means 10,000.
	MaxCallers int
}

// Failed attempts to say who one is, by address: a hundred at once and one
// every second. Proxies and networks share an address, so it is generous;
// guessing is for the directory's own lockout to stop.
const (
	failuresPerSecond = 1
	failuresBurst     = 100
)

// A limiter holds callers to a RateLimit. A nil one lets everybody through.
type limiter struct {
	perSecond float64
	callers   *shares.Shares

	mu   sync.Mutex
	keys map[string]string // of callers, by authorization identity as it is spelled
}

func newLimiter(cfg RateLimit) *limiter {
	if cfg.PerSecond <= 0 {
		return nil
	}
	if cfg.Burst <= 0 {
		cfg.Burst = max(1, int(math.Ceil(10*cfg.PerSecond)))
	}
	return &limiter{perSecond: cfg.PerSecond, callers: shares.New(cfg.PerSecond, cfg.Burst, cfg.MaxCallers)}
}

// What a limiter remembers of spellings: most callers have one.
const (
	maxKeys      = 1024
	maxKeyOctets = 256
)

// keyOf returns what stands for an authorization identity, however it is
// spelled.
func (l *limiter) keyOf(authzID string) string {
	name, ok := strings.CutPrefix(authzID, "dn:")
	if !ok {
		return authzID
	}
	l.mu.Lock()
	key, known := l.keys[authzID]
	l.mu.Unlock()
	if known {
		return key
	}
	key = "dn:" + dn.Key(name)
	if len(authzID) <= maxKeyOctets {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.keys == nil || len(l.keys) >= maxKeys {
			l.keys = make(map[string]string)
		}
		l.keys[authzID] = key
	}
	return key
}

// take counts one request of an authorization identity, however it is
// spelled.
func (l *limiter) take(authzID string) error {
	if l == nil {
		return nil
	}
	return l.reserve(l.keyOf(authzID))
}

// admit counts one request from an address, if it has one.
func (l *limiter) admit(remote string) error {
	if l == nil {
		return nil
	}
	if network := networkOf(remote); network != "" {
		return l.reserve(network)
	}
	return nil
}

func (l *limiter) reserve(key string) error {
	s := l.callers.Of(key)
	now := time.Now()
	r := s.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	r.CancelAt(now)
	return tooMany(wait)
}

// check reports whether an address may try again, and count notes that it
// failed.
func (l *limiter) check(remote string) error {
	if l == nil {
		return nil
	}
	s := l.callers.Of(networkOf(remote))
	if have := s.TokensAt(time.Now()); have < 1 {
		return tooMany(time.Duration((1 - have) / l.perSecond * float64(time.Second)))
	}
	return nil
}

func (l *limiter) count(remote string) {
	if l != nil {
		l.callers.Of(networkOf(remote)).AllowN(time.Now(), 1)
	}
}

// networkOf returns the address of a client, of IPv6 its first 64 bits: as many
// as one network has, whose owner chooses the others. It is empty for a client
// on a local socket.
func networkOf(remote string) string {
	if host, _, ok := strings.Cut(remote, ":"); ok && host != "" && host[0] != '[' {
		return host // of IPv4
	}
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	addr := at.Addr().Unmap()
	if addr.Is6() {
		p, _ := addr.WithZone("").Prefix(64)
		return p.String()
	}
	return addr.String()
}

// tooMany tells a client when to come back (RFC 6585 section 4).
func tooMany(wait time.Duration) error {
	return &httpError{
		status: http.StatusTooManyRequests, code: result.Busy, text: "too many requests: try again later",
		retryAfter: strconv.Itoa(max(1, int(math.Ceil(wait.Seconds())))),
	}
}
