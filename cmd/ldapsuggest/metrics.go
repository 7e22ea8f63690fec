package main

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/metrics"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// counted returns the policies for what callers ask.
func (b *backend) counted() *metrics.Policies { return b.metrics.Policies(b.policies) }

// metricsServer serves the metrics, and whether the program is ready.
func (f *frontend) metricsServer() *http.Server {
	return &http.Server{
		Handler: f.metrics.Handler(func(ctx context.Context) error {
			g := f.current()
			defer g.release()
			_, err := g.back.policies.Resolve(ctx, policy.Selection{})
			return err
		}),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    8 << 10,
	}
}

// An observer is told what the LDAP door does. Telling costs a little: of
// requests nobody is told where nobody could ask. Connections are always
// counted, so that their number is right when somebody begins to ask.
type observer struct {
	*metrics.Metrics
	off atomic.Bool
}

// Relayed implements ldapserver.Observer.
func (o *observer) Relayed(op byte) {
	if !o.off.Load() {
		o.Metrics.Relayed(op)
	}
}

// Answered implements ldapserver.Observer.
func (o *observer) Answered(oid string, code result.Code, took time.Duration) {
	if !o.off.Load() {
		o.Metrics.Answered(oid, code, took)
	}
}

// measured reports whether somebody may read the metrics.
func (p *program) measured(c *config) bool {
	inherited, _ := p.env("LISTEN_FDNAMES")
	return c.Listen.Metrics != "" || slices.Contains(strings.Split(inherited, ":"), "metrics")
}

// newMetrics makes the program's metrics. All may be nil.
func newMetrics(health func() []directory.ServerHealth, expires func() time.Time, log *slog.Logger) *metrics.Metrics {
	return metrics.New(metrics.Config{
		Version:            version(),
		Operations:         operationNames(),
		Directory:          health,
		CertificateExpires: expires,
		Log:                log,
	})
}
