package metrics

import (
	"context"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// Policies is a *policy.Service whose resolutions are counted.
type Policies struct {
	*policy.Service
	metrics *Metrics
}

// Policies returns s with its resolutions counted.
func (m *Metrics) Policies(s *policy.Service) *Policies { return &Policies{s, m} }

// Resolve is policy.Service.Resolve.
func (p *Policies) Resolve(ctx context.Context, sel policy.Selection) (*policy.Effective, error) {
	start := time.Now()
	eff, err := p.Service.Resolve(ctx, sel)
	p.metrics.resolutions.WithLabelValues(codeOf(err)).Observe(time.Since(start).Seconds())
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
	entries, err := s.Directory.Search(ctx, q)
	s.metrics.searches.WithLabelValues(codeOf(err)).Observe(time.Since(start).Seconds())
	return entries, err
}

func codeOf(err error) string {
	if err == nil {
		return result.Success.String()
	}
	return result.From(err).Code.String()
}
