package rule

import (
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// BadWords refuses passwords that contain one of some words, whatever the
// case of ASCII letters (passwordBadWords of 389 Directory Server).
type BadWords struct{ Words []string }

// Check implements Rule.
func (r BadWords) Check(password []byte, _ Subject) []string {
	for _, w := range r.Words {
		if w != "" && containsFold(password, w) {
			return []string{"The password contains a word that is not allowed."}
		}
	}
	return nil
}

// Requirement implements Rule.
func (r BadWords) Requirement() Requirement {
	req := Requirement{Type: "bad-words"}
	if len(r.Words) == 0 {
		req.Text = "The password may contain any words."
		return req
	}
	req.Text = "The password must not contain any of " + quantity(len(r.Words), "word", "words") + " that the policy lists."
	for _, w := range r.Words {
		req.Properties = append(req.Properties, Property{"word", w})
	}
	return req
}

// Narrow implements Shaper: it bars words of one character. The rest is for
// Check.
func (r BadWords) Narrow(shape *generate.Shape) {
	for _, w := range r.Words {
		if utf8.RuneCountInString(w) == 1 {
			forbid(shape, bothCases(w).Intersect(shape.Alphabet))
		}
	}
}
