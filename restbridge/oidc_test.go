package restbridge

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// A provider is an OpenID provider: metadata, keys, and tokens.
type provider struct {
	*httptest.Server
	key  *rsa.PrivateKey
	down atomic.Bool
}

func startProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if p.down.Load() {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{
			"issuer": p.URL, "jwks_uri": p.URL + "/keys", "authorization_endpoint": p.URL, "token_endpoint": p.URL,
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func sign(t *testing.T, key any, alg jose.SignatureAlgorithm, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOIDC(t *testing.T) {
	p := startProvider(t)
	o, err := NewOIDC(&OIDC{
		Issuer: p.URL, Audience: "ldapsuggest", Template: "uid={claim},dc=example,dc=com",
		Delegate: &Delegate{Directory: people3()}, Client: p.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Client().CloseIdleConnections()
	claims := func(change map[string]any) map[string]any {
		c := map[string]any{"iss": p.URL, "sub": "1", "aud": "ldapsuggest", "exp": time.Now().Add(time.Hour).Unix(), "preferred_username": "jo"}
		for k, v := range change {
			if c[k] = v; v == nil {
				delete(c, k)
			}
		}
		return c
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	tests := []struct {
		name   string
		token  string
		counts bool
	}{
		{"good", sign(t, p.key, jose.RS256, claims(nil)), true},
		{"several audiences", sign(t, p.key, jose.RS256, claims(map[string]any{"aud": []string{"x", "ldapsuggest"}})), true},
		{"expired within the skew", sign(t, p.key, jose.RS256, claims(map[string]any{"exp": at(-30 * time.Second)})), true},
		{"to begin within the skew", sign(t, p.key, jose.RS256, claims(map[string]any{"nbf": at(30 * time.Second)})), true},
		{"expired", sign(t, p.key, jose.RS256, claims(map[string]any{"exp": at(-90 * time.Second)})), false},
		{"to begin later", sign(t, p.key, jose.RS256, claims(map[string]any{"nbf": at(90 * time.Second)})), false},
		{"without an end", sign(t, p.key, jose.RS256, claims(map[string]any{"exp": nil})), false},
		{"another issuer", sign(t, p.key, jose.RS256, claims(map[string]any{"iss": "https://id.example.org"})), false},
		{"another audience", sign(t, p.key, jose.RS256, claims(map[string]any{"aud": "other"})), false},
		{"no audience", sign(t, p.key, jose.RS256, claims(map[string]any{"aud": nil})), false},
		{"another key", sign(t, other, jose.RS256, claims(nil)), false},
		{"a shared secret", sign(t, []byte(strings.Repeat("k", 32)), jose.HS256, claims(nil)), false},
		{"no claim", sign(t, p.key, jose.RS256, claims(map[string]any{"preferred_username": nil})), false},
		{"a claim of another type", sign(t, p.key, jose.RS256, claims(map[string]any{"preferred_username": []string{"jo"}})), false},
		{"an empty claim", sign(t, p.key, jose.RS256, claims(map[string]any{"preferred_username": " "})), false},
		{"nobody", sign(t, p.key, jose.RS256, claims(map[string]any{"preferred_username": "nobody"})), false},
		{"a claim that would be a DN", sign(t, p.key, jose.RS256, claims(map[string]any{"preferred_username": "x,uid=jo"})), false},
		{"unsigned", "eyJhbGciOiJub25lIn0." + strings.Split(sign(t, p.key, jose.RS256, claims(nil)), ".")[1] + ".", false},
		{"nonsense", "abc", false},
	}

	// The provider may come up later. It is left alone for a while.
	p.down.Store(true)
	if _, err := o.AuthenticateToken(t.Context(), "", []byte(tests[0].token)); !result.Is(err, result.Unavailable) {
		t.Errorf("while the provider is down: %v", err)
	}
	p.down.Store(false)
	o.until = time.Now()

	for _, tt := range tests {
		s, err := o.AuthenticateToken(t.Context(), DirectoryAPI, []byte(tt.token))
		if tt.counts && (err != nil || s.AuthzID() != "dn:"+joDN) || !tt.counts && !result.Is(err, result.InvalidCredentials) {
			t.Errorf("%s: %v, %v", tt.name, s, err)
		}
	}

	// Through the door, for two APIs; and by a search.
	o.Template = ""
	o.Find = func(_ context.Context, name string) (string, error) {
		if name != "jo" {
			return "", errCredentials(errors.New("nobody"))
		}
		return joDN, nil
	}
	c := dial(t, &full{config: func(c *Config) { c.Bearer = o }})
	for name, want := range map[string]int{"jo": 200, "kim": 401} {
		bearer := "Bearer " + sign(t, p.key, jose.RS256, claims(map[string]any{"preferred_username": name}))
		if res, body := c.do(t, "POST", path, "{}", "Authorization", bearer); res.StatusCode != want {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
		if res, body := c.do(t, "POST", ecgridGeneratePath, "{}", "Authorization", bearer); res.StatusCode != want || want == 401 && !strings.Contains(body, "InvalidSession") {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
}

// With scopes configured, a token is for the APIs whose scope it has.
func TestOIDCScopes(t *testing.T) {
	p := startProvider(t)
	o, err := NewOIDC(&OIDC{
		Issuer: p.URL, Audience: "ldapsuggest", Template: "uid={claim},dc=example,dc=com",
		Delegate: &Delegate{Directory: people3()}, Client: p.Client(),
		Scopes: map[string]string{DirectoryAPI: "passwords.suggest", ECGridAPI: "ecgrid"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Client().CloseIdleConnections()
	c := dial(t, &full{config: func(c *Config) { c.Bearer = o }})
	for _, tt := range []struct {
		name, claim                  string
		value                        any
		directory, ecgrid, nextcloud int
	}{
		{"none", "x", "passwords.suggest", 403, 403, 403},
		{"scope", "scope", "openid passwords.suggest", 200, 403, 403},
		{"two", "scope", "ecgrid  passwords.suggest", 200, 200, 403},
		{"a list", "scp", []string{"openid", "ecgrid"}, 403, 200, 403},
		{"scp in one string", "scp", "openid ecgrid", 403, 200, 403},
		{"a longer word", "scope", "passwords.suggest.not ecgrids", 403, 403, 403},
		{"capitals", "scope", "Passwords.Suggest", 403, 403, 403},
		{"two in a list's word", "scp", []string{"openid ecgrid"}, 403, 403, 403},
		{"a number", "scope", 1, 403, 403, 403},
	} {
		bearer := "Bearer " + sign(t, p.key, jose.RS256, map[string]any{
			"iss": p.URL, "sub": "1", "aud": "ldapsuggest", "exp": time.Now().Add(time.Hour).Unix(), "preferred_username": "jo", tt.claim: tt.value,
		})
		for path, want := range map[string]int{path: tt.directory, ecgridGeneratePath: tt.ecgrid, nextcloudPaths[0] + "/password": tt.nextcloud} {
			res, body := c.do(t, "POST", path, "{}", "Authorization", bearer)
			if res.StatusCode != want {
				t.Errorf("%s: %s: %d %s", tt.name, path, res.StatusCode, body)
			}
			challenge := ""
			if scope := o.Scopes[map[string]string{"/directory/v1/suggestPassword": DirectoryAPI, ecgridGeneratePath: ECGridAPI}[path]]; want == 403 && scope != "" {
				challenge = `Bearer realm="ldapsuggest", error="insufficient_scope", scope="` + scope + `"`
			}
			if got := res.Header.Get("WWW-Authenticate"); got != challenge {
				t.Errorf("%s: %s: WWW-Authenticate: %s", tt.name, path, got)
			}
		}
	}
}

func TestNewOIDCRefuses(t *testing.T) {
	good := func() *OIDC {
		return &OIDC{Issuer: "https://id.example.com", Audience: "a", Template: "uid={claim},dc=a", Delegate: &Delegate{}}
	}
	if _, err := NewOIDC(good()); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*OIDC){
		"no URL":          func(o *OIDC) { o.Issuer = "id" },
		"http":            func(o *OIDC) { o.Issuer = "http://id.example.com" },
		"no audience":     func(o *OIDC) { o.Audience = "" },
		"no way":          func(o *OIDC) { o.Template = "" },
		"two ways":        func(o *OIDC) { o.Find = func(context.Context, string) (string, error) { return "", nil } },
		"no claim":        func(o *OIDC) { o.Template = "uid=jo,dc=a" },
		"no DN":           func(o *OIDC) { o.Template = "{claim}" },
		"skew":            func(o *OIDC) { o.ClockSkew = -1 },
		"scope of no API": func(o *OIDC) { o.Scopes = map[string]string{"x": "y"} },
		"no scope":        func(o *OIDC) { o.Scopes = map[string]string{DirectoryAPI: ""} },
		"two scopes":      func(o *OIDC) { o.Scopes = map[string]string{DirectoryAPI: "a b"} },
		"no delegate":     func(o *OIDC) { o.Delegate = nil },
	} {
		o := good()
		change(o)
		if _, err := NewOIDC(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
