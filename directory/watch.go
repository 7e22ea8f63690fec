package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// A Listener is told of changes. *policy.Service is one.
type Listener interface {
	// Watches returns what to watch on the server behind dir. Nothing means
	// that there is no need to.
	Watches(ctx context.Context, dir policy.Directory) ([]policy.Watch, error)

	// Notified is called with what is watched once it is on every server,
	// and with nothing as soon as it is not.
	Notified(watches []policy.Watch)

	// Invalidate is called at each change.
	Invalidate()
}

// WatchConfig tunes Client.Watch. The zero WatchConfig is ready to use.
type WatchConfig struct {
	// Interval is the time between two comparisons of what the server sends
	// no notice of. 0 means 500 ms.
	Interval time.Duration

	// Log gets what is watched how, and when that ceases. Nil means nothing
	// is logged.
	Log *slog.Logger
}

const (
	// settleTime is how long after a persistent search was sent it is taken
	// to be in force: no message tells.
	settleTime = time.Second

	// silence is how long a server that is watched may take to answer before
	// it counts as lost.
	silence = 2 * time.Second

	// The time until a lost server is tried again doubles from one to the
	// other.
	minBackOff = 250 * time.Millisecond
	maxBackOff = 30 * time.Second

	// slowBackOff is the time until a server is tried again on which
	// comparing took longer than the interval, maxSlow times in a row: it is
	// a burden there.
	slowBackOff = 10 * time.Minute
	maxSlow     = 5
)

// Watch tells l of changes to what it wants watched, on all servers, since
// any may answer the next read. It returns when ctx ends or the Client is
// closed, or when l wants nothing watched. Changes are told by persistent
// search or by content synchronization (RFC 4533), whichever the server
// offers, each on a connection of its own, or found by comparing. Connections
// that are lost are opened again.
func (c *Client) Watch(ctx context.Context, l Listener, cfg WatchConfig) {
	if cfg.Interval <= 0 {
		cfg.Interval = 500 * time.Millisecond
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &watcher{client: c, listener: l, cfg: cfg, watched: make([][]policy.Watch, len(c.servers))}
	var wg sync.WaitGroup
	for i, s := range c.servers {
		wg.Go(func() { w.keep(ctx, i, s) })
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-c.closed:
		cancel()
		<-done
	}
}

// A watcher watches all servers for one listener.
type watcher struct {
	client   *Client
	listener Listener
	cfg      WatchConfig

	mu       sync.Mutex
	watched  [][]policy.Watch // for each server; nil while it is not watched
	notified bool             // what the listener was told last
}

// set notes what is watched on a server, nil for nothing, and tells the
// listener what follows.
func (w *watcher) set(server int, watches []policy.Watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watched[server] = watches
	all := slices.Clone(w.watched[0])
	for _, ws := range w.watched[1:] {
		all = slices.DeleteFunc(all, func(a policy.Watch) bool {
			return !slices.ContainsFunc(ws, func(b policy.Watch) bool { return reflect.DeepEqual(a, b) })
		})
	}
	if len(all) > 0 || w.notified {
		w.listener.Notified(all)
	}
	w.notified = len(all) > 0
}

var (
	errNothing = errors.New("nothing to watch")
	errMoved   = errors.New("what is to be watched has changed")
	errTooSlow = errors.New("comparing takes too long")
)

// keep watches a server until ctx ends, session after session.
func (w *watcher) keep(ctx context.Context, i int, s *server) {
	wait, failed := minBackOff, false
	for {
		established, err := w.session(ctx, i, s)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errNothing):
			w.cfg.Log.Info("the dialect wants nothing watched: policies are read again after a short time", "server", s.name)
			return
		case errors.Is(err, errMoved):
			wait = 0
		case errors.Is(err, errTooSlow):
			wait = slowBackOff
		case established:
			wait = minBackOff
		}
		level := slog.LevelDebug
		switch {
		case established && wait > 0:
			level = slog.LevelWarn
		case !failed:
			level = slog.LevelInfo // once, not with every attempt
		}
		failed = !established
		w.cfg.Log.Log(ctx, level, "policies are not watched: they are read again after a short time", "server", s.name, "error", err, "again", wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		wait = min(max(2*wait, minBackOff), maxBackOff)
	}
}

// session watches a server on one connection. It reports whether it got as
// far as watching, and why it does no longer.
func (w *watcher) session(ctx context.Context, i int, s *server) (established bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	ss := &session{watcher: w, server: s, fail: cancel, limit: w.client.cfg.RequestTimeout, moved: make(chan struct{}, 1)}
	defer func() {
		cancel(nil)
		w.set(i, nil) // at once: the rest may take time
		for _, c := range append(ss.streams, ss.conn) {
			if c != nil {
				c.Close()
			}
		}
		ss.wg.Wait()
	}()
	if ss.conn, err = w.client.open(ctx, s); err != nil {
		return false, err
	}

	watches, err := w.listener.Watches(ctx, ss)
	if err != nil {
		return false, err
	}
	if len(watches) == 0 {
		return false, errNothing
	}
	how, err := ss.start(ctx, watches)
	if err != nil {
		return false, err
	}
	w.cfg.Log.Info("policies are watched", "server", s.name, "how", how)
	w.set(i, watches)
	ss.limit = min(ss.limit, silence)

	tick := time.NewTicker(w.cfg.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return true, context.Cause(ctx)
		case <-tick.C:
			if err := ss.compare(ctx); err != nil {
				return true, err
			}
		case <-ss.moved:
			now, err := w.listener.Watches(ctx, ss)
			if err != nil {
				return true, err
			}
			if !reflect.DeepEqual(now, watches) {
				return true, errMoved
			}
		}
	}
}

// A session is a time in which a server is watched without a break.
type session struct {
	*watcher
	server *server
	conn   *ldap.Conn // for all but streams

	// The connections of searches that do not end, one each: servers bound
	// the requests under way on a connection, and slapd counts these for
	// ever.
	mu      sync.Mutex
	streams []*ldap.Conn

	fail  context.CancelCauseFunc // ends the session
	limit time.Duration           // for the answer to a search
	moved chan struct{}           // holds a token if other entries may have to be watched
	polls []*poll
	slow  int // comparisons in a row that took longer than the interval
	wg    sync.WaitGroup
}

// changed tells the listener.
func (s *session) changed() {
	s.listener.Invalidate()
	select {
	case s.moved <- struct{}{}:
	default:
	}
}

// The ways in which changes become known.
const (
	byPersistentSearch = "persistent search"
	bySync             = "content synchronization"
	byComparing        = "comparing"
)

// errRefused is what a server answers that does not tell of changes to some
// entries.
type errRefused struct{ error }

// start begins to watch and returns once every change from then on will be
// seen. It returns how, for people.
func (s *session) start(ctx context.Context, watches []policy.Watch) (string, error) {
	root, err := policy.Read(ctx, s, policy.Query{Attributes: []string{"supportedControl"}})
	if err != nil {
		return "", err
	}
	offered := func(oid string) bool { return slices.Contains(root.Values("supportedControl"), oid) }
	ways := make([]string, len(watches))
	failures := make([]error, len(watches))
	var wg sync.WaitGroup
	for i, w := range watches {
		var try attempt
		switch {
		case w.Poll || w.Base == "": // of the root DSE, no server sends notice
		case offered(persistentSearchOID):
			ways[i], try = byPersistentSearch, s.persistentSearch
		case offered(ldap.ControlTypeSyncRequest):
			ways[i], try = bySync, s.sync
		}
		if try == nil {
			ways[i] = byComparing
			continue
		}
		wg.Go(func() { failures[i] = s.stream(ctx, w, try) })
	}
	wg.Wait()
	for i, err := range failures {
		if err != nil && !errors.As(err, new(errRefused)) {
			return "", err
		}
		if err != nil {
			s.cfg.Log.Debug("the server sends no notice of changes", "base", watches[i].Base, "tried", ways[i], "error", err)
			ways[i] = byComparing
		}
		if ways[i] == byComparing {
			s.polls = append(s.polls, &poll{watch: watches[i]})
		}
	}
	if err := s.compare(ctx); err != nil {
		return "", err
	}
	var texts []string
	for _, way := range []string{byPersistentSearch, bySync, byComparing} {
		var bases []string
		for i, w := range watches {
			if ways[i] == way {
				bases = append(bases, fmt.Sprintf("%q", w.Base))
			}
		}
		if len(bases) > 0 {
			texts = append(texts, way+" of "+strings.Join(bases, ", "))
		}
	}
	return strings.Join(texts, "; "), nil
}

// An attempt begins a search for changes on a connection, and returns once it
// is in force. An error that is an errRefused says that the server does not
// do it.
type attempt func(ctx context.Context, conn *ldap.Conn, w policy.Watch) error

// stream makes an attempt on a connection of its own.
func (s *session) stream(ctx context.Context, w policy.Watch, try attempt) error {
	conn, err := s.client.open(ctx, s.server)
	if err != nil {
		return err
	}
	if err := try(ctx, conn, w); err != nil {
		conn.Close()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams = append(s.streams, conn)
	return nil
}

// follow calls f with each message of a search that does not end, and waits
// until the search is in force: when f first returns true or, if settle is
// not 0, after that time. An answer that ends it before is an errRefused.
// After that, its end is sent to the channel.
func (s *session) follow(ctx context.Context, r ldap.Response, settle time.Duration, f func() (inForce bool)) (<-chan error, error) {
	inForce, ended := make(chan struct{}), make(chan error, 1)
	s.wg.Go(func() {
		begun := false
		for r.Next() {
			if f() && !begun {
				begun = true
				close(inForce)
			}
		}
		err := r.Err()
		if err == nil {
			err = errors.New("the server ended the search for changes")
		}
		ended <- err
	})
	limit := s.limit
	if settle > 0 {
		limit = settle
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-inForce:
	case err := <-ended:
		return nil, refusal(err)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-timer.C:
		if settle == 0 {
			return nil, errSlow
		}
	}
	return ended, nil
}

// endWith ends the session when a search for changes ends.
func (s *session) endWith(ended <-chan error) {
	s.wg.Go(func() { s.fail(<-ended) })
}

// refusal tells an answer of the server's from a broken connection.
func refusal(err error) error {
	if broken(err) {
		return err
	}
	return errRefused{err}
}

// Search implements policy.Directory on the session's connection.
func (s *session) Search(ctx context.Context, q policy.Query) ([]policy.Entry, error) {
	return s.search(ctx, s.conn, q, s.limit)
}

// search makes a search that has to be answered within a time. Its goroutine
// may go on until the connection is closed.
func (s *session) search(ctx context.Context, conn *ldap.Conn, q policy.Query, limit time.Duration) ([]policy.Entry, error) {
	type outcome struct {
		res *ldap.SearchResult
		err error
	}
	done := make(chan outcome, 1)
	s.wg.Go(func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o = outcome{err: fmt.Errorf("directory: malformed answer: %v", p)}
			}
			done <- o
		}()
		o.res, o.err = conn.Search(searchRequest(q))
	})
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, s.client.fault(ctx, o.err)
		}
		return entries(o.res.Entries), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-timer.C:
		return nil, result.Wrap(errSlow, result.Unavailable, "the directory did not answer within %v", limit)
	}
}

// open opens a connection of its own to one server, bound as the service
// account, on which a request may go on for ever.
func (c *Client) open(ctx context.Context, s *server) (*ldap.Conn, error) {
	c.mu.Lock()
	refused := c.refusal != nil && time.Now().Before(c.until)
	c.mu.Unlock()
	if refused {
		return nil, result.New(result.Unavailable, "the directory refuses the service account")
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	raw, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	l := c.client(raw)
	l.SetTimeout(0)
	if c.cfg.BindDN == "" {
		return l, nil
	}
	if err := bind(ctx, l, c.cfg.BindDN, c.cfg.BindPassword); err != nil {
		l.Close()
		var answer *ldap.Error
		if errors.As(err, &answer) && !broken(err) {
			// As connect does: each try could count towards a lockout.
			c.mu.Lock()
			c.refusal = result.Wrap(err, result.Unavailable, "the directory refuses the service account %q (%s)", c.cfg.BindDN, result.Code(answer.ResultCode))
			c.until = time.Now().Add(refusalTime)
			c.mu.Unlock()
		}
		return nil, err
	}
	return l, nil
}
