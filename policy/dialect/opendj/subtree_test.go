package opendj

import (
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

func mustDN(t testing.TB, s string) dn.DN {
	t.Helper()
	d, err := dn.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSubtreeContains(t *testing.T) {
	tests := []struct {
		spec string
		in   string // names relative to dc=example,dc=com, separated by spaces
		out  string
	}{
		{`{}`, `. ou=a uid=x,ou=a`, `^`},
		{`{ }`, `. ou=a`, `^`},
		{`{ base "ou=a" }`, `ou=a OU=A uid=x,ou=a`, `. ou=b uid=x,ou=b`},
		{`{ base "ou=b,ou=a" }`, `ou=b,ou=a uid=x,ou=b,ou=a`, `ou=a ou=b`},
		{`{base "", minimum 1}`, `ou=a uid=x,ou=a`, `.`},
		{`{ minimum 1, maximum 1 }`, `ou=a`, `. uid=x,ou=a`},
		{`{ maximum 0 }`, `.`, `ou=a`},
		{`{ base "ou=a", specificExclusions { chopBefore:"ou=b" } }`, `ou=a uid=x,ou=a uid=x,ou=c,ou=a`, `ou=b ou=b,ou=a uid=x,ou=b,ou=a`},
		{`{ specificExclusions { chopAfter: "ou=a" , chopBefore:"ou=b" } }`, `. ou=a ou=c`, `uid=x,ou=a ou=b uid=x,ou=b`},
		{`{ specificExclusions { } }`, `. ou=a`, `^`},
	}
	suffix := "dc=example,dc=com"
	for _, tt := range tests {
		s, err := parseSubtree(tt.spec, mustDN(t, suffix))
		if err != nil {
			t.Errorf("%s: %v", tt.spec, err)
			continue
		}
		for names, want := range map[string]bool{tt.in: true, tt.out: false} {
			for name := range strings.FieldsSeq(names) {
				full := name + "," + suffix
				switch name {
				case ".":
					full = suffix
				case "^":
					full = "dc=com"
				}
				if got := s.contains(mustDN(t, full)); got != want {
					t.Errorf("%s: %s: %t", tt.spec, full, got)
				}
			}
		}
	}
}

func TestSubtreeFilter(t *testing.T) {
	for spec, want := range map[string]string{
		`{}`:                                   "",
		`{ specificationFilter item:person }`:  "(objectClass=person)",
		`{ specificationFilter item:2.5.6.6 }`: "(objectClass=2.5.6.6)",
		`{ specificationFilter and:{ item:person, not:item:account } }`:                "(&(objectClass=person)(!(objectClass=account)))",
		`{ specificationFilter or:{item:a,and:{}} }`:                                   "(|(objectClass=a)(&))",
		`{ specificationFilter "(&(l=Paris)(sn=""D""))" }`:                             `(&(l=Paris)(sn="D"))`,
		`{ base "ou=a", specificationFilter "isMemberOf=cn=admins,dc=example,dc=com"}`: "(isMemberOf=cn=admins,dc=example,dc=com)",
	} {
		s, err := parseSubtree(spec, mustDN(t, "dc=com"))
		if err != nil || s.filter != want {
			t.Errorf("%s: %q, %v", spec, s.filter, err)
		}
	}
}

func TestSubtreeErrors(t *testing.T) {
	for _, spec := range []string{
		``, `{`, `}`, `{} x`, `{ base }`, `{ base "ou=a }`, `{ base "a" }`, `{ base ou=a }`, `{ minimum -1 }`, `{ minimum }`, `{ minimum 1x }`,
		`{ minimum 1 maximum 2 }`, `{ minimum 1, }`, `{ minimum 1, minimum 2 }`, `{ depth 1 }`, `{ maximum 99999999999999999999 }`,
		`{ specificExclusions { ou=a } }`, `{ specificExclusions { chop:"ou=a" } }`, `{ specificExclusions { chopAfter "ou=a" } }`, `{ specificExclusions "ou=a" }`,
		`{ specificationFilter }`, `{ specificationFilter "" }`, `{ specificationFilter item }`, `{ specificationFilter item: }`, `{ specificationFilter xor:{} }`,
		`{ specificationFilter and:item:a }`, `{ specificationFilter and:{item:a item:b} }`,
		`{ specificationFilter ` + strings.Repeat("not:", 40) + `item:a }`,
	} {
		if s, err := parseSubtree(spec, mustDN(t, "dc=com")); err == nil {
			t.Errorf("%s: no error, %+v", spec, s)
		}
	}
}

func FuzzSubtree(f *testing.F) {
	f.Add(`{ base "ou=a", minimum 1, maximum 2, specificExclusions { chopBefore:"ou=b", chopAfter:"ou=c" }, specificationFilter and:{item:a, not:item:b} }`)
	f.Add(`{ specificationFilter "(sn=""x"")" }`)
	f.Fuzz(func(t *testing.T, spec string) {
		above := mustDN(t, "dc=example,dc=com")
		s, err := parseSubtree(spec, above)
		if err != nil {
			return
		}
		if !s.base.Under(above) {
			t.Errorf("the base %q is outside", s.base)
		}
		for _, c := range append(s.chopBefore, s.chopAfter...) {
			if !c.Under(s.base) {
				t.Errorf("%q is outside", c)
			}
		}
		if s.minimum < 0 || s.maximum < -1 {
			t.Errorf("%d to %d", s.minimum, s.maximum)
		}
		if s.filter != "" && (s.filter[0] != '(') {
			t.Errorf("no filter: %q", s.filter)
		}
		s.contains(mustDN(t, "uid=x,ou=a,dc=example,dc=com"))
	})
}
