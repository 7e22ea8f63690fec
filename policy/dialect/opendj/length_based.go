package opendj

import (
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// lengthBased reads a length-based validator. Its bounds become a rule each,
// so that a conflict names the right one. An absent attribute means its
// default, not that there is no bound. The servers count Java characters.
func (d *Dialect) lengthBased(r *reader, _ string) []policy.Demand {
	const minimum, maximum = "ds-cfg-min-password-length", "ds-cfg-max-password-length"
	lowest := r.integer(minimum, "6", 0, maxInteger)
	highest := r.integer(maximum, "0", 0, maxInteger)
	if highest > 0 && lowest > highest {
		r.fail(minimum, "%d is more than %s, which is %d", lowest, maximum, highest)
	}
	var demands []policy.Demand
	if lowest > 0 {
		demands = append(demands, policy.Demand{Rule: rule.Length{Min: lowest, Unit: rule.UTF16}, Source: r.source(minimum)})
	}
	if highest > 0 {
		demands = append(demands, policy.Demand{Rule: rule.Length{Max: highest, Unit: rule.UTF16}, Source: r.source(maximum)})
	}
	return demands
}
