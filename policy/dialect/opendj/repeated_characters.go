package opendj

import (
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// repeatedCharacters reads a repeated-characters validator. Its
// ds-cfg-character-set, of PingDirectory, holds characters that count as the
// same, and no "min:" as the character-set validator's does.
func (d *Dialect) repeatedCharacters(r *reader, _ string) []policy.Demand {
	const longest, equivalent = "ds-cfg-max-consecutive-length", "ds-cfg-character-set"
	rc := rule.RepeatedCharacters{
		Max:           r.integer(longest, noDefault, 0, maxInteger),
		CaseSensitive: r.boolean("ds-cfg-case-sensitive-validation", noDefault),
	}
	var all generate.Set
	for _, value := range r.values(equivalent) {
		set := generate.NewSet(value)
		if set.Len() == 0 {
			r.fail(equivalent, "a value is empty")
		}
		if twice := all.Intersect(set); twice.Len() > 0 {
			r.fail(equivalent, "%q is in more than one set", twice.String())
		}
		all = all.Union(set)
		rc.Equivalent = append(rc.Equivalent, set)
	}
	if rc.Max == 0 {
		return nil
	}
	return demand(rc, r.source(longest))
}
