package restbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/restbridge/token"
)

// The ways in which a Delegate acts for someone.
const (
	// ActAuto is ActProxied for a directory whose root DSE lists proxied
	// authorization, and ActService for others. A directory that lists it
	// and refuses it is not asked the other way.
	ActAuto = "auto"

	// ActProxied puts each question with the proxied authorization control
	// (RFC 4370), so that the directory's access control for the entry
	// decides.
	ActProxied = "proxied"

	// ActService puts each question as the service account. What that may
	// see, everybody may ask about who has a token.
	ActService = "service"
)

// A Delegate makes sessions for people whom it has not seen a password of:
// the bridge knows who they are by a token.
type Delegate struct {
	// Directory is asked as the service account. Required.
	Directory policy.Directory

	// Act is one of ActAuto, ActProxied, ActService. Empty means ActAuto.
	Act string

	// Remember is how long an entry that is there, and whose account is in
	// order, is taken to be so without asking again. 0 means that it is
	// asked each time.
	Remember time.Duration

	mu      sync.Mutex
	proxied bool      // whether the directory lists proxied authorization
	until   time.Time // when to ask again
	good    map[string]goodEntry
}

// A goodEntry was found to be in order.
type goodEntry struct {
	dn    string // as the directory spells it
	until time.Time
}

// maxRemembered bounds the entries of a Delegate. When there are more, all are
// asked again.
const maxRemembered = 1024

// rootTTL is how long the root DSE is believed.
const rootTTL = time.Minute

// Session returns a session that acts as an entry.
//
// Errors: invalidCredentials(49) if the entry is not there; an error with
// authorizationDenied(123) if the directory has disabled the account.
func (d *Delegate) Session(ctx context.Context, entry string) (Session, error) {
	name, err := d.entry(ctx, entry)
	if err != nil {
		return nil, err
	}
	proxied, err := d.proxies(ctx)
	if err != nil {
		return nil, err
	}
	return &delegated{d.Directory, "dn:" + name, proxied}, nil
}

// entry returns the DN of an entry, as the directory spells it, if its account
// is in order.
func (d *Delegate) entry(ctx context.Context, entry string) (string, error) {
	asked := time.Now()
	if d.Remember > 0 {
		d.mu.Lock()
		known, ok := d.good[entry]
		d.mu.Unlock()
		if ok && asked.Before(known.until) {
			return known.dn, nil
		}
	}
	if name, err := dn.Parse(entry); err != nil || name.IsRoot() {
		return "", errToken(fmt.Errorf("%q is no DN of an entry", entry))
	}
	e, err := policy.Read(ctx, d.Directory, policy.Query{Base: entry, Attributes: accountAttributes})
	if result.Is(err, result.NoSuchObject) || result.Is(err, result.InsufficientAccessRights) {
		return "", errToken(err)
	}
	if err != nil {
		return "", err
	}
	if err := accountState(e, time.Now()); err != nil {
		return "", err
	}
	if d.Remember > 0 {
		d.mu.Lock()
		if d.good == nil || len(d.good) >= maxRemembered {
			d.good = make(map[string]goodEntry)
		}
		d.good[entry] = goodEntry{e.DN, asked.Add(d.Remember)}
		d.mu.Unlock()
	}
	return e.DN, nil
}

// proxies reports whether to act by proxied authorization.
func (d *Delegate) proxies(ctx context.Context) (bool, error) {
	switch d.Act {
	case ActProxied:
		return true, nil
	case ActService:
		return false, nil
	}
	d.mu.Lock()
	proxied, fresh := d.proxied, time.Now().Before(d.until)
	d.mu.Unlock()
	if fresh {
		return proxied, nil
	}
	root, err := policy.Read(ctx, d.Directory, policy.Query{Attributes: []string{"supportedControl"}})
	if err != nil {
		return false, err
	}
	proxied = slices.Contains(root.Values("supportedControl"), extop.ProxiedAuthorizationOID)
	d.mu.Lock()
	d.proxied, d.until = proxied, time.Now().Add(rootTTL)
	d.mu.Unlock()
	return proxied, nil
}

// delegated is a session of a Delegate.
type delegated struct {
	dir     policy.Directory
	authzID string
	proxied bool
}

func (s *delegated) AuthzID() string { return s.authzID }

func (*delegated) Close() error { return nil }

// See implements Session. It acts for nobody else: a token is for one entry.
func (s *delegated) See(ctx context.Context, name, authzID string) error {
	if authzID != "" {
		return result.New(result.AuthorizationDenied, "a caller with a token cannot act as someone else")
	}
	q := policy.Query{Base: name, Attributes: []string{"1.1"}}
	if s.proxied {
		q.Controls = []policy.Control{{OID: extop.ProxiedAuthorizationOID, Critical: true, Value: []byte(s.authzID)}}
	}
	entries, err := s.dir.Search(ctx, q)
	switch {
	case s.proxied && result.Is(err, result.UnavailableCriticalExtension):
		return result.Wrap(err, result.AuthorizationDenied, "the directory does not let the service account act for others")
	case err != nil:
		return err
	case len(entries) == 0:
		return result.New(result.InsufficientAccessRights, "%q may not be seen", name)
	}
	return nil
}

// An accountError is the cause of a refusal by the state of an account.
type accountError string

func (e accountError) Error() string { return string(e) }

// The states of an account, in the words of Adaxes.
const (
	accountDisabled accountError = "accountIsDisabled"
	accountLocked   accountError = "accountLockedOut"
	accountExpired  accountError = "accountExpired"
)

// accountAttributes are what directories say of an account's state.
var accountAttributes = []string{
	"userAccountControl", "msDS-User-Account-Control-Computed", "accountExpires", // Active Directory
	"pwdAccountLockedTime", "pwdEndTime", // draft-behera: OpenLDAP
	"nsAccountLock",                                             // 389 Directory Server, FreeIPA
	"ds-pwp-account-disabled", "ds-pwp-account-expiration-time", // OpenDJ, PingDirectory
}

// accountState returns an error if the account must not be used. A bind would
// find that out; who comes with a token does not bind. A lockout that ends by
// itself does not count: it is against guessing of passwords.
func accountState(e policy.Entry, now time.Time) error {
	var state accountError
	isTrue := func(name string) bool { v, _ := e.Value(name); return strings.EqualFold(v, "TRUE") }
	flag := func(name string, bit int64) bool {
		v, ok := e.Value(name)
		n, err := strconv.ParseInt(v, 10, 64)
		return ok && (err != nil || n&bit != 0)
	}
	ended := func(name string) bool {
		v, ok := e.Value(name)
		if !ok {
			return false
		}
		t, err := time.Parse("20060102150405Z0700", strings.Split(v, ".")[0]+zoneOf(v))
		return err != nil || !now.Before(t)
	}
	locked, _ := e.Value("pwdAccountLockedTime")
	switch {
	case flag("userAccountControl", 0x2), isTrue("nsAccountLock"), isTrue("ds-pwp-account-disabled"):
		state = accountDisabled
	case locked == "000001010000Z", flag("msDS-User-Account-Control-Computed", 0x10):
		state = accountLocked
	case expiredFileTime(e, now), ended("pwdEndTime"), ended("ds-pwp-account-expiration-time"):
		state = accountExpired
	default:
		return nil
	}
	return result.Wrap(state, result.AuthorizationDenied, "the account that the token was made for is disabled, locked or expired")
}

// zoneOf returns the zone of a generalized time with a fraction, which the
// fraction was cut off with.
func zoneOf(v string) string {
	_, fraction, ok := strings.Cut(v, ".")
	if !ok {
		return ""
	}
	return strings.TrimLeft(fraction, "0123456789")
}

// expiredFileTime judges accountExpires: 100 nanoseconds since 1601, 0 or the
// largest number for never.
func expiredFileTime(e policy.Entry, now time.Time) bool {
	v, ok := e.Value("accountExpires")
	if !ok {
		return false
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return true
	}
	const (
		never      = 1<<63 - 1
		epochTicks = 116444736000000000 // 1970
	)
	return n != 0 && n != never && n-epochTicks <= now.UnixMilli()*10_000
}

// Tokens is a TokenAuthenticator for the tokens of a store.
type Tokens struct {
	Store    *token.Store
	Delegate *Delegate
}

// AuthenticateToken implements TokenAuthenticator.
func (t Tokens) AuthenticateToken(ctx context.Context, scope string, secret []byte) (Session, error) {
	found, err := t.Store.Find(secret)
	switch {
	case errors.Is(err, token.ErrNone):
		return nil, errToken(err)
	case err != nil:
		return nil, result.Wrap(err, result.Unavailable, "tokens cannot be judged now")
	case !found.For(scope):
		return nil, errToken(fmt.Errorf("the token %s is not for %s", found.ID, scope))
	}
	return t.Delegate.Session(ctx, found.Entry)
}
