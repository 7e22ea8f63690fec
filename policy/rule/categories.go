package rule

import (
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// Categories demands characters of at least Min of the five kinds of
// ClassMinimums: digits, upper case, lower case, special and 8-bit
// (passwordMinCategories of 389 Directory Server). More than five can never
// be met.
type Categories struct{ Min int }

// Check implements Rule.
func (r Categories) Check(password []byte, _ Subject) []string {
	if categoriesOf(password) >= r.Min {
		return nil
	}
	return []string{"The password contains fewer than " + quantity(r.Min, "kind", "kinds") + " of characters."}
}

func categoriesOf(password []byte) int {
	used := 0
	for _, n := range tally(password) {
		if n > 0 {
			used++
		}
	}
	return used
}

// Requirement implements Rule.
func (r Categories) Requirement() Requirement {
	return Requirement{
		Text: "The password must contain characters of at least " + quantity(r.Min, "kind", "kinds") +
			" of these: digits, upper-case letters, lower-case letters, special characters and characters beyond ASCII.",
		Type:       "character-categories",
		Properties: []Property{property("min-categories", r.Min)},
	}
}

// Narrow implements Shaper. It is exact.
func (r Categories) Narrow(shape *generate.Shape) {
	if r.Min > 0 {
		shape.Choices = append(shape.Choices, categoryChoice(shape.Alphabet, r.Min))
	}
}

func categoryChoice(alphabet generate.Set, need int) generate.Choice {
	choice := generate.Choice{Need: need}
	for k := range kindsOf389 {
		choice.Of = append(choice.Of, generate.Threshold{Set: k.set(alphabet), Min: 1})
	}
	return choice
}
