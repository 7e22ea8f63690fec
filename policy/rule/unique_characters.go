package rule

import "github.com/ldapsuggest/ldapsuggest/policy/generate"

// UniqueCharacters demands a number of different characters.
type UniqueCharacters struct {
	Min           int // 0 or less switches the rule off
	CaseSensitive bool
}

// Check implements Rule.
func (r UniqueCharacters) Check(password []byte, _ Subject) []string {
	seen := make(map[rune]struct{}, len(password))
	for _, c := range string(password) {
		if !r.CaseSensitive {
			c = fold(c)
		}
		seen[c] = struct{}{}
	}
	if len(seen) >= r.Min {
		return nil
	}
	return []string{"The password contains fewer than " + quantity(r.Min, "different character", "different characters") + "."}
}

// Requirement implements Rule.
func (r UniqueCharacters) Requirement() Requirement {
	req := Requirement{Type: "unique-characters"}
	if r.Min <= 0 {
		req.Text = "The password may repeat characters."
		return req
	}
	req.Text = "The password must contain at least " + quantity(r.Min, "different character", "different characters")
	if !r.CaseSensitive {
		req.Text += ", upper and lower case taken as the same"
	}
	req.Text += "."
	req.Properties = []Property{
		property("min-unique-characters", r.Min),
		flag("case-sensitive-validation", r.CaseSensitive),
	}
	return req
}

// Narrow implements Shaper. It is exact.
func (r UniqueCharacters) Narrow(shape *generate.Shape) {
	if r.Min <= 0 {
		return
	}
	unique := generate.Unique{Min: r.Min}
	if !r.CaseSensitive {
		unique.Equal = generate.CaseFold(shape.Alphabet)
	}
	shape.Uniques = append(shape.Uniques, unique)
}
