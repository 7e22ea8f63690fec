package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/ldif"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// A guide is a page of docs/guides whose commands a script of
// testdata/guides runs against a real server.
type guide struct {
	name string

	// replace are pairs: what the page calls a thing, what it is here.
	replace []string

	// env is for the script and for the commands of the page.
	env map[string]string

	cmds map[string]func(*testscript.TestScript, bool, []string)
}

// run runs the script. The page speaks of /etc/ldapsuggest, which is the
// script's directory here, and of the front end by a name that the command
// serve sets.
func (g guide) run(t *testing.T) {
	t.Helper()
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	cmds := map[string]func(*testscript.TestScript, bool, []string){"serve": serveScript, "page": pageScript, "pagefile": pageFileScript}
	for name, cmd := range g.cmds {
		cmds[name] = cmd
	}
	testscript.Run(t, testscript.Params{
		Files: []string{filepath.Join("testdata", "guides", g.name+".txtar")},
		Setup: func(env *testscript.Env) error {
			env.Setenv("SOURCE", source)
			env.Setenv("PATH", env.Getenv("PATH")+":/usr/sbin:/sbin") // of slapd and its tools
			env.Setenv("PAGE_REPLACE", strings.Join(append([]string{
				"/etc/ldapsuggest/", env.WorkDir + "/", "/var/lib/ldapsuggest", env.WorkDir + "/data", "127.0.0.1:9389", "127.0.0.1:0",
			}, g.replace...), "\n"))
			for name, value := range g.env {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: cmds,
	})
}

// pageReplacer turns the names of a page into those of the running servers.
func pageReplacer(ts *testscript.TestScript) *strings.Replacer {
	pairs := []string{
		"ldap://127.0.0.1:1389", ts.Getenv("LDAP"), "http://127.0.0.1:8080", ts.Getenv("REST"), "curl ", "curl -sS ",
		"ldaps://ldapsuggest.example.com", ts.Getenv("LDAPS"), "https://ldapsuggest.example.com:8443", ts.Getenv("REST"),
		"ldapsuggest.example.com:636", strings.TrimPrefix(ts.Getenv("LDAPS"), "ldaps://"),
		"ldapsuggest.example.com:389", strings.TrimPrefix(ts.Getenv("LDAP"), "ldap://"),
	}
	if more := ts.Getenv("PAGE_REPLACE"); more != "" {
		pairs = append(pairs, strings.Split(more, "\n")...)
	}
	return strings.NewReplacer(pairs...)
}

// pageEnvironment is what the commands of a page find in their environment.
func pageEnvironment(ts *testscript.TestScript) []string {
	env := append(os.Environ(), "PATH="+ts.Getenv("PATH"), "candidate="+ts.Getenv("candidate"))
	for _, name := range []string{"LDAPTLS_CACERT", "SMB_CONF_PATH", "PREFIX"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// pageBlocks returns the indented paragraphs behind the comment that names an
// example.
func pageBlocks(ts *testscript.TestScript, page, example string) []string {
	text, err := os.ReadFile(filepath.Join(ts.Getenv("SOURCE"), "docs", page))
	ts.Check(err)
	_, section, ok := strings.Cut(string(text), "<!-- example: "+example+" -->\n\n")
	if !ok {
		ts.Fatalf("%s has no example %s", page, example)
	}
	var blocks []string
	for b := range strings.SplitSeq(section, "\n\n") {
		if !strings.HasPrefix(b, "    ") {
			break
		}
		blocks = append(blocks, strings.TrimSuffix(strings.ReplaceAll(strings.TrimPrefix(b, "    "), "\n    ", "\n"), "\n"))
	}
	if len(blocks) == 0 {
		ts.Fatalf("the example %s of %s is empty", example, page)
	}
	return blocks
}

// pageFileScript is the script command
//
//	pagefile FILE EXAMPLE OUTPUT
//
// It writes an example of docs/FILE to a file.
func pageFileScript(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 || neg {
		ts.Fatalf("usage: pagefile FILE EXAMPLE OUTPUT")
	}
	text := strings.Join(pageBlocks(ts, args[0], args[1]), "\n\n") + "\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(pageReplacer(ts).Replace(text)), 0o600))
}

// readable is what a guide says that the service account can read: attribute
// types in lower case, or patterns, by the DN above.
type readable map[string][]string

// readableBy reads the table of a guide.
func readableBy(ts *testscript.TestScript, page string) readable {
	text, err := os.ReadFile(filepath.Join(ts.Getenv("SOURCE"), "docs", page))
	ts.Check(err)
	_, table, ok := strings.Cut(string(text), "| where | what |\n|---|---|\n")
	if !ok {
		ts.Fatalf("%s does not say what the account can read", page)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	r := make(readable)
	quoted := regexp.MustCompile("`([^`]+)`")
	for line := range strings.SplitSeq(table, "\n") {
		where, what, _ := strings.Cut(strings.Trim(line, "| "), " | ")
		base := quoted.FindStringSubmatch(where)
		if base == nil {
			ts.Fatalf("%s: no DN in %q", page, line)
		}
		if what == "everything" {
			r[base[1]] = []string{"*"}
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(what, -1) {
			r[base[1]] = append(r[base[1]], strings.ToLower(m[1]))
		}
	}
	return r
}

// allows reports whether the account may read an attribute of an entry. The
// innermost base counts.
func (r readable) allows(entry, attribute string) bool {
	best, found := "", false
	for base := range r {
		if under := strings.EqualFold(entry, base) || strings.HasSuffix(strings.ToLower(entry), ","+strings.ToLower(base)); under && len(base) >= len(best) {
			best, found = base, true
		}
	}
	return found && slices.ContainsFunc(r[best], func(pattern string) bool {
		ok, err := path.Match(pattern, strings.ToLower(attribute))
		return ok && err == nil
	})
}

// An account binds; the empty one is anonymous.
type account = testenv.Account

// A leastPrivilege says what a service account is tried with.
type leastPrivilege struct {
	page       string
	url        string
	tls        *tls.Config
	account    string   // its entry
	bind       string   // the name that it binds with, if that is another
	baseline   *account // what this one may read is not the guide's doing; nil for nobody
	bases      []string // everything below is read
	user       string   // an entry with a password, which it tries to change
	value      string   // a password, as the first of secrets holds it
	secrets    []string // attribute types that it must not see
	operations []string // attribute types to ask for by name, besides "*" and "+"

	// policies matches the DNs of policies, of which an attribute with the
	// name of a secret is a setting.
	policies *regexp.Regexp
}

// script is the script command
//
//	privileges FILE
//
// It binds as the service account with the password in FILE and shows that
// the account reads no more than the guide says, no secret, and writes
// nothing.
func (l leastPrivilege) script(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: privileges FILE")
	}
	name := l.bind
	if name == "" {
		name = l.account
	}
	conn := l.dial(ts, account{DN: name, Password: strings.TrimSuffix(ts.ReadFile(args[0]), "\n")})
	defer conn.Close()
	anyway := make(map[string]bool)
	if l.baseline != nil {
		other := l.dial(ts, *l.baseline)
		defer other.Close()
		anyway = l.visible(ts, other)
	}
	allowed := readableBy(ts, l.page)
	seen := make(map[string]bool) // bases of the table of which something is seen
	for what := range l.visible(ts, conn) {
		attribute, entry, _ := strings.Cut(what, " of ")
		secret := slices.ContainsFunc(l.secrets, func(s string) bool { return strings.EqualFold(s, attribute) })
		if secret && (l.policies == nil || !l.policies.MatchString(entry)) {
			ts.Fatalf("the account may read %s", what)
		}
		if !allowed.allows(entry, attribute) && !anyway[what] && !strings.EqualFold(entry, l.account) {
			ts.Fatalf("the account may read %s", what)
		}
		for where := range allowed {
			if strings.HasSuffix(strings.ToLower(entry), strings.ToLower(where)) && !anyway[what] {
				seen[where] = true
			}
		}
	}
	if len(seen) != len(allowed) {
		ts.Fatalf("something is read below %v; the guide speaks of %v", seen, allowed)
	}
	for _, s := range l.secrets {
		ok, err := conn.Compare(l.user, s, "x")
		told := ok || err == nil
		if l.baseline != nil {
			other := l.dial(ts, *l.baseline)
			otherOK, otherErr := other.Compare(l.user, s, "x")
			other.Close()
			told = ok != otherOK || fmt.Sprint(err) != fmt.Sprint(otherErr)
		}
		if told {
			ts.Fatalf("comparing %s: %v, %v", s, ok, err)
		}
		res, err := conn.Search(ldap.NewSearchRequest(l.user, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "("+s+"=*)", []string{"1.1"}, nil))
		if err == nil && len(res.Entries) > 0 {
			ts.Fatalf("a search tells that %s has a %s", l.user, s)
		}
	}
	l.writeNothing(ts, conn)
}

func (l leastPrivilege) dial(ts *testscript.TestScript, a account) *ldap.Conn {
	conn, err := ldap.DialURL(l.url, ldap.DialWithTLSConfig(l.tls))
	ts.Check(err)
	if a.DN != "" {
		ts.Check(conn.Bind(a.DN, a.Password))
	}
	return conn
}

// visible returns what a connection can read, as "attribute of entry".
func (l leastPrivilege) visible(ts *testscript.TestScript, conn *ldap.Conn) map[string]bool {
	found := make(map[string]bool)
	for _, base := range l.bases {
		res, err := conn.SearchWithPaging(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			"(objectClass=*)", slices.Concat([]string{"*", "+"}, l.secrets, l.operations), nil), 500)
		if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
			continue
		}
		ts.Check(err)
		for _, e := range res.Entries {
			for _, a := range e.Attributes {
				found[a.Name+" of "+e.DN] = true
			}
		}
	}
	return found
}

// writeNothing tries each kind of write.
func (l leastPrivilege) writeNothing(ts *testscript.TestScript, conn *ldap.Conn) {
	modify := func(dn, attribute, value string) error {
		m := ldap.NewModifyRequest(dn, nil)
		m.Replace(attribute, []string{value})
		return conn.Modify(m)
	}
	parent := l.user[strings.Index(l.user, ",")+1:]
	add := ldap.NewAddRequest("ou=new,"+parent, nil)
	add.Attribute("objectClass", []string{"organizationalUnit"})
	_, passmod := conn.PasswordModify(ldap.NewPasswordModifyRequest(l.user, "", "Xq7-ab-Kz91-longer"))
	tries := map[string]error{
		"modify":           modify(l.user, "description", "x"),
		"modify itself":    modify(l.account, "description", "x"),
		"set a password":   modify(l.user, l.secrets[0], l.value),
		"add":              conn.Add(add),
		"delete":           conn.Del(ldap.NewDelRequest(l.user, nil)),
		"rename":           conn.ModifyDN(ldap.NewModifyDNRequest(l.user, "cn=renamed", true, "")),
		"modify passwords": passmod,
	}
	for what, err := range tries {
		var e *ldap.Error
		if !errors.As(err, &e) || !slices.Contains([]uint16{
			ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultNoSuchObject, ldap.LDAPResultNoSuchAttribute,
		}, e.ResultCode) && (what != "modify passwords" || e.ResultCode != ldap.LDAPResultProtocolError) {
			ts.Fatalf("the account may %s: %v", what, err)
		}
	}
}

// olcAccessScript returns the script command
//
//	olcaccess FILE
//
// It writes the access rules of every database to a file.
func olcAccessScript(s *testenv.Slapd, t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		res, err := s.Dial(t, s.ConfigAdmin).Search(ldap.NewSearchRequest("cn=config", ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, "(olcAccess=*)", []string{"olcAccess"}, nil))
		ts.Check(err)
		var b strings.Builder
		for _, e := range res.Entries {
			fmt.Fprintln(&b, e.DN)
			for _, v := range e.GetAttributeValues("olcAccess") {
				fmt.Fprintln(&b, v[strings.Index(v, "}")+1:])
			}
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
	}
}

// TestGuideOpenLDAP runs docs/guides/openldap.md.
func TestGuideOpenLDAP(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 2, LDIF: guidePeople}}})
	privileges := leastPrivilege{
		page: "guides/openldap.md", url: s.TLSURL, tls: s.TLSConfig(), account: "cn=ldapsuggest,ou=services,dc=example,dc=com",
		bases: []string{"dc=example,dc=com", "cn=config"}, user: "uid=jo,ou=people,dc=example,dc=com", value: "Xq7-ab-Kz91-longer",
		secrets: []string{"userPassword", "pwdHistory"}, operations: []string{"pwdPolicySubentry", "pwdChangedTime", "authzTo"},
	}
	guide{
		name:    "openldap",
		replace: []string{"ldaps://ldap.example.com", s.TLSURL, "ldapi:///", s.LocalURL},
		env: map[string]string{
			"DIR": s.Dir, "LDAPTLS_CACERT": s.CAFile, "ADMIN_PW": s.Admin.Password, "USER_PW": testenv.UserPassword,
			"DIRECTORY": s.TLSURL, "ADMIN": s.Admin.DN,
		},
		cmds: map[string]func(*testscript.TestScript, bool, []string){"privileges": privileges.script, "olcaccess": olcAccessScript(s, t)},
	}.run(t)
}

// guidePeople are whom the guides speak of. Lena is of the help desk.
const guidePeople = `dn: uid=jo,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: jo
cn: Jo Doe
sn: Doe
userPassword: Jo-Start-Pw1!
pwdPolicySubentry: cn=strict,ou=policies,dc=example,dc=com

dn: uid=amina,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: amina
cn: Amina Diallo
sn: Diallo
userPassword: Amina-Start-Pw1!

dn: uid=lena,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: lena
cn: Lena Kowalska
sn: Kowalska
userPassword: Lena-Start-Pw1!

dn: ou=groups,dc=example,dc=com
objectClass: organizationalUnit
ou: groups

dn: cn=helpdesk,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: helpdesk
member: uid=lena,ou=people,dc=example,dc=com
`

// TestGuideDS389 runs docs/guides/ds389.md, on a server that lets nobody
// read, as a new one does.
func TestGuideDS389(t *testing.T) {
	t.Parallel()
	s := testenv.StartDS389(t, testenv.DS389Options{})
	admin := s.Dial(t, s.Admin)
	found, err := admin.Search(ldap.NewSearchRequest(s.Suffix, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"aci"}, nil))
	if err != nil || len(found.Entries) != 1 {
		t.Fatal(err)
	}
	for _, aci := range found.Entries[0].GetAttributeValues("aci") {
		if strings.Contains(aci, `acl "services read"`) {
			m := ldap.NewModifyRequest(s.Suffix, nil)
			m.Delete("aci", []string{aci})
			if err := admin.Modify(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	addEntries(t, admin, guidePeople, "pwdPolicySubentry")
	privileges := leastPrivilege{
		page: "guides/ds389.md", url: s.TLSURL, tls: s.TLSConfig(), account: "cn=ldapsuggest,ou=services,dc=example,dc=com",
		bases: []string{"dc=example,dc=com", "cn=config"}, user: "uid=jo,ou=people,dc=example,dc=com", value: "Xq7-ab-Kz91-longer",
		baseline: &account{DN: s.UserDN(20), Password: testenv.UserPassword},
		secrets:  []string{"userPassword", "passwordHistory"}, operations: []string{"pwdpolicysubentry", "nsAccountLock", "aci", "passwordExpirationTime"},
		policies: regexp.MustCompile(`^cn=config$|,cn=nsPwPolicyContainer,`),
	}
	guide{
		name:    "ds389",
		replace: []string{"ldaps://ldap.example.com", s.TLSURL},
		env: map[string]string{
			"DIR": s.Dir, "LDAPTLS_CACERT": s.CAFile, "ADMIN_PW": s.Admin.Password, "DIRECTORY": s.TLSURL,
		},
		cmds: map[string]func(*testscript.TestScript, bool, []string){"privileges": privileges.script},
	}.run(t)
}

// addEntries adds the entries of an LDIF, without some attributes.
func addEntries(t *testing.T, conn *ldap.Conn, text string, without ...string) {
	t.Helper()
	r := ldif.NewReader(strings.NewReader(text))
	for {
		e, err := r.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		add := ldap.NewAddRequest(e.DN, nil)
		for _, a := range e.Attributes {
			if !slices.Contains(without, a.Name) {
				add.Attribute(a.Name, a.Values)
			}
		}
		if err := conn.Add(add); err != nil {
			t.Fatalf("%s: %v", e.DN, err)
		}
	}
}

// TestGuideActiveDirectory runs what docs/guides/active-directory.md has for
// Samba. What every account can read is what alice can.
func TestGuideActiveDirectory(t *testing.T) {
	t.Parallel()
	s := testenv.StartSamba(t)
	privileges := leastPrivilege{
		page: "guides/active-directory.md", url: s.TLSURL, tls: s.TLSConfig(),
		account: "CN=svc-ldapsuggest,OU=Services,DC=example,DC=com", bind: "svc-ldapsuggest@example.com", baseline: &s.Stranger,
		bases: []string{"DC=example,DC=com", "CN=Configuration,DC=example,DC=com"}, user: "CN=Jo Doe,OU=People,DC=example,DC=com", value: testenv.UnicodePwd("Xq7-ab-Kz91-longer"),
		secrets: []string{"unicodePwd", "ntPwdHistory", "supplementalCredentials"}, operations: []string{"msDS-ResultantPSO", "nTSecurityDescriptor"},
	}
	guide{
		name:    "active-directory",
		replace: []string{"ldaps://dc1.example.com", s.TLSURL},
		env: map[string]string{
			"DIR": s.Dir, "LDAPTLS_CACERT": s.CAFile, "ADMIN_PW": s.Admin.Password, "DIRECTORY": s.TLSURL,
			"SMB_CONF_PATH": filepath.Join(s.Dir, "smb.conf"),
		},
		cmds: map[string]func(*testscript.TestScript, bool, []string){"privileges": privileges.script},
	}.run(t)
}

// TestGuideTLS runs docs/guides/tls.md.
func TestGuideTLS(t *testing.T) {
	t.Parallel()
	guide{name: "tls", replace: []string{"DNS:ldapsuggest.example.com,", "DNS:localhost,IP:127.0.0.1,"}}.run(t)
}

// TestGuideFreeIPA checks the form of what docs/guides/freeipa.md has, which
// there is no server to run against: shell that parses, commands and options
// of ipa that exist, LDIF, and a configuration that loads.
func TestGuideFreeIPA(t *testing.T) {
	text, err := os.ReadFile("../../docs/guides/freeipa.md")
	if err != nil {
		t.Fatal(err)
	}
	options := map[string][]string{ // of ipa, as its documentation has them
		"sysaccount-add": {"random"}, "sysaccount-del": nil,
		"role-add": nil, "role-del": nil, "role-show": nil, "role-add-privilege": {"privileges"}, "role-add-member": {"sysaccounts", "groups"},
		"privilege-add": nil, "privilege-add-permission": {"permissions"}, "pwpolicy-show": {"user"},
	}
	command := regexp.MustCompile(`(?m)^    ipa ([a-z-]+)(.*)$`)
	found := command.FindAllStringSubmatch(string(text), -1)
	if len(found) < 10 {
		t.Errorf("only %d commands of ipa", len(found))
	}
	for _, m := range found {
		allowed, ok := options[m[1]]
		if !ok {
			t.Errorf("ipa has no %s", m[1])
		}
		for _, o := range regexp.MustCompile(`--([a-z]+)`).FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(allowed, o[1]) {
				t.Errorf("ipa %s has no --%s", m[1], o[1])
			}
		}
	}
	entries, shell := 0, 0
	for b := range strings.SplitSeq(string(text), "\n\n") {
		if !strings.HasPrefix(b, "    ") {
			continue
		}
		b = strings.ReplaceAll(strings.TrimPrefix(b, "    "), "\n    ", "\n")
		if strings.HasPrefix(b, "data:") {
			dir := writeFiles(t, map[string]string{"ldapsuggest.yaml": strings.ReplaceAll(b, "/etc/ldapsuggest/", ""), "reader.secret": "pw"})
			c := loadConfig(t, nil, "--config", filepath.Join(dir, "ldapsuggest.yaml"))
			if !strings.HasPrefix(c.Directory.BindDN, "uid=ldapsuggest,cn=sysaccounts,cn=etc,") || len(c.REST.UserBases) != 1 {
				t.Errorf("%+v", c.Directory)
			}
			entries++
			continue
		}
		shell++
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(b + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s\n%s", err, out, b)
		}
		if _, rest, ok := strings.Cut(b, "ldapadd "); ok {
			_, rest, _ = strings.Cut(rest, "\n")
			e, err := ldif.NewReader(strings.NewReader(strings.TrimSuffix(rest, "LDIF"))).Read()
			if err != nil || !e.IsA("simpleSecurityObject") {
				t.Errorf("%+v, %v", e, err)
			}
			entries++
		}
	}
	if entries != 2 || shell < 8 {
		t.Errorf("%d entries and configurations, %d commands", entries, shell)
	}
}

// TestGuideFromEmbedded runs docs/guides/from-embedded-to-openldap.md.
func TestGuideFromEmbedded(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	guide{
		name:    "from-embedded-to-openldap",
		replace: []string{"ldap://ldap.example.com", "ldap://" + address, "/etc/ldap/slapd.d", "slapd.d", "/run/slapd", ".", "/var/lib/ldap", "db"},
		env:     map[string]string{"ADDRESS": address},
	}.run(t)
}

// TestGuideUpgrading runs docs/guides/upgrading.md.
func TestGuideUpgrading(t *testing.T) {
	t.Parallel()
	guide{name: "upgrading"}.run(t)
}

// TestGuideSnippets reads the pieces of configuration that guides show.
func TestGuideSnippets(t *testing.T) {
	found := 0
	for name, text := range readPages(t) {
		if !strings.HasPrefix(name, "docs/guides/") {
			continue
		}
		for b := range strings.SplitSeq(text, "\n\n") {
			if !regexp.MustCompile(`^    (data|directory|tls|listen|rest|generator):`).MatchString(b) {
				continue
			}
			found++
			dir := writeFiles(t, map[string]string{"c.yaml": strings.ReplaceAll(strings.TrimPrefix(b, "    "), "\n    ", "\n") + "\n"})
			c := defaultConfig()
			if err := c.readFile(filepath.Join(dir, "c.yaml")); err != nil {
				t.Errorf("%s: %v\n%s", name, err, b)
			}
		}
	}
	if found < 9 {
		t.Errorf("only %d pieces found", found)
	}
}
