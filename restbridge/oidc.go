package restbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// OIDC is a TokenAuthenticator for JSON Web Tokens of an OpenID Connect
// provider: it judges the signature, the issuer, the audience and the time,
// and finds the entry that a claim names. The provider is asked when the
// first token comes, so it may be down before.
type OIDC struct {
	// Issuer is the provider's URL, below which its metadata is found
	// (OpenID Connect Discovery 1.0). It must be https, or http on a loopback
	// address. Required.
	Issuer string

	// Audience is what the claim aud must hold. Required.
	Audience string

	// Claim is what names the user: a string. Empty means
	// "preferred_username".
	Claim string

	// Template makes a DN of it, which {claim} stands for in the template,
	// as in "uid={claim},ou=people,dc=example,dc=com".
	Template string

	// Find returns the DN of the entry that it names, where there is no
	// Template. Its errors are those of Authenticator.
	Find func(ctx context.Context, claim string) (dn string, err error)

	// ClockSkew is how far apart the clocks may be. 0 means one minute.
	ClockSkew time.Duration

	// Scopes are what the claim scope (RFC 9068: words in a string) or scp
	// (words in a string, or a list) must hold, by the name of the API that is
	// called. With it, a token is for no API that is not in it. Nil means that
	// a token is for all APIs: its audience is this service.
	Scopes map[string]string

	// Delegate acts for the entry. Required.
	Delegate *Delegate

	// Client asks the provider. Nil means one with a timeout of 10 seconds.
	Client *http.Client

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	failure  error // of the last discovery
	until    time.Time
}

// discoveryPause is how long a provider that failed is left alone.
const discoveryPause = 5 * time.Second

// NewOIDC checks o and sets its defaults in place.
func NewOIDC(o *OIDC) (*OIDC, error) {
	u, err := url.Parse(o.Issuer)
	switch {
	case err != nil || u.Host == "":
		return nil, fmt.Errorf("restbridge: the issuer %q is no URL", o.Issuer)
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopbackHost(u.Hostname())):
		// Who can change what the provider answers can make tokens.
		return nil, fmt.Errorf("restbridge: the issuer %q must be https", o.Issuer)
	case o.Audience == "":
		return nil, errors.New("restbridge: Audience is required: a token for another service must not count here")
	case o.Delegate == nil:
		return nil, errors.New("restbridge: Delegate is required")
	case (o.Template == "") == (o.Find == nil):
		return nil, errors.New("restbridge: one of Template and Find is required")
	case o.ClockSkew < 0:
		return nil, errors.New("restbridge: ClockSkew is below zero")
	}
	for api, scope := range o.Scopes {
		if !slices.Contains(APIs(), api) {
			return nil, fmt.Errorf("restbridge: a scope for %q, which is none of %s", api, strings.Join(APIs(), ", "))
		}
		if scope == "" || strings.ContainsAny(scope, " \"\\") {
			return nil, fmt.Errorf("restbridge: %q is no scope", scope)
		}
	}
	if o.Template != "" {
		if _, err := dn.Parse(strings.ReplaceAll(o.Template, "{claim}", "x")); err != nil || !strings.Contains(o.Template, "{claim}") {
			return nil, fmt.Errorf("restbridge: the template %q is no DN with {claim}", o.Template)
		}
	}
	if o.Claim == "" {
		o.Claim = "preferred_username"
	}
	if o.ClockSkew == 0 {
		o.ClockSkew = time.Minute
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second}
	}
	return o, nil
}

func isLoopbackHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// AuthenticateToken implements TokenAuthenticator. A good token without the
// scope that the API takes is insufficientAccessRights(50).
func (o *OIDC) AuthenticateToken(ctx context.Context, api string, secret []byte) (Session, error) {
	v, err := o.provider(ctx)
	if err != nil {
		return nil, result.Wrap(err, result.Unavailable, "the OpenID provider cannot be asked now")
	}
	t, err := v.Verify(oidc.ClientContext(ctx, o.Client), string(secret))
	if err != nil {
		return nil, errToken(err)
	}
	var claims map[string]json.RawMessage
	if err := t.Claims(&claims); err != nil {
		return nil, errToken(err)
	}
	if err := o.checkTime(t, claims, time.Now()); err != nil {
		return nil, errToken(err)
	}
	if err := o.checkScope(api, claims); err != nil {
		return nil, err
	}
	var name string
	if err := json.Unmarshal(claims[o.Claim], &name); err != nil || strings.TrimSpace(name) == "" {
		return nil, errToken(fmt.Errorf("the claim %q is missing or no string", o.Claim))
	}
	entry := strings.ReplaceAll(o.Template, "{claim}", dn.Escape(name))
	if o.Find != nil {
		if entry, err = o.Find(ctx, name); err != nil {
			if result.Is(err, result.InvalidCredentials) {
				return nil, errToken(err)
			}
			return nil, err
		}
	}
	return o.Delegate.Session(ctx, entry)
}

// checkScope reports whether a token may be used for an API.
func (o *OIDC) checkScope(api string, claims map[string]json.RawMessage) error {
	if len(o.Scopes) == 0 {
		return nil
	}
	need, ok := o.Scopes[api]
	if !ok {
		return result.New(result.InsufficientAccessRights, "tokens of the OpenID provider are not for this API")
	}
	for _, claim := range []string{"scope", "scp"} {
		var words string
		var list []string
		if raw, ok := claims[claim]; !ok || json.Unmarshal(raw, &words) != nil && json.Unmarshal(raw, &list) != nil {
			continue
		}
		if slices.Contains(append(list, strings.Fields(words)...), need) {
			return nil
		}
	}
	return result.Wrap(scopeError(need), result.InsufficientAccessRights, "the token lacks the scope %q", need)
}

// checkTime judges exp, which must be there, and nbf (RFC 7519 4.1).
func (o *OIDC) checkTime(t *oidc.IDToken, claims map[string]json.RawMessage, now time.Time) error {
	if t.Expiry.IsZero() || !now.Before(t.Expiry.Add(o.ClockSkew)) {
		return errors.New("the token has expired")
	}
	raw, ok := claims["nbf"]
	if !ok {
		return nil
	}
	var nbf float64
	if err := json.Unmarshal(raw, &nbf); err != nil || nbf > float64(now.Add(o.ClockSkew).Unix()) {
		return errors.New("the token is not valid yet")
	}
	return nil
}

// provider returns the verifier with the provider's keys.
func (o *OIDC) provider(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.verifier != nil {
		return o.verifier, nil
	}
	if time.Now().Before(o.until) {
		return nil, o.failure
	}
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, o.Client), o.Issuer)
	if err != nil {
		o.failure, o.until = err, time.Now().Add(discoveryPause)
		return nil, err
	}
	// Time is judged here, with one skew for both ends.
	o.verifier = p.Verifier(&oidc.Config{ClientID: o.Audience, SkipExpiryCheck: true})
	return o.verifier, nil
}
