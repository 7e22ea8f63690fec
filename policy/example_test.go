package policy_test

import (
	"context"
	"fmt"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A dialect makes such a policy from directory entries.
func ExampleCompile() {
	const dn = "cn=staff,ou=policies,dc=example,dc=com"
	compiled := policy.Compile(&policy.Policy{DN: dn, Demands: []policy.Demand{
		{Rule: rule.Length{Min: 16, Max: 20}, Source: policy.Source{DN: dn, Attribute: "pwdMinLength", Value: "16"}},
	}}, policy.Config{})
	for _, reason := range compiled.Validate([]byte("secret"), rule.Subject{}) {
		fmt.Println(reason)
	}
	suggestions, err := compiled.Suggest(context.Background(), rule.Subject{}, policy.SuggestOptions{Count: 2, Attempts: 5})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range suggestions {
		fmt.Println(s.Validated, len(s.Errors))
		s.Password.Wipe()
	}
	// Output:
	// The password is shorter than 16 characters.
	// true 0
	// true 0
}
