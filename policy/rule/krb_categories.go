package rule

import (
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// KrbCategories demands characters of at least Min of the five kinds of
// Categories, where a character that stands three times in a row costs one
// (krbPwdMinDiffChars of FreeIPA). A run that ends the password counts one
// less, so that "ccc" at the end costs nothing.
type KrbCategories struct {
	Min int // 0 or less switches the rule off
}

// Check implements Rule.
func (r KrbCategories) Check(password []byte, _ Subject) []string {
	if r.Min <= 0 {
		return nil
	}
	have := categoriesOf(password)
	if threeInARow(password) {
		have--
	}
	if have >= r.Min {
		return nil
	}
	return []string{"The password contains fewer than " + quantity(r.Min, "kind", "kinds") + " of characters, or repeats one of them too often."}
}

// threeInARow reports whether a character stands three times in a row, where
// the last character of the password does not count.
func threeInARow(password []byte) bool {
	last, run := rune(-1), 0
	for i, c := range string(password) {
		_, n := utf8.DecodeRune(password[i:])
		if i+n == len(password) {
			break
		}
		if c != last {
			last, run = c, 0
		}
		if run++; run == 3 {
			return true
		}
	}
	return false
}

// Requirement implements Rule.
func (r KrbCategories) Requirement() Requirement {
	req := Requirement{Type: "character-categories"}
	if r.Min <= 0 {
		req.Text = "The password may contain any characters."
		return req
	}
	req.Text = "The password must contain characters of at least " + quantity(r.Min, "kind", "kinds") +
		" of these: digits, upper-case letters, lower-case letters, special characters and characters beyond ASCII;" +
		" one more if a character is repeated three times in a row."
	req.Properties = []Property{property("min-categories", r.Min)}
	return req
}

// Narrow implements Shaper. What a repeated character costs is left to Check.
func (r KrbCategories) Narrow(shape *generate.Shape) {
	if r.Min > 0 {
		shape.Choices = append(shape.Choices, categoryChoice(shape.Alphabet, r.Min))
	}
}
