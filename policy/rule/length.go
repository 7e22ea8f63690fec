package rule

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// A Unit says what a rule counts.
type Unit int

// The units that directories count in. Characters are Unicode code points;
// an octet that is no part of a UTF-8 sequence counts as one.
const (
	Characters Unit = iota
	Bytes           // octets of the UTF-8 form: OpenLDAP
	UTF16           // code units of UTF-16: OpenDJ, Samba
)

// Length bounds the length of a password.
type Length struct {
	// Min and Max are the bounds, both inclusive. Min 0 demands nothing; Max
	// 0 means no upper bound. A negative bound means the same as 0.
	Min, Max int
	Unit     Unit
}

// Check implements Rule.
func (r Length) Check(password []byte, _ Subject) []string {
	n := r.Unit.length(password)
	switch {
	case n < r.Min:
		return []string{"The password is shorter than " + r.Unit.quantity(r.Min) + "."}
	case r.Max > 0 && n > r.Max:
		return []string{"The password is longer than " + r.Unit.quantity(r.Max) + "."}
	}
	return nil
}

// Requirement implements Rule.
func (r Length) Requirement() Requirement {
	req := Requirement{Type: "length"}
	if r.Min > 0 {
		req.Properties = append(req.Properties, property("minimum-length", r.Min))
	}
	if r.Max > 0 {
		req.Properties = append(req.Properties, property("maximum-length", r.Max))
	}
	if r.Unit == Bytes {
		req.Properties = append(req.Properties, Property{"unit", "octets"})
	}
	switch {
	case r.Min > 0 && r.Min == r.Max:
		req.Text = "The password must contain exactly " + r.Unit.quantity(r.Min) + "."
	case r.Min > 0 && r.Max > 0:
		req.Text = "The password must contain at least " + r.Unit.quantity(r.Min) + " and at most " + r.Unit.quantity(r.Max) + "."
	case r.Min > 0:
		req.Text = "The password must contain at least " + r.Unit.quantity(r.Min) + "."
	case r.Max > 0:
		req.Text = "The password must contain at most " + r.Unit.quantity(r.Max) + "."
	default:
		req.Text = "The password may have any length."
	}
	return req
}

// Narrow implements Shaper. It is exact for characters, and for ASCII in the
// other units, where a longer form can only bring more of them: the minimum
// is then never missed.
func (r Length) Narrow(shape *generate.Shape) {
	atLeast(shape, r.Min)
	atMost(shape, r.Max)
}

func (u Unit) length(password []byte) int {
	switch u {
	case Bytes:
		return len(password)
	case UTF16:
		n := 0
		for _, r := range string(password) {
			n += utf16.RuneLen(r)
		}
		return n
	}
	return utf8.RuneCount(password)
}

func (u Unit) quantity(n int) string {
	if u == Bytes {
		return quantity(n, "octet", "octets")
	}
	return quantity(n, "character", "characters")
}
