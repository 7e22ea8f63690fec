package metrics

import (
	"context"
	"log/slog"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// Policies is a *policy.Service whose resolutions are counted, and traced
// where requests are.
type Policies struct {
	*policy.Service
	metrics *Metrics
}

// Policies returns s with its resolutions counted.
func (m *Metrics) Policies(s *policy.Service) *Policies { return &Policies{s, m} }

// Resolve is policy.Service.Resolve.
func (p *Policies) Resolve(ctx context.Context, sel policy.Selection) (*policy.Effective, error) {
	start := time.Now()
	ctx, span := trail.Start(ctx, trail.Internal, "resolve policy")
	eff, err := p.Service.Resolve(ctx, sel)
	took := time.Since(start)
	if err == nil {
		span.DN("ldapsuggest.policy", eff.Policy.DN)
	}
	span.End(codeOf(err))
	p.metrics.resolutions.WithLabelValues(codeOf(err)).Observe(took.Seconds())
	if log := p.metrics.cfg.Log; log != nil && log.Enabled(ctx, slog.LevelDebug) {
		line := []slog.Attr{slog.String("target", sel.Target), slog.String("result", codeOf(err)), slog.Duration("duration", took)}
		if err == nil {
			line = append(line, slog.String("policy", eff.Policy.DN))
		}
		log.LogAttrs(ctx, slog.LevelDebug, "policy resolved", line...)
	}
	return eff, err
}

// Ready is policy.Service.Ready.
func (p *Policies) Ready(sel policy.Selection) (*policy.Effective, bool) {
	eff, ok := p.Service.Ready(sel)
	if ok {
		p.metrics.cached.Inc()
	}
	return eff, ok
}

// A searcher is a policy.Directory whose searches are counted.
type searcher struct {
	policy.Directory
	metrics *Metrics
}

// Directory returns d with its searches counted.
func (m *Metrics) Directory(d policy.Directory) policy.Directory { return searcher{d, m} }

// Search implements policy.Directory.
func (s searcher) Search(ctx context.Context, q policy.Query) ([]policy.Entry, error) {
	start := time.Now()
	ctx, span := trail.Start(ctx, trail.Client, "directory search")
	entries, err := s.Directory.Search(ctx, q)
	took := time.Since(start)
	span.DN("ldap.base", q.Base)
	span.Int("ldap.scope", int(q.Scope))
	span.Int("ldap.entries", len(entries))
	span.End(codeOf(err))
	s.metrics.searches.WithLabelValues(codeOf(err)).Observe(took.Seconds())
	if log := s.metrics.cfg.Log; log != nil && err != nil {
		s.tell(ctx, log, q, result.From(err), took)
	}
	return entries, err
}

// tell tells of a search that failed: as a warning if the directory is at
// fault, and not because there is nothing or it may not be read.
func (s searcher) tell(ctx context.Context, log *slog.Logger, q policy.Query, e *result.Error, took time.Duration) {
	level := slog.LevelDebug
	switch e.Code {
	case result.Unavailable, result.Busy, result.Other, result.OperationsError, result.TimeLimitExceeded, result.AdminLimitExceeded, result.SizeLimitExceeded:
		level = slog.LevelWarn
	}
	if log.Enabled(ctx, level) {
		log.LogAttrs(ctx, level, "a search of the directory failed", slog.String("base", q.Base),
			slog.String("result", e.Code.String()), slog.String("text", e.Text), slog.Duration("duration", took))
	}
}

func codeOf(err error) string {
	if err == nil {
		return result.Success.String()
	}
	return result.From(err).Code.String()
}
