package rule

import (
	"iter"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// RepeatedCharacters bounds how often a character may follow itself.
type RepeatedCharacters struct {
	// Max is the longest run allowed. 0 or less switches the rule off.
	Max int

	// CaseSensitive distinguishes upper and lower case.
	CaseSensitive bool

	// Equivalent lists sets within which all characters count as the same
	// (character-set of PingDirectory's validator): with {123}, "231" is a
	// run of three. A character in none of them equals only itself.
	Equivalent []generate.Set

	// Unit is Characters, or Bytes where a server compares octets (FreeIPA).
	Unit Unit
}

// Check implements Rule.
func (r RepeatedCharacters) Check(password []byte, _ Subject) []string {
	if r.Max <= 0 {
		return nil
	}
	broken := false
	if r.Unit == Bytes {
		broken = r.repeats(func(yield func(rune) bool) {
			for _, b := range password {
				if !r.CaseSensitive {
					b = lowerByte(b)
				}
				if !yield(rune(b)) {
					return
				}
			}
		})
	} else {
		broken = r.repeats(func(yield func(rune) bool) {
			for _, c := range string(password) {
				if !r.CaseSensitive {
					c = fold(c)
				}
				if !yield(c) {
					return
				}
			}
		}) || r.repeatsSet(password)
	}
	if !broken {
		return nil
	}
	return []string{"The password contains a character more than " + quantity(r.Max, "time", "times") + " in a row."}
}

func (r RepeatedCharacters) repeats(characters iter.Seq[rune]) bool {
	last, run := rune(-1), 0
	for c := range characters {
		if c != last {
			last, run = c, 0
		}
		if run++; run > r.Max {
			return true
		}
	}
	return false
}

func (r RepeatedCharacters) repeatsSet(password []byte) bool {
	for _, set := range r.Equivalent {
		run := 0
		for _, c := range string(password) {
			if !r.contains(set, c) {
				run = 0
			} else if run++; run > r.Max {
				return true
			}
		}
	}
	return false
}

func (r RepeatedCharacters) contains(set generate.Set, c rune) bool {
	return set.Contains(c) || !r.CaseSensitive && slices.ContainsFunc(set.Runes(), func(m rune) bool { return fold(m) == fold(c) })
}

// Requirement implements Rule.
func (r RepeatedCharacters) Requirement() Requirement {
	req := Requirement{Type: "repeated-characters"}
	if r.Max <= 0 {
		req.Text = "The password may repeat characters."
		return req
	}
	unit := "character"
	if r.Unit == Bytes {
		unit = "octet"
	}
	req.Text = "The password must not contain the same " + unit + " more than " + quantity(r.Max, "time", "times") + " in a row"
	if !r.CaseSensitive {
		req.Text += ", upper and lower case taken as the same"
	}
	req.Properties = []Property{
		property("max-consecutive-length", r.Max),
		flag("case-sensitive-validation", r.CaseSensitive),
	}
	var sets []string
	for _, s := range r.Equivalent {
		sets = append(sets, setText(s))
		req.Properties = append(req.Properties, Property{"character-set", s.String()})
	}
	if sets != nil {
		req.Text += "; the characters of each of these sets count as the same: " + list(sets, "and")
	}
	req.Text += "."
	return req
}

// Narrow implements Shaper. It is exact, for octets as far as they are ASCII.
func (r RepeatedCharacters) Narrow(shape *generate.Shape) {
	if r.Max <= 0 {
		return
	}
	repeat := generate.Repeat{Max: r.Max}
	if !r.CaseSensitive {
		repeat.Equal = generate.CaseFold(shape.Alphabet)
	}
	shape.Repeats = append(shape.Repeats, repeat)
	if r.Unit == Bytes {
		return
	}
	for _, set := range r.Equivalent {
		forbidRun(shape, pick(shape.Alphabet, func(c rune) bool { return r.contains(set, c) }), r.Max)
	}
}
