package openldap

import (
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// impossible is a setting that no password can meet, such as a negative
// pwdMinLength: slapd compares it with the length as an unsigned number.
type impossible struct{ why string }

func (r impossible) Check([]byte, rule.Subject) []string {
	return []string{"No password is accepted: " + r.why + "."}
}

func (r impossible) Requirement() rule.Requirement {
	return rule.Requirement{Text: "The password cannot be changed: " + r.why + "."}
}

func (impossible) Narrow(shape *generate.Shape) {
	shape.Alphabet = generate.Set{}
	shape.MinLength = max(shape.MinLength, 1)
}
