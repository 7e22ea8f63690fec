package opendj

import (
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// attributeValue reads an attribute-value validator. The products compare in
// opposite directions: OpenDJ looks for parts of the password in the values,
// PingDirectory for the whole of one in the other, each only where asked.
func (d *Dialect) attributeValue(r *reader, passwordAttribute string) []policy.Demand {
	const (
		match    = "ds-cfg-match-attribute"
		reversed = "ds-cfg-test-reversed-password"

		inValue    = "ds-cfg-test-password-substring-of-attribute-value"
		inPassword = "ds-cfg-test-attribute-value-substring-of-password"
		minValue   = "ds-cfg-minimum-attribute-value-length-for-substring-matches"

		substrings   = "ds-cfg-check-substrings"
		minSubstring = "ds-cfg-min-substring-length"
	)
	av := rule.AttributeValues{
		PasswordAttribute: passwordAttribute,
		Reversed:          r.boolean(reversed, noDefault),
	}
	for _, a := range r.values(match) {
		if a = strings.TrimSpace(a); a == "" {
			r.fail(match, "a value is empty")
			continue
		}
		av.Attributes = append(av.Attributes, withoutOptions(a))
	}
	if d.variantOf(r, []string{inValue, inPassword, minValue}, []string{substrings, minSubstring}) == Ping {
		av.InValue = r.boolean(inValue, "false")
		least := r.integer(minValue, "4", 0, maxInteger)
		if r.boolean(inPassword, "false") {
			av.MinValue = max(least, 1)
		}
	} else {
		least := r.integer(minSubstring, "5", 0, maxInteger)
		if r.boolean(substrings, "true") {
			av.MinSubstring = max(least, 1)
		}
	}
	return demand(av, r.source(match, inValue, inPassword, substrings, reversed))
}
