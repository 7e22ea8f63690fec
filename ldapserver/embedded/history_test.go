package embedded

import (
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// Of ten possible passwords, six are refused at a time. None of them is
// suggested.
func TestNoSuggestionIsRefusedForHistory(t *testing.T) {
	d := open(t, Config{})
	c := dialAdmin(t, d)
	const generator = "cn=Random,cn=Password Generators,cn=config"
	wantCode(t, c.Modify(replace(generator, "ds-cfg-password-format", "digit:1")), result.Success)
	wantCode(t, c.Modify(replace(defaultPolicy, "ds-cfg-password-generator", generator)), result.Success)
	wantCode(t, c.Modify(replace(defaultPolicy, "ds-cfg-password-history-count", "5")), result.Success)
	// If the history were not looked at, one of the last four would be
	// refused with a probability of 97 %, and one of all with 99.9 %.
	for range 10 {
		eff, err := d.Policies().Resolve(t.Context(), policy.Selection{Target: joDN})
		if err != nil {
			t.Fatal(err)
		}
		out, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 1, Attempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		password := out[0].Password.Bytes()
		wantCode(t, c.Modify(replace(joDN, "userPassword", string(password))), result.Success)
		if reasons, err := eff.Validate(t.Context(), password); err != nil || len(reasons) != 1 {
			t.Errorf("the current password: %q, %v", reasons, err)
		}
	}
}
