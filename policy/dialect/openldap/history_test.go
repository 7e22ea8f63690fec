package openldap_test

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// pins is a service that makes passwords of as few digits as the policy
// allows.
func pins(t *testing.T, s *testenv.Slapd, as testenv.Account) *policy.Service {
	t.Helper()
	return policy.NewService(openldap.New(openldap.Config{}), client(t, s, as), policy.ServiceConfig{
		TTL:       -1,
		Generator: policy.Config{Alphabet: generate.Digits, Length: 1, MinEntropyBits: 1},
	})
}

// setSuggestions has n passwords suggested and set, one after the other, and
// returns how many slapd refused for its history.
func setSuggestions(t *testing.T, svc *policy.Service, dn string, n int, set func(password string) error) (refusals int) {
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
		if err := set(string(list[0].Password.Bytes())); ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) {
			refusals++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return refusals
}

// Of few passwords, slapd refuses many for its history. An account that may
// read what is stored is suggested none of those, whatever the scheme.
func TestNoSuggestionIsRefusedForHistory(t *testing.T) {
	t.Parallel()
	var ldif strings.Builder
	// One digit, of which the last five and the current one are refused.
	digit := []string{"pwdCheckQuality: 2", "pwdMinLength: 1", "pwdMaxLength: 1", "pwdInHistory: 5"}
	two := []string{"pwdCheckQuality: 2", "pwdMinLength: 2", "pwdMaxLength: 2", "pwdInHistory: 30"}
	all := []string{"pwdCheckQuality: 2", "pwdMinLength: 1", "pwdMaxLength: 1", "pwdInHistory: 20"}
	schemes := []string{"{SSHA}", "{SSHA512}", "{ARGON2}", "{CRYPT}", "clear"}
	users := make(map[string]subject)
	for _, scheme := range schemes {
		users[scheme] = writePolicy(&ldif, strings.ToLower(strings.Trim(scheme, "{}")), testenv.BaseDN, digit)
	}
	users["two digits"] = writePolicy(&ldif, "two", testenv.BaseDN, two)
	users["all"] = writePolicy(&ldif, "all", testenv.BaseDN, all)
	const services = "ou=services," + testenv.BaseDN
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 1, LDIF: ldif.String(), Access: []string{
		`to attrs=userPassword by dn.exact="cn=svc-history,` + services + `" read by dn.exact="cn=helpdesk,` + services + `" =xw by anonymous auth by * none`,
	}}}})
	config := s.Dial(t, s.ConfigAdmin)
	change := func(dn, attribute string, values ...string) {
		t.Helper()
		req := ldap.NewModifyRequest(dn, nil)
		if attribute == "olcModuleLoad" {
			req.Add(attribute, values)
		} else {
			req.Replace(attribute, values)
		}
		if err := config.Modify(req); err != nil {
			t.Fatal(err)
		}
	}
	change("cn=module{0},cn=config", "olcModuleLoad", "argon2.so", "pw-sha2.so")
	// Without it, {CRYPT} is that of DES.
	change("cn=config", "olcPasswordCryptSaltFormat", "$6$%.16s")

	helpdesk := s.Dial(t, s.Helpdesk)
	hashed := func(dn string) func(string) error {
		return func(password string) error {
			_, err := helpdesk.PasswordModify(ldap.NewPasswordModifyRequest(dn, "", password))
			return err
		}
	}
	// What a modification brings is stored as it is.
	asItIs := func(dn string) func(string) error {
		return func(password string) error { return (&setter{conn: helpdesk}).set(dn, password) }
	}
	blind, seeing := pins(t, s, s.Reader), pins(t, s, s.HistReader)
	for _, scheme := range schemes {
		dn := users[scheme].dn
		set := asItIs(dn)
		if scheme != "clear" {
			change("olcDatabase={-1}frontend,cn=config", "olcPasswordHash", scheme)
			set = hashed(dn)
		}
		// Six of ten are refused: that none of 30 is has a chance of 1e-12.
		before := setSuggestions(t, blind, dn, 30, set)
		if before == 0 {
			t.Errorf("%s: nothing is refused even to those who do not look back", scheme)
		}
		if stored := stored(t, s, dn); strings.HasPrefix(stored, "{") != (scheme != "clear") || scheme != "clear" && !strings.HasPrefix(stored, scheme) {
			t.Errorf("%s: the password is not stored in this scheme", scheme)
		}
		if after := setSuggestions(t, seeing, dn, 30, set); after > 0 {
			t.Errorf("%s: %d of 30 suggestions are refused", scheme, after)
		}
		t.Logf("%s: %d of 30 refused without the history, none of 30 with it", scheme, before)
	}
	change("olcDatabase={-1}frontend,cn=config", "olcPasswordHash", "{SSHA}")

	dn := users["two digits"].dn
	if before := setSuggestions(t, blind, dn, 100, hashed(dn)); before == 0 {
		t.Error("two digits: nothing is refused even to those who do not look back")
	}
	if after := setSuggestions(t, seeing, dn, 100, hashed(dn)); after > 0 {
		t.Errorf("two digits: %d of 100 suggestions are refused", after)
	}

	// A shorter history counts at once. What is stored stays for now.
	verdictsOnHistory(t, seeing, dn, 31, hashed(dn))
	shorten := ldap.NewModifyRequest("cn=two,ou=policies,"+testenv.BaseDN, nil)
	shorten.Replace("pwdInHistory", []string{"2"})
	if err := s.Dial(t, s.Admin).Modify(shorten); err != nil {
		t.Fatal(err)
	}
	verdictsOnHistory(t, seeing, dn, 3, hashed(dn))

	dn = users["all"].dn
	setSuggestions(t, seeing, dn, 10, hashed(dn))
	eff, err := seeing.Resolve(t.Context(), policy.Selection{Target: dn})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 1, Attempts: 1}); !result.Is(err, result.UnwillingToPerform) || !strings.Contains(err.Error(), "used before") {
		t.Errorf("with all ten digits used: %v", err)
	}
}

// verdictsOnHistory wants our verdict on every pair of digits to be slapd's,
// and want of them to have been used before. It changes nothing but at the
// end, when one is accepted that was not.
func verdictsOnHistory(t *testing.T, svc *policy.Service, dn string, want int, set func(string) error) {
	t.Helper()
	eff, err := svc.Resolve(t.Context(), policy.Selection{Target: dn})
	if err != nil {
		t.Fatal(err)
	}
	var fresh string
	used := 0
	for i := range 100 {
		password := string([]byte{'0' + byte(i/10), '0' + byte(i%10)})
		reasons, err := eff.Validate(t.Context(), []byte(password))
		if err != nil {
			t.Fatal(err)
		}
		if len(reasons) == 0 {
			fresh = password
			continue
		}
		used++
		if err := set(password); !refused(t, err) {
			t.Fatalf("%s was used before (%v), but slapd accepts it", password, reasons)
		}
	}
	if used != want {
		t.Errorf("%d pairs of digits were used before, want %d", used, want)
	}
	if err := set(fresh); err != nil {
		t.Errorf("a pair that was not used before is refused: %v", err)
	}
}

func stored(t *testing.T, s *testenv.Slapd, dn string) string {
	t.Helper()
	found, err := s.Dial(t, s.Admin).Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"userPassword"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	return found.Entries[0].GetAttributeValue("userPassword")
}
