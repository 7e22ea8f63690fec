package openldap

import (
	"bytes"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// cString applies a rule as a check module does: to the password up to its
// first NUL, where a string ends in C.
type cString struct{ rule.Rule }

func (r cString) Check(password []byte, s rule.Subject) []string {
	if i := bytes.IndexByte(password, 0); i >= 0 {
		password = password[:i]
	}
	return r.Rule.Check(password, s)
}

// Narrow implements rule.Shaper for rules that do.
func (r cString) Narrow(shape *generate.Shape) {
	if inner, ok := r.Rule.(rule.Shaper); ok {
		inner.Narrow(shape)
	}
}
