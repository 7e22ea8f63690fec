package testenv

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
)

func TestSamba(t *testing.T) {
	s := StartSamba(t)
	admin := s.Dial(t, s.Admin)
	set := func(name, password string) error {
		req := ldap.NewModifyRequest(s.UserDN(name), nil)
		req.Replace("unicodePwd", []string{UnicodePwd(password)})
		return admin.Modify(req)
	}
	if err := set("bob", "Abcdefgh-1xyz"); err == nil {
		t.Error("13 characters for bob, who needs 14")
	}
	if err := set("bob", "Abcdefgh-1xyzz"); err != nil {
		t.Errorf("14 characters for bob: %v", err)
	}
	for _, tc := range []struct {
		who  Account
		sees bool
	}{{s.Reader, true}, {s.Stranger, false}} {
		found, err := s.Dial(t, tc.who).Search(ldap.NewSearchRequest(s.SettingsDN("PSO-Staff"), ldap.ScopeBaseObject,
			ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"msDS-MinimumPasswordLength"}, nil))
		if err != nil || len(found.Entries) != 1 {
			t.Fatalf("%s: %v", tc.who.DN, err)
		}
		if got := len(found.Entries[0].Attributes) > 0; got != tc.sees {
			t.Errorf("%s sees the settings: %v", tc.who.DN, got)
		}
	}
}
