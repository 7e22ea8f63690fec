package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

// upstreamConfig is the key rest.upstream of the configuration file.
type upstreamConfig struct {
	URLs     []string `yaml:"urls"`
	StartTLS bool     `yaml:"startTLS"`
	CAFile   string   `yaml:"caFile"`
}

// checkUpstream finds what is wrong with the key rest.upstream. With it there
// is the REST door only, and nothing but passwords to tell who asks.
func (c *config) checkUpstream() error {
	u := c.REST.Upstream
	if len(u.URLs) == 0 {
		if u.StartTLS || u.CAFile != "" {
			return errors.New("rest.upstream: urls is missing")
		}
		return nil
	}
	d := defaultConfig()
	switch l := &c.Listen; {
	case len(c.Directory.URLs) > 0:
		return errors.New("rest.upstream: it takes the place of directory.urls")
	case c.ldif != "":
		return errors.New("--ldif is for the embedded directory, but rest.upstream is set")
	case l.LDAP != d.Listen.LDAP && l.LDAP != "", l.LDAPS != d.Listen.LDAPS && l.LDAPS != "", l.LDAPI != "", l.Metrics != "":
		return errors.New("rest.upstream: only listen.rest can be served")
	case c.REST.OIDC.Issuer != "":
		return errors.New("rest.upstream: the server has to be asked with a password, which rest.oidc has none of")
	default:
		l.LDAP, l.LDAPS = "", ""
	}
	return nil
}

// openUpstream returns the way to a server that has the operation itself.
func (c *config) openUpstream(log *slog.Logger) (*backend, error) {
	u := c.REST.Upstream
	tlsConfig, err := clientTLS(c.path(u.CAFile))
	if err != nil {
		return nil, fmt.Errorf("rest.upstream.caFile: %w", err)
	}
	client, err := directory.New(directory.Config{URLs: u.URLs, StartTLS: u.StartTLS, TLS: tlsConfig, Log: log})
	if err != nil {
		return nil, fmt.Errorf("rest.upstream: %w", err)
	}
	c.warnOfClearText(u.URLs, u.StartTLS, log)
	return &backend{client: client, reads: client, close: func() { client.Close() }}, nil
}

// newBridge builds the REST door alone, in front of a server that has the
// operation.
func newBridge(c *config, back *backend, log *slog.Logger) (*restbridge.Server, error) {
	users, err := restbridge.NewBinder(restbridge.Binder{Bind: binder(back.client), Directory: back.reads, Bases: c.REST.UserBases, Filter: c.REST.UserFilter, Log: log})
	if err != nil {
		return nil, err
	}
	return restbridge.New(restbridge.Config{
		Generate:        auditedUpstream{tell: back.audit(log)},
		Authenticate:    users,
		CredentialCache: c.REST.CredentialCache,
		Rate:            restbridge.RateLimit{PerSecond: c.REST.RateLimit.PerSecond, Burst: c.REST.RateLimit.Burst},
		Log:             log,
		SignInFailed:    back.signInFailed(),
	})
}

// binder binds as a user, on a connection of its own.
func binder(client *directory.Client) func(context.Context, string, []byte) (restbridge.Session, error) {
	return func(ctx context.Context, dn string, password []byte) (restbridge.Session, error) {
		u, err := client.Bind(ctx, dn, password)
		if err != nil {
			return nil, err
		}
		return u, nil
	}
}
