package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

// Config configures a Console.
type Config struct {
	// Generate, Validate and Explain are the operations behind the views.
	// Required.
	Generate restbridge.Generator
	Validate restbridge.Validator
	Explain  restbridge.Explainer

	// List is the operation behind the list of policies. Nil means that there
	// is none.
	List restbridge.Lister

	// Bases returns where to search for people. Required.
	Bases func(ctx context.Context) ([]string, error)

	// Filter is the search filter for people, with {text} where a word that
	// was typed goes. Of several words, each must match. Empty means
	// DefaultFilter.
	Filter string

	// Reset sets the password of the entry at dn on a helper's connection, in
	// the way of the directory. Required.
	//
	// Errors: *result.Error with what the directory answers.
	Reset func(ctx context.Context, conn Conn, dn string, password []byte) error

	// IdleTimeout is how long a session lasts without a request. 0 means 10
	// minutes.
	IdleTimeout time.Duration

	// Lifetime is how long it lasts at most: a helper's account that was
	// disabled meanwhile is noticed by then. 0 means 8 hours.
	Lifetime time.Duration

	// MaxSessions bounds the sessions, each of which holds a connection to
	// the directory. Nobody can sign in beyond. 0 means 256.
	MaxSessions int

	// Sessions are shared with other Consoles, whose limits they take. Nil
	// means that the Console has some of its own, which Close ends.
	Sessions *Sessions

	// Results bounds the people that a search lists. 0 means 50.
	Results int

	// Suggestions is how many passwords are suggested at a time. 0 means 5.
	Suggestions int

	// Timeout bounds what the directory is asked for one page. 0 means 15
	// seconds.
	Timeout time.Duration

	// Audit is told of each reset, if it is not nil.
	Audit extop.Auditor

	// Log gets failures. Nil means none.
	Log *slog.Logger
}

// DefaultFilter finds people by the beginning of a user name, an address or
// a surname, or by a part of a name, in all directories that are known here.
// What a directory has no attribute for does not match.
const DefaultFilter = "(&(|(objectClass=person)(objectClass=account)(objectClass=user))" +
	"(|(uid={text}*)(sAMAccountName={text}*)(userPrincipalName={text}*)(mail={text}*)(cn=*{text}*)(displayName=*{text}*)(sn={text}*)))"

// A Conn is a connection to the directory that is bound as a helper: the
// session that the door's authenticator made. Several requests may use it at
// a time.
type Conn interface {
	restbridge.Session

	// Closed reports whether the connection is of no more use.
	Closed() bool

	// Search searches as the helper, for at most limit entries, and reports
	// whether there are more.
	Search(ctx context.Context, q policy.Query, limit int) (found []policy.Entry, more bool, err error)
}

// A Console is the page for people. It implements restbridge.Console.
type Console struct {
	cfg      Config
	door     restbridge.Door
	views    views
	sessions *Sessions
	origins  *http.CrossOriginProtection
	routes   map[string]route
}

// New returns a Console.
func New(cfg Config) (*Console, error) {
	if cfg.Generate == nil || cfg.Validate == nil || cfg.Explain == nil || cfg.Bases == nil || cfg.Reset == nil {
		return nil, errors.New("console: Generate, Validate, Explain, Bases and Reset are required")
	}
	if cfg.Filter == "" {
		cfg.Filter = DefaultFilter
	}
	if !strings.Contains(cfg.Filter, "{text}") {
		return nil, fmt.Errorf("console: the filter %q has no {text}", cfg.Filter)
	}
	for _, d := range []struct {
		is      *time.Duration
		instead time.Duration
	}{{&cfg.IdleTimeout, 10 * time.Minute}, {&cfg.Lifetime, 8 * time.Hour}, {&cfg.Timeout, 15 * time.Second}} {
		if *d.is <= 0 {
			*d.is = d.instead
		}
	}
	for _, n := range []struct {
		is      *int
		instead int
	}{{&cfg.MaxSessions, 256}, {&cfg.Results, 50}, {&cfg.Suggestions, 5}} {
		if *n.is <= 0 {
			*n.is = n.instead
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Console{cfg: cfg, sessions: cfg.Sessions, origins: http.NewCrossOriginProtection()}
	if c.sessions == nil {
		c.sessions = NewSessions()
	}
	c.sessions.limit(cfg.IdleTimeout, cfg.Lifetime, cfg.MaxSessions)
	var err error
	if c.views, err = parseViews(); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	c.routes = map[string]route{
		"/":                      {http.MethodGet: c.home},
		restbridge.ConsolePrefix: {http.MethodGet: c.home},
		"/console/find":          {http.MethodGet: c.find},
		"/console/person":        {http.MethodGet: c.person},
		"/console/policy":        {http.MethodGet: c.policy},
		"/console/check":         {http.MethodPost: c.check},
		"/console/confirm":       {http.MethodPost: c.confirm},
		"/console/reset":         {http.MethodPost: c.reset},
		"/console/sign-out":      {http.MethodPost: c.signOut},
	}
	if cfg.List != nil {
		c.routes["/console/policies"] = route{http.MethodGet: c.policies}
	}
	return c, nil
}

// Handler implements restbridge.Console.
func (c *Console) Handler(d restbridge.Door) http.Handler {
	c.door = d
	return c
}

// Close ends all sessions, unless they are shared, and waits until their
// connections are closed.
func (c *Console) Close() error {
	if c.cfg.Sessions == nil {
		c.sessions.Close()
	}
	return nil
}

// A route is what a path has for each method.
type route map[string]func(x *exchange) error

func (r route) allow() string {
	if r[http.MethodGet] != nil {
		return "GET, HEAD"
	}
	return "POST"
}

// An exchange is one request of somebody who is signed in.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	ctx     context.Context
	session *session
	form    form // of a POST
}

// caller is who asks an operation.
func (c *Console) caller(x *exchange) extop.Caller { return c.door.Caller(x.r, x.session.conn) }

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if name, ok := strings.CutPrefix(r.URL.Path, assetPrefix); ok {
		c.views.serveAsset(w, r, name)
		return
	}
	if !c.door.Protected(r) {
		c.problem(w, r, nil, result.New(result.ConfidentialityRequired, "passwords are only shown over HTTPS"))
		return
	}
	switch r.URL.Path {
	case "/console/sign-in":
		c.signIn(w, r)
		return
	case "/console/idle":
		c.idle(w, r)
		return
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	route, ok := c.routes[r.URL.Path]
	if !ok {
		c.problemPage(w, r, nil, http.StatusNotFound, problem{Title: "There is no such page", Text: "The address may be misspelt."})
		return
	}
	action := route[method]
	if action == nil {
		w.Header().Set("Allow", route.allow())
		c.problemPage(w, r, nil, http.StatusMethodNotAllowed, problem{Title: "This page cannot be opened like that", Text: "Begin again from the start."})
		return
	}
	c.perform(w, r, action)
}

// perform runs an action for whoever is signed in.
func (c *Console) perform(w http.ResponseWriter, r *http.Request, action func(x *exchange) error) {
	var f form
	if r.Method == http.MethodPost {
		if err := c.origins.Check(r); err != nil {
			c.forged(w, r, nil)
			return
		}
		var err error
		if f, err = readForm(w, r); err != nil {
			c.problem(w, r, nil, err)
			return
		}
		defer f.wipe()
	}
	s, why := c.sessions.find(c.sessionCookie(r))
	if s == nil {
		c.askToSignIn(w, r, f, why)
		return
	}
	if r.Method == http.MethodPost && !s.isToken(f.secret("token")) {
		c.forged(w, r, s)
		return
	}
	if err := c.door.Admit(w, s.authzID); err != nil {
		c.problem(w, r, s, err)
		return
	}
	// A browser that gives up a page must not end the connection, which the
	// next page needs.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), c.cfg.Timeout)
	defer cancel()
	err := action(&exchange{w, r, ctx, s, f})
	switch {
	case err == nil:
	case s.conn.Closed():
		c.sessions.end(s, endedLost)
		c.askToSignIn(w, r, f, endedLost)
	default:
		c.problem(w, r, s, err)
	}
}

// secure sets the headers that every answer has.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), clipboard-read=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
}
