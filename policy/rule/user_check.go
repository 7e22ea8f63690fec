package rule

import (
	"bytes"
	"slices"
)

// UserCheck refuses passwords that contain the user's name, forwards or
// backwards, whatever the case (ipaPwdUserCheck of FreeIPA).
type UserCheck struct {
	// Attribute holds the name. Empty means uid.
	Attribute string

	// MinLength is the length in octets from which a name is looked for.
	// 0 means 4.
	MinLength int
}

func (r UserCheck) attribute() string {
	if r.Attribute == "" {
		return "uid"
	}
	return r.Attribute
}

func (r UserCheck) minLength() int {
	if r.MinLength <= 0 {
		return 4
	}
	return r.MinLength
}

// Check implements Rule.
func (r UserCheck) Check(password []byte, s Subject) []string {
	lowered := bytes.ToLower(password)
	for name, value := range s.values([]string{r.attribute()}) {
		if len(value) < r.minLength() {
			continue
		}
		user := bytes.ToLower([]byte(value))
		backwards := slices.Clone(user)
		slices.Reverse(backwards)
		// The server compares octets, and letters of either case as C does; to
		// also compare as Unicode does can only refuse more.
		if bytes.Contains(lowered, user) || bytes.Contains(lowered, backwards) ||
			bytes.Contains(lowered, []byte(reverseRunes(string(user)))) || containsFold(password, value) {
			return []string{"The password contains the value of the attribute " + name + ", forwards or backwards."}
		}
	}
	return nil
}

// containsFold reports whether password holds s, ASCII letters in any case.
func containsFold(password []byte, s string) bool {
	return bytes.Contains(lowerASCII(password), lowerASCII([]byte(s)))
}

// Requirement implements Rule.
func (r UserCheck) Requirement() Requirement {
	return Requirement{
		Text: "The password must not contain the user's name, forwards or backwards.",
		Type: "user-name",
		Properties: []Property{
			{"match-attribute", r.attribute()},
			property("min-name-length", r.minLength()),
		},
	}
}
