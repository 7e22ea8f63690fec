package restbridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// The operations that the APIs and the page for people perform. Those of
// package extop implement them.
type (
	// A Generator generates passwords.
	Generator interface {
		Do(ctx context.Context, caller extop.Caller, r extop.GeneratePasswordRequest, controls []extop.Control) (*extop.GeneratePasswordResult, error)
	}

	// A Validator tells whether a password would be accepted.
	Validator interface {
		Do(ctx context.Context, caller extop.Caller, r extop.ValidatePasswordRequest, controls []extop.Control) (*extop.ValidatePasswordResult, error)
	}

	// An Explainer tells which policy is in force, and why.
	Explainer interface {
		Do(ctx context.Context, caller extop.Caller, r extop.EffectivePolicyRequest, controls []extop.Control) (*policy.Explanation, error)
	}

	// A Lister lists the policies that the caller may see.
	Lister interface {
		Do(ctx context.Context, caller extop.Caller) ([]extop.ListedPolicy, error)
	}
)

// Config configures a Server.
type Config struct {
	// Generate performs the Generate Password operation. Required.
	Generate Generator

	// Validate, Explain, List and Requirements are the operations behind
	// validatePassword, effectivePolicy, passwordPolicies and
	// passwordRequirements. Those that are nil are not served.
	Validate     Validator
	Explain      Explainer
	List         Lister
	Requirements interface {
		Do(ctx context.Context, caller extop.Caller, r extop.PasswordQualityRequest, controls []extop.Control) (*extop.PasswordQualityResult, error)
	}

	// Authenticate tells who asks. Required.
	Authenticate Authenticator

	// CredentialCache is how long a name and a password that Authenticate has
	// said yes to are believed without asking it again. Sessions of its that
	// have a method Closed, which reports whether their connection is of no
	// more use, are kept as long, for the same caller. 0 means that it is asked each
	// time. Shutdown closes what is kept.
	CredentialCache time.Duration

	// Tokens judges API tokens, Bearer the other tokens that come as
	// "Authorization: Bearer". Nil means that none are accepted.
	Tokens, Bearer TokenAuthenticator

	// WithoutDirectory switches the Directory REST API off: suggestPassword
	// and the other operations below /directory/v1.
	WithoutDirectory bool

	// Adaxes, ECGrid and Nextcloud are the APIs of other products. Those that
	// are nil are not served.
	Adaxes    *Adaxes
	ECGrid    *ECGrid
	Nextcloud *Nextcloud

	// Console is the page for people. Nil means that there is none.
	Console Console

	// Rate is the limit on the requests of each caller. The zero RateLimit
	// means none, neither on failed attempts to say who one is.
	Rate RateLimit

	// AddressRate is the limit on the requests to the APIs from each address,
	// of IPv6 each /64, whoever makes them. It counts before anybody is asked who that is.
	// Requests over a local socket have no address. The zero RateLimit means
	// none.
	AddressRate RateLimit

	// CORS lets pages of other origins call the APIs. Nil means that they may
	// not.
	CORS *CORS

	// TLSConfig is for ServeTLS. Without it, that returns an error.
	TLSConfig *tls.Config

	// Timeout bounds the handling of a request whose body has arrived. 0
	// means 15 seconds.
	Timeout time.Duration

	// MaxRequests bounds the requests under way. Further ones are answered
	// 503. 0 means 256.
	MaxRequests int

	// MaxConnections bounds the connections of each listener. Further ones
	// wait to be accepted. 0 means 1024.
	MaxConnections int

	// MaxBody bounds the octets of a request body. 0 means 64 KiB.
	MaxBody int64

	// Log gets one line for each request, and failures. Nil means none.
	Log *slog.Logger

	// Observe is told of each request that has ended: the pattern of its
	// route, empty for one that was turned away before it was routed, its
	// status and how long it took. It must not block. May be nil.
	Observe func(route string, status int, took time.Duration)

	// SignInFailed is told of each attempt to say who one is that was judged
	// and failed. It must not block. May be nil.
	SignInFailed func(ctx context.Context, f SignInFailure)

	// Trails names connections and requests, in the lines for Log, in the
	// contexts of operations and in the header X-Request-Id. Doors that log to
	// the same place share one. Nil stands for one of the server's own.
	Trails *trail.Source
}

func (c Config) withDefaults() Config {
	if c.Timeout <= 0 {
		c.Timeout = 15 * time.Second
	}
	if c.MaxRequests <= 0 {
		c.MaxRequests = 256
	}
	if c.MaxConnections <= 0 {
		c.MaxConnections = 1024
	}
	if c.MaxBody <= 0 {
		c.MaxBody = 64 << 10
	}
	if c.Trails == nil {
		c.Trails = trail.NewSource()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// A Server answers the REST API. It is an http.Handler, and serves listeners
// itself with limits that suit it.
type Server struct {
	cfg  Config
	http http.Server
	mux  *http.ServeMux
	busy chan struct{} // one token for each request under way

	callers, failures, addresses *limiter

	credentials *credentialCache // nil if there is none
	direct      Authenticator    // asks the directory each time

	adaxes        *adaxes // nil if it is not served
	adaxesHandler http.Handler
}

// New returns a Server.
func New(cfg Config) (*Server, error) {
	if cfg.Generate == nil || cfg.Authenticate == nil {
		return nil, errors.New("restbridge: Generate and Authenticate are required")
	}
	cfg = cfg.withDefaults()
	s := &Server{cfg: cfg, mux: http.NewServeMux(), busy: make(chan struct{}, cfg.MaxRequests)}
	s.listenWith(s)
	s.direct = cfg.Authenticate
	if cfg.CredentialCache > 0 {
		s.credentials = newCredentialCache(cfg.Authenticate, cfg.CredentialCache)
		s.cfg.Authenticate = s.credentials
	}
	s.callers = newLimiter(cfg.Rate)
	if s.callers != nil {
		s.failures = newLimiter(RateLimit{PerSecond: failuresPerSecond, Burst: failuresBurst, MaxCallers: cfg.Rate.MaxCallers})
	}
	s.addresses = newLimiter(cfg.AddressRate)
	if cfg.CORS != nil {
		if err := cfg.CORS.Check(); err != nil {
			return nil, fmt.Errorf("restbridge: CORS: %w", err)
		}
	}
	if !cfg.WithoutDirectory {
		s.routeDirectory()
	}
	if err := errors.Join(s.routeAdaxes(), s.routeECGrid(), s.routeNextcloud()); err != nil {
		return nil, err
	}
	s.routeConsole()
	s.mux.HandleFunc("/openapi.yaml", s.openAPI)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if s.adaxes.serves(r.URL.Path) {
			s.adaxesHandler.ServeHTTP(w, r)
			return
		}
		s.fail(w, r, &httpError{status: http.StatusNotFound, text: "there is no such resource"})
	})
	return s, nil
}

func (s *Server) routeDirectory() {
	s.mux.Handle("/directory/v1/suggestPassword", s.operation(s.suggestPassword))
	if s.cfg.Validate != nil {
		s.mux.Handle("/directory/v1/validatePassword", s.operation(s.validatePassword))
	}
	if s.cfg.Explain != nil {
		s.mux.Handle("/directory/v1/effectivePolicy", s.query(s.effectivePolicy))
	}
	if s.cfg.List != nil {
		s.mux.Handle("/directory/v1/passwordPolicies", s.query(s.passwordPolicies))
	}
	if s.cfg.Requirements != nil {
		s.mux.Handle("/directory/v1/passwordRequirements", s.operation(s.passwordRequirements))
	}
}

// NewFront returns a Server that has h answer the requests that come to its
// listeners: for Servers that take turns, each of which is an http.Handler.
// Of cfg, what has to do with listeners and connections counts.
func NewFront(cfg Config, h http.Handler) *Server {
	s := &Server{cfg: cfg.withDefaults()}
	s.listenWith(h)
	return s
}

func (s *Server) listenWith(h http.Handler) {
	s.http = http.Server{
		Handler:           h,
		ConnContext:       s.connContext,
		TLSConfig:         s.cfg.TLSConfig,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      20*time.Second + s.cfg.Timeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
}

// Serve answers HTTP on the connections of l until Shutdown, and then returns
// http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error {
	return s.http.Serve(limit(l, s.cfg.MaxConnections))
}

// ServeTLS is Serve for HTTPS.
func (s *Server) ServeTLS(l net.Listener) error {
	if s.cfg.TLSConfig == nil {
		return errors.New("restbridge: ServeTLS without Config.TLSConfig")
	}
	return s.http.ServeTLS(limit(l, s.cfg.MaxConnections), "", "")
}

// Shutdown stops serving as http.Server.Shutdown does; once ctx ends, it
// closes the connections that are left.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	s.credentials.close()
	if s.cfg.Console != nil {
		err = errors.Join(err, s.cfg.Console.Close())
	}
	return err
}

// Values of headers that most answers have, to be set and never changed.
var (
	noStore         = []string{"no-store"}
	noSniff         = []string{"nosniff"}
	noReferrer      = []string{"no-referrer"}
	varyAccept      = []string{"Accept"}
	jsonContentType = []string{"application/json"}
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	rec := &recorder{ResponseWriter: w}
	r, span := s.mark(rec, r)
	h := rec.Header()
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	h["Referrer-Policy"] = noReferrer
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			// The value of a panic may quote what it fell over.
			s.cfg.Log.ErrorContext(r.Context(), "panic in a REST request", "stack", string(debug.Stack()))
			if rec.status == 0 {
				s.fail(rec, r, result.New(result.Other, "internal error"))
			} else {
				rec.aborted = true
			}
		}
		rec.end(span, r.Method, r.Pattern)
		if s.cfg.Observe != nil {
			s.cfg.Observe(r.Pattern, rec.status, time.Since(began))
		}
		if s.cfg.Log.Enabled(r.Context(), slog.LevelInfo) {
			s.cfg.Log.InfoContext(r.Context(), "rest", "method", r.Method, "path", clip(r.URL.Path), "status", rec.status,
				"result", rec.result.String(), "caller", rec.caller, "remote", r.RemoteAddr, "duration", time.Since(began))
		}
		if rec.aborted {
			panic(http.ErrAbortHandler)
		}
	}()
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	default:
		s.fail(rec, r, result.New(result.Busy, "too many requests are under way"))
		return
	}
	s.mux.ServeHTTP(rec, r)
}

// clip keeps a path from filling the log.
func clip(s string) string {
	if len(s) > 128 {
		return s[:128] + "…"
	}
	return s
}

// A recorder notes for the log how a request ended.
type recorder struct {
	http.ResponseWriter
	trail   trail.Context
	status  int
	result  result.Code
	caller  string // authorization identity, once the directory has confirmed it
	aborted bool
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// An operationFunc performs an operation whose request body is in memory,
// for whoever authenticate tells, and returns the response body, which is
// wiped once it is written.
type operationFunc func(ctx context.Context, body []byte, authenticate func() (extop.Caller, error)) ([]byte, error)

// operation is handle for an operation of the Directory REST API.
func (s *Server) operation(do operationFunc) http.Handler {
	return s.handle(directoryAPI, []string{http.MethodPost}, s.body, do)
}

// query is operation for those that read: GET, with what was asked in the
// query of the URL instead of a body.
func (s *Server) query(do operationFunc) http.Handler {
	return s.handle(directoryAPI, []string{http.MethodGet, http.MethodHead}, readQuery, do)
}

func readQuery(_ http.ResponseWriter, r *http.Request) ([]byte, error) {
	return []byte(r.URL.RawQuery), nil
}

// A readFunc returns what an operation was asked.
type readFunc func(w http.ResponseWriter, r *http.Request) ([]byte, error)

// handle wraps what all operations share: methods, protection,
// authentication and one place that writes.
func (s *Server) handle(a *api, methods []string, read readFunc, do operationFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.CORS.answer(a, methods, w, r) {
			return
		}
		body, err := s.perform(a, w, r, methods, read, do)
		switch {
		case err != nil:
			s.failAs(a, w, r, err)
			return
		case a.name == DirectoryAPI:
			write(w, r, http.StatusOK, body)
		default:
			writeJSON(w, r, http.StatusOK, body)
		}
		clear(body)
	})
}

func (s *Server) perform(a *api, w http.ResponseWriter, r *http.Request, methods []string, read readFunc, do operationFunc) ([]byte, error) {
	if !slices.Contains(methods, r.Method) {
		return nil, &httpError{status: http.StatusMethodNotAllowed, allow: strings.Join(methods, ", "), text: "the method must be " + methods[0]}
	}
	if err := s.addresses.admit(r.RemoteAddr); err != nil {
		return nil, err
	}
	// Before anything else is looked at: a client that sends credentials in
	// the clear should learn it on its first try.
	protected := isProtected(r)
	if !protected {
		return nil, result.New(result.ConfidentialityRequired, "the request must come over TLS")
	}
	who, err := a.credentials(r)
	if err != nil {
		return nil, err
	}
	body, err := read(w, r)
	if err != nil {
		return nil, err
	}
	ctx := withTimeout(r.Context(), s.cfg.Timeout)
	defer ctx.end()
	var session Session
	defer func() {
		if session != nil {
			session.Close()
		}
	}()
	return do(ctx, body, func() (extop.Caller, error) {
		if session, err = s.authenticate(ctx, a, who, r.RemoteAddr); err != nil {
			return nil, err
		}
		if rec, ok := w.(*recorder); ok {
			rec.caller = session.AuthzID()
		}
		return caller{session, protected}, nil
	})
}

// A caller is a session that came through this door.
type caller struct {
	Session
	protected bool
}

// Protected implements extop.Caller.
func (c caller) Protected() bool { return c.protected }

// isProtected reports whether nobody on the way can read the answer: TLS, or
// both ends on the loopback interface. A proxy in between that says that its
// client came without TLS is believed; one that says that it came with TLS
// makes no difference, for anybody can say so.
func isProtected(r *http.Request) bool {
	for _, proto := range r.Header.Values("X-Forwarded-Proto") {
		if !strings.EqualFold(strings.TrimSpace(proto), "https") {
			return false
		}
	}
	if r.TLS != nil {
		return true
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return false
	}
	if local.Network() == "unix" {
		return true
	}
	return isLoopback(r.RemoteAddr) && isLoopback(local.String())
}

func isLoopback(addr string) bool {
	a, err := netip.ParseAddrPort(addr)
	return err == nil && a.Addr().Unmap().IsLoopback()
}
