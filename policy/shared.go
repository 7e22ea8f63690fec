package policy

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// sharedReads answers queries marked Shared from a cache that lives for ttl.
type sharedReads struct {
	Directory
	ttl time.Duration

	mu    sync.Mutex
	epoch uint64
	kept  map[string]answer
}

type answer struct {
	entries []Entry
	expires time.Time
}

// maxSharedReads bounds the cache; policies are few, so a full one is stale.
const maxSharedReads = 10_000

func newSharedReads(dir Directory, ttl time.Duration) *sharedReads {
	return &sharedReads{Directory: dir, ttl: ttl, kept: make(map[string]answer)}
}

func (s *sharedReads) invalidate() {
	s.mu.Lock()
	s.epoch++
	clear(s.kept)
	s.mu.Unlock()
}

// Search implements Directory. Failures are not kept: most are about this
// attempt, and the bases of missing entries come from clients.
func (s *sharedReads) Search(ctx context.Context, q Query) ([]Entry, error) {
	if !q.Shared || s.ttl <= 0 {
		return s.Directory.Search(ctx, q)
	}
	key := fmt.Sprintf("%q %d %q %q %v", q.Base, q.Scope, q.Filter, q.Attributes, q.Controls)
	s.mu.Lock()
	a, ok := s.kept[key]
	epoch := s.epoch
	s.mu.Unlock()
	asked := time.Now()
	if ok && asked.Before(a.expires) {
		return a.entries, nil
	}
	entries, err := s.Directory.Search(ctx, q)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == epoch {
		if len(s.kept) >= maxSharedReads {
			clear(s.kept)
		}
		s.kept[key] = answer{entries, asked.Add(s.ttl)}
	}
	return entries, nil
}

func exists(ctx context.Context, dir Directory, dn string) (bool, error) {
	entries, err := dir.Search(ctx, Query{Base: dn, Attributes: []string{"1.1"}})
	if result.Is(err, result.NoSuchObject) {
		return false, nil
	}
	return len(entries) > 0, err
}
