package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/internal/tracing"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
	"github.com/ldapsuggest/ldapsuggest/restbridge/token"
)

// restConfig is the key rest of the configuration file.
type restConfig struct {
	UserBases  []string `yaml:"userBases"`
	UserFilter string   `yaml:"userFilter"`

	CredentialCache time.Duration `yaml:"credentialCache"`

	Upstream upstreamConfig `yaml:"upstream"`

	TokensFile string `yaml:"tokensFile"`
	ActAs      string `yaml:"actAs"`
	OIDC       struct {
		Issuer       string        `yaml:"issuer"`
		Audience     string        `yaml:"audience"`
		CAFile       string        `yaml:"caFile"`
		Claim        string        `yaml:"claim"`
		EntryDN      string        `yaml:"entryDN"`
		SearchBases  []string      `yaml:"searchBases"`
		SearchFilter string        `yaml:"searchFilter"`
		ClockSkew    time.Duration `yaml:"clockSkew"`

		// Scopes are by API. None means that every token is for every API.
		Scopes map[string]string `yaml:"scopes"`
	} `yaml:"oidc"`
	RateLimit struct {
		PerSecond  float64   `yaml:"perSecond"`
		Burst      int       `yaml:"burst"`
		PerAddress rateLimit `yaml:"perAddress"`
	} `yaml:"rateLimit"`

	// CORS without origins is none.
	CORS struct {
		Origins     []string      `yaml:"origins"`
		Credentials bool          `yaml:"credentials"`
		MaxAge      time.Duration `yaml:"maxAge"`
	} `yaml:"cors"`

	Console consoleConfig `yaml:"console"`

	Directory struct {
		Enabled bool `yaml:"enabled"`
	} `yaml:"directory"`
	Adaxes struct {
		Enabled    bool   `yaml:"enabled"`
		BasePath   string `yaml:"basePath"`
		Parameters struct {
			MinLength      int     `yaml:"minLength"`
			MaxLength      int     `yaml:"maxLength"`
			LowerChars     string  `yaml:"lowerChars"`
			UpperChars     string  `yaml:"upperChars"`
			NumericChars   string  `yaml:"numericChars"`
			SpecialChars   string  `yaml:"specialChars"`
			OtherChars     string  `yaml:"otherChars"`
			MinEntropyBits float64 `yaml:"minEntropyBits"`
		} `yaml:"parameters"`
	} `yaml:"adaxes"`
	ECGrid struct {
		Enabled  bool   `yaml:"enabled"`
		PolicyDN string `yaml:"policyDN"`
	} `yaml:"ecgrid"`
	Nextcloud struct {
		Enabled  bool   `yaml:"enabled"`
		PolicyDN string `yaml:"policyDN"`
		Strength int    `yaml:"strength"`
		Numbers  bool   `yaml:"numbers"`
		Special  bool   `yaml:"special"`
	} `yaml:"nextcloud"`
}

// defaultREST has every API on: without a token or a password, none of them
// does anything.
func defaultREST() restConfig {
	var c restConfig
	c.CredentialCache = time.Minute
	c.ActAs = restbridge.ActAuto
	c.OIDC.ClockSkew = time.Minute
	c.RateLimit.PerSecond, c.RateLimit.Burst = 20, 200
	c.Console = defaultConsole()
	c.Directory.Enabled, c.Adaxes.Enabled, c.ECGrid.Enabled, c.Nextcloud.Enabled = true, true, true, true
	c.Nextcloud.Strength = 1
	return c
}

func (c *restConfig) check() error {
	for key, f := range map[string]string{"userFilter": c.UserFilter, "oidc.searchFilter": c.OIDC.SearchFilter} {
		if f == "" {
			continue
		}
		if _, err := ldap.CompileFilter(strings.ReplaceAll(f, "{username}", "x")); err != nil {
			return fmt.Errorf("rest.%s: %q is no filter", key, f)
		}
	}
	switch c.ActAs {
	case restbridge.ActAuto, restbridge.ActProxied, restbridge.ActService:
	default:
		return fmt.Errorf("rest.actAs: %q is none of auto, proxied, service", c.ActAs)
	}
	switch {
	case c.CredentialCache < 0:
		return errors.New("rest.credentialCache: a time such as 60s is expected, or 0")
	case c.RateLimit.PerSecond < 0 || c.RateLimit.Burst < 0:
		return errors.New("rest.rateLimit: a limit is below zero")
	case c.RateLimit.PerAddress.PerSecond < 0 || c.RateLimit.PerAddress.Burst < 0:
		return errors.New("rest.rateLimit.perAddress: a limit is below zero")
	case c.RateLimit.PerAddress.PerSecond == 0 && c.RateLimit.PerAddress.Burst > 0:
		return errors.New("rest.rateLimit.perAddress: burst without perSecond has no effect")
	case len(c.CORS.Origins) == 0 && c.CORS.Credentials:
		return errors.New("rest.cors: credentials without origins has no effect")
	case c.Nextcloud.Strength < 0 || c.Nextcloud.Strength > 4:
		return errors.New("rest.nextcloud.strength: a number from 0 to 4 is expected")
	case c.OIDC.Issuer == "" && (c.OIDC.Audience != "" || c.OIDC.EntryDN != "" || c.OIDC.SearchFilter != ""):
		return errors.New("rest.oidc: issuer is missing")
	case c.OIDC.Issuer != "" && (c.OIDC.EntryDN == "") == (c.OIDC.SearchFilter == ""):
		return errors.New("rest.oidc: one of entryDN and searchFilter is needed")
	}
	for key, name := range map[string]string{"ecgrid.policyDN": c.ECGrid.PolicyDN, "nextcloud.policyDN": c.Nextcloud.PolicyDN} {
		if _, err := dn.Parse(name); err != nil {
			return fmt.Errorf("rest.%s: %q is no DN", key, name)
		}
	}
	if cors := c.cors(); cors != nil {
		if err := cors.Check(); err != nil {
			return fmt.Errorf("rest.cors: %w", err)
		}
	}
	return c.Console.check()
}

// cors returns nil where pages of other origins may not call.
func (c *restConfig) cors() *restbridge.CORS {
	if len(c.CORS.Origins) == 0 {
		return nil
	}
	return &restbridge.CORS{Origins: c.CORS.Origins, Credentials: c.CORS.Credentials, MaxAge: c.CORS.MaxAge}
}

// tokensFile is where API tokens are kept.
func (c *config) tokensFile() string {
	if c.REST.TokensFile != "" {
		return c.path(c.REST.TokensFile)
	}
	return filepath.Join(c.Data, "tokens.json")
}

// operations are what the REST door calls.
type operations struct {
	generate *extop.GeneratePassword
	quality  *extop.PasswordQuality
}

// newREST builds the REST door.
func newREST(c *config, back *backend, ops operations, log *slog.Logger) (*restbridge.Server, error) {
	users, err := restbridge.NewBinder(restbridge.Binder{
		Bind:      binder(back.client),
		Directory: back.reads,
		Bases:     c.REST.UserBases,
		Filter:    c.REST.UserFilter,
		Log:       log,
	})
	if err != nil {
		return nil, err
	}
	delegate := &restbridge.Delegate{Directory: back.reads, Act: c.REST.ActAs, Remember: c.REST.CredentialCache}
	cfg := restbridge.Config{
		Generate:         ops.generate,
		Validate:         extop.NewValidatePassword(extop.ValidatePasswordConfig{Policies: back.counted(), Audit: back.audit(log)}),
		Explain:          extop.NewEffectivePolicy(extop.EffectivePolicyConfig{Policies: back.counted(), Audit: back.audit(log)}),
		List:             extop.NewListPolicies(extop.ListPoliciesConfig{Policies: back.counted(), Audit: back.audit(log)}),
		Requirements:     ops.quality,
		Authenticate:     users,
		CredentialCache:  c.REST.CredentialCache,
		Tokens:           restbridge.Tokens{Store: token.Open(c.tokensFile()), Delegate: delegate},
		WithoutDirectory: !c.REST.Directory.Enabled,
		Rate:             restbridge.RateLimit{PerSecond: c.REST.RateLimit.PerSecond, Burst: c.REST.RateLimit.Burst},
		AddressRate:      restbridge.RateLimit{PerSecond: c.REST.RateLimit.PerAddress.PerSecond, Burst: c.REST.RateLimit.PerAddress.Burst},
		CORS:             c.REST.cors(),
		Log:              log,
		Observe:          back.metrics.REST,
		SignInFailed:     back.signInFailed(),
	}
	if c.REST.OIDC.Issuer != "" {
		if cfg.Bearer, err = c.oidc(back, delegate, users, log); err != nil {
			return nil, fmt.Errorf("rest.oidc: %w", err)
		}
	}
	if a := c.REST.Adaxes; a.Enabled {
		cfg.Adaxes = &restbridge.Adaxes{Names: back.policies, BasePath: a.BasePath, Parameters: restbridge.AdaxesParameters(a.Parameters)}
	}
	if c.REST.ECGrid.Enabled {
		cfg.ECGrid = &restbridge.ECGrid{PolicyDN: c.REST.ECGrid.PolicyDN, ChangePassword: audited(back.audit(log), back.changePassword)}
	}
	if n := c.REST.Nextcloud; n.Enabled {
		cfg.Nextcloud = &restbridge.Nextcloud{Strength: &n.Strength, Numbers: n.Numbers, Special: n.Special, PolicyDN: n.PolicyDN}
		if c.breached != nil {
			cfg.Nextcloud.Breaches = c.breached
		}
	}
	if c.REST.Console.Enabled {
		if cfg.Console, err = newConsole(c, back, cfg, users, log); err != nil {
			return nil, err
		}
	}
	return restbridge.New(cfg)
}

func (c *config) oidc(back *backend, delegate *restbridge.Delegate, users *restbridge.Binder, log *slog.Logger) (*restbridge.OIDC, error) {
	o := c.REST.OIDC
	client, err := c.oidcClient()
	if err != nil {
		return nil, err
	}
	cfg := &restbridge.OIDC{
		Issuer: o.Issuer, Audience: o.Audience, Claim: o.Claim, Template: o.EntryDN, ClockSkew: o.ClockSkew, Scopes: o.Scopes,
		Delegate: delegate, Client: client,
	}
	if o.SearchFilter != "" {
		people, err := restbridge.NewBinder(restbridge.Binder{
			Bind: users.Bind, Directory: back.reads, Bases: o.SearchBases, Filter: o.SearchFilter, Log: log,
		})
		if err != nil {
			return nil, err
		}
		cfg.Find = people.Find
	}
	return restbridge.NewOIDC(cfg)
}

// oidcClient speaks to the OpenID provider.
func (c *config) oidcClient() (*http.Client, error) {
	tlsConfig, err := clientTLS(c.path(c.REST.OIDC.CAFile))
	if err != nil {
		return nil, fmt.Errorf("caFile: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = tlsConfig
	return &http.Client{Transport: tracing.Transport(transport), Timeout: 10 * time.Second}, nil
}

// changePassword changes a password in the way of the directory.
func (b *backend) changePassword(ctx context.Context, dn string, current, new []byte) error {
	how, err := b.passwordChange(ctx)
	if err != nil {
		return err
	}
	return b.client.ChangePassword(ctx, how, dn, current, new)
}

// passwordChange is the way of the directory.
func (b *backend) passwordChange(ctx context.Context) (directory.PasswordChange, error) {
	how := directory.ByExtension
	switch {
	case b.supplement != nil: // the embedded directory answers extensions in the relay
		how = directory.ByUserPassword
	case b.policies.Dialect() == directory.ActiveDirectory:
		how = directory.ByUnicodePwd
	case b.policies.Dialect() == "auto": // not known: it has not answered yet
		name, err := b.client.Detect(ctx)
		if err != nil {
			return how, err
		}
		if name == directory.ActiveDirectory {
			how = directory.ByUnicodePwd
		}
	}
	return how, nil
}
