package opendj

import (
	"context"
	"fmt"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// trials is how many passwords of a generator Warnings looks at. A generator
// that satisfies its policy once in twenty times is suspected wrongly in less
// than one of 150 cases.
const trials = 100

// Warnings tells, a sentence each, which policies below cn=config let nothing
// good be suggested though all their entries are right: those that no
// password can satisfy, and those whose generator makes none that the
// validators accept, such as a format of eight characters where twelve are
// demanded. Policies that cannot be loaded are left to CheckConfig.
func (d *Dialect) Warnings(ctx context.Context, dir policy.Directory, cfg policy.Config) ([]string, error) {
	entries, err := dir.Search(ctx, policy.Query{
		Base:       configDN,
		Scope:      policy.WholeSubtree,
		Filter:     "(objectClass=" + policyClass + ")",
		Attributes: []string{"*"},
	})
	if err != nil {
		return nil, unreadable(err, configDN, configReadRights)
	}
	var warnings []string
	rnd := generate.NewRand(nil)
	defer rnd.Wipe()
	for _, e := range entries {
		p, err := d.loadEntry(ctx, dir, e)
		if ctx.Err() != nil {
			return nil, result.From(ctx.Err())
		}
		if err != nil {
			continue
		}
		c := policy.Compile(p, cfg)
		if err := c.Unsatisfiable(); err != nil {
			warnings = append(warnings, result.From(err).Text)
			continue
		}
		if p.Generator == nil || len(p.Demands) == 0 {
			continue
		}
		if reasons := neverPasses(c, p.Generator, rnd); reasons != nil {
			warnings = append(warnings, fmt.Sprintf("the generator %q makes no password that the policy %q accepts: %s",
				p.GeneratorDN, p.DN, strings.Join(reasons, " ")))
		}
	}
	return warnings, nil
}

// neverPasses returns why the last of many passwords fails if all do.
func neverPasses(c *policy.Compiled, g generate.Generator, rnd *generate.Rand) []string {
	var buf []byte
	var reasons []string
	for range trials {
		buf = g.Append(buf[:0], rnd)
		if reasons = c.Validate(buf, rule.Subject{}); len(reasons) == 0 {
			break
		}
	}
	clear(buf[:cap(buf)])
	return reasons
}
