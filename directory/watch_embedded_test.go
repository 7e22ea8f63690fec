package directory_test

import (
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/opendj"
)

// What cn=config of a server of the OpenDJ family says is compared. The
// embedded directory stands for one, as another program would see it.
func TestWatchOpenDJ(t *testing.T) {
	t.Parallel()
	d, err := embedded.Open(t.Context(), embedded.Config{Dir: t.TempDir(), AdminPassword: "admin-Pw1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	w := watch(t, opendj.New(opendj.Config{OwnResolution: true}), directory.Config{Dialer: d.Dial, BindDN: d.AdminDN, BindPassword: []byte("admin-Pw1")})
	raw, err := d.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	admin := ldap.NewConn(raw, false)
	admin.Start()
	defer admin.Close()
	if err := admin.Bind(d.AdminDN, "admin-Pw1"); err != nil {
		t.Fatal(err)
	}
	const secure = "cn=Secure Password Policy,cn=Password Policies,cn=config"
	for _, length := range []string{"13", "14"} {
		w.settled(t, policy.Selection{PolicyDN: secure})
		modify(t, admin, "cn=Length,cn=Password Validators,cn=config", map[string]string{"ds-cfg-min-password-length": length})
		w.obeys(t, policy.Selection{PolicyDN: secure}, "ds-cfg-min-password-length", length)
	}
}
