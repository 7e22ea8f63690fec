package ds389_test

import (
	"context"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// counting counts the reads that every request makes anew.
type counting struct {
	policy.Directory
	reads int
}

func (c *counting) Search(ctx context.Context, q policy.Query) ([]policy.Entry, error) {
	if !q.Shared {
		c.reads++
	}
	return c.Directory.Search(ctx, q)
}

// TestReads wants an entry under the global policy to be read once, since the
// server takes its time over each, and one with a pointer twice.
func TestReads(t *testing.T) {
	s := testenv.StartDS389(t, testenv.DS389Options{})
	client, err := directory.New(directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	people := "ou=people," + s.Suffix
	// Class of Service that would hide a stored pointer, but has none to show.
	admin := s.Dial(t, s.Admin)
	const odd = "ou=odd,ou=people,"
	own := `cn=own,cn=nsPwPolicyContainer,` + people
	for _, e := range []struct {
		dn    string
		attrs map[string][]string
	}{
		{odd + s.Suffix, map[string][]string{"objectClass": {"organizationalUnit"}}},
		{"cn=empty," + odd + s.Suffix, map[string][]string{"objectClass": {"extensibleObject", "costemplate", "ldapsubentry"}, "cosPriority": {"1"}}},
		{"cn=cos," + odd + s.Suffix, map[string][]string{"objectClass": {"ldapsubentry", "cosSuperDefinition", "cosPointerDefinition"},
			"cosTemplateDn": {"cn=empty," + odd + s.Suffix}, "cosAttribute": {"pwdpolicysubentry default operational"}}},
		{own, map[string][]string{"objectClass": {"ldapsubentry", "passwordpolicy"}, "passwordCheckSyntax": {"on"}, "passwordMinLength": {"33"}}},
		{"uid=odd," + odd + s.Suffix, map[string][]string{"objectClass": {"inetOrgPerson"}, "cn": {"Odd"}, "sn": {"Odd"}, "pwdpolicysubentry": {own}}},
	} {
		req := ldap.NewAddRequest(e.dn, nil)
		for name, v := range e.attrs {
			req.Attribute(name, v)
		}
		if err := admin.Add(req); err != nil {
			t.Fatalf("%s: %v", e.dn, err)
		}
	}
	for _, tt := range []struct {
		name, dn, policy string
		reads            int
	}{
		{"global policy", s.UserDN(0), "cn=config", 1},
		{"own policy", s.UserDN(1), "cn=user001-policy,cn=nsPwPolicyContainer," + people, 2},
		{"subtree policy", "uid=contr00,ou=contractors," + people, `cn="cn=nsPwPolicyEntry_subtree,ou=contractors,` + people + `",cn=nsPwPolicyContainer,ou=contractors,` + people, 2},
		{"own policy below a subtree's that hides it", "uid=part01,ou=partners," + people, `cn="cn=nsPwPolicyEntry_user,uid=part01,ou=partners,` + people + `",cn=nsPwPolicyContainer,ou=partners,` + people, 2},
		{"own policy below Class of Service without a pointer", "uid=odd," + odd + s.Suffix, own, 2},
	} {
		dir := &counting{Directory: client}
		loc, err := ds389.New(ds389.Config{}).Locate(t.Context(), dir, policy.Selection{Target: tt.dn})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got, err := dn.Parse(loc.Ref)
		want, err2 := dn.Parse(tt.policy)
		if err != nil || err2 != nil || got.Key() != want.Key() {
			t.Errorf("%s: %s, want %s", tt.name, loc.Ref, tt.policy)
		}
		if dir.reads != tt.reads {
			t.Errorf("%s: %d reads, want %d", tt.name, dir.reads, tt.reads)
		}
		if _, ok := loc.Subject.Attributes["pwdpolicysubentry"]; ok {
			t.Errorf("%s: the pointer counts as an attribute that a password must not have", tt.name)
		}
	}
}
