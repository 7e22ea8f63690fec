package policy

import (
	"context"
	"sync"
	"time"
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

type slot struct {
	mu       sync.Mutex // held while loading: one load for many waiters
	compiled *Compiled
	expires  time.Time
	epoch    uint64
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
		dialect:  dialect,
		dir:      newSharedReads(dir, cfg.TTL),
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
	loc, err := s.dialect.Locate(ctx, s.dir, sel)
	if err != nil {
		return nil, err
	}
	c, err := s.load(ctx, loc.Ref)
	if err != nil {
		return nil, err
	}
	return &Effective{Compiled: c, Located: loc}, nil
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
	s.mu.Unlock()
	s.dir.invalidate()
}

func (s *Service) load(ctx context.Context, ref string) (*Compiled, error) {
	s.mu.Lock()
	sl, ok := s.compiled[ref]
	if !ok {
		if len(s.compiled) >= s.cfg.MaxPolicies {
			clear(s.compiled)
		}
		sl = &slot{}
		s.compiled[ref] = sl
	}
	epoch := s.epoch
	s.mu.Unlock()

	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.compiled != nil && sl.epoch == epoch && time.Now().Before(sl.expires) {
		return sl.compiled, nil
	}
	read := time.Now()
	p, err := s.dialect.Load(ctx, s.dir, ref)
	if err != nil {
		return nil, err
	}
	sl.compiled = Compile(p, s.cfg.Generator)
	sl.expires = read.Add(s.cfg.TTL)
	sl.epoch = epoch
	return sl.compiled, nil
}
