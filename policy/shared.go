package policy

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// sharedReads answers queries marked Shared from a cache.
type sharedReads struct {
	Directory
	ttl         time.Duration
	notifiedTTL time.Duration // for what is watched

	mu       sync.Mutex
	epoch    uint64
	watched  regions
	kept     map[string]answer
	made     map[any]made
	underWay map[string]*sharedRead // of the present epoch
}

type answer struct {
	entries []Entry
	expires time.Time
}

// made is what Recall keeps.
type made struct {
	value   any
	expires time.Time
}

// A sharedRead is one that has not been answered yet. When an answer expires,
// everybody wants the next one at once, and some are large.
type sharedRead struct {
	done chan struct{} // closed once what follows is set

	answer  answer
	err     error
	givenUp bool // the error is about who asked, not about the directory
}

// maxSharedReads bounds the cache; policies are few, so a full one is stale.
const maxSharedReads = 10_000

func newSharedReads(dir Directory, ttl, notifiedTTL time.Duration) *sharedReads {
	return &sharedReads{Directory: dir, ttl: ttl, notifiedTTL: notifiedTTL,
		kept: make(map[string]answer), made: make(map[any]made), underWay: make(map[string]*sharedRead)}
}

// invalidate drops everything and does f in the same instant: who sees what f
// did finds no old reads.
func (s *sharedReads) invalidate(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	clear(s.kept)
	clear(s.made)
	clear(s.underWay)
	f()
}

// Search implements Directory.
func (s *sharedReads) Search(ctx context.Context, q Query) ([]Entry, error) {
	a, err := s.search(ctx, q)
	return a.entries, err
}

// search is Search that tells how long the answer may be used. Failures are
// not kept: most are about this attempt, and the bases of missing entries
// come from clients.
func (s *sharedReads) search(ctx context.Context, q Query) (answer, error) {
	asked := time.Now()
	if !q.Shared || s.ttl <= 0 {
		entries, err := s.Directory.Search(ctx, q)
		return answer{entries, asked.Add(max(s.ttl, 0))}, err
	}
	var space [256]byte
	key := appendQuery(space[:0], q)
	for {
		s.mu.Lock()
		if a, ok := s.kept[string(key)]; ok && asked.Before(a.expires) {
			s.mu.Unlock()
			return a, nil
		}
		r, ok := s.underWay[string(key)]
		if !ok {
			r = &sharedRead{done: make(chan struct{})}
			s.underWay[string(key)] = r
			epoch, watched := s.epoch, s.watched
			s.mu.Unlock()
			s.read(ctx, q, string(key), asked, r, epoch, watched)
			return r.answer, r.err
		}
		s.mu.Unlock()
		select {
		case <-r.done:
		case <-ctx.Done():
			return answer{}, ctx.Err()
		}
		if !r.givenUp {
			return r.answer, r.err
		}
	}
}

// read asks the directory, at a time and in an epoch, for all who wait for r.
func (s *sharedReads) read(ctx context.Context, q Query, key string, asked time.Time, r *sharedRead, epoch uint64, watched regions) {
	r.givenUp = true // unless this returns
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.underWay[key] == r {
			delete(s.underWay, key)
		}
		if r.err == nil && !r.givenUp && s.epoch == epoch {
			if len(s.kept) >= maxSharedReads {
				clear(s.kept)
			}
			s.kept[key] = r.answer
		}
		close(r.done)
	}()
	entries, err := s.Directory.Search(ctx, q)
	r.err, r.givenUp = err, err != nil && ctx.Err() != nil
	if err != nil {
		return
	}
	ttl := s.ttl
	if watched.cover(q) {
		ttl = s.notifiedTTL
	}
	r.answer = answer{entries, asked.Add(ttl)}
}

// A recorder passes reads on and notes what became of them. Its age is that
// of the answer to be given up first.
type recorder struct {
	dir *sharedReads

	mu     sync.Mutex
	age    age
	reads  int
	unkept bool      // something came from no cache, or failed
	sum    hash.Hash // of the reads; nil if nobody wants it
}

// record begins to record, at the present epoch: before anything is read.
func (s *Service) record() *recorder {
	epoch := s.epoch.Load()
	return &recorder{dir: s.dir, age: age{epoch, time.Now().Add(max(s.dir.ttl, 0))}}
}

// Search implements Directory.
func (r *recorder) Search(ctx context.Context, q Query) ([]Entry, error) {
	a, err := r.dir.search(ctx, q)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		// What follows from a failure holds no longer than an unwatched read.
		a.expires = time.Now().Add(max(r.dir.ttl, 0))
	}
	r.note(a.expires, err != nil || !q.Shared)
	if r.sum != nil {
		r.sum.Write(appendAnswer(appendQuery(nil, q), a.entries, err))
	}
	return a.entries, err
}

// note takes account of something read. The caller holds mu.
func (r *recorder) note(expires time.Time, unkept bool) {
	if r.reads == 0 || expires.Before(r.age.expires) {
		r.age.expires = expires
	}
	r.reads++
	r.unkept = r.unkept || unkept
}

// recall implements Recall.
func (r *recorder) recall(key any, f func(Directory) (any, error)) (any, error) {
	s := r.dir
	if r.sum != nil || s.ttl <= 0 {
		return f(r)
	}
	s.mu.Lock()
	m, ok := s.made[key]
	epoch := s.epoch
	s.mu.Unlock()
	if ok && time.Now().Before(m.expires) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.note(m.expires, false)
		return m.value, nil
	}
	within := &recorder{dir: s}
	value, err := f(within)
	if within.reads > 0 {
		r.mu.Lock()
		r.note(within.age.expires, within.unkept)
		r.mu.Unlock()
	}
	if err != nil || within.unkept || within.reads == 0 {
		return value, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == epoch {
		if len(s.made) >= maxSharedReads {
			clear(s.made)
		}
		s.made[key] = made{value, within.age.expires}
	}
	return value, nil
}

// Recall returns what f makes of shared reads of the Directory that it is
// given. Where dir is that of Dialect.Locate, the outcome is kept for as long
// as each of the reads would be; a failure, of f or of a read, is not. The
// outcome must depend on nothing but key and the reads, and is not to be
// changed. The key is comparable, and of a type that nobody else uses.
func Recall[T any](dir Directory, key any, f func(dir Directory) (T, error)) (T, error) {
	r, ok := dir.(*recorder)
	if !ok {
		return f(dir)
	}
	value, err := r.recall(key, func(dir Directory) (any, error) { return f(dir) })
	if err != nil {
		var none T
		return none, err
	}
	return value.(T), nil
}

// Every string and list is preceded by its length, so that different ones
// are never spelled alike.

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTexts(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

func appendQuery(b []byte, q Query) []byte {
	b = append(appendText(b, q.Base), byte(q.Scope))
	b = appendTexts(appendText(b, q.Filter), q.Attributes)
	b = binary.AppendUvarint(b, uint64(len(q.Controls)))
	for _, c := range q.Controls {
		flags := byte(0)
		if c.Critical {
			flags |= 1
		}
		if c.Value != nil {
			flags |= 2
		}
		b = appendText(append(appendText(b, c.OID), flags), string(c.Value))
	}
	return b
}

func appendAnswer(b []byte, entries []Entry, err error) []byte {
	code := result.Success
	if err != nil {
		code = result.From(err).Code
	}
	b = binary.AppendUvarint(b, uint64(code))
	b = binary.AppendUvarint(b, uint64(len(entries)))
	for _, e := range entries {
		b = binary.AppendUvarint(appendText(b, e.DN), uint64(len(e.Attributes)))
		for _, a := range e.Attributes {
			b = appendTexts(appendText(b, a.Name), a.Values)
		}
	}
	return b
}

// A fingerprint stands for a sequence of questions and answers; zero stands
// for none, which proves nothing.
type fingerprint [sha256.Size]byte

func (r *recorder) fingerprint() (f fingerprint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reads > 0 {
		r.sum.Sum(f[:0])
	}
	return f
}

func exists(ctx context.Context, dir Directory, dn string) (bool, error) {
	entries, err := dir.Search(ctx, Query{Base: dn, Attributes: []string{"1.1"}})
	if result.Is(err, result.NoSuchObject) {
		return false, nil
	}
	return len(entries) > 0, err
}
