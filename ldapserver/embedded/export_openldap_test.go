package embedded_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/ldif"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// exportStart is a directory with one policy, whose validators a test adds.
const exportStart = `dn: cn=config
objectClass: ds-cfg-root-config
cn: config
ds-cfg-default-password-policy: cn=Moved,cn=Password Policies,cn=config

dn: cn=Password Policies,cn=config
objectClass: ds-cfg-branch
cn: Password Policies

dn: cn=Password Validators,cn=config
objectClass: ds-cfg-branch
cn: Password Validators

%s
dn: cn=Moved,cn=Password Policies,cn=config
objectClass: ds-cfg-password-policy
cn: Moved
ds-cfg-password-attribute: userPassword
%s
dn: dc=example,dc=com
objectClass: domain
dc: example

%s`

// exportOf opens a directory whose policy has validators, each the lines of
// an entry that begin with its object class.
func exportOf(t *testing.T, policyLines, entries string, validators ...string) *embedded.Directory {
	t.Helper()
	var made strings.Builder
	for i, v := range validators {
		class, lines, _ := strings.Cut(v, "\n")
		fmt.Fprintf(&made, "dn: cn=V%d,cn=Password Validators,cn=config\nobjectClass: ds-cfg-password-validator\nobjectClass: %s\ncn: V%[1]d\nds-cfg-enabled: true\n%[3]s\n\n", i, class, lines)
		policyLines += fmt.Sprintf("ds-cfg-password-validator: cn=V%d,cn=Password Validators,cn=config\n", i)
	}
	d, err := embedded.Open(t.Context(), embedded.Config{
		Dir: t.TempDir(), AdminPassword: "Adm1n-Passw0rd", LDIF: strings.NewReader(fmt.Sprintf(exportStart, made.String(), policyLines, entries)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

const (
	exportLength = "ds-cfg-length-based-password-validator\nds-cfg-min-password-length: 9\nds-cfg-max-password-length: 20"
	exportSets   = "ds-cfg-character-set-password-validator\nds-cfg-character-set: 2:abcdefghijklmnopqrstuvwxyz\nds-cfg-character-set: 0:ABCDEFGHIJKLMNOPQRSTUVWXYZ\nds-cfg-character-set: 1:0123456789\nds-cfg-character-set: 0:+-=.\nds-cfg-character-set: 0:@:\nds-cfg-minimum-required-character-sets: 3\nds-cfg-allow-unclassified-characters: true"
	exportBarred = "ds-cfg-disallowed-characters-password-validator\nds-cfg-disallowed-characters: il1o0"
)

// What slapd cannot hold, or not without the module, is an error that says
// which demand.
func TestExportOpenLDAPRefuses(t *testing.T) {
	of389 := base64.StdEncoding.EncodeToString(append([]byte{0, 0, 8, 0}, make([]byte, 64+256)...)) // rounds, salt, hash
	tests := []struct {
		name      string
		ppm       string
		policy    string
		entries   string
		validator string
		want      string // in an error; empty if the export is good
	}{
		{"length", "", "", "", exportLength, ""},
		{"sets without the module", "", "", "", exportSets, "ppm"},
		{"sets", "2.6", "", "", exportSets, ""},
		{"characters anywhere", "2.5", "", "", exportBarred, ""},
		{"characters at the beginning", "2.5", "", "", "ds-cfg-disallowed-characters-password-validator\nds-cfg-disallowed-leading-characters: -", "begin with"},
		{"only what is in sets", "2.6", "", "", "ds-cfg-character-set-password-validator\nds-cfg-character-set: 1:abc\nds-cfg-allow-unclassified-characters: false", "in no set"},
		{"a set beyond ASCII", "2.6", "", "", "ds-cfg-character-set-password-validator\nds-cfg-character-set: 1:äöü\nds-cfg-allow-unclassified-characters: true", "cannot hold these characters"},
		{"unique characters", "2.6", "", "", "ds-cfg-unique-characters-password-validator\nds-cfg-min-unique-characters: 5\nds-cfg-case-sensitive-validation: true", "different characters"},
		{"a pattern", "2.6", "", "", "ds-cfg-regular-expression-password-validator\nds-cfg-match-pattern: .*x.*\nds-cfg-match-behavior: reject-match", "regular expression"},
		{"history by time", "", "ds-cfg-password-history-duration: 1 weeks\n", "", exportLength, "history"},
		{"several passwords", "", "ds-cfg-allow-multiple-password-values: true\n", "", exportLength, "one password"},
		{"a scheme of 389's", "", "ds-cfg-allow-pre-encoded-passwords: true\n", "dn: uid=old,dc=example,dc=com\nobjectClass: inetOrgPerson\nuid: old\ncn: old\nsn: old\nuserPassword: {PBKDF2_SHA256}" + of389 + "\n", exportLength, "{PBKDF2_SHA256}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := exportOf(t, tt.policy, tt.entries, tt.validator)
			var out bytes.Buffer
			_, err := d.ExportOpenLDAP(t.Context(), &out, embedded.OpenLDAPExport{PPM: tt.ppm})
			var lost *embedded.LostError
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (!errors.As(err, &lost) || !strings.Contains(err.Error(), tt.want) || out.Len() > 0):
				t.Fatalf("%v, and %d octets", err, out.Len())
			case tt.want == "":
				return
			}
			report, err := d.ExportOpenLDAP(t.Context(), &out, embedded.OpenLDAPExport{PPM: tt.ppm, Drop: true})
			if err != nil || !slices.Equal(report.Lost, lost.Lost) || out.Len() == 0 {
				t.Errorf("left out: %q, %v", report.Lost, err)
			}
		})
	}
	d := exportOf(t, "", "", exportLength)
	for _, o := range []embedded.OpenLDAPExport{{PPM: "2.4"}, {Suffix: "dc=example,dc=net"}, {Suffix: "cn=config"}} {
		if _, err := d.ExportOpenLDAP(t.Context(), io.Discard, o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

// slapd with ppm refuses what the embedded directory refuses, and nothing
// else.
func TestExportOpenLDAPJudgedByPPM(t *testing.T) {
	module, err := testenv.PPM(t.Context())
	if err != nil {
		t.Logf("ppm: not run: %v", err)
		return
	}
	d := exportOf(t, "", "", exportLength, exportSets, exportBarred)
	var out bytes.Buffer
	report, err := d.ExportOpenLDAP(t.Context(), &out, embedded.OpenLDAPExport{PPM: "2.5"})
	if err != nil {
		t.Fatal(err)
	}
	var moved policy.Entry
	for r := ldif.NewReader(&out); ; {
		e, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.DN == report.DefaultPolicy {
			moved = e
		}
	}
	if moved.DN == "" {
		t.Fatalf("%s is not written", report.DefaultPolicy)
	}
	var entries bytes.Buffer
	w := ldif.NewWriter(&entries)
	w.Bare = true
	for i, a := range moved.Attributes {
		if a.Name == "pwdCheckModule" {
			moved.Attributes[i].Values = []string{module}
		}
	}
	if err := errors.Join(w.Write(moved), w.Write(policy.Entry{DN: "uid=jo,ou=people,dc=example,dc=com", Attributes: []policy.Attribute{
		{Name: "objectClass", Values: []string{"inetOrgPerson"}}, {Name: "uid", Values: []string{"jo"}}, {Name: "cn", Values: []string{"Jo"}},
		{Name: "sn", Values: []string{"Doe"}}, {Name: "pwdPolicySubentry", Values: []string{moved.DN}},
	}}), w.Flush()); err != nil {
		t.Fatal(err)
	}
	s := testenv.StartSlapd(t, testenv.SlapdOptions{PPM: module, Databases: []testenv.SlapdDatabase{{Users: 1, LDIF: entries.String()}}})
	help := s.Dial(t, s.Helpdesk)
	here, err := d.Policies().Resolve(t.Context(), policy.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 11))
	alphabets := []string{"abcdefgh", "ABCDEFGH", "23456789", "+-=.", "@:", "#_", "lo1"}
	accepted, refused := 0, 0
	for range 400 {
		var candidate []byte
		uses := 2 + r.IntN(4)
		for range 7 + r.IntN(15) {
			a := alphabets[(r.IntN(uses)*3+uses)%len(alphabets)]
			if r.IntN(4) == 0 {
				a = alphabets[r.IntN(4)]
			}
			candidate = append(candidate, a[r.IntN(len(a))])
		}
		reasons, err := here.Validate(t.Context(), candidate)
		if err != nil {
			t.Fatal(err)
		}
		_, err = help.PasswordModify(ldap.NewPasswordModifyRequest("uid=jo,ou=people,dc=example,dc=com", "", string(candidate)))
		if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) {
			t.Fatal(err)
		}
		if (err == nil) != (len(reasons) == 0) {
			t.Errorf("%q: here %q, slapd %v", candidate, reasons, err)
		}
		if err == nil {
			accepted++
		} else {
			refused++
		}
	}
	if accepted < 20 || refused < 20 {
		t.Errorf("%d accepted, %d refused: that proves little", accepted, refused)
	}
	suggestions, err := here.Suggest(t.Context(), policy.SuggestOptions{Count: 20, Attempts: 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, sg := range suggestions {
		if _, err := help.PasswordModify(ldap.NewPasswordModifyRequest("uid=jo,ou=people,dc=example,dc=com", "", string(sg.Password.Bytes()))); err != nil {
			t.Errorf("slapd refuses a suggestion: %v", err)
		}
	}
}
