package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/activedirectory"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/behera"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/freeipa"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/opendj"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// dialects returns the constructors of all dialects, by name.
func dialects() map[string]func(*config) policy.Dialect {
	return map[string]func(*config) policy.Dialect{
		directory.ActiveDirectory: func(*config) policy.Dialect { return activedirectory.New(activedirectory.Config{}) },
		directory.Behera: func(c *config) policy.Dialect {
			return behera.New(behera.Config{DefaultPolicy: c.Directory.DefaultPolicy})
		},
		directory.DS389:   func(*config) policy.Dialect { return ds389.New(ds389.Config{}) },
		directory.FreeIPA: func(*config) policy.Dialect { return freeipa.New(freeipa.Config{}) },
		directory.OpenDJ: func(c *config) policy.Dialect {
			return opendj.New(opendj.Config{DefaultPolicy: c.Directory.DefaultPolicy, Breaches: c.breaches()})
		},
		directory.OpenLDAP: func(c *config) policy.Dialect {
			return openldap.New(openldap.Config{DefaultPolicy: c.Directory.DefaultPolicy})
		},
	}
}

func dialectNames() []string { return slices.Sorted(maps.Keys(dialects())) }

func knownDialect(name string) bool { return slices.Contains(dialectNames(), name) }

// dialect returns the dialect that is configured, or one that asks the
// directory. A directory that answers and is none of those known is an error;
// one that does not answer is asked again when its first policy is.
func (c *config) dialect(ctx context.Context, client *directory.Client, log *slog.Logger) (policy.Dialect, error) {
	if c.Directory.Dialect != "auto" {
		return dialects()[c.Directory.Dialect](c), nil
	}
	d := &detecting{config: c, client: client, log: log}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := d.dialect(ctx); result.Is(err, result.UnwillingToPerform) {
		return nil, err
	} else if err != nil {
		log.Warn("the dialect is not known yet: the directory does not answer", "error", err, "cause", errors.Unwrap(err))
	}
	return d, nil
}

// A detecting is all that a dialect can be.
var (
	_ policy.Namer   = (*detecting)(nil)
	_ policy.Watcher = (*detecting)(nil)
	_ policy.Lister  = (*detecting)(nil)
)

// detecting finds out the dialect when it is first needed, so that the
// program starts while the directory is down. What it found stays.
type detecting struct {
	config *config
	client *directory.Client
	log    *slog.Logger

	mu    sync.Mutex
	found policy.Dialect
}

func (d *detecting) dialect(ctx context.Context) (policy.Dialect, error) {
	d.mu.Lock()
	found := d.found
	d.mu.Unlock()
	if found != nil {
		return found, nil
	}
	name, err := d.client.Detect(ctx)
	if err != nil {
		return nil, err
	}
	build, ok := dialects()[name]
	if !ok {
		return nil, result.New(result.UnwillingToPerform, "the dialect %s is not supported", name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.found == nil {
		d.found = build(d.config)
		d.log.Info("dialect detected", "dialect", name)
	}
	return d.found, nil
}

// Name implements policy.Dialect.
func (d *detecting) Name() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.found == nil {
		return "auto"
	}
	return d.found.Name()
}

// Locate implements policy.Dialect.
func (d *detecting) Locate(ctx context.Context, dir policy.Directory, sel policy.Selection) (policy.Located, error) {
	found, err := d.dialect(ctx)
	if err != nil {
		return policy.Located{}, err
	}
	return found.Locate(ctx, dir, sel)
}

// Load implements policy.Dialect.
func (d *detecting) Load(ctx context.Context, dir policy.Directory, ref string) (*policy.Policy, error) {
	found, err := d.dialect(ctx)
	if err != nil {
		return nil, err
	}
	return found.Load(ctx, dir, ref)
}

// ResolveName implements policy.Namer.
func (d *detecting) ResolveName(ctx context.Context, dir policy.Directory, name string) (string, error) {
	found, err := d.dialect(ctx)
	if err != nil {
		return "", err
	}
	if n, ok := found.(policy.Namer); ok {
		return n.ResolveName(ctx, dir, name)
	}
	if _, err := dn.Parse(name); err != nil {
		return "", result.Wrap(err, result.InvalidDNSyntax, "%q is no distinguished name", name)
	}
	return name, nil
}

// Watches implements policy.Watcher.
func (d *detecting) Watches(ctx context.Context, dir policy.Directory) ([]policy.Watch, error) {
	found, err := d.dialect(ctx)
	if err != nil {
		return nil, err
	}
	if w, ok := found.(policy.Watcher); ok {
		return w.Watches(ctx, dir)
	}
	return nil, nil
}

// Policies implements policy.Lister.
func (d *detecting) Policies(ctx context.Context, dir policy.Directory) ([]string, error) {
	found, err := d.dialect(ctx)
	if err != nil {
		return nil, err
	}
	if l, ok := found.(policy.Lister); ok {
		return l.Policies(ctx, dir)
	}
	return nil, result.New(result.UnwillingToPerform, "the dialect %s cannot list policies", found.Name())
}
