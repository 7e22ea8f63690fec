package opendj

import (
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// uniqueCharacters reads a unique-characters validator.
func (d *Dialect) uniqueCharacters(r *reader, _ string) []policy.Demand {
	const minimum = "ds-cfg-min-unique-characters"
	u := rule.UniqueCharacters{
		Min:           r.integer(minimum, noDefault, 0, maxInteger),
		CaseSensitive: r.boolean("ds-cfg-case-sensitive-validation", noDefault),
	}
	if u.Min == 0 {
		return nil
	}
	return demand(u, r.source(minimum))
}
