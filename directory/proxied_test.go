package directory_test

import (
	"math/rand/v2"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// 389 Directory Server answers a request with proxied authorization by the
// rights that it found for the connection's own identity, once that has asked
// about the same entry on the same connection. Whoever is acted for must
// never be shown what only the service account may see.
func TestProxiedRequestsSeeNoMore(t *testing.T) {
	t.Parallel()
	s := testenv.StartDS389(t, testenv.DS389Options{Users: 3})
	admin := s.Dial(t, s.Admin)
	grant := ldap.NewModifyRequest("ou=people,"+s.Suffix, nil)
	grant.Add("aci", []string{
		`(targetattr="*")(version 3.0; acl "proxy"; allow (proxy) userdn="ldap:///` + s.Reader.DN + `";)`,
		`(targetattr="objectClass || cn")(version 3.0; acl "user000 sees"; allow (read,search,compare) userdn="ldap:///` + s.UserDN(0) + `";)`,
	})
	if err := admin.Modify(grant); err != nil {
		t.Fatal(err)
	}
	c, err := directory.New(directory.Config{
		URLs: []string{s.TLSURL}, TLS: s.TLSConfig(), BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password), Connections: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sees := func(who string) bool {
		q := policy.Query{Base: s.UserDN(2), Attributes: []string{"1.1"}}
		if who != "" {
			q.Controls = []policy.Control{{OID: "2.16.840.1.113730.3.4.18", Critical: true, Value: []byte("dn:" + who)}}
		}
		found, err := c.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return len(found) > 0
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		who := []struct {
			dn   string
			want bool
		}{{"", true}, {s.UserDN(0), true}, {s.UserDN(1), false}}[r.IntN(3)]
		if got := sees(who.dn); got != who.want {
			t.Fatalf("request %d, for %q: the entry is seen: %v, want %v", n, who.dn, got, who.want)
		}
	}
}
