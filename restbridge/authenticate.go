package restbridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// An Authenticator finds out who a client is.
type Authenticator interface {
	// Authenticate judges a name and a password, and returns a session that
	// acts as their owner. The password is wiped once it returns.
	//
	// Errors: *result.Error with invalidCredentials(49) for a name or a
	// password that is wrong, without saying which; others as the directory
	// answers.
	Authenticate(ctx context.Context, username string, password []byte) (Session, error)
}

// A Session is the connection to the directory on which one request's caller
// is bound: an extop.Caller but for Protected, which the Server knows.
type Session interface {
	AuthzID() string
	See(ctx context.Context, dn, authzID string) error
	Close() error
}

// A Binder is an Authenticator that puts the question to the directory, by a
// bind on a connection of its own: what the directory says of a locked or an
// expired account holds here too.
type Binder struct {
	// Bind binds as dn. Required.
	Bind func(ctx context.Context, dn string, password []byte) (Session, error)

	// Directory is searched, as the service account, for names that are no
	// DN. Nil means that a DN must be given.
	Directory policy.Directory

	// Bases are where to search; none means the naming contexts that the
	// root DSE tells of.
	Bases []string

	// Filter is the search filter, with {username} where the name goes.
	// Empty means "(uid={username})".
	Filter string

	// Log gets a line for a name that several entries answer to. Nil means
	// none.
	Log *slog.Logger
}

const defaultUserFilter = "(uid={username})"

// NewBinder checks b's filter and returns b with its defaults in place.
func NewBinder(b Binder) (*Binder, error) {
	if b.Bind == nil {
		return nil, errors.New("restbridge: Bind is required")
	}
	if b.Filter == "" {
		b.Filter = defaultUserFilter
	}
	if !strings.Contains(b.Filter, "{username}") {
		return nil, fmt.Errorf("restbridge: the filter %q has no {username}", b.Filter)
	}
	if b.Log == nil {
		b.Log = slog.New(slog.DiscardHandler)
	}
	return &b, nil
}

// errCredentials is the one answer to wrong credentials.
func errCredentials(cause error) error {
	return result.Wrap(cause, result.InvalidCredentials, "the name or the password is wrong")
}

// errUnknownName is the private cause where a name belongs to nobody. People
// type passwords into the field for names: such a name is not to be logged.
var errUnknownName = errors.New("nobody has the name")

// A SignInFailure is an attempt to say who one is that has failed.
type SignInFailure struct {
	Method   string // basic, token or bearer; page for the form of a Console
	Username string // as it was given, if somebody has the name or it is a DN
	Err      *result.Error
}

// method names a scheme.
func (s scheme) method() string {
	switch s {
	case basicScheme:
		return "basic"
	case tokenScheme:
		return "token"
	}
	return "bearer"
}

func (s *Server) signInFailed(ctx context.Context, method, username string, err error) {
	if s.cfg.SignInFailed == nil {
		return
	}
	if _, bad := dn.Parse(username); bad != nil && (!result.Is(err, result.InvalidCredentials) || errors.Is(err, errUnknownName)) {
		username = ""
	}
	s.cfg.SignInFailed(ctx, SignInFailure{method, username, result.From(err)})
}

// Authenticate implements Authenticator.
func (b *Binder) Authenticate(ctx context.Context, username string, password []byte) (Session, error) {
	if username == "" || len(password) == 0 {
		return nil, errCredentials(nil)
	}
	user := username
	if d, err := dn.Parse(username); err != nil || d.IsRoot() {
		if user, err = b.Find(ctx, username); err != nil {
			return nil, err
		}
	}
	session, err := b.Bind(ctx, user, password)
	switch {
	case result.Is(err, result.InvalidCredentials), result.Is(err, result.NoSuchObject), result.Is(err, result.InvalidDNSyntax):
		return nil, errCredentials(err)
	case err != nil:
		return nil, err
	}
	return session, nil
}

// Find returns the DN of the one entry that username names.
//
// Errors: invalidCredentials(49) if none or several do.
func (b *Binder) Find(ctx context.Context, username string) (string, error) {
	if b.Directory == nil {
		return "", errCredentials(errUnknownName)
	}
	bases, err := b.SearchBases(ctx)
	if err != nil {
		return "", err
	}
	filter := strings.ReplaceAll(b.Filter, "{username}", EscapeFilter(username))
	var found []string
	for _, base := range bases {
		entries, err := b.Directory.Search(ctx, policy.Query{
			Base: base, Scope: policy.WholeSubtree, Filter: filter, Attributes: []string{"1.1"},
		})
		// A naming context that the service account may not see holds nobody
		// for it to find.
		if err != nil && !(len(b.Bases) == 0 && result.Is(err, result.NoSuchObject)) {
			return "", err
		}
		for _, e := range entries {
			found = append(found, e.DN)
		}
	}
	switch len(found) {
	case 0:
		return "", errCredentials(errUnknownName)
	case 1:
		return found[0], nil
	}
	b.Log.WarnContext(ctx, "several entries answer to one user name", "entries", found)
	return "", errCredentials(errors.New("several entries have the name"))
}

// SearchBases returns where names are searched for.
func (b *Binder) SearchBases(ctx context.Context) ([]string, error) {
	if len(b.Bases) > 0 {
		return b.Bases, nil
	}
	root, err := policy.Read(ctx, b.Directory, policy.Query{Attributes: []string{"namingContexts"}, Shared: true})
	if err != nil {
		return nil, err
	}
	return root.Values("namingContexts"), nil
}

// EscapeFilter writes a value for a filter (RFC 4515 section 3).
func EscapeFilter(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '*' || c == '(' || c == ')' || c == '\\' || c < 0x20 || c >= 0x7F:
			fmt.Fprintf(&b, `\%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
