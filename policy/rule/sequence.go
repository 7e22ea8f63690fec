package rule

import (
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// Sequence bounds runs of octets of which each is one more, or each one
// less, than that before it: with Max 2, "ab" is allowed and "abc", "cba" and
// "9:;" are not (passwordMaxSequence of 389 Directory Server,
// ipaPwdMaxSequence).
type Sequence struct {
	Max int // 0 or less switches the rule off
}

// Check implements Rule.
func (r Sequence) Check(password []byte, _ Subject) []string {
	if r.Max <= 0 {
		return nil
	}
	for range longRuns(password, r.Max) {
		return []string{"The password contains a sequence of more than " + quantity(r.Max, "character", "characters") + "."}
	}
	return nil
}

// longRuns yields each index at which a rising or falling run of octets,
// counted up to there, is longer than limit.
func longRuns(password []byte, limit int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		up, down := 1, 1
		for i := range password {
			if i > 0 {
				switch int(password[i]) - int(password[i-1]) {
				case 1:
					up, down = up+1, 1
				case -1:
					up, down = 1, down+1
				default:
					up, down = 1, 1
				}
			}
			if max(up, down) > limit && !yield(i) {
				return
			}
		}
	}
}

// Requirement implements Rule.
func (r Sequence) Requirement() Requirement {
	req := Requirement{Type: "sequence"}
	if r.Max <= 0 {
		req.Text = "The password may contain sequences."
		return req
	}
	req.Text = "The password must not contain a rising or falling sequence of more than " +
		quantity(r.Max, "character", "characters") + ", such as \"abcdef\" or \"987654\"."
	req.Properties = []Property{property("max-sequence", r.Max)}
	return req
}

// Narrow implements Shaper. It is exact for ASCII.
func (r Sequence) Narrow(shape *generate.Shape) {
	if r.Max > 0 {
		shape.Sequences = append(shape.Sequences, r.Max)
	}
}
