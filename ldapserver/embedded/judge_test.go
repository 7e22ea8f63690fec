package embedded

import (
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// TestUse has passwords made in another way without opening the directory
// anew, after an edit that the new judge was not told of.
func TestUse(t *testing.T) {
	d := open(t, Config{Generator: policy.Config{Length: 31}})
	c := dialAdmin(t, d)
	generated := func() int {
		t.Helper()
		password, err := d.generate(t.Context(), joDN)
		if err != nil {
			t.Fatal(err)
		}
		return len(password)
	}
	wantCode(t, c.Modify(replace(joDN, "ds-pwp-password-policy-dn", securePolicy)), result.Success)
	wantCode(t, c.Modify(replace(securePolicy, "ds-cfg-password-generator")), result.Success)
	if n := generated(); n != 31 {
		t.Errorf("%d characters", n)
	}
	next := d.Judge(policy.Config{Length: 33}, nil)
	if _, err := next.Policies().Resolve(t.Context(), policy.Selection{Target: joDN}); err != nil {
		t.Fatal(err)
	}
	if n := generated(); n != 31 {
		t.Errorf("%d characters by a judge that is not used yet", n)
	}
	wantCode(t, c.Modify(replace("cn=Length,cn=Password Validators,cn=config", "ds-cfg-min-password-length", "35")), result.Success)
	d.Use(next)
	if n := generated(); n != 35 {
		t.Errorf("%d characters after an edit", n)
	}
	wantCode(t, c.Modify(replace("cn=Length,cn=Password Validators,cn=config", "ds-cfg-min-password-length", "9")), result.Success)
	if n := generated(); n != 33 {
		t.Errorf("%d characters after another edit", n)
	}
}
