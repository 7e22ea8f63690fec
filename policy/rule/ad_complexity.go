package rule

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// ADComplexity demands three of five kinds of characters: upper case, lower
// case, the digits 0 to 9, ASCII punctuation, and other characters (the
// complexity flag of Active Directory). Windows and Samba differ in what is
// beyond ASCII.
type ADComplexity struct{ Reading ADReading }

// An ADReading is whose understanding of the kinds counts.
type ADReading int

// The readings.
const (
	// EveryReading demands three kinds as Windows and as Samba count them.
	EveryReading ADReading = iota
	// WindowsReading is what Microsoft documents: the fifth kind are letters
	// that have no case. Currency signs other than $, spaces and digits
	// beyond 0 to 9 are of no kind.
	WindowsReading
	// SambaReading takes any character beyond ASCII without case for the
	// fifth kind.
	SambaReading
)

// adPunctuation is the list in Microsoft's documentation; it is all of ASCII
// but letters, digits, space and controls.
const adPunctuation = "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/"

// The kinds that Active Directory counts.
const (
	adUpper = iota
	adLower
	adDigit
	adSymbol
	adOther
	adKinds
	adNone = adKinds
)

// windowsKind is conservative where the documents leave it to a table of
// Windows: a cased letter beyond the European scripts, a title-case letter
// and an ordinal indicator are of no kind.
func windowsKind(r rune) int {
	european := unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic)
	switch {
	case isDigit(r):
		return adDigit
	case r < utf8.RuneSelf && strings.ContainsRune(adPunctuation, r):
		return adSymbol
	case unicode.IsUpper(r) && european:
		return adUpper
	case unicode.IsLower(r) && european:
		return adLower
	case unicode.Is(unicode.Lo, r) && !european:
		return adOther
	}
	return adNone
}

// sambaKind follows the mapping of single characters: what has a lower-case
// form is upper case, what has an upper-case form is lower case.
func sambaKind(r rune) int {
	switch {
	case isDigit(r):
		return adDigit
	case r < utf8.RuneSelf && strings.ContainsRune(adPunctuation, r):
		return adSymbol
	case unicode.ToLower(r) != r:
		return adUpper
	case unicode.ToUpper(r) != r:
		return adLower
	case r >= utf8.RuneSelf:
		return adOther
	}
	return adNone
}

// adNeeded is how many kinds a password needs.
const adNeeded = 3

func (r ADComplexity) readings() []func(rune) int {
	switch r.Reading {
	case WindowsReading:
		return []func(rune) int{windowsKind}
	case SambaReading:
		return []func(rune) int{sambaKind}
	}
	return []func(rune) int{windowsKind, sambaKind}
}

// Check implements Rule.
func (r ADComplexity) Check(password []byte, _ Subject) []string {
	for _, kindOf := range r.readings() {
		var used [adKinds + 1]bool
		n := 0
		for _, c := range string(password) {
			if k := kindOf(c); k != adNone && !used[k] {
				used[k] = true
				n++
			}
		}
		if n < adNeeded {
			return []string{"The password contains characters of fewer than three kinds."}
		}
	}
	return nil
}

// Requirement implements Rule.
func (r ADComplexity) Requirement() Requirement {
	return Requirement{
		Text: "The password must contain characters of at least three of these kinds: upper-case letters, lower-case letters, " +
			"the digits 0 to 9, the symbols " + adPunctuation + " and other letters.",
		Type:       "active-directory-complexity",
		Properties: []Property{property("min-categories", adNeeded)},
	}
}

// Narrow implements Shaper. It is exact.
func (r ADComplexity) Narrow(shape *generate.Shape) {
	for _, kindOf := range r.readings() {
		choice := generate.Choice{Need: adNeeded}
		for k, some := range [adKinds]generate.Set{adUpper: generate.Upper, adLower: generate.Lower, adDigit: generate.Digits, adSymbol: generate.Symbols} {
			set := some.Union(pick(shape.Alphabet, func(c rune) bool { return kindOf(c) == k }))
			choice.Of = append(choice.Of, generate.Threshold{Set: set, Min: 1})
		}
		shape.Choices = append(shape.Choices, choice)
	}
}
