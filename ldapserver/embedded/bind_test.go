package embedded

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

func TestBind(t *testing.T) {
	d := open(t, Config{})
	for _, tt := range []struct {
		name, dn, password string
		want               result.Code
	}{
		{"right", adminDN, adminPassword, result.Success},
		{"other spelling", "CN=Admin , DC=Example,dc=COM", adminPassword, result.Success},
		{"wrong", adminDN, "wrong", result.InvalidCredentials},
		{"case", adminDN, strings.ToUpper(adminPassword), result.InvalidCredentials},
		{"unknown", "uid=nobody,dc=example,dc=com", adminPassword, result.InvalidCredentials},
		{"without a password of its own", joDN, "x", result.InvalidCredentials},
		{"no DN", "admin", adminPassword, result.InvalidDNSyntax},
		{"a password and no name", "", adminPassword, result.InvalidCredentials},
		{"root DSE", "", "", result.Success},
		{"schema", "cn=schema", "x", result.InvalidCredentials},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := d.bind(t.Context(), tt.dn, []byte(tt.password))
			if tt.want == result.Success {
				if err != nil {
					t.Fatal(err)
				}
				if s.admin != (tt.dn != "") {
					t.Errorf("administrator: %v", s.admin)
				}
			} else if !result.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if err != nil && !s.anonymous() {
				t.Error("a session after a failure")
			}
		})
	}
	// A name without a password is a trap for clients, not a bind.
	if _, err := d.bind(t.Context(), adminDN, nil); !result.Is(err, result.UnwillingToPerform) {
		t.Errorf("unauthenticated bind: %v", err)
	}

	c := dialAdmin(t, d)
	read := func() error {
		_, err := c.Search(ldap.NewSearchRequest(adminDN, ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", nil, nil))
		return err
	}
	wantCode(t, read(), result.Success)
	wantCode(t, c.Bind(adminDN, "wrong"), result.InvalidCredentials)
	wantCode(t, read(), result.InsufficientAccessRights)
}
