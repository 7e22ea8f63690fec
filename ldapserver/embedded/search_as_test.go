package embedded

import (
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// Search acts with the rights of whom a proxied authorization control names.
func TestSearchAs(t *testing.T) {
	d, err := Open(t.Context(), Config{Dir: t.TempDir(), AdminPassword: "Adm1n-Passw0rd"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	users, err := d.Search(t.Context(), policy.Query{Base: "dc=example,dc=com", Scope: policy.WholeSubtree, Filter: "(uid=*)", Attributes: []string{"1.1"}})
	if err != nil || len(users) < 2 {
		t.Fatal(users, err)
	}
	const hidden = "cn=Hidden,cn=config"
	err = d.add(t.Context(), session{admin: true, key: d.adminKey}, policy.Entry{DN: hidden, Attributes: []policy.Attribute{
		{Name: "objectClass", Values: []string{"top", "ds-cfg-branch"}}, {Name: "cn", Values: []string{"Hidden"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	jo, kim := users[0].DN, users[1].DN
	tests := []struct {
		as, base string
		code     result.Code
	}{
		{"dn:" + jo, kim, result.Success},
		{"dn:" + jo, "", result.Success},
		{"dn:" + jo, hidden, result.InsufficientAccessRights},
		{"dn:" + d.AdminDN, hidden, result.Success},
		{"dn:" + jo, "uid=nobody,dc=example,dc=com", result.NoSuchObject},
		{"dn:uid=nobody,dc=example,dc=com", kim, result.AuthorizationDenied},
		{"", kim, result.InsufficientAccessRights},
		{"dn:", kim, result.InsufficientAccessRights},
	}
	for _, tt := range tests {
		got, err := d.Search(t.Context(), policy.Query{Base: tt.base, Controls: []policy.Control{{OID: proxiedOID, Critical: true, Value: []byte(tt.as)}}})
		if tt.code != result.Success {
			if !result.Is(err, tt.code) {
				t.Errorf("%q as %q: %v", tt.base, tt.as, err)
			}
		} else if err != nil || len(got) != 1 {
			t.Errorf("%q as %q: %v, %v", tt.base, tt.as, got, err)
		} else if got[0].Values("userPassword") != nil && tt.as == "dn:"+jo {
			t.Errorf("%q as %q: a password", tt.base, tt.as)
		}
	}
}
