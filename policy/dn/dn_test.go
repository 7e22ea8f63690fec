package dn

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

type vectors struct {
	Valid []struct {
		DN, String, Key string
		RDNs            int
	}
	Malformed                         []string
	Equal, Different, Under, NotUnder [][2]string
}

func load(t testing.TB) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/dn.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Valid)*len(v.Malformed)*len(v.Equal)*len(v.Different)*len(v.Under)*len(v.NotUnder) == 0 {
		t.Fatal("vectors are missing")
	}
	return v
}

func must(t testing.TB, s string) DN {
	t.Helper()
	d, err := Parse(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return d
}

func TestParse(t *testing.T) {
	for _, v := range load(t).Valid {
		d := must(t, v.DN)
		if got := d.String(); got != v.String {
			t.Errorf("%q is spelled %q, want %q", v.DN, got, v.String)
		}
		if got := d.Key(); got != v.Key {
			t.Errorf("%q has the key %q, want %q", v.DN, got, v.Key)
		}
		if len(d.RDNs) != v.RDNs {
			t.Errorf("%q has %d RDNs, want %d", v.DN, len(d.RDNs), v.RDNs)
		}
		if d.IsRoot() != (v.RDNs == 0) {
			t.Errorf("%q: IsRoot is %t", v.DN, d.IsRoot())
		}
		if got := len(d.Parent().RDNs); got != max(v.RDNs-1, 0) {
			t.Errorf("the parent of %q has %d RDNs", v.DN, got)
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, s := range load(t).Malformed {
		if d, err := Parse(s); err == nil {
			t.Errorf("%q is read as %+v", s, d)
		}
		if got := Key(s); got != strings.ToLower(s) {
			t.Errorf("the key of %q is %q", s, got)
		}
	}
}

func TestCompare(t *testing.T) {
	v := load(t)
	for want, pairs := range map[bool][][2]string{true: v.Equal, false: v.Different} {
		for _, p := range pairs {
			if got := must(t, p[0]).Equal(must(t, p[1])); got != want {
				t.Errorf("%q and %q: Equal is %t", p[0], p[1], got)
			}
		}
	}
	for want, pairs := range map[bool][][2]string{true: v.Under, false: v.NotUnder} {
		for _, p := range pairs {
			if got := must(t, p[0]).Under(must(t, p[1])); got != want {
				t.Errorf("%q under %q: %t", p[0], p[1], got)
			}
		}
	}
}

// TestKeyOfParent holds that a parent is above its child and nothing else.
func TestKeyOfParent(t *testing.T) {
	d := must(t, "cn=a,ou=b,dc=c")
	p := d.Parent()
	if p.Key() != "ou=b,dc=c" || d.Key() != "cn=a,ou=b,dc=c" || !d.Under(p) || p.Under(d) {
		t.Errorf("the parent of %q is %q", d, p)
	}
}

// TestEqualIsThatOfKeys compares all vectors with all, also by their keys.
func TestEqualIsThatOfKeys(t *testing.T) {
	v := load(t)
	var all []DN
	for _, p := range v.Valid {
		all = append(all, must(t, p.DN), must(t, strings.ToUpper(p.Key)))
	}
	for _, pairs := range [][][2]string{v.Equal, v.Different, v.Under, v.NotUnder} {
		for _, p := range pairs {
			all = append(all, must(t, p[0]), must(t, p[1]))
		}
	}
	equal := 0
	for _, a := range all {
		for _, b := range all {
			want := a.Key() == b.Key()
			if want {
				equal++
			}
			if got := a.Equal(b); got != want {
				t.Errorf("%q and %q: Equal is %t, the keys are %q and %q", a, b, got, a.Key(), b.Key())
			}
		}
	}
	if equal <= len(all) {
		t.Error("nothing is equal but to itself")
	}
}

// TestUnderAllocatesNothing pins that the usual comparison is free.
func TestUnderAllocatesNothing(t *testing.T) {
	d, base := must(t, "uid=jo,ou=people,dc=example,dc=com"), must(t, "DC=Example,dc=com")
	if n := testing.AllocsPerRun(100, func() {
		if !d.Under(base) || d.Equal(base) {
			t.Error("wrong")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse wants that what is read can be written and read again as the
// same, and that go-ldap then reads the same.
func FuzzParse(f *testing.F) {
	v := load(f)
	for _, s := range v.Valid {
		f.Add(s.DN)
	}
	for _, s := range v.Malformed {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Parse(s)
		if err != nil {
			return
		}
		text := d.String()
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%q is written as %q, which is not read: %v", s, text, err)
		}
		if !same(d, again) {
			t.Fatalf("%q is written as %q, which is %+v, not %+v", s, text, again, d)
		}
		if again.String() != text || again.Key() != d.Key() || !d.Under(d) || !d.Equal(again) {
			t.Fatalf("%q and %q differ", s, text)
		}
		compareWithGoLDAP(t, text, d)
	})
}

func same(a, b DN) bool {
	if len(a.RDNs) != len(b.RDNs) {
		return false
	}
	for i := range a.RDNs {
		if len(a.RDNs[i]) != len(b.RDNs[i]) {
			return false
		}
		for j := range a.RDNs[i] {
			if a.RDNs[i][j] != b.RDNs[i][j] {
				return false
			}
		}
	}
	return true
}

// compareWithGoLDAP reads what String wrote with the parser of go-ldap. Hex
// values are left out: go-ldap decodes the BER in them.
func compareWithGoLDAP(t *testing.T, text string, d DN) {
	for _, rdn := range d.RDNs {
		for _, a := range rdn {
			if a.Hex || strings.ContainsAny(a.Type, "_") || !utf8.ValidString(a.Value) {
				return
			}
		}
	}
	theirs, err := ldap.ParseDN(text)
	if err != nil {
		t.Fatalf("go-ldap does not read %q: %v", text, err)
	}
	if len(theirs.RDNs) != len(d.RDNs) {
		t.Fatalf("go-ldap reads %d RDNs in %q", len(theirs.RDNs), text)
	}
	for i, rdn := range theirs.RDNs {
		for j, a := range rdn.Attributes {
			if ours := d.RDNs[i][j]; a.Type != ours.Type || a.Value != ours.Value {
				t.Fatalf("go-ldap reads %q as %q=%q, this package as %q=%q", text, a.Type, a.Value, ours.Type, ours.Value)
			}
		}
	}
}

// TestGoLDAP reads the vectors with both parsers.
func TestGoLDAP(t *testing.T) {
	for _, v := range load(t).Valid {
		compareWithGoLDAP(t, v.String, must(t, v.DN))
	}
}
