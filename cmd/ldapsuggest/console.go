package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
	"github.com/ldapsuggest/ldapsuggest/restbridge/console"
)

// consoleConfig is the key rest.console: the page for people.
type consoleConfig struct {
	Enabled     bool          `yaml:"enabled"`
	IdleTimeout time.Duration `yaml:"idleTimeout"`
	Lifetime    time.Duration `yaml:"lifetime"`
	MaxSessions int           `yaml:"maxSessions"`
	FindFilter  string        `yaml:"findFilter"`
	Results     int           `yaml:"results"`
	Suggestions int           `yaml:"suggestions"`
}

func defaultConsole() consoleConfig {
	return consoleConfig{Enabled: true, IdleTimeout: 10 * time.Minute, Lifetime: 8 * time.Hour, MaxSessions: 256, Results: 50, Suggestions: 5}
}

func (c *consoleConfig) check() error {
	switch {
	case c.IdleTimeout < 10*time.Second || c.Lifetime < c.IdleTimeout:
		return errors.New("rest.console: idleTimeout must be 10s or more, and lifetime no less than that")
	case c.MaxSessions < 1 || c.Results < 1 || c.Suggestions < 1:
		return errors.New("rest.console: maxSessions, results and suggestions must be 1 or more")
	case c.FindFilter == "":
		return nil
	}
	if !strings.Contains(c.FindFilter, "{text}") {
		return fmt.Errorf("rest.console.findFilter: %q has no {text}", c.FindFilter)
	}
	if _, err := ldap.CompileFilter(strings.ReplaceAll(c.FindFilter, "{text}", "x")); err != nil {
		return fmt.Errorf("rest.console.findFilter: %q is no filter", c.FindFilter)
	}
	return nil
}

// newConsole builds the page for people on the operations of the REST door.
func newConsole(c *config, back *backend, rest restbridge.Config, users *restbridge.Binder, log *slog.Logger) (*console.Console, error) {
	p := c.REST.Console
	return console.New(console.Config{
		Generate:    rest.Generate,
		Validate:    rest.Validate,
		Explain:     rest.Explain,
		List:        rest.List,
		Bases:       users.SearchBases,
		Filter:      p.FindFilter,
		Reset:       back.resetPassword,
		IdleTimeout: p.IdleTimeout,
		Lifetime:    p.Lifetime,
		Sessions:    back.sessions,
		MaxSessions: p.MaxSessions,
		Results:     p.Results,
		Suggestions: p.Suggestions,
		Audit:       back.audit(log),
		Log:         log,
	})
}

// resetPassword resets a password on a helper's connection in the way of the
// directory.
func (b *backend) resetPassword(ctx context.Context, conn console.Conn, dn string, password []byte) error {
	u, ok := conn.(*directory.UserConn)
	if !ok {
		return result.New(result.Other, "internal error")
	}
	how, err := b.passwordChange(ctx)
	if err != nil {
		return err
	}
	return u.ResetPassword(ctx, how, dn, password)
}
