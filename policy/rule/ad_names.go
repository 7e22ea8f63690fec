package rule

import (
	"strings"
	"unicode/utf8"
)

// ADNames refuses passwords that contain the sAMAccountName, or a piece of
// the displayName between any of , . - _ # space and tab, or the whole of it,
// whatever the case. What is shorter than three characters is left out.
// Windows checks this with its complexity flag, Samba never.
type ADNames struct{}

// minName is the length in characters from which a name is looked for.
const minName = 3

// Check implements Rule.
func (r ADNames) Check(password []byte, s Subject) []string {
	folded := foldString(string(password))
	contains := func(name string) bool {
		return utf8.RuneCountInString(name) >= minName && strings.Contains(folded, foldString(name))
	}
	var reasons []string
	for name, value := range s.values([]string{"sAMAccountName"}) {
		if contains(value) {
			reasons = append(reasons, "The password contains the value of the attribute "+name+".")
			break
		}
	}
next:
	for name, value := range s.values([]string{"displayName"}) {
		pieces := strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(",.-_ #\t", c) })
		for _, piece := range append(pieces, value) {
			if contains(piece) {
				reasons = append(reasons, "The password contains a part of the value of the attribute "+name+".")
				break next
			}
		}
	}
	return reasons
}

func foldString(s string) string { return strings.Map(fold, s) }

// Requirement implements Rule.
func (r ADNames) Requirement() Requirement {
	return Requirement{
		Text:       "The password must not contain the user's account name or parts of the user's display name that have at least 3 characters.",
		Type:       "active-directory-names",
		Properties: []Property{{"match-attribute", "sAMAccountName,displayName"}, property("min-name-length", minName)},
	}
}
