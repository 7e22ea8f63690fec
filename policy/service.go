package policy

import (
	"context"
	"crypto/sha256"
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

	// epoch counts invalidations. What was read in an earlier one is not
	// used in a later one.
	epoch atomic.Uint64

	mu       sync.Mutex
	compiled map[string]*slot

	ready atomic.Pointer[ready] // the default policy
}

// ready is a resolution that needs no directory until it expires.
type ready struct {
	eff *Effective
	age age
}

// An age says how long something read may be used.
type age struct {
	epoch   uint64
	expires time.Time
}

func (s *Service) fresh(a age) bool {
	return a.epoch == s.epoch.Load() && time.Now().Before(a.expires)
}

// ServiceConfig tunes a Service.
type ServiceConfig struct {
	// Generator is for policies that name no generator.
	Generator Config

	// TTL is how long a policy may be used after the first of the entries
	// that make it up was read, where the directory sends no notice of
	// changes. 0 means one second; negative, that every request reads it
	// again.
	TTL time.Duration

	// NotifiedTTL replaces TTL for what is watched while Service.Notified
	// says so. It bounds what no notice tells of, such as a change of the
	// service account's rights. 0 means one minute; less than TTL means TTL.
	NotifiedTTL time.Duration

	// MaxPolicies bounds the cache. 0 means 10,000.
	MaxPolicies int
}

// slot is one policy in the cache. One that is out of date stays: if the
// entries that it was made from turn out to be the same, it need not be
// compiled again.
type slot struct {
	busy chan struct{} // holds one token while loading: one load for many waiters

	// With the token only.
	compiled *Compiled
	madeFrom fingerprint
	age      age
}

// NewService returns a Service that reads dir in the given dialect.
func NewService(dialect Dialect, dir Directory, cfg ServiceConfig) *Service {
	if cfg.TTL == 0 {
		cfg.TTL = time.Second
	}
	if cfg.MaxPolicies <= 0 {
		cfg.MaxPolicies = 10_000
	}
	if cfg.NotifiedTTL == 0 {
		cfg.NotifiedTTL = time.Minute
	}
	cfg.NotifiedTTL = max(cfg.NotifiedTTL, cfg.TTL)
	cfg.Generator.slots = comparisons()
	return &Service{
		dialect:  dialect,
		dir:      newSharedReads(dir, cfg.TTL, cfg.NotifiedTTL),
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

	service *Service // reads the history; nil if there is none to ask
}

// Resolve finds the policy in force. Its errors are those of Dialect.
func (s *Service) Resolve(ctx context.Context, sel Selection) (*Effective, error) {
	if eff, ok := s.Ready(sel); ok {
		return eff, nil
	}
	located := s.record()
	loc, err := s.dialect.Locate(ctx, located, sel)
	if err != nil {
		return nil, err
	}
	c, loaded, err := s.load(ctx, loc.Ref)
	if err != nil {
		return nil, err
	}
	eff := &Effective{Compiled: c, Located: loc, service: s}
	// PolicyDN comes from clients, in any spelling: only the default policy
	// is kept, or they could fill the memory.
	if sel == (Selection{}) {
		oldest := located.age
		if loaded.expires.Before(oldest.expires) {
			oldest.expires = loaded.expires
		}
		// Of two that finish at once, either may stay: an earlier epoch is
		// not used.
		s.ready.Store(&ready{eff, oldest})
	}
	return eff, nil
}

// Ready is Resolve where that needs no question to the directory: for the
// default policy, while what it was made from may be used.
func (s *Service) Ready(sel Selection) (*Effective, bool) {
	if sel != (Selection{}) {
		return nil, false
	}
	r := s.ready.Load()
	if r == nil || !s.fresh(r.age) {
		return nil, false
	}
	return r.eff, true
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

// Invalidate has everything read again by the requests that come after it,
// whatever others were reading meanwhile. It is for directories that tell of
// changes.
func (s *Service) Invalidate() {
	s.dir.invalidate(func() { s.epoch.Add(1) })
}

// load returns the compiled policy of ref and how long it may be used.
func (s *Service) load(ctx context.Context, ref string) (*Compiled, age, error) {
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
		return nil, age{}, ctx.Err()
	}
	if sl.compiled != nil && s.fresh(sl.age) {
		return sl.compiled, sl.age, nil
	}
	reads := s.record()
	reads.sum = sha256.New()
	p, err := s.dialect.Load(ctx, reads, ref)
	if err != nil {
		s.mu.Lock()
		if s.compiled[ref] == sl {
			delete(s.compiled, ref)
		}
		s.mu.Unlock()
		return nil, age{}, err
	}
	if madeFrom := reads.fingerprint(); sl.compiled == nil || madeFrom == (fingerprint{}) || madeFrom != sl.madeFrom {
		sl.compiled, sl.madeFrom = Compile(p, s.cfg.Generator), madeFrom
	}
	sl.age = reads.age
	return sl.compiled, sl.age, nil
}
