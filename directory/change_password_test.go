package directory

import (
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

func TestUnicodePwd(t *testing.T) {
	for _, p := range []string{"", "Abcdef-1", "é€", "😀x"} {
		got, err := unicodePwd([]byte(p))
		if err != nil || string(got) != testenv.UnicodePwd(p) {
			t.Errorf("%q: %x, %v", p, got, err)
		}
	}
	if _, err := unicodePwd([]byte("a\xff")); !result.Is(err, result.ConstraintViolation) {
		t.Errorf("what is not UTF-8: %v", err)
	}
}

// changes tries a change with a wrong current password, one that the policy
// refuses, and one that counts.
func changes(t *testing.T, c *Client, how PasswordChange, dn, current, weak, strong string) {
	t.Helper()
	for _, tt := range []struct {
		current, new string
		code         result.Code
	}{
		{"wrong", strong, result.InvalidCredentials},
		{current, "", result.ConstraintViolation},
		{current, weak, result.ConstraintViolation},
		{current, strong, result.Success},
		{strong, weak, result.ConstraintViolation},
	} {
		err := c.ChangePassword(t.Context(), how, dn, []byte(tt.current), []byte(tt.new))
		if (err == nil) != (tt.code == result.Success) || err != nil && !result.Is(err, tt.code) {
			t.Errorf("%s to %s: %v", tt.current, tt.new, err)
		}
	}
	if u, err := c.Bind(t.Context(), dn, []byte(strong)); err != nil {
		t.Errorf("the new password does not bind: %v", err)
	} else {
		u.Close()
	}
}

func TestChangePasswordSlapd(t *testing.T) {
	for name, how := range map[string]PasswordChange{"by extension": ByExtension, "by modify": ByUserPassword} {
		t.Run(name, func(t *testing.T) {
			s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 2}}})
			c, err := New(Config{URLs: []string{s.TLSURL}, TLS: s.TLSConfig()})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			changes(t, c, how, s.UserDN(1), testenv.UserPassword, "x", "Zq7!mnbvcxzlkjhgf")
		})
	}
}
