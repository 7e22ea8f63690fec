package metrics

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// readyTimeout bounds the time to find out whether the program is ready.
const readyTimeout = 2 * time.Second

// Handler answers
//
//	/metrics  in Prometheus's format
//	/livez    200 for as long as the process answers at all
//	/readyz   200 if clients can be served, else 503 with the reason
//
// Ready means that a server of the directory answers and that the default
// policy could be resolved once. A policy that is unreadable later does not
// make every replica unready at the same time, which would take away the
// relay from clients that need no password.
func (m *Metrics) Handler(resolve func(context.Context) error) http.Handler {
	r := &readiness{metrics: m, resolve: resolve}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeout(req.Context(), readyTimeout)
		defer cancel()
		if err := r.check(ctx); err != nil {
			http.Error(w, result.From(err).Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

type readiness struct {
	metrics *Metrics
	resolve func(context.Context) error // the default policy

	mu   sync.Mutex
	once bool // resolve has succeeded
}

func (r *readiness) check(ctx context.Context) error {
	if health := r.metrics.cfg.Directory; health != nil {
		up := false
		for _, s := range health() {
			up = up || s.Up && !s.Draining
		}
		if !up {
			return result.New(result.Unavailable, "no server of the directory answers")
		}
	}
	r.mu.Lock()
	once := r.once
	r.mu.Unlock()
	err := r.resolve(ctx)
	switch {
	case err == nil:
		r.mu.Lock()
		r.once = true
		r.mu.Unlock()
	case ctx.Err() != nil:
		return result.Wrap(err, result.Unavailable, "the directory does not answer in time")
	case once && !result.Is(err, result.Unavailable) && !result.Is(err, result.Busy):
		return nil
	}
	return err
}
