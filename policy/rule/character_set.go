package rule

import (
	"strconv"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// CharacterSets demands characters from each of several sets, and a number
// of sets that are used at all (the character-set validator of PingDirectory
// and OpenDJ). A character is credited to the first set that holds it.
type CharacterSets struct {
	Sets []CharacterSet

	// MinSets is how many sets must be used, those with a Min counted.
	// PingDirectory says it so; OpenDJ compares the optional sets that are
	// used with the number less the mandatory sets, which comes to the same
	// for every password that satisfies the mandatory ones. 0 demands
	// nothing.
	MinSets int

	// AllowUnclassified admits characters that are in no set.
	AllowUnclassified bool
}

// A CharacterSet is a set with the number of its characters that a password
// needs. Min 0 makes it optional: it counts toward MinSets only.
type CharacterSet struct {
	Set generate.Set
	Min int
}

// classes returns the sets less what an earlier one holds.
func (r CharacterSets) classes() []generate.Set {
	out := make([]generate.Set, len(r.Sets))
	var before generate.Set
	for i, s := range r.Sets {
		out[i] = s.Set.Minus(before)
		before = before.Union(s.Set)
	}
	return out
}

// Check implements Rule.
func (r CharacterSets) Check(password []byte, _ Subject) []string {
	counts := make([]int, len(r.Sets))
	unclassified := false
next:
	for _, c := range string(password) {
		for i, s := range r.Sets {
			if s.Set.Contains(c) {
				counts[i]++
				continue next
			}
		}
		unclassified = true
	}
	var reasons []string
	used := 0
	for i, s := range r.Sets {
		if counts[i] > 0 {
			used++
		}
		if counts[i] < s.Min {
			one, many := setNoun(s.Set)
			reasons = append(reasons, "The password contains fewer than "+quantity(s.Min, one, many)+".")
		}
	}
	if used < r.MinSets {
		reasons = append(reasons, "The password contains characters from fewer than "+quantity(r.MinSets, "set", "sets")+" of characters.")
	}
	if unclassified && !r.AllowUnclassified {
		reasons = append(reasons, "The password contains a character that is in none of the sets allowed.")
	}
	return reasons
}

// Requirement implements Rule.
func (r CharacterSets) Requirement() Requirement {
	req := Requirement{Type: "character-set"}
	var must, may, names []string
	for i, s := range r.Sets {
		one, many := setNoun(s.Set)
		if s.Min > 0 {
			must = append(must, "at least "+quantity(s.Min, one, many))
		} else {
			may = append(may, many)
		}
		names = append(names, many)
		n := strconv.Itoa(i + 1)
		req.Properties = append(req.Properties,
			Property{"set-" + n + "-characters", s.Set.String()},
			property("set-"+n+"-min-count", s.Min))
	}
	req.Properties = append(req.Properties,
		property("minimum-required-character-sets", r.MinSets),
		flag("allow-unclassified-characters", r.AllowUnclassified))

	var texts []string
	if len(must) > 0 {
		texts = append(texts, "The password must contain "+list(must, "and")+".")
	}
	if n := r.MinSets - len(must); n > 0 {
		if len(must) == 0 {
			texts = append(texts, "The password must contain characters from at least "+quantity(n, "set", "sets")+" of these: "+list(may, "and")+".")
		} else {
			texts = append(texts, "It must also contain characters from at least "+quantity(n, "set", "sets")+" of these: "+list(may, "and")+".")
		}
	}
	if !r.AllowUnclassified {
		texts = append(texts, "The password must contain no characters but "+list(names, "and")+".")
	}
	if texts == nil {
		texts = append(texts, "The password may contain any characters.")
	}
	req.Text = strings.Join(texts, " ")
	return req
}

// Narrow implements Shaper. It is exact.
func (r CharacterSets) Narrow(shape *generate.Shape) {
	classes := r.classes()
	var all generate.Set
	choice := generate.Choice{Need: r.MinSets}
	for i, s := range r.Sets {
		all = all.Union(classes[i])
		demand(shape, classes[i], s.Min)
		choice.Of = append(choice.Of, generate.Threshold{Set: classes[i], Min: 1})
	}
	if r.MinSets > 0 {
		shape.Choices = append(shape.Choices, choice)
	}
	if !r.AllowUnclassified {
		forbid(shape, shape.Alphabet.Minus(all))
	}
}
