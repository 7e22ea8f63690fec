package testenv

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

func search(t *testing.T, conn *ldap.Conn, base string, scope int, filter string, attrs ...string) []*ldap.Entry {
	t.Helper()
	res, err := conn.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attrs, nil))
	if err != nil {
		t.Fatalf("search %q %s: %v", base, filter, err)
	}
	return res.Entries
}

func setPassword(conn *ldap.Conn, dn, password string) error {
	m := ldap.NewModifyRequest(dn, nil)
	m.Replace("userPassword", []string{password})
	return conn.Modify(m)
}

func wantCode(t *testing.T, what string, err error, code uint16) {
	t.Helper()
	if code == ldap.LDAPResultSuccess && err == nil {
		return
	}
	if !ldap.IsErrorWithCode(err, code) {
		t.Errorf("%s: got %v, want result %d", what, err, code)
	}
}

func TestSlapdAccounts(t *testing.T) {
	s := StartSlapd(t, SlapdOptions{Databases: []SlapdDatabase{{Users: 20}}})
	user := s.UserDN(18)

	reader := s.Dial(t, s.Reader)
	if n := len(search(t, reader, "ou=people,"+s.Suffix, ldap.ScopeSingleLevel, "(objectClass=*)", "1.1")); n != 20 {
		t.Errorf("%d users, want 20", n)
	}
	if e := search(t, reader, user, ldap.ScopeBaseObject, "(objectClass=*)", "*", "+"); e[0].GetAttributeValue("userPassword") != "" {
		t.Error("svc-reader reads passwords")
	}
	wantCode(t, "svc-reader sets a password", setPassword(reader, user, "longer-than-ten"), ldap.LDAPResultInsufficientAccessRights)

	helpdesk := s.Dial(t, s.Helpdesk)
	wantCode(t, "helpdesk sets a short password", setPassword(helpdesk, user, "short"), ldap.LDAPResultConstraintViolation)
	wantCode(t, "helpdesk sets a long password", setPassword(helpdesk, user, "longer-than-ten"), ldap.LDAPResultSuccess)
	wantCode(t, "helpdesk sets it again", setPassword(helpdesk, user, "longer-than-ten"), ldap.LDAPResultConstraintViolation)
	wantCode(t, "pwadmin sets a short password", setPassword(s.Dial(t, s.PwAdmin), user, "x"), ldap.LDAPResultSuccess)
	wantCode(t, "rootdn sets a short password", setPassword(s.Dial(t, s.Admin), user, "y"), ldap.LDAPResultSuccess)
	wantCode(t, "any password without quality check", setPassword(helpdesk, s.UserDN(2), "x"), ldap.LDAPResultSuccess)

	history := search(t, s.Dial(t, s.HistReader), user, ldap.ScopeBaseObject, "(objectClass=*)", "pwdHistory")
	if history[0].GetAttributeValue("pwdHistory") == "" {
		t.Error("svc-history does not read the history")
	}
	history = search(t, reader, user, ldap.ScopeBaseObject, "(objectClass=*)", "pwdHistory")
	if history[0].GetAttributeValue("pwdHistory") != "" {
		t.Error("svc-reader reads the history")
	}
	config := search(t, s.Dial(t, s.ConfigAdmin), "cn=config", ldap.ScopeBaseObject, "(objectClass=*)", "olcThreads")
	if got := config[0].GetAttributeValue("olcThreads"); got != "4" {
		t.Errorf("threads %q, want 4", got)
	}
}

func TestSlapdReadableConfig(t *testing.T) {
	const filter = "(|(olcSuffix=*)(objectClass=olcPPolicyConfig))"
	for _, readable := range []bool{false, true} {
		s := StartSlapd(t, SlapdOptions{ReadableConfig: readable, Databases: []SlapdDatabase{{Users: 1}}})
		res, err := s.Dial(t, s.Reader).Search(ldap.NewSearchRequest("cn=config", ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, nil, nil))
		if !readable {
			wantCode(t, "search of cn=config", err, ldap.LDAPResultNoSuchObject)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Entries) != 2 {
			t.Fatalf("%d entries, want the database and its overlay", len(res.Entries))
		}
		var got []string
		for _, e := range res.Entries {
			if e.GetAttributeValue("olcRootPW") != "" {
				t.Errorf("svc-reader reads olcRootPW of %s", e.DN)
			}
			got = append(got, e.GetAttributeValue("olcSuffix")+e.GetAttributeValue("olcPPolicyDefault"))
		}
		if want := s.Suffix + " " + s.PolicyDN("default"); strings.Join(got, " ") != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
}

func TestSlapdDatabases(t *testing.T) {
	s := StartSlapd(t, SlapdOptions{Databases: []SlapdDatabase{
		{Suffix: "ou=sub,dc=example,dc=com", Users: 2, NoDefaultPolicy: true},
		{Users: 1, LDIF: "dn: ou=more,dc=example,dc=com\nobjectClass: organizationalUnit\nou: more\n"},
		{Suffix: "o=plain", Users: 1, NoPPolicy: true},
	}})
	conn := s.Dial(t, s.Reader)
	for _, base := range []string{"uid=user001,ou=people,ou=sub,dc=example,dc=com", "ou=more,dc=example,dc=com", "uid=user000,ou=people,o=plain"} {
		search(t, conn, base, ldap.ScopeBaseObject, "(objectClass=*)", "1.1")
	}
	helpdesk := s.Dial(t, s.Helpdesk)
	wantCode(t, "short password without a default policy", setPassword(helpdesk, s.UserDN(0), "x"), ldap.LDAPResultSuccess)
	wantCode(t, "short password under a default policy", setPassword(helpdesk, "uid=user000,ou=people,dc=example,dc=com", "x"), ldap.LDAPResultConstraintViolation)
	wantCode(t, "short password without the overlay", setPassword(helpdesk, "uid=user000,ou=people,o=plain", "x"), ldap.LDAPResultSuccess)
}

// The tools of OpenLDAP see the same server on every listener.
func TestSlapdListeners(t *testing.T) {
	tool, err := findProgram("ldapwhoami", "ldap-utils")
	if err != nil {
		t.Fatal(err)
	}
	s := StartSlapd(t, SlapdOptions{Databases: []SlapdDatabase{{Users: 1}}})
	simple := []string{"-x", "-D", s.Reader.DN, "-w", s.Reader.Password}
	for _, tc := range []struct {
		url  string
		args []string
		want string
	}{
		{s.URL, simple, "dn:" + s.Reader.DN},
		{s.URL, append([]string{"-ZZ"}, simple...), "dn:" + s.Reader.DN},
		{s.TLSURL, simple, "dn:" + s.Reader.DN},
		{s.LocalURL, []string{"-Q", "-Y", "EXTERNAL"}, "cn=peercred,cn=external,cn=auth"},
	} {
		cmd := exec.Command(tool, append([]string{"-H", tc.url}, tc.args...)...)
		cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+s.CAFile)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), tc.want) {
			t.Errorf("%s %v: %v: %s", tc.url, tc.args, err, out)
		}
	}
	conn, err := ldap.DialURL(s.TLSURL, ldap.DialWithTLSConfig(s.TLSConfig()))
	if err != nil {
		t.Fatalf("TLS with the pool of the certificate: %v", err)
	}
	_ = conn.Close()
}

func TestSlapdThatCannotStart(t *testing.T) {
	_, err := NewSlapd(t.Context(), t.TempDir(), SlapdOptions{Databases: []SlapdDatabase{{LDIF: "dn: ou=x,dc=example,dc=com\nobjectClass: nonsense\n"}}})
	if err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v, want what slapadd said", err)
	}
}

func TestMissingProgram(t *testing.T) {
	_, err := findProgram("no-such-directory-server", "slapd")
	if err == nil || !strings.Contains(err.Error(), "apt-get install --no-install-recommends slapd") {
		t.Errorf("got %v, want the package to install", err)
	}
}

func TestPortTaken(t *testing.T) {
	s := StartSlapd(t, SlapdOptions{Databases: []SlapdDatabase{{Users: 1}}})
	dir, err := os.MkdirTemp("", "slapd")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	b, err := newSlapdBuilder(dir, SlapdOptions{Databases: []SlapdDatabase{{Users: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = b.startOn(t.Context(), s.URL, s.TLSURL)
	if !errors.Is(err, errPortTaken) {
		t.Errorf("got %v, want that the port is taken", err)
	}
}

// A server must not outlive the test binary, however that ends.
func TestServerDiesWithItsStarter(t *testing.T) {
	if dir := os.Getenv("TESTENV_ABANDON"); dir != "" {
		s, err := NewSlapd(t.Context(), dir, SlapdOptions{Databases: []SlapdDatabase{{Users: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("URL=" + s.URL + "\n")
		os.Exit(0) // without Stop
	}
	dir, err := os.MkdirTemp("", "slapd")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(os.Args[0], "-test.run=^TestServerDiesWithItsStarter$")
	cmd.Env = append(os.Environ(), "TESTENV_ABANDON="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, rest, found := strings.Cut(string(out), "URL=")
	if !found {
		t.Fatalf("no server was started: %s", out)
	}
	url, _, _ := strings.Cut(rest, "\n")
	for end := time.Now().Add(10 * time.Second); answers(url); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server outlived its starter")
		}
	}
}

func BenchmarkStartSlapd(b *testing.B) {
	for b.Loop() {
		dir, err := os.MkdirTemp("", "slapd")
		if err != nil {
			b.Fatal(err)
		}
		s, err := NewSlapd(b.Context(), dir, SlapdOptions{})
		if err != nil {
			b.Fatal(err)
		}
		s.Stop()
		os.RemoveAll(dir)
	}
}
