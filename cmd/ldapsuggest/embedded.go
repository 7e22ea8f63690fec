package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/internal/metrics"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// The files in the data directory that are known here.
const (
	storeFile         = "directory.db"
	adminPasswordFile = "admin.password"
)

// openEmbedded opens the directory in the data directory.
func (p *program) openEmbedded(ctx context.Context, c *config, m *metrics.Metrics, log *slog.Logger) (*backend, error) {
	cfg := embedded.Config{Dir: c.Data, AdminPassword: string(c.adminPassword), Generator: c.generator(), Breaches: c.breaches(), Logger: log}
	if c.ldif != "" {
		if _, err := os.Stat(filepath.Join(c.Data, storeFile)); err == nil {
			return nil, &hinted{fmt.Errorf("%s holds a directory already: --ldif is for a new one", c.Data), "name another data directory with --data"}
		}
		f, err := os.Open(c.ldif)
		if err != nil {
			return nil, fmt.Errorf("--ldif: %w", err)
		}
		defer f.Close()
		var size int64
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
		bar := newProgress(p.stderr)
		defer bar.end()
		cfg.LDIF = &metered{bar: bar, all: size, r: f}
	}
	d, err := embedded.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	client, err := directory.New(directory.Config{Dialer: d.Dial, Log: log})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	admin := &administrator{dn: d.AdminDN, newPassword: d.AdminPassword}
	file := filepath.Join(c.Data, adminPasswordFile)
	if cfg.AdminPassword != "" {
		err = os.Remove(file) // what it holds is the password no more
	} else if _, err = os.Stat(file); err == nil {
		admin.passwordFile = file
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, client.Close(), d.Close())
	}
	users, err := d.Search(ctx, policy.Query{
		Base: parentOf(d.AdminDN), Scope: policy.WholeSubtree, Filter: "(ds-pwp-password-policy-dn=*)", Attributes: []string{"1.1"},
	})
	if err == nil && len(users) > 0 {
		admin.example = users[0].DN
	}
	return &backend{
		client:     client,
		reads:      d,
		policies:   d.Policies(),
		supplement: d,
		metrics:    m,
		directory:  d,
		admin:      admin,
		close: func() {
			client.Close()
			if err := d.Close(); err != nil {
				log.Error("the embedded directory was not closed well", "error", err)
			}
		},
	}, nil
}

// judgedBy returns the same directory as another configuration has it judge.
func (b *backend) judgedBy(c *config, measured bool) *backend {
	next := *b
	next.judge = b.directory.Judge(c.generator(), c.breaches())
	next.policies, next.measured, next.close = next.judge.Policies(), measured, func() {}
	return &next
}

// embedded reports whether the program is its own directory.
func (c *config) embedded() bool { return len(c.Directory.URLs)+len(c.REST.Upstream.URLs) == 0 }

// parentOf returns the DN of an entry's superior.
func parentOf(name string) string {
	d, err := dn.Parse(name)
	if err != nil {
		return ""
	}
	return d.Parent().String()
}
