package rule

import (
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// Palindrome refuses passwords that read the same backwards, octet by octet.
// A password of one octet does.
type Palindrome struct {
	// IgnoreCase takes ASCII letters of either case for the same (FreeIPA).
	IgnoreCase bool
}

// Check implements Rule.
func (r Palindrome) Check(password []byte, _ Subject) []string {
	for i, j := 0, len(password)-1; i < j; i, j = i+1, j-1 {
		a, b := password[i], password[j]
		if r.IgnoreCase {
			a, b = lowerByte(a), lowerByte(b)
		}
		if a != b {
			return nil
		}
	}
	return []string{"The password reads the same backwards."}
}

// Requirement implements Rule.
func (r Palindrome) Requirement() Requirement {
	text := "The password must not read the same backwards"
	if r.IgnoreCase {
		text += ", upper and lower case taken as the same"
	}
	return Requirement{
		Text:       text + ".",
		Type:       "palindrome",
		Properties: []Property{flag("case-sensitive-validation", !r.IgnoreCase)},
	}
}

// Narrow implements Shaper: what is shorter than two characters is always a
// palindrome. The rest is for Check.
func (r Palindrome) Narrow(shape *generate.Shape) { atLeast(shape, 2) }
