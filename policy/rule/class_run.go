package rule

import (
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// ClassRun bounds how many octets in a row may come from one class. The
// classes may overlap (maxConsecutivePerClass of ppm).
type ClassRun struct {
	// Max is the longest run allowed. 0 or less switches the rule off.
	Max int

	// Classes are the sets to watch; none means digits, upper case, lower
	// case and all other octets (passwordMaxClassChars of 389 Directory
	// Server).
	Classes []ByteSet
}

func (r ClassRun) classes() []ByteSet {
	if len(r.Classes) > 0 {
		return r.Classes
	}
	digits := NewByteSet(generate.Digits.String())
	uppers := NewByteSet(generate.Upper.String())
	lowers := NewByteSet(generate.Lower.String())
	return []ByteSet{digits, uppers, lowers, digits.Union(uppers).Union(lowers).Not()}
}

// Check implements Rule.
func (r ClassRun) Check(password []byte, _ Subject) []string {
	if r.Max <= 0 {
		return nil
	}
	for _, class := range r.classes() {
		run := 0
		for _, b := range password {
			if !class.Contains(b) {
				run = 0
			} else if run++; run > r.Max {
				return []string{"The password contains more than " + quantity(r.Max, "character", "characters") + " of one class in a row."}
			}
		}
	}
	return nil
}

// Requirement implements Rule.
func (r ClassRun) Requirement() Requirement {
	req := Requirement{Type: "class-run"}
	if r.Max <= 0 {
		req.Text = "The password may contain any number of characters of one class in a row."
		return req
	}
	classes := "digits, upper-case letters, lower-case letters and all others"
	if len(r.Classes) > 0 {
		var texts []string
		for _, c := range r.Classes {
			texts = append(texts, c.text())
		}
		classes = list(texts, "and")
	}
	req.Text = "The password must not contain more than " + quantity(r.Max, "octet", "octets") +
		" in a row from one of these classes: " + classes + "."
	req.Properties = []Property{property("max-class-run", r.Max)}
	return req
}

// Narrow implements Shaper. It is exact for ASCII. A character of several
// octets weighs as many; what a mixture of such characters weighs together
// is left to Check.
func (r ClassRun) Narrow(shape *generate.Shape) {
	if r.Max <= 0 {
		return
	}
	for _, class := range r.classes() {
		for octets := 1; octets <= utf8.UTFMax; octets++ {
			set := pick(shape.Alphabet, func(c rune) bool { return class.within(c) >= octets })
			forbidRun(shape, set, r.Max/octets)
		}
	}
}
