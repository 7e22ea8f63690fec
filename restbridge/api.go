package restbridge

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/restbridge/token"
)

// An api is one of the APIs that the bridge is compatible with: how its
// clients say who they are, and how it tells them that something failed.
type api struct {
	name string // of the API, and of the scope that its tokens need

	// credentials reads who the client says it is.
	credentials func(r *http.Request) (credentials, error)

	// headers are those that a client may send besides what every page may
	// (CORS).
	headers []string

	// challenge is the header WWW-Authenticate of a 401.
	challenge string

	// status is the HTTP status of a result code that HTTP has none of its
	// own for.
	status func(c result.Code) int

	// encode renders a failure.
	encode func(r *http.Request, status int, e *result.Error) []byte
}

// The names of the APIs, which are the scopes of tokens too.
const (
	DirectoryAPI = "directory"
	AdaxesAPI    = "adaxes"
	ECGridAPI    = "ecgrid"
	NextcloudAPI = "nextcloud"
)

// APIs returns the names of all APIs.
func APIs() []string { return []string{DirectoryAPI, AdaxesAPI, ECGridAPI, NextcloudAPI} }

// A scheme is a way to say who one is.
type scheme int

const (
	basicScheme  scheme = iota // username and secret
	tokenScheme                // an API token
	bearerScheme               // an API token, or a JWT
)

// credentials are what a request says who it comes from.
type credentials struct {
	scheme           scheme
	username, secret string
}

// basicOrBearer reads the header Authorization.
func basicOrBearer(r *http.Request) (credentials, error) {
	if username, password, ok := r.BasicAuth(); ok {
		return credentials{basicScheme, username, password}, nil
	}
	if c, ok := bearer(r); ok {
		return c, nil
	}
	return credentials{}, result.New(result.InvalidCredentials, "credentials are required, by HTTP Basic authentication or a Bearer token")
}

// bearer reads a bearer token (RFC 6750 section 2.1).
func bearer(r *http.Request) (credentials, bool) {
	kind, value, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	value = strings.TrimSpace(value)
	if !ok || !strings.EqualFold(kind, "Bearer") || value == "" {
		return credentials{}, false
	}
	return credentials{scheme: bearerScheme, secret: value}, true
}

// A TokenAuthenticator finds out who a token was made for.
type TokenAuthenticator interface {
	// AuthenticateToken returns a session that acts as the token's owner. The
	// token is wiped once it returns. Scope is the name of the API that was
	// called.
	//
	// Errors are those of Authenticator, with invalidCredentials(49) for
	// whatever is wrong with the token.
	AuthenticateToken(ctx context.Context, scope string, token []byte) (Session, error)
}

// authenticate finds out who sent c to the API a.
func (s *Server) authenticate(ctx context.Context, a *api, c credentials, remote string) (Session, error) {
	if err := s.failures.check(remote); err != nil {
		return nil, err
	}
	secret := []byte(c.secret)
	defer clear(secret)
	var session Session
	var err error
	switch tokens := s.cfg.Tokens; {
	case c.scheme == basicScheme && tokens != nil && token.IsWhole(secret):
		// Clients that know names and passwords only have a token in place of
		// the password.
		if session, err = tokens.AuthenticateToken(ctx, a.name, secret); err == nil {
			err = s.owns(ctx, c.username, session)
		}
	case c.scheme == basicScheme:
		session, err = s.cfg.Authenticate.Authenticate(ctx, c.username, secret)
	case c.scheme == bearerScheme && !token.Is(secret):
		tokens = s.cfg.Bearer
		fallthrough
	default:
		if tokens == nil {
			err = errToken(errors.New("such tokens are not configured"))
		} else {
			session, err = tokens.AuthenticateToken(ctx, a.name, secret)
		}
	}
	if err != nil {
		if result.Is(err, result.InvalidCredentials) {
			s.failures.count(remote)
		}
		s.signInFailed(ctx, c.scheme.method(), c.username, err)
		return nil, err
	}
	if err := s.callers.take(session.AuthzID()); err != nil {
		session.Close()
		return nil, err
	}
	return session, nil
}

// owns returns an error, and closes the session, unless username names the
// entry that the session acts as: a name that means nothing would mislead who
// reads it.
func (s *Server) owns(ctx context.Context, username string, session Session) error {
	entry, _ := strings.CutPrefix(session.AuthzID(), "dn:")
	owner, err := dn.Parse(entry)
	if err == nil && !owner.IsRoot() && strings.EqualFold(username, owner.RDNs[0][0].Value) {
		return nil
	}
	named := username
	if d, malformed := dn.Parse(username); malformed != nil || d.IsRoot() {
		finder, ok := s.direct.(interface {
			Find(ctx context.Context, username string) (string, error)
		})
		if !ok {
			session.Close()
			return errCredentials(errors.New("the name is not that of the token's owner"))
		}
		if named, err = finder.Find(ctx, username); err != nil {
			session.Close()
			return err
		}
	}
	if dn.Key(named) != dn.Key(entry) {
		session.Close()
		return errCredentials(errors.New("the token is somebody else's"))
	}
	return nil
}

// errToken is the one answer to a token that does not count.
func errToken(cause error) error {
	return result.Wrap(cause, result.InvalidCredentials, "the token is unknown, expired or revoked, or not for this API")
}

// bearerChallenge begins the header WWW-Authenticate for who came with a Bearer
// token (RFC 6750 section 3).
const bearerChallenge = `Bearer realm="ldapsuggest"`

// A scopeError is the cause of a refusal for want of this scope.
type scopeError string

func (e scopeError) Error() string { return "the token lacks the scope " + string(e) }

// failAs renders an error in the form of an API: the one place that does.
func (s *Server) failAs(a *api, w http.ResponseWriter, r *http.Request, err error) {
	status := 0
	var res *result.Error
	h := w.Header()
	if e, ok := err.(*httpError); ok {
		status = e.status
		code := e.code
		if code == result.Success {
			code = result.ProtocolError
		}
		res = result.New(code, "%s", e.text)
		for name, value := range map[string]string{"Allow": e.allow, "Accept": e.accept, "Retry-After": e.retryAfter} {
			if value != "" {
				h.Set(name, value)
			}
		}
	} else {
		res = result.From(err)
		status = a.status(res.Code)
		if status >= 500 {
			s.cfg.Log.WarnContext(r.Context(), "REST request failed", "result", res.Code.String(), "text", res.Text, "cause", res.Cause)
		}
	}
	_, isBearer := bearer(r)
	var scope scopeError
	switch {
	case a.challenge != "" && errors.As(res.Cause, &scope):
		h.Set("WWW-Authenticate", bearerChallenge+`, error="insufficient_scope", scope="`+string(scope)+`"`)
	case status == http.StatusUnauthorized && a.challenge != "" && isBearer:
		h.Set("WWW-Authenticate", bearerChallenge+`, error="invalid_token"`)
	case status == http.StatusUnauthorized && a.challenge != "":
		h.Set("WWW-Authenticate", a.challenge)
	case status == http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
	if rec, ok := w.(*recorder); ok {
		rec.result = res.Code
	}
	body := a.encode(r, status, res)
	if a.name == DirectoryAPI {
		write(w, r, status, body)
	} else {
		writeJSON(w, r, status, body)
	}
}

// directoryAPI is PingDirectory's Directory REST API, with our additions.
var directoryAPI = &api{
	name:        DirectoryAPI,
	credentials: basicOrBearer,
	headers:     []string{"Authorization", "Content-Type"},
	challenge:   `Basic realm="ldapsuggest", charset="UTF-8"`,
	status:      statusOf,
	encode:      func(_ *http.Request, _ int, e *result.Error) []byte { return EncodeError(e) },
}
