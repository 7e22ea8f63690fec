package opendj

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

func TestCheckConfigAcceptsShipped(t *testing.T) {
	dir := newMemory(t, readFile(t, "testdata/base.ldif"), readFile(t, "testdata/shipped.ldif"))
	if err := New(Config{}).CheckConfig(context.Background(), dir); err != nil {
		t.Error(err)
	}
}

// TestCheckConfigTellsAll breaks one thing at a time, then all at once.
func TestCheckConfigTellsAll(t *testing.T) {
	const validators, generators = ",cn=Password Validators,cn=config\nobjectClass: ds-cfg-password-validator\nobjectClass: ", ",cn=Password Generators,cn=config\nobjectClass: ds-cfg-password-generator\nobjectClass: "
	breaks := []struct{ name, ldif, want string }{
		{"length", "dn: cn=L" + validators + "ds-cfg-length-based-password-validator\nds-cfg-enabled: true\nds-cfg-min-password-length: 9\nds-cfg-max-password-length: 8",
			`"cn=L,cn=Password Validators,cn=config": ds-cfg-min-password-length: 9 is more than ds-cfg-max-password-length, which is 8`},
		{"disabled", "dn: cn=D" + validators + "ds-cfg-length-based-password-validator\nds-cfg-enabled: false\nds-cfg-min-password-length: x",
			`"cn=D,cn=Password Validators,cn=config": ds-cfg-min-password-length: "x" is not an integer`},
		{"enabled", "dn: cn=E" + validators + "ds-cfg-utf-8-password-validator",
			`"cn=E,cn=Password Validators,cn=config": ds-cfg-enabled: it is missing and has no default`},
		{"regular expression", "dn: cn=R" + validators + "ds-cfg-regular-expression-password-validator\nds-cfg-enabled: true\nds-cfg-match-pattern: (\nds-cfg-match-behavior: reject-match",
			`"cn=R,cn=Password Validators,cn=config": ds-cfg-match-pattern: `},
		{"character set", "dn: cn=C" + validators + "ds-cfg-character-set-password-validator\nds-cfg-enabled: true\nds-cfg-character-set: 1:ab\nds-cfg-character-set: 1:bc\nds-cfg-allow-unclassified-characters: true",
			`"cn=C,cn=Password Validators,cn=config": ds-cfg-character-set: "b" is in more than one set`},
		{"format", "dn: cn=F" + generators + "ds-cfg-random-password-generator\nds-cfg-enabled: true\nds-cfg-password-character-set: a:a\nds-cfg-password-format: b:1",
			`"cn=F,cn=Password Generators,cn=config": ds-cfg-password-format: in "b:1", there is no set "b"`},
		{"count", "dn: cn=N" + generators + "ds-cfg-random-password-generator\nds-cfg-enabled: true\nds-cfg-password-character-set: a:a\nds-cfg-password-format: a:0",
			`"cn=N,cn=Password Generators,cn=config": ds-cfg-password-format: in "a:0", the count "0" is not a number of at least 1`},
		{"script in use", "dn: cn=G" + validators + "ds-cfg-groovy-scripted-password-validator\nds-cfg-enabled: true\n\ndn: cn=GP,cn=Password Policies,cn=config\nobjectClass: ds-cfg-password-policy\nds-cfg-password-validator: cn=G,cn=Password Validators,cn=config",
			`"cn=G,cn=Password Validators,cn=config" is a validator of a type that cannot be checked here (ds-cfg-groovy-scripted-password-validator)`},
		{"policy", "dn: cn=PP,cn=Password Policies,cn=config\nobjectClass: ds-cfg-password-policy\nds-cfg-password-validator: cn=gone,cn=config",
			`the policy "cn=PP,cn=Password Policies,cn=config" names "cn=gone,cn=config" in ds-cfg-password-validator, which does not exist`},
		{"default", "dn: cn=config\nobjectClass: ds-cfg-root-config\nds-cfg-default-password-policy: cn=gone,cn=config",
			`the default password policy "cn=gone,cn=config", which cn=config names, does not exist`},
	}
	everything := newMemory(t, readFile(t, "testdata/base.ldif"))
	for _, b := range breaks {
		t.Run(b.name, func(t *testing.T) {
			err := New(Config{}).CheckConfig(context.Background(), newMemory(t, readFile(t, "testdata/base.ldif"), b.ldif))
			if !result.Is(err, result.UnwillingToPerform) {
				t.Fatalf("got %v", err)
			}
			if got := problemsOf(err); len(got) != 1 || !strings.HasPrefix(got[0].Error(), b.want) {
				t.Errorf("got %q\nwant %q", got, b.want)
			}
		})
		for _, e := range parseLDIF(t, b.ldif) {
			everything.put(e)
		}
	}
	// A validator that a policy names, too, is told of once.
	for _, e := range parseLDIF(t, "dn: cn=LP,cn=Password Policies,cn=config\nobjectClass: ds-cfg-password-policy\nds-cfg-password-validator: cn=L,cn=Password Validators,cn=config") {
		everything.put(e)
	}
	err := New(Config{}).CheckConfig(context.Background(), everything)
	if err == nil {
		t.Fatal("no error")
	}
	for _, b := range breaks {
		if !strings.Contains(err.Error(), b.want) {
			t.Errorf("%s is not told in %q", b.name, err)
		}
	}
	if n := len(problemsOf(err)); n != len(breaks) {
		t.Errorf("%d problems, want %d", n, len(breaks))
	}
}

// TestCheckConfigUnreferenced: what nobody uses may be what we cannot obey.
func TestCheckConfigUnreferenced(t *testing.T) {
	dir := newMemory(t, readFile(t, "testdata/base.ldif"), `dn: cn=G,cn=Password Validators,cn=config
objectClass: ds-cfg-password-validator
objectClass: ds-cfg-groovy-scripted-password-validator
ds-cfg-enabled: true

dn: cn=D,cn=Password Validators,cn=config
objectClass: ds-cfg-password-validator
objectClass: ds-cfg-dictionary-password-validator
ds-cfg-enabled: false
ds-cfg-dictionary-file: config/not-there.txt

dn: cn=P,cn=Password Validators,cn=config
objectClass: ds-cfg-password-validator
objectClass: ds-cfg-pwned-passwords-password-validator
ds-cfg-enabled: true

dn: cn=T,cn=Password Generators,cn=config
objectClass: ds-cfg-password-generator
objectClass: ds-cfg-third-party-password-generator
ds-cfg-enabled: true
`)
	if err := New(Config{}).CheckConfig(context.Background(), dir); err != nil {
		t.Error(err)
	}
}

func TestCheckConfigUnsearchable(t *testing.T) {
	dir := newMemory(t, readFile(t, "testdata/base.ldif"))
	dir.deny = map[string]error{configDN: result.New(result.InsufficientAccessRights, "no")}
	if err := New(Config{}).CheckConfig(context.Background(), dir); !result.Is(err, result.InsufficientAccessRights) || !strings.Contains(err.Error(), "config-read") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := New(Config{}).CheckConfig(ctx, newMemory(t, readFile(t, "testdata/base.ldif"))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
