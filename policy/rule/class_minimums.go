package rule

import (
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// ClassMinimums demands characters of the kinds that 389 Directory Server
// knows (passwordMinDigits and so on). Letters and digits are ASCII only;
// every other ASCII character is special, space and controls included; every
// character beyond ASCII is 8-bit and nothing else. 0 demands nothing.
type ClassMinimums struct {
	Digits, Alphas, Uppers, Lowers, Specials, EightBit int
}

// A classMinimum is one of the demands of ClassMinimums.
type classMinimum struct {
	min              int
	kinds            []kind
	singular, plural string
	name             string
}

func (r ClassMinimums) demands() []classMinimum {
	var out []classMinimum
	add := func(n int, name string, kinds ...kind) {
		if n <= 0 {
			return
		}
		d := classMinimum{min: n, kinds: kinds, name: name}
		d.singular, d.plural = kinds[0].noun()
		if len(kinds) > 1 {
			d.singular, d.plural = "letter", "letters"
		}
		out = append(out, d)
	}
	add(r.Digits, "min-digits", digit)
	add(r.Alphas, "min-alphas", upper, lower)
	add(r.Uppers, "min-uppers", upper)
	add(r.Lowers, "min-lowers", lower)
	add(r.Specials, "min-specials", special)
	add(r.EightBit, "min-8bit", eightBit)
	return out
}

// Check implements Rule.
func (r ClassMinimums) Check(password []byte, _ Subject) []string {
	counts := tally(password)
	var reasons []string
	for _, d := range r.demands() {
		n := 0
		for _, k := range d.kinds {
			n += counts[k]
		}
		if n < d.min {
			reasons = append(reasons, "The password contains fewer than "+quantity(d.min, d.singular, d.plural)+".")
		}
	}
	return reasons
}

// Requirement implements Rule.
func (r ClassMinimums) Requirement() Requirement {
	req := Requirement{Type: "class-minimums"}
	var parts []string
	for _, d := range r.demands() {
		parts = append(parts, quantity(d.min, d.singular, d.plural))
		req.Properties = append(req.Properties, property(d.name, d.min))
	}
	if parts == nil {
		req.Text = "The password may contain any characters."
	} else {
		req.Text = "The password must contain at least " + list(parts, "and") + "."
	}
	return req
}

// Narrow implements Shaper. It is exact.
func (r ClassMinimums) Narrow(shape *generate.Shape) {
	for _, d := range r.demands() {
		var set generate.Set
		for _, k := range d.kinds {
			set = set.Union(k.set(shape.Alphabet))
		}
		demand(shape, set, d.min)
	}
}
