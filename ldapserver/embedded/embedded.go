package embedded

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/hasher"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/schema"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/opendj"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A Config says where the directory is and how it starts.
type Config struct {
	// Dir is where everything is kept. It is made, for the owner alone, if
	// it is not there. Word lists that policies name are looked up in its
	// subdirectory config.
	Dir string

	// LDIF is what a new directory holds instead of the example. It is not
	// read if Dir holds a directory already. Its topmost entries are the
	// naming contexts. Password policies come from its cn=config, if it has
	// one, and are otherwise the default ones. Clear-text values of
	// userPassword are hashed.
	LDIF io.Reader

	// AdminPassword, if not empty, becomes the password of the
	// administrator, at every start: a way back in for whoever lost it. If
	// it is empty, a new directory gets a random one.
	AdminPassword string

	// AdminDN is the administrator of a new directory. "" means cn=admin
	// below the first naming context.
	AdminDN string

	// Breaches is for validators of the type pwned-passwords; see
	// opendj.Config.
	Breaches func(baseURL string) (rule.Breaches, error)

	// Generator is for policies that name no generator of their own.
	Generator policy.Config

	// Logger receives what an operator should know; never a password. nil
	// discards.
	Logger *slog.Logger
}

// A Directory is an open directory. It is safe for concurrent use.
type Directory struct {
	// AdminDN is the administrator's name.
	AdminDN string

	// AdminPassword is the administrator's password if Open has chosen it,
	// and otherwise empty. It is also in the file admin.password of
	// Config.Dir.
	AdminPassword string

	log      *slog.Logger
	dir      string // Config.Dir
	store    *store
	schema   *schema.Schema
	hasher   *hasher.Hasher
	judge    atomic.Pointer[Judge]
	adminKey treeKey
	server   *server

	csnMu   sync.Mutex
	lastCSN time.Time

	mu       sync.Mutex
	contexts []string
	onChange []func()

	closing sync.Once
}

var _ policy.Directory = (*Directory)(nil)

// policyTTL is how long policies are kept: changes drop them at once.
const policyTTL = time.Hour

// Open opens the directory below cfg.Dir, and makes one if there is none. A
// directory can be open once at a time.
func Open(ctx context.Context, cfg Config) (*Directory, error) {
	if cfg.Dir == "" {
		return nil, errors.New("embedded: Config.Dir is empty")
	}
	sch, err := schema.Default()
	if err != nil {
		return nil, err
	}
	st, err := openStore(cfg.Dir)
	if err != nil {
		return nil, err
	}
	d := &Directory{
		log:    cfg.Logger,
		store:  st,
		schema: sch,
		hasher: hasher.New(0),
		dir:    cfg.Dir,
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.judge.Store(d.Judge(cfg.Generator, cfg.Breaches))
	d.OnChange(func() { d.Policies().Invalidate() })
	if err := d.prepare(ctx, cfg); err != nil {
		return nil, errors.Join(err, st.discard())
	}
	if d.server, err = startServer(d); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return d, nil
}

// Close ends all connections and closes the store.
func (d *Directory) Close() error {
	var err error
	d.closing.Do(func() {
		d.server.stop()
		err = d.store.close()
	})
	return err
}

// Policies resolves the policies of this directory. It is the service that
// the directory judges new passwords with; it never serves a stale policy.
func (d *Directory) Policies() *policy.Service { return d.judge.Load().policies }

// Dialect returns how policies are read.
func (d *Directory) Dialect() policy.Dialect { return d.dialect() }

func (d *Directory) dialect() *opendj.Dialect { return d.judge.Load().dialect }

// A Judge is what new passwords are judged and made with, besides the
// entries of a directory.
type Judge struct {
	dialect  *opendj.Dialect
	policies *policy.Service
}

// Judge returns one for this directory that it does not use yet. The
// arguments are as in Config.
func (d *Directory) Judge(generator policy.Config, breaches func(baseURL string) (rule.Breaches, error)) *Judge {
	dialect := opendj.New(opendj.Config{
		// pwdPolicySubentry, as computed here, knows no subentries.
		OwnResolution: true,
		WordList:      wordLists(d.dir),
		Breaches:      breaches,
	})
	return &Judge{dialect, policy.NewService(dialect, d, policy.ServiceConfig{Generator: generator, TTL: policyTTL})}
}

// Policies resolves policies by j. It is never stale once Use has returned.
func (j *Judge) Policies() *policy.Service { return j.policies }

// Use replaces the judge.
func (d *Directory) Use(j *Judge) {
	d.judge.Store(j)
	j.policies.Invalidate() // nobody told it of changes so far
}

// OnChange registers a function to be called after each committed change
// that can alter which policy is in force for an entry, or what it demands.
func (d *Directory) OnChange(fn func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onChange = append(d.onChange, fn)
}

func (d *Directory) changed() {
	d.mu.Lock()
	fns := d.onChange
	d.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}

func (d *Directory) namingContexts() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.contexts
}

// mustKey is for names that come from stored entries. One that does not
// parse has no entry.
func (d *Directory) mustKey(name string) treeKey {
	n, err := dn.Parse(name)
	if err != nil {
		return ""
	}
	return keyOf(n)
}

// parseName is dn.Parse with an LDAP result.
func parseName(s string) (dn.DN, error) {
	n, err := dn.Parse(s)
	if err != nil {
		return n, result.Wrap(err, result.InvalidDNSyntax, "malformed DN")
	}
	return n, nil
}
