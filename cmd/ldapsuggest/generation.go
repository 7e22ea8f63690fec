package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

// A generation is what requests are answered with under one reading of the
// configuration. The next one takes over between two requests; what has begun
// ends with the generation that it began with, which is closed then.
type generation struct {
	config   *config
	log      *slog.Logger
	keyring  *keyring
	back     *backend
	ops      operations
	rewrites rewriters
	external func(ldapserver.Peer) (ldapserver.ExternalBind, bool) // nil if nobody binds so
	rest     *restbridge.Server

	closers []func() // run backwards once no request uses it

	users  atomic.Int64  // requests that use it, and one more while it is the current one
	unused chan struct{} // closed once there are none
}

// newGeneration builds all that follows from c, and the way to the directory.
// Nothing of it is in use yet.
func (f *frontend) newGeneration(ctx context.Context, c *config) (_ *generation, err error) {
	handler, err := c.logHandler(f.program.stderr)
	if err != nil {
		return nil, err
	}
	g := &generation{config: c, log: slog.New(handler), unused: make(chan struct{})}
	g.users.Store(1)
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	g.closeFirst(c.forget)
	if g.back, err = f.openDirectory(ctx, c, g.log); err != nil {
		return nil, err
	}
	g.back.sessions = f.sessions
	g.closeFirst(g.back.close)
	if err := g.watchOver(f); err != nil {
		return nil, err
	}
	if g.keyring, err = c.keyring(g.log); err != nil {
		return nil, err
	}
	if len(c.REST.Upstream.URLs) > 0 {
		g.rest, err = newBridge(c, g.back, g.log)
	} else {
		err = g.operate()
	}
	if err != nil {
		return nil, err
	}
	g.closeFirst(func() {
		// It has no listeners: this closes what it keeps for callers.
		if err := g.rest.Shutdown(context.Background()); err != nil {
			g.log.Warn("what was kept for REST callers was not closed well", "error", err)
		}
	})
	return g, nil
}

// watchOver opens what requests are recorded by.
func (g *generation) watchOver(f *frontend) error {
	spans, err := g.config.openTracing(g.log)
	if err != nil {
		return err
	}
	if spans != nil {
		g.closeFirst(func() { closeTracing(spans, g.log) })
	}
	log, done, err := f.audits.share(g.config, f.metrics.AuditLines, f.log)
	if err != nil {
		return err
	}
	g.closeFirst(done)
	g.back.tracing, g.back.auditLog = spans, log
	return nil
}

// operate builds the operations and the doors' parts for them.
func (g *generation) operate() (err error) {
	c, back, log := g.config, g.back, g.log
	limit, audit := c.limiter(), back.audit(log)
	g.ops.generate = extop.NewGeneratePassword(extop.GeneratePasswordConfig{
		Policies:     back.counted(),
		MaxPasswords: c.GeneratePassword.MaxPasswords,
		MaxAttempts:  c.GeneratePassword.MaxAttempts,
		Limit:        limit,
		Authorize:    back.authorizer(c.Authorization.GeneratePassword),
		Audit:        audit,
		AuditWaits:   back.auditLog != nil && back.auditLog.Waits(),
	})
	g.ops.quality = extop.NewPasswordQuality(extop.PasswordQualityConfig{
		Policies:  back.counted(),
		Limit:     limit,
		Authorize: back.authorizer(c.Authorization.PasswordQualityRequirements),
		Audit:     audit,
	})
	g.rewrites = newRewriters(c, back, limit, audit)
	g.external = c.external(log)
	g.rest, err = newREST(c, back, g.ops, log)
	return err
}

// hold keeps the generation from being closed until release. It fails if it is
// no longer in use.
func (g *generation) hold() bool {
	for {
		n := g.users.Load()
		if n == 0 {
			return false
		}
		if g.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (g *generation) release() {
	if g.users.Add(-1) == 0 {
		close(g.unused)
	}
}

// closeFirst has f called when the generation is closed, before what was given
// earlier.
func (g *generation) closeFirst(f func()) { g.closers = append(g.closers, f) }

func (g *generation) close() {
	for _, f := range slices.Backward(g.closers) {
		f()
	}
}

// probe finds out whether the directory answers and takes the service
// account. It also has the default policy at hand when the first request
// comes.
func (g *generation) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	if _, err := g.back.client.Detection(ctx); err != nil {
		return caused(err)
	}
	if g.back.policies == nil {
		return nil
	}
	if _, err := g.back.policies.Resolve(ctx, policy.Selection{}); err != nil {
		g.log.Warn("the default policy cannot be read", "error", caused(err))
	}
	return nil
}

// probeTime bounds the look at a directory that is to be used from now on.
const probeTime = 20 * time.Second

// caused returns an error whose text has the cause, for the log: what a client
// may know leaves it out.
func caused(err error) error {
	if cause := errors.Unwrap(err); cause != nil && cause.Error() != err.Error() {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// current returns the generation for a request. The caller releases it when
// the request has ended.
func (f *frontend) current() *generation {
	for {
		if g := f.generation.Load(); g.hold() {
			return g
		}
	}
}

// dial connects an LDAP client to the directory.
func (f *frontend) dial(ctx context.Context) (net.Conn, error) {
	g := f.current()
	defer g.release()
	client, server := ldapserver.ClientAddrs(ctx)
	return g.back.client.Dial(directory.WithSource(ctx, client, server))
}

func (f *frontend) external(p ldapserver.Peer) (ldapserver.ExternalBind, bool) {
	g := f.current()
	defer g.release()
	if g.external == nil {
		return ldapserver.ExternalBind{}, false
	}
	return g.external(p)
}

// An extendedNow performs an operation with the generation of the moment.
type extendedNow struct {
	front *frontend
	of    func(*generation) extop.Handler
}

var _ extop.Immediate = extendedNow{}

// ServeExtended implements extop.Handler.
func (e extendedNow) ServeExtended(ctx context.Context, req *extop.Request) (*extop.Response, error) {
	g := e.front.current()
	defer g.release()
	return e.of(g).ServeExtended(ctx, req)
}

// ServeImmediate implements extop.Immediate.
func (e extendedNow) ServeImmediate(ctx context.Context, req *extop.Request, resp *extop.Response) (bool, error) {
	g := e.front.current()
	defer g.release()
	if h, ok := e.of(g).(extop.Immediate); ok {
		return h.ServeImmediate(ctx, req, resp)
	}
	return false, nil
}

// A rewriterNow completes a request with the generation of the moment, which
// stays until the directory has answered.
type rewriterNow struct {
	front *frontend
	of    func(*generation) extop.Rewriter
}

// Rewrites implements extop.Rewriter.
func (r rewriterNow) Rewrites(req *extop.Relayed) bool {
	g := r.front.current()
	defer g.release()
	return r.of(g).Rewrites(req)
}

// Rewrite implements extop.Rewriter.
func (r rewriterNow) Rewrite(ctx context.Context, req *extop.Relayed) (out *extop.Rewritten, err error) {
	g := r.front.current()
	defer func() {
		if out == nil {
			g.release()
		}
	}()
	if out, err = r.of(g).Rewrite(ctx, req); err != nil || out == nil {
		return nil, err
	}
	return releasing(g, out), nil
}

// releasing has g released when the request has ended, of which Done is told
// once however often the request is sent.
func releasing(g *generation, w *extop.Rewritten) *extop.Rewritten {
	done, retry := w.Done, w.Retry
	w.Done = func(err *result.Error) {
		defer g.release()
		if done != nil {
			done(err)
		}
	}
	if retry != nil {
		w.Retry = func(ctx context.Context, refusal extop.Refusal) *extop.Rewritten {
			next := retry(ctx, refusal)
			if next == nil {
				return nil
			}
			return releasing(g, next)
		}
	}
	return w
}
