package opendj

import (
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// similarityBased reads a similarity-based validator.
func (d *Dialect) similarityBased(r *reader, _ string) []policy.Demand {
	const distance = "ds-cfg-min-password-difference"
	s := rule.Similarity{MinDistance: r.integer(distance, noDefault, 0, maxInteger)}
	if s.MinDistance == 0 {
		return nil
	}
	return demand(s, r.source(distance))
}
