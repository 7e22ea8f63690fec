package rule

import (
	"bytes"
)

// SequenceSets forbids that a sequence longer than Max comes again: wherever
// a rising or falling run of octets is longer, the Max octets before the
// current one must not occur later in the password (passwordMaxSeqSets of 389
// Directory Server). With 2, "abcxabc" is refused, "abcd" and "abcxbc" are not.
type SequenceSets struct {
	Max int // 0 or less switches the rule off
}

// Check implements Rule.
func (r SequenceSets) Check(password []byte, _ Subject) []string {
	if r.Max <= 0 {
		return nil
	}
	for i := range longRuns(password, r.Max) {
		if bytes.Contains(password[i:], password[i-r.Max:i]) {
			return []string{"The password contains the same sequence more than once."}
		}
	}
	return nil
}

// Requirement implements Rule.
func (r SequenceSets) Requirement() Requirement {
	req := Requirement{Type: "sequence-sets"}
	if r.Max <= 0 {
		req.Text = "The password may repeat sequences."
		return req
	}
	req.Text = "The password must not repeat a rising or falling sequence of more than " + quantity(r.Max, "character", "characters") + "."
	req.Properties = []Property{property("max-sequence-sets", r.Max)}
	return req
}
