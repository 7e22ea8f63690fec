package rule

import (
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// ForbiddenBytes refuses passwords with an octet of Set (forbiddenChars of
// ppm). A character beyond ASCII that shares an octet with a forbidden one is
// refused with it.
type ForbiddenBytes struct{ Set ByteSet }

// Check implements Rule.
func (r ForbiddenBytes) Check(password []byte, _ Subject) []string {
	if r.Set.count(password) == 0 {
		return nil
	}
	return []string{"The password contains a character that is not allowed."}
}

// Requirement implements Rule.
func (r ForbiddenBytes) Requirement() Requirement {
	if r.Set.Len() == 0 {
		return Requirement{Text: "The password may contain any characters.", Type: "forbidden-bytes"}
	}
	return Requirement{
		Text:       "The password must not contain any of the characters " + r.Set.text() + ".",
		Type:       "forbidden-bytes",
		Properties: []Property{{"characters", r.Set.text()}},
	}
}

// Narrow implements Shaper. It is exact.
func (r ForbiddenBytes) Narrow(shape *generate.Shape) {
	forbid(shape, pick(shape.Alphabet, r.Set.touches))
}
