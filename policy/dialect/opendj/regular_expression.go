package opendj

import (
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// regularExpression reads a regular-expression validator. Whether a match
// must cover the whole password is not documented: the stricter reading
// holds.
func (d *Dialect) regularExpression(r *reader, _ string) []policy.Demand {
	const pattern, behavior = "ds-cfg-match-pattern", "ds-cfg-match-behavior"
	expr, havePattern := r.required(pattern)
	how, haveBehavior := r.required(behavior)
	reject := false
	if haveBehavior {
		switch strings.ToLower(strings.TrimSpace(how)) {
		case "require-match":
		case "reject-match":
			reject = true
		default:
			r.fail(behavior, "%q is neither require-match nor reject-match", how)
			return nil
		}
	}
	if !havePattern || !haveBehavior {
		return nil
	}
	re, err := rule.NewRegularExpression(expr, reject, rule.Strictest)
	if err != nil {
		r.fail(pattern, "%v", err)
		return nil
	}
	return demand(re, r.source(pattern))
}
