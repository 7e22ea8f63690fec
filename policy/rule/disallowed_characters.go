package rule

import (
	"strings"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// DisallowedCharacters forbids characters anywhere, at the beginning and at
// the end.
type DisallowedCharacters struct {
	Anywhere, Leading, Trailing generate.Set
}

// Check implements Rule.
func (r DisallowedCharacters) Check(password []byte, _ Subject) []string {
	var reasons []string
	if strings.ContainsFunc(string(password), r.Anywhere.Contains) {
		reasons = append(reasons, "The password contains a character that is not allowed.")
	}
	if first, n := utf8.DecodeRune(password); n > 0 && r.Leading.Contains(first) {
		reasons = append(reasons, "The password begins with a character that is not allowed there.")
	}
	if last, n := utf8.DecodeLastRune(password); n > 0 && r.Trailing.Contains(last) {
		reasons = append(reasons, "The password ends with a character that is not allowed there.")
	}
	return reasons
}

// Requirement implements Rule.
func (r DisallowedCharacters) Requirement() Requirement {
	req := Requirement{Type: "disallowed-characters"}
	var parts []string
	for _, p := range []struct {
		verb, name string
		set        generate.Set
	}{
		{"contain any of the characters", "disallowed-characters", r.Anywhere},
		{"begin with any of the characters", "disallowed-leading-characters", r.Leading},
		{"end with any of the characters", "disallowed-trailing-characters", r.Trailing},
	} {
		if p.set.Len() > 0 {
			parts = append(parts, p.verb+" "+setText(p.set))
			req.Properties = append(req.Properties, Property{p.name, p.set.String()})
		}
	}
	if parts == nil {
		req.Text = "The password may contain any characters."
	} else {
		req.Text = "The password must not " + list(parts, "or") + "."
	}
	return req
}

// Narrow implements Shaper. It is exact.
func (r DisallowedCharacters) Narrow(shape *generate.Shape) {
	forbid(shape, r.Anywhere.Intersect(shape.Alphabet))
	shape.NotFirst = shape.NotFirst.Union(r.Leading)
	shape.NotLast = shape.NotLast.Union(r.Trailing)
}
