package openldap_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// The commands of the manual page give the service account what it needs, and
// nothing more.
func TestDocumentedRights(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/dialects/openldap.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(commands) != 2 {
		t.Fatalf("%d commands in the page, want those for 2.5 and 2.7", len(commands))
	}
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 2}}})
	svc := service(t, s, s.Reader, openldap.Config{})
	if _, err := svc.Resolve(t.Context(), policy.Selection{Target: s.UserDN(0)}); err == nil {
		t.Fatal("the default policy is known without the right to read it")
	}
	// Each command must be right for ldapmodify; the second one's object
	// class is of 2.7, which a filter may name without it being known.
	for _, c := range commands {
		command := strings.ReplaceAll(c[1], "ldapi:///", s.LocalURL)
		if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s\n%s", err, out, command)
		}
	}
	svc.Invalidate()
	eff, err := svc.Resolve(t.Context(), policy.Selection{Target: s.UserDN(0)})
	if err != nil {
		t.Fatal(err)
	}
	if eff.Policy.DN != s.PolicyDN("default") {
		t.Errorf("policy %q", eff.Policy.DN)
	}
	res, err := s.Dial(t, s.Reader).Search(ldap.NewSearchRequest("cn=config", ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"*", "+"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"objectClass": true, "olcOverlay": true, "olcPPolicyDefault": true, "olcDatabase": true, "olcSuffix": true}
	for _, e := range res.Entries {
		for _, a := range e.Attributes {
			if !allowed[a.Name] {
				t.Errorf("the account may read %s of %s", a.Name, e.DN)
			}
		}
	}

	// Rights short of those documented are noticed.
	config := s.Dial(t, s.ConfigAdmin)
	for _, tc := range []struct{ rule, want string }{
		{`{0}to dn.subtree="cn=config" attrs=olcPPolicyDefault by * none`, "olcPPolicyDefault"},
		{`{0}to dn.subtree="cn=config" attrs=olcPPolicyDefault by * search`, "olcPPolicyDefault"},
		{`{0}to dn.subtree="cn=config" filter=(objectClass=olcPPolicyConfig) by * none`, "does not show the service account any ppolicy overlay"},
		{`{0}to dn.subtree="cn=config" filter=(objectClass=olcDatabaseConfig) attrs=olcSuffix by * none`, "cn=config"},
	} {
		m := ldap.NewModifyRequest("olcDatabase={0}config,cn=config", nil)
		m.Add("olcAccess", []string{tc.rule})
		if err := config.Modify(m); err != nil {
			t.Fatal(err)
		}
		svc.Invalidate()
		if _, err := svc.Resolve(t.Context(), policy.Selection{Target: s.UserDN(0)}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("with %s: got %v, want %q", tc.rule, err, tc.want)
		}
		m = ldap.NewModifyRequest("olcDatabase={0}config,cn=config", nil)
		m.Delete("olcAccess", []string{"{0}"})
		if err := config.Modify(m); err != nil {
			t.Fatal(err)
		}
	}
}

// The overlay that the page tells to add makes slapd tell of changes, and its
// access rule lets the history be read.
func TestDocumentedChanges(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/dialects/openldap.md")
	if err != nil {
		t.Fatal(err)
	}
	overlay := regexp.MustCompile("(?s)```\n(dn: olcOverlay=.*?)```").FindSubmatch(page)
	rule := regexp.MustCompile(`(?m)^    (to attrs=userPassword,pwdHistory by .*)$`).FindSubmatch(page)
	if overlay == nil || rule == nil {
		t.Fatal("the page shows no overlay or no access rule")
	}
	// The account that the rule is for may not otherwise read passwords.
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{
		Users: 1, NoSyncprov: true,
		Access: []string{strings.Replace(string(rule[1]), "cn=svc-history,", "cn=svc-reader,", 1)},
	}}})
	search := func(base, attribute string, a testenv.Account) []string {
		t.Helper()
		res, err := s.Dial(t, a).Search(ldap.NewSearchRequest(base, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{attribute}, nil))
		if err != nil || len(res.Entries) != 1 {
			t.Fatalf("%s: %v", base, err)
		}
		return res.Entries[0].GetAttributeValues(attribute)
	}
	const syncRequest = "1.3.6.1.4.1.4203.1.9.1.1"
	synchronize := func() error {
		refreshOnly := ldap.NewControlString(syncRequest, true, "\x30\x03\x0a\x01\x01") // RFC 4533, 2.2
		_, err := s.Dial(t, s.Reader).Search(ldap.NewSearchRequest(s.Suffix, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"1.1"}, []ldap.Control{refreshOnly}))
		return err
	}
	if err := synchronize(); !ldap.IsErrorWithCode(err, ldap.LDAPResultUnavailableCriticalExtension) {
		t.Fatalf("content synchronization without the overlay: %v", err)
	}
	cmd := exec.Command("ldapmodify", "-x", "-H", s.URL, "-D", s.ConfigAdmin.DN, "-w", s.ConfigAdmin.Password)
	cmd.Stdin = strings.NewReader(string(overlay[1]))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := synchronize(); err != nil {
		t.Errorf("content synchronization: %v", err)
	}
	if len(search(s.UserDN(0), "userPassword", s.Reader)) == 0 {
		t.Error("the account may not read the password")
	}
	if len(search(s.UserDN(0), "userPassword", s.Helpdesk)) != 0 {
		t.Error("another account may read the password")
	}
}
