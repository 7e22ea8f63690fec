package opendj

import (
	"context"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

func TestWarnings(t *testing.T) {
	base, shipped := readFile(t, "testdata/base.ldif"), readFile(t, "testdata/shipped.ldif")
	got, err := New(Config{}).Warnings(context.Background(), newMemory(t, base, shipped), policy.Config{})
	if err != nil || len(got) != 0 {
		t.Fatalf("%q, %v", got, err)
	}

	// The pitfall that OpenDJ ships: its generator makes eight letters and
	// digits, which neither of these validators accepts.
	dir := newMemory(t, base, shipped, `dn: cn=A,cn=Password Policies,cn=config
objectClass: ds-cfg-password-policy
ds-cfg-password-generator: cn=Random Password Generator,cn=Password Generators,cn=config
ds-cfg-password-validator: cn=Length,cn=Password Validators,cn=config
ds-cfg-password-validator: cn=Character Set,cn=Password Validators,cn=config

dn: cn=B,cn=Password Policies,cn=config
objectClass: ds-cfg-password-policy
ds-cfg-password-validator: cn=Short,cn=Password Validators,cn=config
ds-cfg-password-validator: cn=Length,cn=Password Validators,cn=config

dn: cn=C,cn=Password Policies,cn=config
objectClass: ds-cfg-password-policy
ds-cfg-password-validator: cn=gone,cn=Password Validators,cn=config

dn: cn=Short,cn=Password Validators,cn=config
objectClass: ds-cfg-password-validator
objectClass: ds-cfg-length-based-password-validator
ds-cfg-enabled: true
ds-cfg-min-password-length: 0
ds-cfg-max-password-length: 8
`)
	got, err = New(Config{}).Warnings(context.Background(), dir, policy.Config{})
	if err != nil || len(got) != 2 {
		t.Fatalf("%q, %v", got, err)
	}
	for i, want := range [][]string{
		{`the generator "cn=Random Password Generator,cn=Password Generators,cn=config" makes no password that the policy "cn=A,cn=Password Policies,cn=config" accepts: `, "12"},
		{`"cn=B,cn=Password Policies,cn=config"`, "ds-cfg-max-password-length: 8 (cn=Short,cn=Password Validators,cn=config)", "ds-cfg-min-password-length: 12 (cn=Length,cn=Password Validators,cn=config)"},
	} {
		for _, part := range want {
			if !strings.Contains(got[i], part) {
				t.Errorf("%q lacks %q", got[i], part)
			}
		}
	}

	dir.deny = map[string]error{configDN: result.New(result.InsufficientAccessRights, "no")}
	if _, err := New(Config{}).Warnings(context.Background(), dir, policy.Config{}); !result.Is(err, result.InsufficientAccessRights) {
		t.Errorf("got %v", err)
	}
}
