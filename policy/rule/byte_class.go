package rule

import (
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// ByteClass bounds how many octets of a password are in a set (min and max of
// a class of ppm).
type ByteClass struct {
	Name string // for people: "upperCase"
	Set  ByteSet
	Min  int // 0 or less demands nothing
	Max  int // 0 or less means no upper bound
}

// Check implements Rule.
func (r ByteClass) Check(password []byte, _ Subject) []string {
	n := r.Set.count(password)
	switch {
	case n < r.Min:
		return []string{"The password contains fewer than " + r.quantity(r.Min) + "."}
	case r.Max > 0 && n > r.Max:
		return []string{"The password contains more than " + r.quantity(r.Max) + "."}
	}
	return nil
}

func (r ByteClass) quantity(n int) string {
	if r.Name == "" {
		return quantity(n, "octet", "octets") + " of " + r.Set.text()
	}
	return quantity(n, "octet", "octets") + " of the class " + r.Name
}

// Requirement implements Rule.
func (r ByteClass) Requirement() Requirement {
	req := Requirement{Type: "byte-class", Properties: []Property{{"class", r.Name}}}
	if r.Min > 0 {
		req.Properties = append(req.Properties, property("min", r.Min))
	}
	if r.Max > 0 {
		req.Properties = append(req.Properties, property("max", r.Max))
	}
	of := "."
	if r.Name != "" {
		of = ", which are " + r.Set.text() + "."
	}
	switch {
	case r.Min > 0 && r.Max > 0:
		req.Text = "The password must contain at least " + quantity(r.Min, "octet", "octets") + " and at most " + r.quantity(r.Max) + of
	case r.Min > 0:
		req.Text = "The password must contain at least " + r.quantity(r.Min) + of
	case r.Max > 0:
		req.Text = "The password must contain at most " + r.quantity(r.Max) + of
	default:
		req.Text = "The password may contain any number of characters of any class."
	}
	return req
}

// Narrow implements Shaper. It is exact for ASCII.
func (r ByteClass) Narrow(shape *generate.Shape) {
	if r.Min <= 0 && r.Max <= 0 {
		return
	}
	count := generate.Count{Set: r.Set.characters(shape.Alphabet), Min: max(r.Min, 0), Max: generate.NoMax}
	if r.Max > 0 {
		count.Max = r.Max
	}
	shape.Counts = append(shape.Counts, count)
}
