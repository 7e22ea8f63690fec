package opendj

import (
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// utf8 reads a utf-8 validator.
func (d *Dialect) utf8(r *reader, _ string) []policy.Demand {
	const types = "ds-cfg-allowed-character-type"
	u := rule.UTF8{
		AllowNonASCII:   r.boolean("ds-cfg-allow-non-ascii-characters", "true"),
		AllowUnassigned: r.boolean("ds-cfg-allow-unknown-characters", "false"),
		Types:           rule.DefaultCharacterTypes,
	}
	if values := r.values(types); len(values) > 0 {
		names := make([]string, len(values))
		for i, v := range values {
			names[i] = strings.ToLower(strings.TrimSpace(v))
		}
		var err error
		if u.Types, err = rule.ParseCharacterTypes(names...); err != nil {
			r.fail(types, "%v", err)
		}
	}
	return demand(u, r.source(types, "ds-cfg-allow-non-ascii-characters"))
}
