package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/internal/metrics"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// count makes the backend's metrics. health may be nil.
func (b *backend) count(p *program, c *config, health func() []directory.ServerHealth) {
	inherited, _ := p.env("LISTEN_FDNAMES")
	b.measured = c.Listen.Metrics != "" || slices.Contains(strings.Split(inherited, ":"), "metrics")
	b.metrics = metrics.New(metrics.Config{
		Version: version(),
		Operations: map[string]string{
			extop.GeneratePasswordRequestOID:        "generatePassword",
			extop.PasswordQualityRequestOID:         "passwordQuality",
			extop.GeneratePasswordRequestControlOID: "addWithGeneratePassword",
			extop.PasswordModifyOID:                 "passwordModify",
		},
		Directory: health,
		CertificateExpires: func() time.Time {
			if f := b.expires.Load(); f != nil {
				return (*f)()
			}
			return time.Time{}
		},
	})
}

// counted returns the policies for what callers ask.
func (b *backend) counted() *metrics.Policies { return b.metrics.Policies(b.policies) }

// observer is who is told what the LDAP door does. Telling costs a little:
// nobody is where nobody could ask.
func (b *backend) observer() ldapserver.Observer {
	if !b.measured {
		return nil
	}
	return b.metrics
}

// metricsServer serves the metrics, and whether the program is ready.
func (b *backend) metricsServer() *http.Server {
	return &http.Server{
		Handler: b.metrics.Handler(func(ctx context.Context) error {
			_, err := b.policies.Resolve(ctx, policy.Selection{})
			return err
		}),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    8 << 10,
	}
}
