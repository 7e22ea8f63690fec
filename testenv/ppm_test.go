package testenv

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// The module that was found judges passwords.
func TestPPM(t *testing.T) {
	path, err := PPM(t.Context())
	if err != nil {
		t.Skipf("ppm: not run: %v", err)
	}
	s := StartSlapd(t, SlapdOptions{PPM: path, Databases: []SlapdDatabase{{Users: 20}}})
	helpdesk := s.Dial(t, s.Helpdesk)
	wantCode(t, "two classes of four", setPassword(helpdesk, s.UserDN(6), "lowercase123"), ldap.LDAPResultConstraintViolation)
	wantCode(t, "three classes of four", setPassword(helpdesk, s.UserDN(6), "Lowercase123"), ldap.LDAPResultSuccess)
	wantCode(t, "no configuration", setPassword(helpdesk, s.UserDN(8), "Lowercase123"), ldap.LDAPResultConstraintViolation)
}
