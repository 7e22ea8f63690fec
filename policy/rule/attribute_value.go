package rule

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// AttributeValues refuses passwords that are, hold or are part of a value of
// the user's entry (the attribute-value validator of PingDirectory and
// OpenDJ, which differ in what they compare). Comparison ignores case.
// Values that are not text, and those of PasswordAttribute, are left out. A
// password that equals a value is always refused.
type AttributeValues struct {
	// Attributes are the types to compare with; none means every one that
	// the subject has, which should then be its user attributes.
	Attributes []string

	// PasswordAttribute is where the password itself is kept. Empty means
	// userPassword.
	PasswordAttribute string

	// Reversed compares with the password spelled backwards, too.
	Reversed bool

	// InValue refuses a password that is a part of a value
	// (test-password-substring-of-attribute-value of PingDirectory).
	InValue bool

	// MinValue refuses a password that contains a whole value of at least
	// that many characters (test-attribute-value-substring-of-password with
	// minimum-attribute-value-length-for-substring-matches of PingDirectory;
	// OpenDJ before the correction of its issue 566). 0 switches it off.
	MinValue int

	// MinSubstring refuses a password of which any part of at least that
	// many UTF-16 code units is in a value; a shorter password must not be
	// in one as a whole (check-substrings with min-substring-length of
	// OpenDJ). 0 switches it off.
	MinSubstring int
}

// Check implements Rule.
func (r AttributeValues) Check(password []byte, s Subject) []string {
	if len(password) == 0 || len(s.Attributes) == 0 {
		return nil
	}
	spellings := []string{strings.ToLower(string(password))}
	if r.Reversed {
		spellings = append(spellings, reverseRunes(spellings[0]))
	}
	var reasons []string
	said := ""
	for name, value := range s.texts(r.Attributes, r.passwordAttribute()) {
		if name == said {
			continue
		}
		value = strings.ToLower(value)
		for _, spelling := range spellings {
			if reason := r.compare(spelling, value); reason != "" {
				reasons = append(reasons, "The password "+reason+" of the attribute "+name+".")
				said = name
				break
			}
		}
	}
	return reasons
}

// compare says in what way a password matches a value, both in lower case.
func (r AttributeValues) compare(password, value string) string {
	switch {
	case password == value, sameText(password, value):
		return "is a value"
	case r.InValue && strings.Contains(value, password):
		return "is a part of a value"
	case r.MinValue > 0 && utf8.RuneCountInString(value) >= r.MinValue && strings.Contains(password, value):
		return "contains a value"
	case r.MinSubstring > 0 && sharesPart(password, value, r.MinSubstring):
		return "shares a part with a value"
	}
	return ""
}

// sameText compares as caseIgnoreMatch does, where runs of spaces are one.
func sameText(a, b string) bool {
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ") && strings.TrimSpace(a) != ""
}

// sharesPart reports whether any n UTF-16 code units of password in a row,
// or all of them if there are fewer, are in value.
func sharesPart(password, value string, n int) bool {
	p := []rune(password)
	if slices.ContainsFunc(p, func(r rune) bool { return r > 0xFFFF }) {
		return sharesUnits(utf16.Encode(p), utf16.Encode([]rune(value)), n)
	}
	n = min(n, len(p))
	for i := 0; i+n <= len(p); i++ {
		if strings.Contains(value, string(p[i:i+n])) {
			return true
		}
	}
	return false
}

// sharesUnits is sharesPart where a part may be half of a character.
func sharesUnits(password, value []uint16, n int) bool {
	n = min(n, len(password))
	for i := 0; i+n <= len(password); i++ {
		for j := 0; j+n <= len(value); j++ {
			if slices.Equal(password[i:i+n], value[j:j+n]) {
				return true
			}
		}
	}
	return false
}

func (r AttributeValues) passwordAttribute() string {
	if r.PasswordAttribute == "" {
		return "userPassword"
	}
	return r.PasswordAttribute
}

// Requirement implements Rule.
func (r AttributeValues) Requirement() Requirement {
	of := "an attribute of the user"
	if len(r.Attributes) > 0 {
		of = "any of the attributes " + list(r.Attributes, "and")
	}
	ways := []string{"be"}
	if r.InValue {
		ways = append(ways, "be part of")
	}
	if r.MinValue > 0 {
		ways = append(ways, "contain")
	}
	text := "The password must not " + list(ways, "or") + " a value of " + of
	if r.MinSubstring > 0 {
		text += ", nor share " + quantity(r.MinSubstring, "character", "characters") + " in a row with one"
	}
	if r.Reversed {
		text += ", forwards or backwards"
	}
	req := Requirement{Text: text + ".", Type: "attribute-value"}
	if len(r.Attributes) > 0 {
		req.Properties = append(req.Properties, Property{"match-attribute", strings.Join(r.Attributes, ",")})
	}
	req.Properties = append(req.Properties, flag("test-reversed-password", r.Reversed))
	if r.InValue {
		req.Properties = append(req.Properties, flag("test-password-substring-of-attribute-value", true))
	}
	if r.MinValue > 0 {
		req.Properties = append(req.Properties,
			flag("test-attribute-value-substring-of-password", true),
			property("minimum-attribute-value-length-for-substring-matches", r.MinValue))
	}
	if r.MinSubstring > 0 {
		req.Properties = append(req.Properties, property("min-substring-length", r.MinSubstring))
	}
	return req
}

// NarrowFor implements SubjectShaper: where a single character in common is
// too much, those of the values are barred.
func (r AttributeValues) NarrowFor(shape *generate.Shape, s Subject) bool {
	var barred strings.Builder
	for _, value := range s.texts(r.Attributes, r.passwordAttribute()) {
		if r.MinSubstring == 1 || r.MinValue == 1 && utf8.RuneCountInString(value) == 1 {
			barred.WriteString(value)
		}
	}
	if barred.Len() == 0 {
		return false
	}
	values := generate.NewSet(strings.ToLower(barred.String()))
	forbid(shape, pick(shape.Alphabet, func(c rune) bool {
		return values.Contains(unicode.ToLower(c))
	}))
	return true
}
