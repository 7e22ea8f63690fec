package main

import (
	"fmt"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// rateLimits are the keys of rateLimit.
type rateLimits struct {
	PerCaller  rateLimit `yaml:"perCaller"`
	PerAddress rateLimit `yaml:"perAddress"`
}

// A rateLimit of 0 requests a second is none.
type rateLimit struct {
	PerSecond float64 `yaml:"perSecond"`
	Burst     int     `yaml:"burst"`
}

// authorizations are the keys of authorization.
type authorizations struct {
	GeneratePassword            authorization `yaml:"generatePassword"`
	GeneratePasswordControl     authorization `yaml:"generatePasswordControl"`
	PasswordModify              authorization `yaml:"passwordModify"`
	PasswordQualityRequirements authorization `yaml:"passwordQualityRequirements"`
}

// An authorization without groups allows everybody whom the directory allows.
type authorization struct {
	Groups []string `yaml:"groups"`
}

func (c *config) checkOperations() error {
	for key, l := range map[string]rateLimit{"perCaller": c.RateLimit.PerCaller, "perAddress": c.RateLimit.PerAddress} {
		switch {
		case l.PerSecond < 0 || l.Burst < 0:
			return fmt.Errorf("rateLimit.%s: a number is below zero", key)
		case l.PerSecond == 0 && l.Burst > 0:
			return fmt.Errorf("rateLimit.%s: burst without perSecond has no effect", key)
		}
	}
	a := &c.Authorization
	for key, groups := range map[string][]string{
		"generatePassword":            a.GeneratePassword.Groups,
		"generatePasswordControl":     a.GeneratePasswordControl.Groups,
		"passwordModify":              a.PasswordModify.Groups,
		"passwordQualityRequirements": a.PasswordQualityRequirements.Groups,
	} {
		for _, g := range groups {
			if d, err := dn.Parse(g); err != nil || d.IsRoot() {
				return fmt.Errorf("authorization.%s: %q is no DN", key, g)
			}
		}
	}
	return nil
}

// limiter returns what all operations share, nil without limits.
func (c *config) limiter() extop.Limiter {
	one := func(l rateLimit, byAddress bool) extop.Limiter {
		if l.PerSecond == 0 {
			return nil
		}
		return extop.RateLimit{PerSecond: l.PerSecond, Burst: l.Burst, ByAddress: byAddress}.Limiter()
	}
	return extop.Limiters(one(c.RateLimit.PerCaller, false), one(c.RateLimit.PerAddress, true))
}

// authorizer returns nil where everybody is allowed.
func (b *backend) authorizer(a authorization) extop.Authorizer {
	if len(a.Groups) == 0 {
		return nil
	}
	return extop.GroupAuthorizer(b.reads, a.Groups...)
}

// rewriters are the operations that generate a password and have the
// directory set it.
type rewriters struct {
	modify  *extop.PasswordModify
	control *extop.GeneratePasswordControl
}

func newRewriters(c *config, back *backend, limit extop.Limiter, audit extop.Auditor) rewriters {
	cfg := extop.RewriteConfig{
		Policies:   back.counted(),
		UnicodePwd: func() bool { return back.policies.Dialect() == directory.ActiveDirectory },
		Limit:      limit,
		Audit:      audit,
	}
	modify, control := cfg, cfg
	modify.Authorize = back.authorizer(c.Authorization.PasswordModify)
	control.Authorize = back.authorizer(c.Authorization.GeneratePasswordControl)
	return rewriters{extop.NewPasswordModify(modify), extop.NewGeneratePasswordControl(control)}
}
