package opendj

import (
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

// TestNotUTF8: values that are no text are errors, not other characters.
func TestNotUTF8(t *testing.T) {
	for class, attributes := range map[string][]string{
		"ds-cfg-character-set-password-validator":         {"ds-cfg-character-set", "ds-cfg-character-set-ranges"},
		"ds-cfg-repeated-characters-password-validator":   {"ds-cfg-character-set"},
		"ds-cfg-disallowed-characters-password-validator": {"ds-cfg-disallowed-characters", "ds-cfg-disallowed-leading-characters"},
		"ds-cfg-dictionary-password-validator":            {"ds-cfg-dictionary-file"},
		"ds-cfg-regular-expression-password-validator":    {"ds-cfg-match-pattern"},
		"ds-cfg-length-based-password-validator":          {"ds-cfg-min-password-length"},
	} {
		for _, a := range attributes {
			e := policy.Entry{DN: "cn=V,cn=config", Attributes: []policy.Attribute{
				{Name: "objectClass", Values: []string{class}},
				{Name: a, Values: []string{"1:ab\xff"}},
			}}
			_, err := New(Config{}).readValidator(e, "userPassword")
			if err == nil || !strings.Contains(err.Error(), `"cn=V,cn=config": `+a+": a value is not UTF-8") {
				t.Errorf("%s: %s: %v", class, a, err)
			}
		}
	}
}
