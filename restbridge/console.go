package restbridge

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// ConsolePrefix is where the paths of a Console begin, besides "/" itself.
const ConsolePrefix = "/console/"

// A Console is the page for people: whatever answers GET of "/" and all below
// ConsolePrefix. It comes as HTML and speaks to the operations itself.
type Console interface {
	// Handler returns what answers, given the door that it is behind. It is
	// called once.
	Handler(d Door) http.Handler

	// Close ends what it holds. Shutdown calls it.
	Close() error
}

func (s *Server) routeConsole() {
	if s.cfg.Console == nil {
		return
	}
	h := s.cfg.Console.Handler(Door{s})
	s.mux.Handle("GET /{$}", h)
	s.mux.Handle(ConsolePrefix, h)
}

// A Door is what a Console shares with the APIs, so that it is no way around
// their limits.
type Door struct{ s *Server }

// Protected reports whether nobody on the way can read the answer to r.
func (d Door) Protected(r *http.Request) bool { return isProtected(r) }

// Secure reports whether the client speaks HTTPS, be it to a proxy.
func (d Door) Secure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// SignIn judges a name and a password as HTTP Basic authentication does, and
// counts failures with those of the APIs. It always asks the directory, and
// nobody keeps the password: the session is a connection of its own, which
// the caller closes. The password is the caller's to wipe.
//
// Errors: *result.Error with busy(51) after too many failures from the
// client's address; otherwise those of Authenticator.
func (d Door) SignIn(ctx context.Context, r *http.Request, username string, password []byte) (Session, error) {
	if !isProtected(r) {
		return nil, result.New(result.ConfidentialityRequired, "the request must come over TLS")
	}
	if err := d.s.failures.check(r.RemoteAddr); err != nil {
		return nil, asResult(err)
	}
	session, err := d.s.direct.Authenticate(ctx, username, password)
	if err != nil && result.Is(err, result.InvalidCredentials) {
		d.s.failures.count(r.RemoteAddr)
	}
	if err != nil {
		d.s.signInFailed(ctx, "page", username, err)
	}
	return session, err
}

// Admit counts a request of somebody who has signed in with those that they
// send to the APIs, and notes for the log whose it is.
//
// Errors: *result.Error with busy(51) if there were too many.
func (d Door) Admit(w http.ResponseWriter, authzID string) error {
	if rec, ok := w.(*recorder); ok {
		rec.caller = authzID
	}
	return asResult(d.s.callers.take(authzID))
}

// Caller returns the caller of an operation whom a session of SignIn stands
// for, where r is the request that asks for the operation.
func (d Door) Caller(r *http.Request, s Session) extop.Caller {
	return caller{s, isProtected(r)}
}

// Note says for the log how a request ended.
func (d Door) Note(w http.ResponseWriter, c result.Code) {
	if rec, ok := w.(*recorder); ok {
		rec.result = c
	}
}

// PasswordChanged tells that the password of an entry is another one: what
// the APIs believe of the earlier one is forgotten.
func (d Door) PasswordChanged(entry string) { d.s.credentials.forget(entry) }

// asResult renders a failure for callers outside the package.
func asResult(err error) error {
	var e *httpError
	if errors.As(err, &e) {
		return result.Wrap(err, e.code, "%s", e.text)
	}
	return err
}
