package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// TestPages runs the examples of the documentation, by the scripts
// testdata/pages/*.txtar, in front of a slapd that has the entries which the
// pages speak of.
func TestPages(t *testing.T) {
	runScripts(t, "testdata/pages", testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 2, LDIF: `dn: uid=jo,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: jo
cn: Jo Doe
sn: Doe
pwdPolicySubentry: cn=strict,ou=policies,dc=example,dc=com
`}}}))
}

// TestPageSnippets reads the configuration that README.md shows.
func TestPageSnippets(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, snippet, ok := strings.Cut(string(text), "    # ldapsuggest.yaml\n")
	snippet, _, _ = strings.Cut(snippet, "\n\n")
	if !ok {
		t.Fatal("README.md shows no configuration")
	}
	dir := writeFiles(t, map[string]string{"ldapsuggest.yaml": strings.TrimPrefix(strings.ReplaceAll("\n"+snippet, "\n    ", "\n"), "\n") + "\n", "reader.secret": "pw\n"})
	c := loadConfig(t, nil, "--config", filepath.Join(dir, "ldapsuggest.yaml"))
	if len(c.Directory.URLs) != 1 || c.Directory.BindDN == "" || string(c.bindPassword) != "pw" {
		t.Errorf("%+v", c.Directory)
	}
}

// TestPageKeys wants each key of the configuration that a page names to be
// one.
func TestPageKeys(t *testing.T) {
	keys := make(map[string]bool)
	sections := make(map[string]bool)
	var walk func(prefix string, s reflect.Type)
	walk = func(prefix string, s reflect.Type) {
		for f := range s.Fields() {
			if key := f.Tag.Get("yaml"); key != "" {
				keys[prefix+key] = true
				if f.Type.Kind() == reflect.Struct {
					sections[prefix+key] = true
					walk(prefix+key+".", f.Type)
				}
			}
		}
	}
	walk("", reflect.TypeFor[config]())
	named := regexp.MustCompile("`(([a-zA-Z]+)\\.[a-zA-Z.]+)[`:]")
	files := map[string]bool{"tls.crt": true, "tls.key": true, "directory.db": true}
	found := 0
	for name, text := range readPages(t) {
		if !strings.HasPrefix(name, "docs/") && name != "README.md" {
			continue // ARCHITECTURE.md speaks of packages
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if !sections[m[2]] || files[m[1]] {
				continue
			}
			found++
			if !keys[m[1]] {
				t.Errorf("%s names %s, which is no key", name, m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d keys found", found)
	}
}

// readPages returns the text of each page by its path in the tree.
func readPages(t *testing.T) map[string]string {
	t.Helper()
	pages := make(map[string]string)
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range found {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			pages[strings.TrimPrefix(filepath.ToSlash(page), "../../")] = string(text)
		}
	}
	return pages
}

// TestPageExternal gives slapd the configuration that docs/running.md has for
// clients known by their connection, and acts as one of them.
func TestPageExternal(t *testing.T) {
	text, err := os.ReadFile("../../docs/running.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "With OpenLDAP (`front`")
	section, _, _ = strings.Cut(section, "\n## ")
	var changes, rule string
	for b := range strings.SplitSeq(section, "\n\n") {
		if !strings.HasPrefix(b, "    ") {
			continue
		}
		b = strings.ReplaceAll(strings.TrimPrefix(b, "    "), "\n    ", "\n")
		if strings.HasPrefix(b, "to ") {
			rule = b
		} else {
			changes += b + "\n\n"
		}
	}
	if strings.Count(changes, "changetype: modify") != 2 || rule == "" {
		t.Fatalf("changes:\n%saccess rule: %s", changes, rule)
	}
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{
		Users:  1,
		Access: []string{rule},
		LDIF: `dn: cn=front,dc=example,dc=com
objectClass: person
cn: front
sn: front
userPassword: Fr0nt-Passw0rd
`,
	}}})
	run := func(stdin string, command ...string) (string, error) {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stdin = strings.NewReader(stdin)
		cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+s.CAFile)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	configuration, entry, _ := strings.Cut(changes, "\n\n")
	for _, c := range []struct {
		change  string
		account testenv.Account
	}{{configuration, s.ConfigAdmin}, {entry, s.Admin}} {
		if out, err := run(c.change+"\n", "ldapmodify", "-x", "-H", s.URL, "-D", c.account.DN, "-w", c.account.Password); err != nil {
			t.Fatalf("%v: %s\n%s", err, out, c.change)
		}
	}
	plain := []string{"ldapwhoami", "-H", s.TLSURL, "-Y", "PLAIN", "-U", "front", "-w", "Fr0nt-Passw0rd", "-Q", "-X"}
	if out, err := run("", append(plain, "dn:"+s.Helpdesk.DN)...); err != nil || out != "dn:"+s.Helpdesk.DN+"\n" {
		t.Errorf("as a service: %v: %s", err, out)
	}
	if out, err := run("", append(plain, "dn:"+s.UserDN(0))...); err == nil {
		t.Errorf("as a user: %s", out)
	}
}

// TestEveryExample wants each command that the documentation shows to be run
// by a script, or by the test that is named here.
func TestEveryExample(t *testing.T) {
	elsewhere := map[string]string{ // page: what runs its commands
		"README.md":                        "testdata/script/readme.txtar",
		"docs/benchmarks.md":               "../../Makefile",
		"docs/embedded-directory.md":       "testdata/script/embedded.txtar", // --ldif
		"docs/dialects/openldap.md":        "../../policy/dialect/openldap/docs_test.go",
		"docs/dialects/activedirectory.md": "../../testenv/samba/populate.py",
		"docs/guides/freeipa.md":           "guides_test.go", // by their form: no server is at hand
		"docs/guides/active-directory.md":  "guides_test.go", // those for Windows are not run, and the page says so
		"docs/rest/adaxes.md":              "../../restbridge/examples_test.go",
		"docs/commands/serve.md":           "testdata/pages/slapd.txtar",
	}
	scripts, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	run := make(map[string]bool)
	for _, s := range scripts {
		text, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^(?:! )?page (\S+) (\S+)$`).FindAllStringSubmatch(string(text), -1) {
			run["docs/"+m[1]+" "+m[2]] = true
		}
	}
	command := regexp.MustCompile(`^(\$ |ldap\w+ -|ldapsuggest \w+ -|curl |make |samba-tool |dsacls )`)
	marker := regexp.MustCompile(`<!-- example: (\S+) -->\n\n$`)
	commands := 0
	for name, text := range readPages(t) {
		for _, m := range regexp.MustCompile("(?m)(?:\\A|\n\n|```sh\n)((?:    )?)(\\S.*)$").FindAllStringSubmatchIndex(text, -1) {
			line := text[m[4]:m[5]]
			if !command.MatchString(line) {
				continue
			}
			commands++
			if e := marker.FindStringSubmatch(text[:m[2]]); e != nil {
				if !run[name+" "+e[1]] {
					t.Errorf("no script runs the example %s of %s", e[1], name)
				}
			} else if elsewhere[name] == "" {
				t.Errorf("%s: nothing runs %q", name, line)
			} else if _, err := os.Stat(elsewhere[name]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if commands < 20 {
		t.Errorf("only %d commands found", commands)
	}
}

// pageScript is the script command
//
//	[!] page FILE EXAMPLE
//
// It runs an example of docs/FILE, marked by a comment, with the server's
// addresses in place of the usual ones, checks that it prints what the page
// says, up to what differs each time, and leaves that in page.out. The
// example is a session, with "$ " before each command, or a command and,
// behind an empty line, lines among what it prints. With "!", the command
// must fail.
func pageScript(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: page FILE EXAMPLE")
	}
	blocks := pageBlocks(ts, args[0], args[1])
	command, want := blocks[0], strings.Join(blocks[1:], "\n")
	session := strings.HasPrefix(command, "$ ")
	if session {
		lines := strings.Split(strings.Join(blocks, "\n"), "\n")
		end := 1
		for strings.HasSuffix(lines[end-1], `\`) {
			end++
		}
		command, want = strings.Join(lines[:end], "\n")[2:], strings.Join(lines[end:], "\n")
	}
	replacer := pageReplacer(ts)
	command, want = replacer.Replace(command), replacer.Replace(want)
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = pageEnvironment(ts)
	output, err := cmd.CombinedOutput()
	ts.Check(os.WriteFile(ts.MkAbs("page.out"), output, 0o600))
	if (err != nil) != neg {
		ts.Fatalf("%s\n%v\n%s", command, err, output)
	}
	got := string(output)
	if session && want != "" && settled(got) != settled(want) {
		ts.Fatalf("%s\nprints\n%s\nnot\n%s", command, settled(got), settled(want))
	}
	for line := range strings.SplitSeq(settled(want), "\n") {
		if !strings.Contains(settled(got), line) {
			ts.Fatalf("%s\nprints\n%s\nwithout %q", command, got, line)
		}
	}
}

// settled replaces what differs each time, and lays JSON out in one way.
func settled(s string) string {
	for _, r := range []struct{ pattern, with string }{
		{`(?m)^ +`, ""},
		{`\n+`, "\n"},
		{`([{\[,])\n`, "$1"},
		{`"(suggestedPassword|password|data)":"[^"]*"`, `"$1":""`},
		{`"words":\[[^\]]*\]`, `"words":[]`},
		{`(New password: |control: \S+ \w+ |data:: |value:: ).*`, "$1"},
		{`token [a-z0-9]{10} `, "token ID "},
		{`until \S+;`, "until;"},
		{`lst_\S+`, "lst_"},
		{`vendor: .*`, "vendor:"},
	} {
		s = regexp.MustCompile(r.pattern).ReplaceAllString(s, r.with)
	}
	return strings.TrimSpace(s)
}
