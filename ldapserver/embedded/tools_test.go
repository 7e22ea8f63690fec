package embedded

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/ldapserver"
)

// front puts the front end before d, as the program does, and returns its
// URL.
func front(t testing.TB, d *Directory) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := ldapserver.New(ldapserver.Config{Dial: d.Dial, Supplement: d})
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			srv.Close()
		}
		if err := <-done; !errors.Is(err, ldapserver.ErrServerClosed) {
			t.Error(err)
		}
	})
	return "ldap://" + l.Addr().String()
}

// tool runs one of OpenLDAP's tools and returns its output and exit code,
// which is the result code.
func tool(t *testing.T, url, as, input, name string, args ...string) (string, int) {
	t.Helper()
	full := []string{"-H", url, "-x"}
	if as != "" {
		full = append(full, "-D", as, "-w", map[string]string{adminDN: adminPassword}[as])
		if as != adminDN {
			full[len(full)-1] = userPassword
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, append(full, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out.String(), 0
	case errors.As(err, &exit):
		return out.String(), exit.ExitCode()
	}
	t.Fatal(err)
	return "", 0
}

const userPassword = "Correct-Horse-Battery-77"

// The tools of OpenLDAP, as an operator uses them. Each step builds on the
// ones before.
func TestTools(t *testing.T) {
	d := open(t, Config{})
	url := front(t, d)
	steps := []struct {
		name  string
		as    string
		input string
		cmd   string // words, separated by "|"
		code  int
		want  []string // in the output
		not   []string
	}{
		{"root DSE", "", "", "ldapsearch|-LLL|-s|base|-b||(objectClass=*)|+", 0,
			[]string{"namingContexts: dc=example,dc=com\n", "supportedLDAPVersion: 3\n", "subschemaSubentry: cn=schema\n"}, []string{"cn=config\n"}},
		{"schema", "", "", "ldapsearch|-LLL|-o|ldif-wrap=no|-s|base|-b|cn=schema|attributeTypes", 0, []string{"( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )"}, nil},
		{"anonymous reads nothing", "", "", "ldapsearch|-LLL|-b|dc=example,dc=com", 50, nil, []string{"dn:"}},
		{"anonymous is nobody", "", "", "ldapwhoami", 0, []string{"anonymous"}, nil},
		{"wrong password", "uid=jo,ou=people,dc=example,dc=com", "", "ldapwhoami", 49, nil, nil},
		{"who am I", adminDN, "", "ldapwhoami", 0, []string{"dn:" + adminDN}, nil},
		{"set a password", adminDN, "", "ldappasswd|-s|" + userPassword + "|" + joDN, 0, nil, nil},
		{"generate a password", adminDN, "", "ldappasswd|" + aminaDN, 0, []string{"New password: "}, nil},
		{"bind as a user", joDN, "", "ldapwhoami", 0, []string{"dn:" + joDN}, nil},
		{"a user reads", joDN, "", "ldapsearch|-LLL|-b|dc=example,dc=com|(uid=AMINA)", 0, []string{"dn: " + aminaDN + "\n", "mail: amina.diallo@example.com\n"}, []string{"userPassword", "createTimestamp"}},
		{"a user sees no password, asked for", joDN, "", "ldapsearch|-LLL|-b|dc=example,dc=com|(userPassword=*)|userPassword|pwdHistory", 0, nil, []string{"dn:"}},
		{"a user reads policies", joDN, "", "ldapsearch|-LLL|-b|cn=Password Policies,cn=config|-s|one|cn", 0, []string{"cn: Secure Password Policy\n"}, nil},
		{"a user changes nobody", joDN, "dn: " + aminaDN + "\nchangetype: modify\nreplace: mail\nmail: x@example.com\n", "ldapmodify", 50, nil, nil},
		{"nor his own name", joDN, "dn: " + joDN + "\nchangetype: modify\nreplace: mail\nmail: x@example.com\n", "ldapmodify", 50, nil, nil},
		{"nor his own policy", joDN, "dn: " + joDN + "\nchangetype: modify\nreplace: ds-pwp-password-policy-dn\nds-pwp-password-policy-dn: " + defaultPolicy + "\n", "ldapmodify", 50, nil, nil},
		{"nor does he delete", joDN, "", "ldapdelete|" + aminaDN, 50, nil, nil},
		{"the administrator sees hashes", adminDN, "", "ldapsearch|-LLL|-s|base|-b|" + joDN + "|userPassword", 0, []string{"userPassword:: "}, nil},
		{"operational attributes", adminDN, "", "ldapsearch|-LLL|-s|base|-b|" + aminaDN + "|+", 0,
			[]string{"structuralObjectClass: inetOrgPerson\n", "createTimestamp: ", "modifiersName: ", "modifyTimestamp: ", "entryUUID: ", "entryCSN: ",
				"subschemaSubentry: cn=schema\n", "hasSubordinates: FALSE\n", "pwdChangedTime: ", "ds-pwp-password-policy-dn: "}, []string{"givenName"}},
		{"policy in force", joDN, "", "ldapsearch|-LLL|-o|ldif-wrap=no|-s|base|-b|" + joDN + "|pwdPolicySubentry", 0, []string{"pwdPolicySubentry: " + defaultPolicy + "\n"}, nil},
		{"no attributes", joDN, "", "ldapsearch|-LLL|-s|base|-b|" + joDN + "|1.1", 0, []string{"dn: " + joDN + "\n"}, []string{"uid:"}},
		{"types only", joDN, "", "ldapsearch|-LLL|-A|-s|base|-b|" + joDN + "|mail", 0, []string{"mail:\n"}, []string{"@"}},
		{"size limit", joDN, "", "ldapsearch|-LLL|-z|2|-b|ou=people,dc=example,dc=com", 4, nil, nil},
		{"no such base", joDN, "", "ldapsearch|-b|ou=nowhere,dc=example,dc=com", 32, []string{"matchedDN: dc=example,dc=com"}, nil},
		{"malformed base", joDN, "", "ldapsearch|-b|nonsense", 34, nil, nil},
		{"paged", joDN, "", "ldapsearch|-LLL|-E|pr=2/noprompt|-s|one|-b|ou=people,dc=example,dc=com|1.1", 0,
			[]string{"uid=amina", "uid=jo", "uid=kenji", "uid=lena"}, nil},
		{"critical control", joDN, "", "ldapsearch|-E|!sss=cn|-b|dc=example,dc=com", 12, nil, nil},
		{"other control", joDN, "", "ldapsearch|-LLL|-e|ppolicy|-E|sss=cn|-s|base|-b|" + joDN + "|1.1", 0, []string{"dn: " + joDN}, nil},
		{"compare true", joDN, "", "ldapcompare|" + aminaDN + "|sn:DIALLO", 6, []string{"TRUE"}, nil},
		{"compare false", joDN, "", "ldapcompare|" + aminaDN + "|sn:x", 5, []string{"FALSE"}, nil},
		{"compare nothing", joDN, "", "ldapcompare|" + aminaDN + "|pager:1", 16, nil, nil},
		{"compare a password", adminDN, "", "ldapcompare|" + joDN + "|userPassword:" + userPassword, 6, nil, nil},
		{"compare a wrong one", adminDN, "", "ldapcompare|" + joDN + "|userPassword:x", 5, nil, nil},
		{"users may not", joDN, "", "ldapcompare|" + joDN + "|userPassword:" + userPassword, 50, nil, nil},
		{"add", adminDN, "dn: ou=new,dc=example,dc=com\nobjectClass: organizationalUnit\n\n" +
			"dn: uid=eva,ou=new,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: Eva\nsn: Eva\njpegPhoto:: AAECAw==\nX-Unknown;lang-de: ÄÖ\n", "ldapadd", 0, nil, nil},
		{"add again", adminDN, "dn: ou=new,dc=example,dc=com\nobjectClass: organizationalUnit\n", "ldapadd", 68, nil, nil},
		{"add to nowhere", adminDN, "dn: cn=a,ou=none,dc=example,dc=com\nobjectClass: device\n", "ldapadd", 32, []string{"matched DN: dc=example,dc=com"}, nil},
		{"add without class", adminDN, "dn: cn=a,dc=example,dc=com\ndescription: a\n", "ldapadd", 65, nil, nil},
		{"add what the server writes", adminDN, "dn: cn=a,dc=example,dc=com\nobjectClass: device\nentryUUID: 3d6d2ae0-7a7c-4a52-9d5c-2d6b7e2b3f11\n", "ldapadd", 19, nil, nil},
		{"add a malformed value", adminDN, "dn: cn=a,dc=example,dc=com\nobjectClass: groupOfNames\nmember: nobody\n", "ldapadd", 21, nil, nil},
		{"values survive", joDN, "", "ldapsearch|-LLL|-b|ou=new,dc=example,dc=com|(uid=eva)|jpegPhoto|x-unknown", 0, []string{"jpegPhoto:: AAECAw==\n", "X-Unknown;lang-de:: w4TDlg==\n"}, nil},
		{"modify", adminDN, "dn: uid=eva,ou=new,dc=example,dc=com\nchangetype: modify\nadd: mail\nmail: a@example.com\nmail: b@example.com\n-\ndelete: jpegPhoto\n-\nreplace: cn\ncn: Eva E\n-\nadd: uidNumber\nuidNumber: 7\n-\nincrement: uidNumber\nuidNumber: 35\n", "ldapmodify", 0, nil, nil},
		{"modified", joDN, "", "ldapsearch|-LLL|-b|ou=new,dc=example,dc=com|(&(uidNumber>=42)(uidNumber<=42)(!(uidNumber=41)))", 0,
			[]string{"mail: a@example.com\nmail: b@example.com\n", "cn: Eva E\n", "uidNumber: 42\n"}, []string{"jpegPhoto"}},
		{"all or nothing", adminDN, "dn: uid=eva,ou=new,dc=example,dc=com\nchangetype: modify\nreplace: title\ntitle: x\n-\ndelete: pager\n", "ldapmodify", 16, nil, nil},
		{"nothing it was", joDN, "", "ldapsearch|-LLL|-b|ou=new,dc=example,dc=com|(title=x)", 0, nil, []string{"dn:"}},
		{"a value twice", adminDN, "dn: uid=eva,ou=new,dc=example,dc=com\nchangetype: modify\nadd: mail\nmail: A@example.com\n", "ldapmodify", 20, nil, nil},
		{"a value that is not there", adminDN, "dn: uid=eva,ou=new,dc=example,dc=com\nchangetype: modify\ndelete: mail\nmail: c@example.com\n", "ldapmodify", 16, nil, nil},
		{"the name stays", adminDN, "dn: uid=eva,ou=new,dc=example,dc=com\nchangetype: modify\nreplace: uid\nuid: other\n", "ldapmodify", 67, nil, nil},
		{"single value", adminDN, "dn: uid=eva,ou=new,dc=example,dc=com\nchangetype: modify\nadd: uidNumber\nuidNumber: 1\n", "ldapmodify", 19, nil, nil},
		{"maintained by the server", adminDN, "dn: uid=eva,ou=new,dc=example,dc=com\nchangetype: modify\nreplace: modifyTimestamp\nmodifyTimestamp: 20200101000000Z\n", "ldapmodify", 19, nil, nil},
		{"increment a name", adminDN, "dn: uid=eva,ou=new,dc=example,dc=com\nchangetype: modify\nincrement: cn\ncn: 1\n", "ldapmodify", 19, nil, nil},
		{"not a leaf", adminDN, "", "ldapdelete|ou=new,dc=example,dc=com", 66, nil, nil},
		{"rename", adminDN, "", "ldapmodrdn|-r|uid=eva,ou=new,dc=example,dc=com|uid=evi", 0, nil, nil},
		{"renamed", joDN, "", "ldapsearch|-LLL|-b|ou=new,dc=example,dc=com|(uid=ev*)|uid", 0, []string{"dn: uid=evi,ou=new,dc=example,dc=com\nuid: evi\n"}, []string{"uid: eva"}},
		{"move a subtree", adminDN, "", "ldapmodrdn|-s|ou=people,dc=example,dc=com|ou=new,dc=example,dc=com|ou=moved", 0, nil, nil},
		{"moved", joDN, "", "ldapsearch|-LLL|-b|ou=people,dc=example,dc=com|(uid=evi)|1.1", 0, []string{"dn: uid=evi,ou=moved,ou=people,dc=example,dc=com\n"}, nil},
		{"below itself", adminDN, "", "ldapmodrdn|-s|uid=evi,ou=moved,ou=people,dc=example,dc=com|ou=moved,ou=people,dc=example,dc=com|ou=moved", 53, nil, nil},
		{"onto another", adminDN, "", "ldapmodrdn|" + joDN + "|uid=amina", 68, nil, nil},
		{"delete", adminDN, "", "ldapdelete|uid=evi,ou=moved,ou=people,dc=example,dc=com|ou=moved,ou=people,dc=example,dc=com", 0, nil, nil},
		{"delete again", adminDN, "", "ldapdelete|ou=moved,ou=people,dc=example,dc=com", 32, []string{"matched DN: ou=people,dc=example,dc=com"}, nil},
		{"the administrator stays", adminDN, "", "ldapdelete|" + adminDN, 53, nil, nil},
		{"with a password", adminDN, "dn: " + adminDN + "\nchangetype: modify\ndelete: userPassword\n", "ldapmodify", 53, nil, nil},
		{"at its place", adminDN, "", "ldapmodrdn|" + adminDN + "|cn=root", 53, nil, nil},
		{"act as another", adminDN, "", "ldapwhoami|-e|!authzid=dn:" + joDN, 0, []string{"dn:" + joDN}, nil},
		{"with the other's rights", adminDN, "dn: " + aminaDN + "\nchangetype: modify\nreplace: mail\nmail: x@example.com\n", "ldapmodify|-e|!authzid=u:jo", 50, nil, nil},
		{"users may not act as another", joDN, "", "ldapwhoami|-e|!authzid=dn:" + adminDN, 1, []string{"(123)"}, nil},
		{"as nobody known", adminDN, "", "ldapwhoami|-e|!authzid=u:nobody", 1, []string{"(123)"}, nil},
		{"unknown extended operation", adminDN, "", "ldapexop|1.2.3.4", 1, []string{"Protocol error (2)"}, nil},
		{"edit a policy", adminDN, "dn: cn=Passphrase,cn=Password Generators,cn=config\nchangetype: modify\nreplace: ds-cfg-minimum-password-words\nds-cfg-minimum-password-words: 6\n", "ldapmodify", 0, nil, nil},
		{"give a policy", adminDN, "dn: " + joDN + "\nchangetype: modify\nreplace: ds-pwp-password-policy-dn\nds-pwp-password-policy-dn: " + securePolicy + "\n", "ldapmodify", 0, nil, nil},
		{"that is in force", joDN, "", "ldapsearch|-LLL|-o|ldif-wrap=no|-b|dc=example,dc=com|(pwdPolicySubentry=" + securePolicy + ")|1.1", 0, []string{"dn: " + joDN + "\n", "dn: " + aminaDN + "\n"}, []string{"uid=lena"}},
		{"break a policy", adminDN, "dn: cn=Year,cn=Password Validators,cn=config\nchangetype: modify\nreplace: ds-cfg-match-pattern\nds-cfg-match-pattern: (\n", "ldapmodify", 53, []string{"the pattern cannot be read"}, nil},
		{"a weak password", adminDN, "", "ldappasswd|-s|joanna|" + joDN, 1, []string{"Constraint violation (19)"}, nil},
		{"a user reads no other config", joDN, "", "ldapsearch|-LLL|-b|cn=config|(cn=*)|ds-cfg-default-password-policy", 0, []string{"ds-cfg-default-password-policy: "}, nil},
		{"own password", joDN, "", "ldappasswd|-a|" + userPassword + "|-s|Another-Horse-78", 0, nil, nil},
		{"the old one is gone", joDN, "", "ldapwhoami", 49, nil, nil},
	}
	for _, s := range steps {
		t.Run(strings.ReplaceAll(s.name, " ", "-"), func(t *testing.T) {
			words := strings.Split(s.cmd, "|")
			out, code := tool(t, url, s.as, s.input, words[0], words[1:]...)
			if code != s.code {
				t.Errorf("exit code %d, want %d", code, s.code)
			}
			for _, w := range s.want {
				if !strings.Contains(out, w) {
					t.Errorf("no %q in the output", w)
				}
			}
			for _, n := range s.not {
				if strings.Contains(out, n) {
					t.Errorf("%q in the output", n)
				}
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}
