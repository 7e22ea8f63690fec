package main

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/internal/metrics"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
	"github.com/ldapsuggest/ldapsuggest/restbridge/console"
)

// A frontend is what stays when the configuration is read again: the doors
// with their listeners and connections, the metrics, and the embedded
// directory. Each request is answered with the generation of the moment.
type frontend struct {
	program    *program
	read       func() (*config, error)
	generation atomic.Pointer[generation]

	ldap     *ldapserver.Server
	rest     *restbridge.Server // for its listeners only
	metrics  *metrics.Metrics
	stats    *http.Server // of the metrics
	observer observer
	embedded *backend // nil in front of another directory
	sessions *console.Sessions
	output   *logOutput
	trails   *trail.Source
	audits   auditLogs
	log      *slog.Logger // to output

	doors     []*door
	inherited map[string]bool // names of the sockets that systemd passed on
	serving   sync.WaitGroup
	failed    chan error // of a listener

	// reloading, if not nil, is told that the configuration is being read
	// again, and calls what it returns once that has ended.
	reloading func() (ended func())

	life    context.Context // until the doors are shut
	end     context.CancelFunc
	retired sync.WaitGroup

	mu  sync.Mutex
	old []*generation // with connections to the directory that clients still use
}

// newFrontend opens the directory and builds the doors, without listeners.
// Whoever calls it calls close.
func (p *program) newFrontend(ctx context.Context, c *config, read func() (*config, error)) (*frontend, error) {
	handler, err := c.logHandler(p.stderr)
	if err != nil {
		return nil, err
	}
	f := &frontend{program: p, read: read, output: newLogOutput(handler), trails: trail.NewSource(), failed: make(chan error, 1)}
	f.log = slog.New(f.output)
	f.sessions = console.NewSessions()
	f.life, f.end = context.WithCancel(context.WithoutCancel(ctx))
	health := f.health
	if c.embedded() {
		health = nil // it is there or the program is not
	}
	f.metrics = newMetrics(health, f.expires, f.log)
	f.observer.Metrics = f.metrics
	g, err := f.newGeneration(ctx, c)
	if err != nil {
		f.close()
		return nil, err
	}
	f.generation.Store(g)
	f.traceWith(g)
	now := func(of func(*generation) extop.Handler) extop.Handler { return extendedNow{f, of} }
	f.ldap = ldapserver.New(ldapserver.Config{
		Dial: f.dial,
		Extended: map[string]extop.Handler{
			extop.GeneratePasswordRequestOID: now(func(g *generation) extop.Handler { return g.ops.generate }),
			extop.PasswordQualityRequestOID:  now(func(g *generation) extop.Handler { return g.ops.quality }),
		},
		RewriteExtended: map[string]extop.Rewriter{
			extop.PasswordModifyOID: rewriterNow{f, func(g *generation) extop.Rewriter { return g.rewrites.modify }},
		},
		RewriteControls: map[string]extop.Rewriter{
			extop.GeneratePasswordRequestControlOID: rewriterNow{f, func(g *generation) extop.Rewriter { return g.rewrites.control }},
		},
		TLSConfig:  serverTLS(f.keyring, forLDAP),
		Supplement: g.back.supplement,
		External:   f.external,
		Observer:   &f.observer,
		Logger:     f.log,
		Trails:     f.trails,
	})
	restTLS := serverTLS(f.keyring, forREST)
	restTLS.NextProtos = httpProtocols()
	f.rest = restbridge.NewFront(restbridge.Config{
		TLSConfig: restTLS,
		Log:       f.log,
		Trails:    f.trails,
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := f.current()
		defer g.release()
		g.rest.ServeHTTP(w, r)
	}))
	f.stats = f.metricsServer()
	f.apply(c)
	g.watch(f.life)
	return f, nil
}

// apply sets what the parts that stay have of the configuration.
func (f *frontend) apply(c *config) {
	f.observer.off.Store(!f.program.measured(c))
	f.ldap.SetLimits(ldapserver.Limits{
		Connections:        c.Limits.Connections,
		AddressConnections: c.Limits.AddressConnections,
		Handshakes:         c.Limits.Handshakes,
		Partial:            c.Limits.PartialMessages,
	})
}

// keyring is the one of the moment.
func (f *frontend) keyring() *keyring { return f.generation.Load().keyring }

// expires is when the certificate ends that clients are shown.
func (f *frontend) expires() time.Time {
	if g := f.generation.Load(); g != nil {
		return g.keyring.expires()
	}
	return time.Time{}
}

// health is that of the directory's servers. It counts the connections of
// clients that came before the configuration was read again, and has the
// servers which only those use.
func (f *frontend) health() []directory.ServerHealth {
	g := f.generation.Load()
	if g == nil {
		return nil
	}
	list := g.back.client.Health()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, old := range f.old {
		for _, h := range old.back.client.Health() {
			i := slices.IndexFunc(list, func(s directory.ServerHealth) bool { return s.URL == h.URL })
			switch {
			case i >= 0:
				list[i].Connections += h.Connections
			case h.Connections > 0:
				h.Draining = true
				list = append(list, h)
			}
		}
	}
	return list
}

// openDirectory returns the way to the directory that c names. The embedded
// one stays open; only what it judges by is new.
func (f *frontend) openDirectory(ctx context.Context, c *config, log *slog.Logger) (*backend, error) {
	measured := f.program.measured(c)
	switch {
	case f.embedded != nil:
		return f.embedded.judgedBy(c, measured), nil
	case len(c.REST.Upstream.URLs) > 0:
		return c.openUpstream(log)
	}
	back, err := f.program.connect(ctx, c, f.metrics, log)
	if err != nil {
		return nil, err
	}
	back.measured = measured
	if back.directory != nil {
		f.embedded = back
		shared := *back
		shared.close = func() {}
		return &shared, nil
	}
	return back, nil
}

// shutdown lets requests under way end, within limits.
func (f *frontend) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	var wg sync.WaitGroup
	for _, shutdown := range []func(context.Context) error{f.ldap.Shutdown, f.rest.Shutdown, f.stats.Shutdown} {
		wg.Go(func() {
			if err := shutdown(ctx); err != nil {
				f.log.Warn("connections were closed with requests under way", "error", err)
			}
		})
	}
	wg.Wait()
}

// close closes what is left once the doors are shut.
func (f *frontend) close() {
	f.end()
	f.sessions.Close()
	f.retired.Wait()
	if g := f.generation.Load(); g != nil {
		g.close()
	}
	if f.embedded != nil {
		f.embedded.close()
	}
}
