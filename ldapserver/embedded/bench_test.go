package embedded

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

// large returns a directory of n people.
func large(b *testing.B, n int) *Directory {
	b.Helper()
	var f strings.Builder
	f.WriteString(exampleLDIF)
	for i := range n {
		fmt.Fprintf(&f, "\ndn: uid=u%d,ou=people,dc=example,dc=com\nobjectClass: top\nobjectClass: person\nobjectClass: organizationalPerson\nobjectClass: inetOrgPerson\nuid: u%d\ncn: User %d\nsn: User\nmail: u%d@example.com\n", i, i, i, i)
	}
	return open(b, Config{LDIF: strings.NewReader(f.String())})
}

func BenchmarkReadEntry(b *testing.B) {
	d := large(b, 10_000)
	for b.Loop() {
		if _, err := policy.Read(b.Context(), d, policy.Query{Base: "uid=u777,ou=people,dc=example,dc=com"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScan looks at 10,000 entries for one: there is no index.
func BenchmarkScan(b *testing.B) {
	d := large(b, 10_000)
	for b.Loop() {
		found, err := d.Search(b.Context(), policy.Query{Base: "dc=example,dc=com", Scope: policy.WholeSubtree, Filter: "(uid=u777)"})
		if err != nil || len(found) != 1 {
			b.Fatal(len(found), err)
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	d := open(b, Config{})
	for b.Loop() {
		if _, err := d.Policies().Resolve(b.Context(), policy.Selection{Target: aminaDN}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLDAPSearch(b *testing.B) {
	d := open(b, Config{})
	c := dialAdmin(b, d)
	req := ldap.NewSearchRequest(joDN, ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"cn"}, nil)
	for b.Loop() {
		if _, err := c.Search(req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLDAPBind(b *testing.B) {
	d := open(b, Config{})
	c := dial(b, d)
	for b.Loop() {
		if err := c.Bind(adminDN, adminPassword); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDial(b *testing.B) {
	d := open(b, Config{})
	for b.Loop() {
		c, err := d.Dial(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

func BenchmarkModify(b *testing.B) {
	d := open(b, Config{})
	s := d.sessionFor(adminDN)
	for b.Loop() {
		if err := d.modify(b.Context(), s, joDN, []modification{{modReplace, "title", []string{"x"}}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSetPassword(b *testing.B) {
	d := open(b, Config{})
	s := d.sessionFor(adminDN)
	for b.Loop() {
		if _, err := d.modifyPassword(b.Context(), s, passwordModify{user: []byte(joDN), new: []byte("Quill-marmot-1a")}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		d, err := Open(b.Context(), Config{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}

func BenchmarkFirstOpen(b *testing.B) {
	for b.Loop() {
		d, err := Open(b.Context(), Config{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}
