package ds389_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// Of few passwords, the server refuses many for its history. An account that
// may read what is stored is suggested none of those, whatever the scheme.
func TestNoSuggestionIsRefusedForHistory(t *testing.T) {
	s := testenv.StartDS389(t, testenv.DS389Options{Users: 20})
	pins := func(as testenv.Account) *policy.Service {
		client, err := directory.New(directory.Config{URLs: []string{s.URL}, BindDN: as.DN, BindPassword: []byte(as.Password)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		return policy.NewService(ds389.New(ds389.Config{}), client, policy.ServiceConfig{
			TTL:       -1,
			Generator: policy.Config{Alphabet: generate.Digits, Length: 1, MinEntropyBits: 1},
		})
	}
	blind, seeing := pins(s.Reader), pins(s.HistReader)
	helpdesk, admin := s.Dial(t, s.Helpdesk), s.Dial(t, s.Admin)

	// set has n passwords suggested and set, one after the other, and
	// returns how many the server refused.
	set := func(svc *policy.Service, dn string, n int) (refusals int) {
		t.Helper()
		for range n {
			eff, err := svc.Resolve(t.Context(), policy.Selection{Target: dn})
			if err != nil {
				t.Fatal(err)
			}
			list, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 1, Attempts: 1})
			if err != nil {
				t.Fatal(err)
			}
			old := values(t, admin, dn, "userPassword")[0]
			req := ldap.NewModifyRequest(dn, nil)
			req.Replace("userPassword", []string{string(list[0].Password.Bytes())})
			if err := helpdesk.Modify(req); ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) && strings.Contains(err.Error(), "history") {
				refusals++
			} else if err != nil {
				t.Fatal(err)
			} else {
				remembered(t, admin, dn, old)
			}
		}
		return refusals
	}
	policyOf := func(n int, scheme, history string) string {
		t.Helper()
		// One digit, with no check of its syntax.
		attrs := map[string]string{"passwordCheckSyntax": "off", "passwordHistory": "on", "passwordInHistory": history, "passwordStorageScheme": scheme}
		if err := s.SetPolicy(n, attrs); err != nil {
			t.Fatal(err)
		}
		return s.UserDN(n)
	}
	for i, scheme := range []string{"SSHA512", "PBKDF2-SHA512", "PBKDF2_SHA256", "CRYPT-SHA512", "CLEAR"} {
		dn := policyOf(i, scheme, "5")
		// Six of ten are refused: that none of 20 is has a chance of 1e-6.
		before := set(blind, dn, 20)
		if before == 0 {
			t.Errorf("%s: nothing is refused even to those who do not look back", scheme)
		}
		if v := strings.ToUpper(values(t, admin, dn, "userPassword")[0]); !strings.HasPrefix(v, "{"+scheme[:5]) && (scheme != "CLEAR" || len(v) != 1) {
			t.Errorf("%s: the password is not stored in this scheme", scheme)
		}
		if after := set(seeing, dn, 20); after > 0 {
			t.Errorf("%s: %d of 20 suggestions are refused", scheme, after)
		}
		t.Logf("%s: %d of 20 refused without the history", scheme, before)
	}

	dn := policyOf(10, "SSHA512", "20")
	set(seeing, dn, 10)
	eff, err := seeing.Resolve(t.Context(), policy.Selection{Target: dn})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 1, Attempts: 1}); !result.Is(err, result.UnwillingToPerform) || !strings.Contains(err.Error(), "used before") {
		t.Errorf("with all ten digits used: %v", err)
	}
	for _, password := range []string{"0", "7"} {
		if reasons, err := eff.Validate(t.Context(), []byte(password)); err != nil || len(reasons) != 1 {
			t.Errorf("%s: %q, %v", password, reasons, err)
		}
	}
	if reasons, err := eff.Validate(t.Context(), []byte("10")); err != nil || len(reasons) != 0 {
		t.Errorf("10: %q, %v", reasons, err)
	}
}

// remembered waits until a stored password is in the history: the server adds
// it after it has answered. Of those of the same second, it may drop any.
func remembered(t *testing.T, conn *ldap.Conn, dn, old string) {
	t.Helper()
	for range 20 {
		for _, v := range values(t, conn, dn, "passwordHistory") {
			if strings.HasSuffix(v, "Z"+old) {
				return
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func values(t *testing.T, conn *ldap.Conn, dn, attribute string) []string {
	t.Helper()
	found, err := conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{attribute}, nil))
	if err != nil {
		t.Fatal(err)
	}
	return found.Entries[0].GetAttributeValues(attribute)
}
