package directory

import (
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// The directory judges who resets a password and to what; a helper's
// connection is of use again after it was refused.
func TestResetPasswordSlapd(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 3}}})
	c, err := New(Config{URLs: []string{s.TLSURL}, TLS: s.TLSConfig()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	bind := func(t *testing.T, dn, password string) *UserConn {
		t.Helper()
		u, err := c.Bind(t.Context(), dn, []byte(password))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { u.Close() })
		return u
	}
	helper, user := bind(t, s.Helpdesk.DN, s.Helpdesk.Password), bind(t, s.UserDN(2), testenv.UserPassword)
	const strong = "Zq7!mnbvcxzlkjhgf"
	for name, how := range map[string]PasswordChange{"by extension": ByExtension, "by modify": ByUserPassword} {
		t.Run(name, func(t *testing.T) {
			password := strong + name
			for _, tt := range []struct {
				by       *UserConn
				dn, new  string
				expected result.Code
			}{
				{helper, "", password, result.InvalidDNSyntax},
				{helper, s.UserDN(0), "", result.ConstraintViolation},
				{helper, s.UserDN(0), "x", result.ConstraintViolation},
				{user, s.UserDN(0), password, result.InsufficientAccessRights},
				{helper, s.UserDN(0), password, result.Success},
			} {
				err := tt.by.ResetPassword(t.Context(), how, tt.dn, []byte(tt.new))
				if (err == nil) != (tt.expected == result.Success) || err != nil && !result.Is(err, tt.expected) {
					t.Errorf("%s of %q: %v", tt.by.AuthzID(), tt.dn, err)
				}
			}
			bind(t, s.UserDN(0), password)
		})
	}
}

// A user's search ends at its limit and says whether there was more.
func TestUserSearch(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 5}}})
	c, err := New(Config{URLs: []string{s.TLSURL}, TLS: s.TLSConfig()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	u, err := c.Bind(t.Context(), s.Helpdesk.DN, []byte(s.Helpdesk.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for _, tt := range []struct {
		limit, found int
		more         bool
	}{{3, 3, true}, {5, 5, false}, {9, 5, false}} {
		found, more, err := u.Search(t.Context(), policy.Query{
			Base: s.Suffix, Scope: policy.WholeSubtree, Filter: "(uid=user*)", Attributes: []string{"uid"},
		}, tt.limit)
		if err != nil || len(found) != tt.found || more != tt.more {
			t.Errorf("at most %d: %d found, more: %v, %v", tt.limit, len(found), more, err)
		}
	}
}
