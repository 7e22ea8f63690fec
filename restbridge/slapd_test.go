package restbridge

import (
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// slapd lists proxied authorization. Without the right to it nobody sees
// anything by a token; with it, everybody sees what they see themselves.
func TestDelegateSlapd(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 3}}})
	dir, err := directory.New(directory.Config{
		URLs: []string{s.TLSURL}, TLS: s.TLSConfig(), BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	delegate := &Delegate{Directory: dir}
	session, err := delegate.Session(t.Context(), s.UserDN(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := session.See(t.Context(), s.UserDN(1), ""); !result.Is(err, result.AuthorizationDenied) {
		t.Errorf("without the right: %v", err)
	}

	admin := s.Dial(t, s.Admin)
	grant := ldap.NewModifyRequest(s.Reader.DN, nil)
	grant.Add("authzTo", []string{"dn.subtree:" + s.Suffix})
	if err := admin.Modify(grant); err != nil {
		t.Fatal(err)
	}
	allow := ldap.NewModifyRequest("cn=config", nil)
	allow.Replace("olcAuthzPolicy", []string{"to"})
	if err := s.Dial(t, s.ConfigAdmin).Modify(allow); err != nil {
		t.Fatal(err)
	}
	user, err := dir.Bind(t.Context(), s.UserDN(1), []byte(testenv.UserPassword))
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	seen := 0
	for _, dn := range []string{s.UserDN(1), s.UserDN(2), s.Suffix, s.PolicyDN("default"), s.Reader.DN, "uid=nobody," + s.Suffix, "cn=config"} {
		want, got := user.See(t.Context(), dn, ""), session.See(t.Context(), dn, "")
		if (want == nil) != (got == nil) || want != nil && result.From(want).Code != result.From(got).Code {
			t.Errorf("%s: %v with a token, %v with a password", dn, got, want)
		}
		if got == nil {
			seen++
		}
	}
	if seen == 0 {
		t.Error("nothing is seen")
	}
	lock := ldap.NewModifyRequest(s.UserDN(1), nil)
	lock.Replace("pwdAccountLockedTime", []string{"000001010000Z"})
	if err := admin.Modify(lock); err != nil {
		t.Fatal(err)
	}
	if _, err := delegate.Session(t.Context(), s.UserDN(1)); !result.Is(err, result.AuthorizationDenied) {
		t.Errorf("a locked account: %v", err)
	}
}
