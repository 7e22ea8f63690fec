// Package shares gives everybody the same share of a rate, in bounded memory:
// one token bucket for each key, of which the one used least recently is
// forgotten first and then starts afresh. It trades precision for the bound:
// who can come under more keys than are remembered is not limited.
//
// It exists for both doors and imports nothing of this module.
package shares

import (
	"container/list"
	"sync"

	"golang.org/x/time/rate"
)

// Shares are token buckets by key. They are safe for concurrent use.
type Shares struct {
	limit rate.Limit
	burst int
	most  int

	mu     sync.Mutex
	known  map[string]*list.Element // of *share
	recent list.List                // of *share, used last in front
}

type share struct {
	key string
	*rate.Limiter
}

// DefaultKeys is how many keys are remembered where nobody says.
const DefaultKeys = 10_000

// New returns buckets that fill at perSecond and hold burst, for at most most
// keys; 0 means DefaultKeys.
func New(perSecond float64, burst, most int) *Shares {
	if most <= 0 {
		most = DefaultKeys
	}
	return &Shares{limit: rate.Limit(perSecond), burst: burst, most: most, known: make(map[string]*list.Element)}
}

// Of returns the bucket of a key, a full one if it is not remembered.
func (s *Shares) Of(key string) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.known[key]; ok {
		s.recent.MoveToFront(e)
		return e.Value.(*share).Limiter
	}
	if len(s.known) >= s.most {
		delete(s.known, s.recent.Remove(s.recent.Back()).(*share).key)
	}
	b := &share{key, rate.NewLimiter(s.limit, s.burst)}
	s.known[key] = s.recent.PushFront(b)
	return b.Limiter
}
