package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// drainTime is how long clients on a server of the directory that is taken out
// of use may take to end what they have begun.
const drainTime = time.Minute

// serve returns once all doors are shut: because ctx has ended, or because
// one of them failed. At each hangup the configuration is read again.
func (f *frontend) serve(ctx context.Context, hangup <-chan os.Signal) error {
	for _, d := range f.doors {
		f.open(d)
	}
	var following sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	following.Go(func() { f.follow(ctx, hangup) })
	var err error
	select {
	case <-ctx.Done():
		f.log.Info("shutting down")
	case err = <-f.failed:
	}
	stop()
	following.Wait()
	f.shutdown()
	f.serving.Wait()
	return err
}

// follow reads the configuration again at each hangup, and the files of
// certificates when they change, until ctx ends.
func (f *frontend) follow(ctx context.Context, hangup <-chan os.Signal) {
	tick := time.NewTicker(keyringInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.keyring().refresh()
		case <-hangup:
			f.hangup(ctx)
		}
	}
}

// hangup reads the configuration again, and tells how that ended.
func (f *frontend) hangup(ctx context.Context) {
	if f.reloading != nil {
		defer f.reloading()()
	}
	began := time.Now()
	f.audits.reopen(f.log)
	err := f.reload(ctx)
	if ctx.Err() != nil {
		return // the program ends
	}
	f.metrics.Reloaded(err == nil)
	if err != nil {
		f.log.Error("the configuration is not reloaded: nothing has changed", "error", caused(err))
		return
	}
	f.log.Info("the configuration is reloaded", "took", time.Since(began), "certificateExpires", f.keyring().expires())
}

// reload takes the configuration over as it is now, or nothing of it.
func (f *frontend) reload(ctx context.Context) error {
	c, err := f.read()
	if err != nil {
		return err
	}
	before := f.generation.Load()
	if err := before.config.takesOver(c); err != nil {
		c.forget()
		return err
	}
	next, err := f.newGeneration(ctx, c)
	if err != nil {
		return err
	}
	if err := next.probe(ctx); err != nil {
		next.close()
		return err
	}
	doors, err := f.changeDoors(c)
	if err != nil {
		next.close()
		return err
	}
	// From here on nothing can fail.
	if next.back.judge != nil {
		f.embedded.directory.Use(next.back.judge)
	}
	f.generation.Store(next)
	f.traceWith(next)
	f.output.use(next.log.Handler())
	f.apply(c)
	f.use(doors)
	next.watch(f.life)
	f.retire(before, c)
	return nil
}

// takesOver reports what of next takes a restart.
func (c *config) takesOver(next *config) error {
	kind := func(c *config) string {
		switch {
		case c.embedded():
			return "the embedded directory"
		case len(c.REST.Upstream.URLs) > 0:
			return "rest.upstream"
		}
		return "directory.urls"
	}
	const restart = "a restart is needed to change it"
	if now, then := kind(c), kind(next); now != then {
		return fmt.Errorf("directory: from %s to %s: %s", now, then, restart)
	}
	if c.Data != next.Data {
		return fmt.Errorf("data: from %s to %s: %s", c.Data, next.Data, restart)
	}
	if c.CoreDumps != next.CoreDumps {
		return fmt.Errorf("coreDumps: %s", restart)
	}
	return nil
}

// retire closes a generation once what has begun with it has ended. Clients
// keep their connections to the directory, but those to servers that next
// does not have: they end once what was sent on them is answered, and at last
// after drainTime.
func (f *frontend) retire(g *generation, next *config) {
	if g.back.directory != nil {
		f.retired.Go(func() { f.finish(g) })
		g.release()
		return
	}
	f.mu.Lock()
	f.old = append(f.old, g)
	old := slices.Clone(f.old)
	f.mu.Unlock()
	for _, o := range old {
		f.leave(o, next.directoryURLs())
	}
	f.retired.Go(func() {
		f.finish(g)
		_ = g.back.client.Drain(f.life)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.old = slices.DeleteFunc(f.old, func(o *generation) bool { return o == g })
	})
	g.release()
}

// leave has clients leave servers that a retired generation has connected them
// to, but for those that stay. What uses the generation may still connect
// there.
func (f *frontend) leave(g *generation, stay []string) {
	gone := slices.DeleteFunc(g.config.directoryURLs(), func(u string) bool { return slices.Contains(stay, u) })
	if len(gone) == 0 {
		return
	}
	drain := func() {
		n := f.ldap.Drain(func(conn net.Conn) bool {
			u, ok := g.back.client.Dialed(conn)
			return ok && slices.Contains(gone, u)
		})
		if n > 0 {
			f.log.Info("clients are leaving servers of the directory", "servers", gone, "clients", n)
		}
	}
	drain()
	f.retired.Go(func() {
		select {
		case <-g.unused:
		case <-f.life.Done():
		}
		drain() // who was on the way there
		ctx, cancel := context.WithTimeout(f.life, drainTime)
		defer cancel()
		_ = g.back.client.Drain(ctx, gone...)
	})
}

// finish closes a generation once no request uses it, or once there are no
// requests any more.
func (f *frontend) finish(g *generation) {
	select {
	case <-g.unused:
	case <-f.life.Done():
	}
	g.close()
}

// directoryURLs are the servers that connections go to.
func (c *config) directoryURLs() []string {
	return slices.Concat(c.Directory.URLs, c.REST.Upstream.URLs)
}

// A logOutput is where the lines of what outlives a reload go: where the
// configuration in use says.
type logOutput struct {
	to      *atomic.Pointer[slog.Handler]
	derived []func(slog.Handler) slog.Handler // since, by With and WithGroup
}

func newLogOutput(h slog.Handler) *logOutput {
	o := &logOutput{to: new(atomic.Pointer[slog.Handler])}
	o.use(h)
	return o
}

// use has all lines from now on go to h.
func (o *logOutput) use(h slog.Handler) { o.to.Store(&h) }

// Enabled implements slog.Handler.
func (o *logOutput) Enabled(ctx context.Context, level slog.Level) bool {
	return (*o.to.Load()).Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (o *logOutput) Handle(ctx context.Context, r slog.Record) error {
	h := *o.to.Load()
	for _, derive := range o.derived {
		h = derive(h)
	}
	return h.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (o *logOutput) WithAttrs(attrs []slog.Attr) slog.Handler {
	return o.derive(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (o *logOutput) WithGroup(name string) slog.Handler {
	return o.derive(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (o *logOutput) derive(f func(slog.Handler) slog.Handler) slog.Handler {
	return &logOutput{o.to, append(slices.Clip(o.derived), f)}
}
