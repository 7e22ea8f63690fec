package opendj

import (
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// disallowedCharacters reads a disallowed-characters validator: each
// attribute is one string whose characters are the set. Each becomes a rule,
// so that a conflict names the right one.
func (d *Dialect) disallowedCharacters(r *reader, _ string) []policy.Demand {
	var demands []policy.Demand
	add := func(attribute string, build func(generate.Set) rule.DisallowedCharacters) {
		if value, ok := r.text(attribute); ok {
			demands = append(demands, policy.Demand{Rule: build(generate.NewSet(value)), Source: r.source(attribute)})
		}
	}
	add("ds-cfg-disallowed-characters", func(s generate.Set) rule.DisallowedCharacters {
		return rule.DisallowedCharacters{Anywhere: s}
	})
	add("ds-cfg-disallowed-leading-characters", func(s generate.Set) rule.DisallowedCharacters {
		return rule.DisallowedCharacters{Leading: s}
	})
	add("ds-cfg-disallowed-trailing-characters", func(s generate.Set) rule.DisallowedCharacters {
		return rule.DisallowedCharacters{Trailing: s}
	})
	return demands
}
