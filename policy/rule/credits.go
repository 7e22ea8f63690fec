package rule

import (
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// Credits is the length check of libpwquality, which FreeIPA uses once one of
// its ipaPwd attributes is set. It counts octets; "other" is all but ASCII
// letters and digits.
type Credits struct {
	// MinLength is the length required without credits. Less than 6 means 6.
	MinLength int

	// A negative credit demands that many of its kind. A positive one lets up
	// to that many of its kind each make the required length shorter by one.
	Digit, Upper, Lower, Other int
}

// shortestCredits is the least MinLength of libpwquality.
const shortestCredits = 6

// A credit is one of the four of Credits with its kind.
type credit struct {
	value            int
	is               func(byte) bool
	set              generate.Set
	name             string
	singular, plural string
}

func (r Credits) credits() [4]credit {
	isOther := func(b byte) bool { return !isAlnum(rune(b)) }
	return [4]credit{
		{r.Digit, func(b byte) bool { return isDigit(rune(b)) }, generate.Digits, "digit-credit", "digit", "digits"},
		{r.Upper, func(b byte) bool { return isUpper(rune(b)) }, generate.Upper, "upper-credit", "upper-case letter", "upper-case letters"},
		{r.Lower, func(b byte) bool { return isLower(rune(b)) }, generate.Lower, "lower-credit", "lower-case letter", "lower-case letters"},
		{r.Other, isOther, generate.Symbols, "other-credit", "other character", "other characters"},
	}
}

// Check implements Rule.
func (r Credits) Check(password []byte, _ Subject) []string {
	var reasons []string
	required := max(r.MinLength, shortestCredits)
	for _, c := range r.credits() {
		n := 0
		for _, b := range password {
			if c.is(b) {
				n++
			}
		}
		switch {
		case c.value > 0:
			required -= min(n, c.value)
		case n < -c.value:
			reasons = append(reasons, "The password contains fewer than "+quantity(-c.value, c.singular, c.plural)+".")
		}
	}
	if len(password) < required {
		reasons = append(reasons, "The password is shorter than required for the kinds of characters in it.")
	}
	return reasons
}

// Requirement implements Rule.
func (r Credits) Requirement() Requirement {
	required := max(r.MinLength, shortestCredits)
	req := Requirement{Type: "credits", Properties: []Property{property("minimum-length", required)}}
	var must, may []string
	for _, c := range r.credits() {
		switch {
		case c.value < 0:
			must = append(must, quantity(-c.value, c.singular, c.plural))
		case c.value > 0:
			may = append(may, "up to "+quantity(c.value, c.singular, c.plural))
		}
		if c.value != 0 {
			req.Properties = append(req.Properties, property(c.name, c.value))
		}
	}
	req.Text = "The password must contain at least " + quantity(required, "octet", "octets")
	if may != nil {
		req.Text += ", of which " + list(may, "and") + " count twice"
	}
	if must != nil {
		req.Text += ", and at least " + list(must, "and")
	}
	req.Text += "."
	return req
}

// Narrow implements Shaper. It is exact for ASCII if no credit is positive;
// else it states the length that every credit together leaves.
func (r Credits) Narrow(shape *generate.Shape) {
	required := max(r.MinLength, shortestCredits)
	for _, c := range r.credits() {
		demand(shape, c.set.Union(pick(shape.Alphabet, func(r rune) bool {
			return r < utf8.RuneSelf && c.is(byte(r)) || r >= utf8.RuneSelf && c.is(0xFF)
		})), -c.value)
		required -= max(c.value, 0)
	}
	atLeast(shape, required)
}
