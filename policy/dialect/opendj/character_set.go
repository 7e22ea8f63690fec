package opendj

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// characterSet reads a character-set validator: sets of characters, and
// OpenDJ's ranges behind them.
func (d *Dialect) characterSet(r *reader, _ string) []policy.Demand {
	const (
		sets    = "ds-cfg-character-set"
		ranges  = "ds-cfg-character-set-ranges"
		atLeast = "ds-cfg-min-character-sets"              // OpenDJ
		needed  = "ds-cfg-minimum-required-character-sets" // PingDirectory
	)
	cs := rule.CharacterSets{AllowUnclassified: r.boolean("ds-cfg-allow-unclassified-characters", noDefault)}
	var all generate.Set
	mandatory := 0
	add := func(s rule.CharacterSet) {
		cs.Sets = append(cs.Sets, s)
		if s.Min > 0 {
			mandatory++
		}
	}
	for _, value := range r.values(sets) {
		s, err := parseCharacterSet(value)
		if err != nil {
			r.fail(sets, "%v", err)
			continue
		}
		if twice := all.Intersect(s.Set); twice.Len() > 0 {
			r.fail(sets, "%q is in more than one set", twice.String())
		}
		all = all.Union(s.Set)
		add(s)
	}
	for _, value := range r.values(ranges) {
		s, err := parseCharacterRanges(value)
		if err != nil {
			r.fail(ranges, "%v", err)
			continue
		}
		add(s)
	}

	variant := d.variantOf(r, []string{needed}, []string{atLeast, ranges})
	attribute := atLeast
	switch {
	case r.has(needed):
		attribute = needed
		cs.MinSets = r.integer(needed, "1", 0, maxInteger)
	case r.has(atLeast):
		cs.MinSets = r.integer(atLeast, "0", 0, maxInteger)
		if cs.MinSets < mandatory {
			r.fail(atLeast, "%d is less than the number of sets that are mandatory, which is %d", cs.MinSets, mandatory)
		}
	case variant != OpenDJ && len(cs.Sets) > 0:
		cs.MinSets = 1 // PingDirectory's default
	}
	if cs.MinSets > len(cs.Sets) {
		r.fail(attribute, "%d is more than the number of sets, which is %d", cs.MinSets, len(cs.Sets))
	}
	return demand(cs, r.source(sets, ranges, "ds-cfg-allow-unclassified-characters"))
}

// parseCharacterSet reads "min:characters". The characters may hold colons.
func parseCharacterSet(value string) (rule.CharacterSet, error) {
	n, chars, err := cutMinimum(value)
	if err != nil {
		return rule.CharacterSet{}, err
	}
	set := generate.NewSet(chars)
	if set.Len() < len([]rune(chars)) {
		return rule.CharacterSet{}, fmt.Errorf("%q holds a character twice", value)
	}
	return rule.CharacterSet{Set: set, Min: n}, nil
}

// parseCharacterRanges reads "min:a-zA-Z0-9".
func parseCharacterRanges(value string) (rule.CharacterSet, error) {
	n, spec, err := cutMinimum(value)
	if err != nil {
		return rule.CharacterSet{}, err
	}
	runes := []rune(spec)
	if len(runes)%3 != 0 {
		return rule.CharacterSet{}, fmt.Errorf("%q is not made of ranges such as a-z", value)
	}
	var b strings.Builder
	for ; len(runes) > 0; runes = runes[3:] {
		first, last := runes[0], runes[2]
		if runes[1] != '-' {
			return rule.CharacterSet{}, fmt.Errorf("%q is not made of ranges such as a-z", value)
		}
		if first >= last {
			return rule.CharacterSet{}, fmt.Errorf("in %q, the range %c-%c does not rise", value, first, last)
		}
		for c := first; c <= last; c++ {
			if c < 0xD800 || c > 0xDFFF { // surrogates are no characters
				b.WriteRune(c)
			}
		}
	}
	return rule.CharacterSet{Set: generate.NewSet(b.String()), Min: n}, nil
}

func cutMinimum(value string) (n int, rest string, err error) {
	before, rest, ok := strings.Cut(value, ":")
	switch {
	case !ok:
		return 0, "", fmt.Errorf("%q has no colon", value)
	case before == "":
		return 0, "", fmt.Errorf("%q has no minimum before the colon", value)
	case rest == "":
		return 0, "", fmt.Errorf("%q has no characters behind the colon", value)
	}
	n, err = strconv.Atoi(before)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, "", fmt.Errorf("in %q, the minimum is out of range", value)
	case err != nil:
		return 0, "", fmt.Errorf("in %q, the minimum is not an integer", value)
	case n < 0:
		return 0, "", fmt.Errorf("in %q, the minimum is negative", value)
	case n > maxInteger:
		return 0, "", fmt.Errorf("in %q, the minimum is out of range", value)
	}
	return n, rest, nil
}
