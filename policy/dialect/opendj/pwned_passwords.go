package opendj

import (
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// pwnedPasswords reads a pwned-passwords validator. Which of its switches
// governs a suggestion is not documented, and a suggested password may be
// used for any of the three operations: it is checked if one of them is.
func (d *Dialect) pwnedPasswords(r *reader, _ string) []policy.Demand {
	const base = "ds-cfg-pwned-passwords-base-url"
	invoked := false
	for _, a := range []string{"ds-cfg-invoke-for-add", "ds-cfg-invoke-for-self-change", "ds-cfg-invoke-for-admin-reset"} {
		if r.boolean(a, "true") {
			invoked = true
		}
	}
	p := rule.Pwned{AcceptOnError: r.boolean("ds-cfg-accept-password-on-service-error", "true")}
	url, ok := r.withDefault(base, "https://api.pwnedpasswords.com/range/")
	if !invoked || !ok {
		return nil
	}
	if d.cfg.Breaches == nil {
		r.unsupported(base, "no source of breached passwords is configured, so nobody can tell whether a password would be accepted")
		return nil
	}
	var err error
	if p.Breaches, err = d.cfg.Breaches(url); err != nil {
		r.fail(base, "%v", err)
		return nil
	}
	return demand(p, r.source(base, "ds-cfg-invoke-for-admin-reset"))
}
