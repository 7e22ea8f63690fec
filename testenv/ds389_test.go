package testenv

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
)

func TestDS389(t *testing.T) {
	s := StartDS389(t, DS389Options{Users: 16})
	conn, err := ldap.DialURL(s.TLSURL, ldap.DialWithTLSConfig(s.TLSConfig()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Bind(s.Helpdesk.DN, s.Helpdesk.Password); err != nil {
		t.Fatal(err)
	}
	set := func(n int, password string) error {
		req := ldap.NewModifyRequest(s.UserDN(n), nil)
		req.Replace("userPassword", []string{password})
		return conn.Modify(req)
	}
	if err := set(15, "short"); !ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) {
		t.Errorf("the global policy does not bind the helpdesk: %v", err)
	}
	if err := set(1, "abcdefGHIJ12"); !ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) {
		t.Errorf("the user's own policy is not in force: %v", err)
	}
	if err := set(1, "xqcdefGHIJ12+-"); err != nil {
		t.Errorf("a good password is refused: %v", err)
	}
	reader := s.Dial(t, s.Reader)
	for _, base := range []string{"cn=config", s.UserDN(0)} {
		found, err := reader.Search(ldap.NewSearchRequest(base, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"objectClass"}, nil))
		if err != nil || len(found.Entries) != 1 {
			t.Errorf("the service account does not see %s: %v", base, err)
		}
	}
}
