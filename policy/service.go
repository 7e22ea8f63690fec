package policy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A Service resolves policies through a dialect and keeps the compiled ones
// for a short time. It is safe for concurrent use.
type Service struct {
	dialect Dialect
	dir     *sharedReads
	cfg     ServiceConfig

	mu       sync.Mutex
	epoch    uint64
	compiled map[string]*slot

	ready atomic.Pointer[ready] // the default policy
}

// ready is a resolution that needs no directory until it expires.
type ready struct {
	eff     *Effective
	expires time.Time
}

// ServiceConfig tunes a Service.
type ServiceConfig struct {
	// Generator is for policies that name no generator.
	Generator Config

	// TTL is how long a policy may be used after it was read, where the
	// directory sends no notice of changes. 0 means one second; negative,
	// that every request reads it again.
	TTL time.Duration

	// MaxPolicies bounds the cache. 0 means 10,000.
	MaxPolicies int
}

// slot is one policy in the cache. Invalidate takes it out of the map, so a
// load that began before a change cannot outlive it there.
type slot struct {
	busy     chan struct{} // holds one token while loading: one load for many waiters
	compiled *Compiled
	expires  time.Time
}

// NewService returns a Service that reads dir in the given dialect.
func NewService(dialect Dialect, dir Directory, cfg ServiceConfig) *Service {
	if cfg.TTL == 0 {
		cfg.TTL = time.Second
	}
	if cfg.MaxPolicies <= 0 {
		cfg.MaxPolicies = 10_000
	}
	return &Service{
		dialect: dialect,
		// Two layers, half the time each: what is compiled from a cached
		// read is never older than TTL.
		dir:      newSharedReads(dir, cfg.TTL/2),
		cfg:      cfg,
		compiled: make(map[string]*slot),
	}
}

// Dialect returns the name of the dialect in use.
func (s *Service) Dialect() string { return s.dialect.Name() }

// Effective is the policy in force for a selection.
type Effective struct {
	*Compiled
	Located
}

// Suggest draws passwords for the selection's subject.
func (e *Effective) Suggest(ctx context.Context, o SuggestOptions) ([]Suggestion, error) {
	return e.Compiled.Suggest(ctx, e.Subject, o)
}

// Validate is Compiled.Validate for the selection's subject.
func (e *Effective) Validate(password []byte) []string {
	return e.Compiled.Validate(password, e.Subject)
}

// Resolve finds the policy in force. Its errors are those of Dialect.
func (s *Service) Resolve(ctx context.Context, sel Selection) (*Effective, error) {
	if eff, ok := s.Ready(sel); ok {
		return eff, nil
	}
	read := time.Now()
	epoch := s.currentEpoch()
	loc, err := s.dialect.Locate(ctx, s.dir, sel)
	if err != nil {
		return nil, err
	}
	c, expires, err := s.load(ctx, loc.Ref)
	if err != nil {
		return nil, err
	}
	eff := &Effective{Compiled: c, Located: loc}
	// PolicyDN comes from clients, in any spelling: only the default policy
	// is kept, or they could fill the memory.
	if sel == (Selection{}) && s.cfg.TTL > 0 {
		s.mu.Lock()
		if s.epoch == epoch {
			if e := read.Add(s.cfg.TTL / 2); e.Before(expires) {
				expires = e
			}
			s.ready.Store(&ready{eff, expires})
		}
		s.mu.Unlock()
	}
	return eff, nil
}

// Ready is Resolve where that needs no question to the directory: for the
// default policy, read less than ServiceConfig.TTL ago.
func (s *Service) Ready(sel Selection) (*Effective, bool) {
	if sel != (Selection{}) {
		return nil, false
	}
	r := s.ready.Load()
	if r == nil || !time.Now().Before(r.expires) {
		return nil, false
	}
	return r.eff, true
}

func (s *Service) currentEpoch() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// ResolveName returns the DN of the entry that a client names, which for
// most dialects is the name itself, and has to be a DN.
func (s *Service) ResolveName(ctx context.Context, name string) (string, error) {
	if n, ok := s.dialect.(Namer); ok {
		return n.ResolveName(ctx, s.dir, name)
	}
	if _, err := dn.Parse(name); err != nil {
		return "", result.Wrap(err, result.InvalidDNSyntax, "%q is no distinguished name", name)
	}
	return name, nil
}

// Exists reports whether the service account sees an entry at dn.
func (s *Service) Exists(ctx context.Context, dn string) (bool, error) {
	return exists(ctx, s.dir, dn)
}

// Invalidate drops everything cached: the next request reads it again. It is
// for directories that tell of changes.
func (s *Service) Invalidate() {
	s.mu.Lock()
	s.epoch++
	clear(s.compiled)
	s.ready.Store(nil)
	s.mu.Unlock()
	s.dir.invalidate()
}

// load returns the compiled policy of ref and the time until which it may be
// used.
func (s *Service) load(ctx context.Context, ref string) (*Compiled, time.Time, error) {
	s.mu.Lock()
	sl, ok := s.compiled[ref]
	if !ok {
		if len(s.compiled) >= s.cfg.MaxPolicies {
			clear(s.compiled)
		}
		sl = &slot{busy: make(chan struct{}, 1)}
		s.compiled[ref] = sl
	}
	s.mu.Unlock()

	select {
	case sl.busy <- struct{}{}:
		defer func() { <-sl.busy }()
	case <-ctx.Done():
		return nil, time.Time{}, ctx.Err()
	}
	if sl.compiled != nil && time.Now().Before(sl.expires) {
		return sl.compiled, sl.expires, nil
	}
	read := time.Now()
	p, err := s.dialect.Load(ctx, s.dir, ref)
	if err != nil {
		s.mu.Lock()
		if s.compiled[ref] == sl {
			delete(s.compiled, ref)
		}
		s.mu.Unlock()
		return nil, time.Time{}, err
	}
	sl.compiled = Compile(p, s.cfg.Generator)
	sl.expires = read.Add(s.cfg.TTL / 2)
	return sl.compiled, sl.expires, nil
}
