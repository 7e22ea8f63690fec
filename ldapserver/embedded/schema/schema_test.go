package schema

import (
	"testing"

	"pgregory.net/rapid"
)

func def(t testing.TB) *Schema {
	t.Helper()
	s, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTypes(t *testing.T) {
	s := def(t)
	for _, names := range [][]string{{"cn", "CN", "commonName", "2.5.4.3", "cn;lang-de"}, {"uid", "userid"}, {"x-foo", "X-FOO"}} {
		for _, n := range names {
			if !s.Type(n).Is(s.Type(names[0])) {
				t.Errorf("%s is not %s", n, names[0])
			}
		}
	}
	if !s.Type("cn").Is(s.Type("name")) || s.Type("name").Is(s.Type("cn")) || s.Type("cn").Is(s.Type("sn")) {
		t.Error("subtypes are wrong")
	}
	if s.Type("cn").Equality != CaseIgnore || !s.Type("c").SingleValue || s.Type("member").Equality != DN || s.Type("jpegPhoto").Equality != Octets {
		t.Error("inherited or default rules are wrong")
	}
	for n, want := range map[string]bool{"createTimestamp": true, "ds-pwp-password-policy-dn": true, "cn": false, "x-foo": false} {
		if s.Type(n).Operational != want {
			t.Errorf("%s: operational %v", n, !want)
		}
	}
	if s.Type("ds-pwp-password-policy-dn").NoUserMod || !s.Type("entryUUID").NoUserMod {
		t.Error("NO-USER-MODIFICATION is wrong")
	}
	for _, c := range []struct {
		want, have string
		ok         bool
	}{{"cn", "cn;lang-de", true}, {"cn;lang-de", "cn", false}, {"cn;lang-de", "CN;x;LANG-DE", true}, {"name", "sn", true}, {"sn", "name", false}} {
		if s.Describes(c.want, c.have) != c.ok {
			t.Errorf("Describes(%q, %q) is %v", c.want, c.have, !c.ok)
		}
	}
	if s.Same("cn", "cn;lang-de") || !s.Same("cn;a;b", "commonName;B;A") || s.Same("cn;a", "cn;b") {
		t.Error("Same is wrong")
	}
}

func TestStructural(t *testing.T) {
	s := def(t)
	for want, classes := range map[string][]string{
		"inetOrgPerson":                          {"top", "person", "organizationalPerson", "INETORGPERSON", "posixAccount"},
		"organization":                           {"dcObject", "organization"},
		"ds-cfg-length-based-password-validator": {"top", "ds-cfg-password-validator", "ds-cfg-length-based-password-validator"},
		"":                                       {"top", "x-unknown"},
	} {
		if got := s.Structural(classes); got != want {
			t.Errorf("%q: %q, want %q", classes, got, want)
		}
	}
}

func TestDefinitionsAreConsistent(t *testing.T) {
	s := def(t)
	seen := make(map[string]bool)
	for _, d := range s.Definitions() {
		p, err := describe(d.Value)
		if err != nil {
			t.Fatal(err)
		}
		if seen[p.oid] {
			t.Errorf("%s is defined twice", p.oid)
		}
		seen[p.oid] = true
		if d.Attribute == "attributeTypes" {
			for _, key := range []string{"EQUALITY", "ORDERING", "SUBSTR"} {
				if n := p.first(key); n != "" {
					if _, ok := RuleNamed(n); !ok && n != "caseIgnoreListSubstringsMatch" && n != "caseExactIA5SubstringsMatch" {
						t.Errorf("%s: unknown rule %s", p.first("NAME"), n)
					}
				}
			}
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d definitions", len(seen))
	}
}

func TestNormalize(t *testing.T) {
	for _, c := range []struct {
		r    Rule
		a, b string
		same bool
	}{
		{CaseIgnore, "  A  b ", "a B", true}, {CaseIgnore, "ÄÖ", "äö", true}, {CaseIgnore, "\xff", "\xff", true}, {CaseIgnore, "\xff", "\xfe", false},
		{CaseExact, " a  b", "a b", true}, {CaseExact, "a", "A", false},
		{Integer, "007", "7", true}, {Integer, "-1", "1", false}, {Integer, "x", "X", false},
		{Boolean, "true", "TRUE", true}, {Boolean, "yes", "YES", false},
		{DN, "cn=A , dc=x", "CN=a,DC=X", true}, {DN, "cn=a#'01'B", "CN=A#'01'B", true}, {DN, "cn=a#'01'B", "cn=a#'00'B", false}, {DN, "a", "A", false},
		{OID, "Top", "top", true}, {Telephone, "+1 2-3", "+123", true}, {Numeric, "1 2", "12", true},
		{Time, "20260101000000Z", "2026010101+01", true}, {Time, "2026010100Z", "202601010000Z", true}, {Time, "2026010100.5Z", "202601010030Z", true}, {Time, "20260101000000.10Z", "20260101000000,1Z", true}, {Time, "20260101000000Z", "20260101000001Z", false},
		{UUID, "3D6D2AE0-7A7C-4A52-9D5C-2D6B7E2B3F11", "3d6d2ae0-7a7c-4a52-9d5c-2d6b7e2b3f11", true},
		{Octets, "a", "A", false}, {FirstComponent, "( 1.2.3 NAME 'x' )", "1.2.3", true},
	} {
		if c.r.Equal(c.a, c.b) != c.same {
			t.Errorf("rule %d: %q and %q: %v", c.r, c.a, c.b, !c.same)
		}
	}
	for r, bad := range map[Rule][]string{
		Integer: {"", "1.0", "+1", "-0", "1_000", " 1"}, Boolean: {"", "1"}, DN: {"x"}, UUID: {"x", "3d6d2ae0-7a7c-4a52-9d5c-2d6b7e2b3f1g"},
		Time: {"", "2026", "20261301000000Z", "20260101000000", "20260101000000+1", "20260101000000.Z", "20260101000000Zx"},
	} {
		for _, v := range bad {
			if _, ok := r.Normalize(v); ok {
				t.Errorf("rule %d takes %q", r, v)
			}
		}
	}
}

// Normalizing twice is normalizing once, and never fails on any octets.
func TestNormalizeIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rule(rapid.IntRange(int(CaseIgnore), int(UUID)).Draw(t, "rule"))
		v := string(rapid.SliceOf(rapid.Byte()).Draw(t, "value"))
		if rapid.Bool().Draw(t, "text") {
			v = rapid.String().Draw(t, "string")
		}
		once, _ := r.Normalize(v)
		if r == Time {
			return // the form is not one of the syntax
		}
		if twice, _ := r.Normalize(once); twice != once {
			t.Fatalf("rule %d: %q, %q, %q", r, v, once, twice)
		}
	})
}

func TestCompare(t *testing.T) {
	if Integer.Compare("9", "10") >= 0 || Integer.Compare("-1", "0") >= 0 || CaseIgnore.Compare("9", "10") <= 0 {
		t.Error("the order is wrong")
	}
}
