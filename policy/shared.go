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
	err     error
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

// Search implements Directory. Of failures, only noSuchObject is kept: it is
// a fact about the directory, the others are about this attempt.
func (s *sharedReads) Search(ctx context.Context, q Query) ([]Entry, error) {
	if !q.Shared || s.ttl < 0 {
		return s.Directory.Search(ctx, q)
	}
	key := fmt.Sprintf("%q %d %q %q %v", q.Base, q.Scope, q.Filter, q.Attributes, q.Controls)
	s.mu.Lock()
	a, ok := s.kept[key]
	epoch := s.epoch
	s.mu.Unlock()
	if ok && time.Now().Before(a.expires) {
		return a.entries, a.err
	}
	a = answer{expires: time.Now().Add(s.ttl)}
	a.entries, a.err = s.Directory.Search(ctx, q)
	if a.err == nil || result.Is(a.err, result.NoSuchObject) {
		s.mu.Lock()
		if s.epoch == epoch {
			if len(s.kept) >= maxSharedReads {
				clear(s.kept)
			}
			s.kept[key] = a
		}
		s.mu.Unlock()
	}
	return a.entries, a.err
}

func exists(ctx context.Context, dir Directory, dn string) (bool, error) {
	entries, err := dir.Search(ctx, Query{Base: dn, Attributes: []string{"1.1"}})
	if result.Is(err, result.NoSuchObject) {
		return false, nil
	}
	return len(entries) > 0, err
}
