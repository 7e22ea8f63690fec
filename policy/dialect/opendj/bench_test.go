package opendj

import (
	"context"
	"testing"
)

// BenchmarkLoad reads a policy with a passphrase generator, as happens each
// time that a cached one has expired.
func BenchmarkLoad(b *testing.B) {
	dir := newMemory(b, readFile(b, "testdata/base.ldif"), readFile(b, "testdata/shipped.ldif"), `dn: cn=P,cn=config
objectClass: ds-cfg-password-policy
ds-cfg-password-generator: cn=Passphrase Generator,cn=Password Generators,cn=config
ds-cfg-password-validator: cn=Commonly-Used Passwords,cn=Password Validators,cn=config
`)
	d := New(Config{})
	for b.Loop() {
		if _, err := d.Load(context.Background(), dir, "cn=P,cn=config"); err != nil {
			b.Fatal(err)
		}
		dir.queries = nil
	}
}
