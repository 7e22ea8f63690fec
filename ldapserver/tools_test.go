package ldapserver

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestTools runs OpenLDAP's tools against slapd and through the server: what
// they print and how they exit must be the same.
func TestTools(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil), TLSConfig: tlsConfig(t)})
	through := "ldap://" + strings.Replace(addr, "127.0.0.1", "localhost", 1)
	u, err := url.Parse(slapd.URL)
	if err != nil {
		t.Fatal(err)
	}
	direct := "ldap://localhost:" + u.Port()

	user := slapd.UserDN(3)
	add := "dn: uid=tools,ou=people," + slapd.Suffix + "\nobjectClass: inetOrgPerson\ncn: Tools\nsn: Tools\n"
	dn := "uid=tools,ou=people," + slapd.Suffix
	renamed := "uid=tools2,ou=people," + slapd.Suffix
	reader := []string{"-x", "-D", slapd.Reader.DN, "-w", slapd.Reader.Password}
	admin := []string{"-x", "-D", slapd.Admin.DN, "-w", slapd.Admin.Password}
	battery := []struct {
		name  string
		bind  []string
		args  []string
		stdin string
	}{
		{name: "ldapwhoami", bind: reader},
		{name: "ldapwhoami", bind: []string{"-x"}},
		{name: "ldapwhoami", bind: []string{"-x", "-D", slapd.Reader.DN, "-w", "wrong"}},
		{name: "ldapwhoami", bind: slices.Concat(reader, []string{"-ZZ"})},
		{name: "ldapwhoami", bind: slices.Concat(admin, []string{"-e", "!authzid=dn:" + slapd.Reader.DN})},
		{name: "ldapsearch", bind: reader, args: []string{"-b", slapd.Suffix, "(uid=user00*)", "*", "+"}},
		{name: "ldapsearch", bind: slices.Concat(reader, []string{"-ZZ"}), args: []string{"-b", slapd.Suffix, "(uid=user01*)", "cn"}},
		{name: "ldapsearch", bind: reader, args: []string{"-b", slapd.Suffix, "-E", "pr=7/noprompt", "(uid=user0*)", "cn"}},
		{name: "ldapsearch", bind: reader, args: []string{"-b", slapd.Suffix, "-z", "5", "(uid=*)", "cn"}},
		{name: "ldapsearch", bind: reader, args: []string{"-b", "ou=nowhere," + slapd.Suffix}},
		{name: "ldapsearch", bind: reader, args: []string{"-b", slapd.Suffix, "(((broken"}},
		{name: "ldapsearch", bind: reader, args: []string{"-b", "not a dn"}},
		{name: "ldapsearch", bind: reader, args: []string{"-b", slapd.Suffix, "-E", "!1.2.3.4", "cn=x"}},
		{name: "ldapadd", bind: admin, stdin: add},
		{name: "ldapadd", bind: admin, stdin: add}, // again
		{name: "ldapmodify", bind: admin, stdin: "dn: " + dn + "\nchangetype: modify\nreplace: sn\nsn: T\n"},
		{name: "ldapmodify", bind: reader, stdin: "dn: " + dn + "\nchangetype: modify\nreplace: sn\nsn: U\n"},
		{name: "ldapcompare", bind: reader, args: []string{dn, "sn:t"}},
		{name: "ldapcompare", bind: reader, args: []string{dn, "sn:u"}},
		{name: "ldapmodrdn", bind: admin, args: []string{"-r", dn, "uid=tools2"}},
		{name: "ldapmodrdn", bind: admin, args: []string{"-r", dn, "uid=tools2"}},
		{name: "ldappasswd", bind: admin, args: []string{"-s", "Tools-Pw1!xyz", renamed}},
		{name: "ldapexop", bind: admin, args: []string{"1.2.3.4.5"}},
		{name: "ldapdelete", bind: admin, args: []string{renamed}},
		{name: "ldapdelete", bind: admin, args: []string{renamed}},
		{name: "ldapcompare", bind: reader, args: []string{user, "userPassword:x"}},
	}
	run := func(t *testing.T, url string) []string {
		var outcomes []string
		for _, c := range battery {
			cmd := exec.Command(c.name, slices.Concat([]string{"-H", url}, c.bind, c.args)...)
			cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+slapd.CAFile)
			cmd.Stdin = strings.NewReader(c.stdin)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			outcomes = append(outcomes, fmt.Sprintf("%s %q: exit code %d\n%s", c.name, c.args, cmd.ProcessState.ExitCode(), out))
		}
		return outcomes
	}
	// The battery leaves nothing behind: both find the same directory.
	want := run(t, direct)
	got := run(t, through)
	for i := range battery {
		if got[i] != want[i] {
			t.Errorf("through the server:\n%s\ndirectly:\n%s", got[i], want[i])
		}
	}
}
