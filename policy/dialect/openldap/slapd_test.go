package openldap_test

import (
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// service reads a slapd as its service account, without a cache.
func service(t testing.TB, s *testenv.Slapd, as testenv.Account, cfg openldap.Config) *policy.Service {
	t.Helper()
	return policy.NewService(openldap.New(cfg), client(t, s, as), policy.ServiceConfig{})
}

func client(t testing.TB, s *testenv.Slapd, as testenv.Account) *directory.Client {
	t.Helper()
	c, err := directory.New(directory.Config{URLs: []string{s.URL}, BindDN: as.DN, BindPassword: []byte(as.Password)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func stepsText(steps []policy.Step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(strings.Join([]string{s.DN, s.Attribute, s.Value, s.Text}, " | ") + "\n")
	}
	return b.String()
}

// Every user of testenv is found under the policy that slapd applies.
func TestWhichPolicy(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20}}})
	svc := service(t, s, s.Reader, openldap.Config{})
	def := s.PolicyDN("default")
	for _, tc := range []struct {
		sel    policy.Selection
		want   string // DN of the policy; "" for none
		exists bool
		steps  string // part of the steps
	}{
		{policy.Selection{}, def, false, "olcPPolicyDefault"},
		{policy.Selection{Target: s.UserDN(0)}, def, true, "names no policy"},
		{policy.Selection{Target: s.UserDN(1)}, s.PolicyDN("strict"), true, "names its policy"},
		{policy.Selection{Target: strings.ToUpper(strings.ReplaceAll(s.UserDN(1), ",", " , "))}, s.PolicyDN("strict"), true, "names its policy"},
		{policy.Selection{Target: s.UserDN(10)}, "", true, "no policy at all, not even the default"},
		{policy.Selection{Target: s.UserDN(11)}, s.PolicyDN("none"), true, "in force"},
		{policy.Selection{Target: s.UserDN(13)}, "", true, "drops the whole policy"},
		{policy.Selection{Target: "uid=nobody,ou=people," + s.Suffix}, def, false, "does not exist"},
		{policy.Selection{Target: "uid=x,ou=nowhere,ou=people," + s.Suffix}, def, false, "does not exist"},
		{policy.Selection{Target: s.Suffix}, def, true, "names no policy"},
		{policy.Selection{PolicyDN: s.PolicyDN("quality1")}, s.PolicyDN("quality1"), false, "by name"},
	} {
		eff, err := svc.Resolve(t.Context(), tc.sel)
		if err != nil {
			t.Errorf("%+v: %v", tc.sel, err)
			continue
		}
		if eff.Policy.DN != tc.want || eff.Exists != tc.exists || !strings.Contains(stepsText(eff.Steps), tc.steps) {
			t.Errorf("%+v: policy %q, exists %v, steps\n%swant %q, %v, %q", tc.sel, eff.Policy.DN, eff.Exists, stepsText(eff.Steps), tc.want, tc.exists, tc.steps)
		}
	}
	for _, tc := range []struct {
		sel  policy.Selection
		code result.Code
		text string
		dn   string
	}{
		{policy.Selection{Target: "nonsense"}, result.InvalidDNSyntax, "", ""},
		{policy.Selection{PolicyDN: "nonsense"}, result.InvalidDNSyntax, "", ""},
		{policy.Selection{Target: "uid=x,dc=elsewhere"}, result.NoSuchObject, "no database", ""},
		{policy.Selection{PolicyDN: s.PolicyDN("missing-policy")}, result.NoSuchObject, "", "ou=policies," + s.Suffix},
		{policy.Selection{PolicyDN: s.UserDN(0)}, result.NoSuchObject, "not a password policy", ""},
		{policy.Selection{Target: s.UserDN(5)}, result.UnwillingToPerform, "no-such-module.so", ""},
	} {
		_, err := svc.Resolve(t.Context(), tc.sel)
		if !result.Is(err, tc.code) || !strings.Contains(err.Error(), tc.text) || result.From(err).MatchedDN != tc.dn {
			t.Errorf("%+v: %v (matched %q), want %s, %q, %q", tc.sel, err, result.From(err).MatchedDN, tc.code, tc.text, tc.dn)
		}
	}
}

// Where the default policy comes from, and what happens where nobody tells.
func TestDefaultPolicy(t *testing.T) {
	one := func(db testenv.SlapdDatabase) []testenv.SlapdDatabase {
		db.Users = 2
		return []testenv.SlapdDatabase{db}
	}
	const base, quality1 = testenv.BaseDN, "cn=quality1,ou=policies," + testenv.BaseDN
	def := "cn=default,ou=policies," + base
	all := func(dn string) map[string]string { return map[string]string{"": dn} }
	for _, tc := range []struct {
		name     string
		options  testenv.SlapdOptions
		defaults map[string]string
		want     string
		err      string
	}{
		{name: "hidden", options: testenv.SlapdOptions{Databases: one(testenv.SlapdDatabase{})}, err: "may not read cn=config"},
		{name: "hidden and configured", options: testenv.SlapdOptions{Databases: one(testenv.SlapdDatabase{})}, defaults: all(quality1), want: quality1},
		{name: "hidden and configured for its suffix", options: testenv.SlapdOptions{Databases: one(testenv.SlapdDatabase{})},
			defaults: map[string]string{"": "cn=wrong", "DC=Example, DC=com": quality1}, want: quality1},
		{name: "hidden and configured for another suffix", options: testenv.SlapdOptions{Databases: one(testenv.SlapdDatabase{})},
			defaults: map[string]string{"dc=other": quality1}, err: "not known"},
		{name: "hidden and configured to be none", options: testenv.SlapdOptions{Databases: one(testenv.SlapdDatabase{})}, defaults: all("")},
		{name: "configured but missing", options: testenv.SlapdOptions{Databases: one(testenv.SlapdDatabase{})}, defaults: all("cn=typo,ou=policies," + base), err: "does not exist"},
		{name: "readable", options: testenv.SlapdOptions{ReadableConfig: true, Databases: one(testenv.SlapdDatabase{})}, defaults: all(quality1), want: def},
		{name: "readable and none", options: testenv.SlapdOptions{ReadableConfig: true, Databases: one(testenv.SlapdDatabase{NoDefaultPolicy: true})}, defaults: all(quality1)},
		{name: "readable and missing", options: testenv.SlapdOptions{ReadableConfig: true, Databases: one(testenv.SlapdDatabase{DefaultPolicy: "cn=gone,ou=policies," + base})}},
		{name: "in no database", options: testenv.SlapdOptions{ReadableConfig: true, Databases: one(testenv.SlapdDatabase{DefaultPolicy: "cn=gone,dc=elsewhere"})}},
		{name: "modifications ignored", options: testenv.SlapdOptions{ReadableConfig: true, Databases: one(testenv.SlapdDatabase{DisableWrite: true})}},
		{name: "no overlay is shown", options: testenv.SlapdOptions{ReadableConfig: true, Databases: one(testenv.SlapdDatabase{NoPPolicy: true})}, err: "any ppolicy overlay"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := testenv.StartSlapd(t, tc.options)
			svc := service(t, s, s.Reader, openldap.Config{DefaultPolicy: tc.defaults})
			for _, sel := range []policy.Selection{{Target: s.UserDN(0)}, {Target: "uid=missing,ou=people," + base}, {}} {
				eff, err := svc.Resolve(t.Context(), sel)
				if tc.err != "" {
					if err == nil || !strings.Contains(err.Error(), tc.err) {
						t.Errorf("%+v: got %v, want %q", sel, err, tc.err)
					}
					continue
				}
				if err != nil {
					t.Errorf("%+v: %v", sel, err)
				} else if eff.Policy.DN != tc.want {
					t.Errorf("%+v: policy %q, want %q; steps\n%s", sel, eff.Policy.DN, tc.want, stepsText(eff.Steps))
				}
			}
			// A pointer needs no default.
			if tc.options.Databases[0].DisableWrite || tc.options.Databases[0].NoPPolicy {
				return
			}
			if eff, err := svc.Resolve(t.Context(), policy.Selection{Target: s.UserDN(1)}); err != nil || eff.Policy.DN != s.PolicyDN("strict") {
				t.Errorf("user with a pointer: %v", err)
			}
		})
	}
}

func TestSeveralDatabases(t *testing.T) {
	t.Parallel()
	const sub = "ou=sub,dc=example,dc=com"
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{
		{Suffix: sub, Users: 2, DefaultPolicy: "cn=strict,ou=policies,dc=example,dc=com"},
		{Users: 2},
		{Suffix: "o=plain", Users: 2, NoPPolicy: true},
		{Suffix: "o=second", Users: 2, DefaultPolicy: "cn=default,ou=policies,dc=example,dc=com"},
	}})
	svc := service(t, s, s.Reader, openldap.Config{})
	for target, want := range map[string]string{
		"uid=user000,ou=people," + sub:            "cn=strict,ou=policies,dc=example,dc=com",
		"uid=user000,ou=people,dc=example,dc=com": "cn=default,ou=policies,dc=example,dc=com",
		"uid=user000,ou=people,o=plain":           "",
		"uid=nobody,ou=people,o=plain":            "",
		"uid=user000,ou=people,o=second":          "cn=default,ou=policies,dc=example,dc=com",
		"uid=user001,ou=people,o=second":          "cn=strict,ou=policies,o=second",
	} {
		eff, err := svc.Resolve(t.Context(), policy.Selection{Target: target})
		if err != nil {
			t.Errorf("%s: %v", target, err)
		} else if eff.Policy.DN != want {
			t.Errorf("%s: policy %q, want %q; steps\n%s", target, eff.Policy.DN, want, stepsText(eff.Steps))
		}
	}
	_, err := svc.Resolve(t.Context(), policy.Selection{})
	if err == nil || !strings.Contains(err.Error(), "more than one default policy") {
		t.Errorf("the default of a server with several: %v", err)
	}
}

// What the service account may not see is an error that names it, never a
// laxer policy.
func TestMissingRights(t *testing.T) {
	const base = testenv.BaseDN
	policyEntry := func(name, attrs, access string) string {
		return `to dn.base="cn=` + name + `,ou=policies,` + base + `"` + attrs + ` by ` + access
	}
	reader := `dn.exact="cn=svc-reader,ou=services,` + base + `" `
	for _, tc := range []struct {
		name   string
		access string
		user   int
		want   string
	}{
		{"policy entry", policyEntry("strict", "", reader+"none by * break"), 1, "may not read the policy"},
		{"container of policies", `to dn.subtree="ou=policies,` + base + `" by ` + reader + "none by * break", 1, "may not read the policy"},
		{"minimum length", policyEntry("quality1", " attrs=pwdMinLength", reader+"none by * break"), 3, "pwdMinLength"},
		{"minimum length, search only", policyEntry("quality1", " attrs=pwdMinLength", reader+"search by * break"), 3, "pwdMinLength"},
		{"maximum length", policyEntry("quality1", " attrs=pwdMaxLength", reader+"none by * break"), 3, "pwdMaxLength"},
		{"quality", policyEntry("quality1", " attrs=pwdCheckQuality", reader+"none by * break"), 3, "pwdCheckQuality"},
		{"module", policyEntry("quality1", " attrs=pwdCheckModule", reader+"none by * break"), 3, "pwdCheckModule"},
		{"pointer", `to dn.subtree="ou=people,` + base + `" attrs=pwdPolicySubentry by ` + reader + "none by * break", 3, "pwdPolicySubentry"},
		{"pointer that is not there", `to dn.subtree="ou=people,` + base + `" attrs=pwdPolicySubentry by ` + reader + "none by * break", 18, "pwdPolicySubentry"},
		{"pointer, search only", `to dn.subtree="ou=people,` + base + `" attrs=pwdPolicySubentry by ` + reader + "search by * break", 3, "pwdPolicySubentry"},
		{"user", `to dn.base="uid=user003,ou=people,` + base + `" by ` + reader + "none by * break", 3, "may not read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20, Access: []string{tc.access}}}})
			svc := service(t, s, s.Reader, openldap.Config{})
			_, err := svc.Resolve(t.Context(), policy.Selection{Target: s.UserDN(tc.user)})
			if !result.Is(err, result.InsufficientAccessRights) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want a word about %q", err, tc.want)
			}
			// Others are not affected.
			if _, err := svc.Resolve(t.Context(), policy.Selection{Target: "cn=helpdesk,ou=services," + base}); err != nil && tc.name != "container of policies" {
				t.Errorf("another entry: %v", err)
			}
		})
	}
}

func TestUnsatisfiable(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20}}})
	svc := service(t, s, s.Reader, openldap.Config{})
	for user, want := range map[int][]string{
		4:  {"exclude each other", "pwdMinLength: 20", "pwdMaxLength: 10", "cn=impossible"},
		8:  {"pwdCheckModuleArg", "every password fails"},
		12: {"pwdMinLength: -1", "cannot be met", "cn=neglen"},
		17: {"minQuality 9", "cannot be met", "cn=ppm-unsat"},
	} {
		eff, err := svc.Resolve(t.Context(), policy.Selection{Target: s.UserDN(user)})
		if err != nil {
			t.Errorf("user %d: %v", user, err)
			continue
		}
		err = eff.Unsatisfiable()
		if err == nil {
			t.Errorf("user %d: said to be satisfiable", user)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("user %d: %q does not say %q", user, err, w)
			}
		}
		if len(eff.Compiled.Validate([]byte("Correct-Horse-9"), eff.Subject)) == 0 {
			t.Errorf("user %d: a password is valid that the server refuses", user)
		}
	}
}
