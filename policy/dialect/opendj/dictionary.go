package opendj

import (
	"errors"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// dictionary reads a dictionary validator. PingDirectory compares the whole
// password, in several spellings; OpenDJ every part that is long enough.
func (d *Dialect) dictionary(r *reader, _ string) []policy.Demand {
	const (
		file = "ds-cfg-dictionary-file"

		leading      = "ds-cfg-ignore-leading-non-alphabetic-characters"
		trailing     = "ds-cfg-ignore-trailing-non-alphabetic-characters"
		diacritics   = "ds-cfg-strip-diacritical-marks"
		alternatives = "ds-cfg-alternative-password-character-mapping"
		percent      = "ds-cfg-maximum-allowed-percent-of-password"

		substrings   = "ds-cfg-check-substrings"
		minSubstring = "ds-cfg-min-substring-length"
	)
	dict := rule.Dictionary{
		CaseSensitive: r.boolean("ds-cfg-case-sensitive-validation", "false"),
		Reversed:      r.boolean("ds-cfg-test-reversed-password", "true"),
	}
	if d.variantOf(r, []string{leading, trailing, diacritics, alternatives, percent}, []string{substrings, minSubstring}) == Ping {
		dict.IgnoreLeadingNonAlphabetic = r.boolean(leading, "false")
		dict.IgnoreTrailingNonAlphabetic = r.boolean(trailing, "false")
		dict.StripDiacritics = r.boolean(diacritics, "false")
		dict.MaxPercent = r.integer(percent, "100", 1, 100)
		var err error
		if dict.Alternatives, err = rule.ParseAlternatives(r.values(alternatives)...); err != nil {
			r.fail(alternatives, "%v", err)
		}
	} else {
		least := r.integer(minSubstring, "5", 0, maxInteger)
		if r.boolean(substrings, "true") {
			dict.MinSubstring = max(least, 1)
		}
	}
	if name, ok := r.required(file); ok {
		l, err := d.lists.get(name)
		switch {
		case errors.Is(err, errUnsupported):
			r.unsupported(file, "%v", err)
			return nil
		case err != nil:
			r.fail(file, "%v", err)
			return nil
		}
		dict.Words = l.set
	}
	return demand(dict, r.source(file))
}
