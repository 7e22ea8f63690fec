package rule

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// Tokens refuses passwords that share Length characters in a row with a value
// of the user's entry, whatever the case of ASCII letters: every part of that
// length of every value is forbidden (passwordMinTokenLength of 389 Directory
// Server). Shorter values are left out.
type Tokens struct {
	Length     int // 0 or less switches the rule off
	Attributes []string
}

// Check implements Rule.
func (r Tokens) Check(password []byte, s Subject) []string {
	if r.Length <= 0 || len(r.Attributes) == 0 {
		return nil
	}
	lowered := lowerASCII(password)
	var reasons []string
	said := ""
	for name, value := range s.values(r.Attributes) {
		if name != said && r.shares(lowered, lowerASCII([]byte(value))) {
			reasons = append(reasons, "The password shares "+quantity(r.Length, "character", "characters")+" in a row with a value of the attribute "+name+".")
			said = name
		}
	}
	return reasons
}

// shares slides a window of Length characters over value.
func (r Tokens) shares(password, value []byte) bool {
	end := 0
	for range r.Length {
		if end == len(value) {
			return false
		}
		_, n := utf8.DecodeRune(value[end:])
		end += n
	}
	for start := 0; ; {
		if bytes.Contains(password, value[start:end]) {
			return true
		}
		if end == len(value) {
			return false
		}
		_, n := utf8.DecodeRune(value[start:])
		start += n
		_, n = utf8.DecodeRune(value[end:])
		end += n
	}
}

// Requirement implements Rule.
func (r Tokens) Requirement() Requirement {
	req := Requirement{Type: "tokens"}
	if r.Length <= 0 || len(r.Attributes) == 0 {
		req.Text = "The password may contain parts of the user's attributes."
		return req
	}
	req.Text = "The password must not share " + quantity(r.Length, "character", "characters") +
		" in a row with a value of the user's attributes " + list(r.Attributes, "and") + "."
	req.Properties = []Property{
		property("min-token-length", r.Length),
		{"match-attribute", strings.Join(r.Attributes, ",")},
	}
	return req
}

// NarrowFor implements SubjectShaper: with tokens of one character, all
// characters of the values are barred.
func (r Tokens) NarrowFor(shape *generate.Shape, s Subject) bool {
	if r.Length != 1 || len(r.Attributes) == 0 {
		return false
	}
	var barred strings.Builder
	for _, value := range s.values(r.Attributes) {
		barred.WriteString(value)
	}
	forbid(shape, bothCases(barred.String()).Intersect(shape.Alphabet))
	return barred.Len() > 0
}
