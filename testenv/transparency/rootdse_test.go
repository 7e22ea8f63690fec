package transparency_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv/transparency"
)

// An ofRootDSE is what the front end does to an attribute of the root DSE.
type ofRootDSE struct {
	name, oid   string
	add, remove []string
}

// changes returns all that the front end may change: it adds what it answers
// itself, in this order, and leaves out the mechanisms that take the identity
// from the connection or may install a security layer.
func changes() []ofRootDSE {
	return []ofRootDSE{
		{name: "supportedExtension", oid: "1.3.6.1.4.1.1466.101.120.7",
			add: []string{extop.PasswordQualityRequestOID, extop.GeneratePasswordRequestOID, message.StartTLSOID}},
		{name: "supportedControl", oid: "1.3.6.1.4.1.1466.101.120.13",
			add: []string{extop.GeneratePasswordRequestControlOID}},
		{name: "supportedSASLMechanisms", oid: "1.3.6.1.4.1.1466.101.120.14",
			remove: []string{"EXTERNAL", "GSSAPI", "GSS-SPNEGO", "DIGEST-MD5"}},
	}
}

func (c ofRootDSE) is(name string) bool { return strings.EqualFold(name, c.name) || name == c.oid }

// compareRootDSE compares the root DSE, however it is asked for. What the
// front end may change is here, and all else has to stay, in its order.
func compareRootDSE(t *testing.T, s server, f front) {
	added, removed := 0, 0
	for _, account := range []bool{false, true} {
		for _, attributes := range [][]string{
			nil, {"*"}, {"+"}, {"*", "+"}, {"1.1"}, {"supportedExtension"}, {"SUPPORTEDCONTROL", "supportedextension"},
			{"supportedSASLMechanisms", "namingContexts"}, {"1.3.6.1.4.1.1466.101.120.7", "1.3.6.1.4.1.1466.101.120.13"}, {"supportedFeatures", "vendorName"},
		} {
			for _, typesOnly := range []bool{false, true} {
				name := fmt.Sprintf("bound %v, %q, types only %v", account, attributes, typesOnly)
				read := func(url string) []*ldap.EntryAttribute {
					return rootDSE(t, s, url, account, attributes, typesOnly)
				}
				direct, through := read(s.url), read(f.url)
				want := expectedRootDSE(direct, attributes, typesOnly, &added, &removed)
				normalize := transparency.Normalizer(host(s.url), host(f.url))
				if d := transparency.Diff(normalize(listing(want)), normalize(listing(through))); d != "" {
					t.Errorf("%s\n- expected, + through the front end\n%s", name, d)
				}
			}
		}
	}
	if added == 0 || removed == 0 {
		t.Errorf("%d values were added and %d removed: the test compares nothing", added, removed)
	}
}

// expectedRootDSE returns what the front end has to make of the root DSE.
func expectedRootDSE(direct []*ldap.EntryAttribute, asked []string, typesOnly bool, added, removed *int) []*ldap.EntryAttribute {
	var want []*ldap.EntryAttribute
	seen := make(map[string]bool)
	for _, a := range direct {
		values := slices.Clone(a.Values)
		for _, c := range changes() {
			if !c.is(a.Name) {
				continue
			}
			seen[c.name] = true
			if typesOnly {
				break
			}
			for _, oid := range c.add {
				if !slices.Contains(values, oid) {
					values = append(values, oid)
					*added++
				}
			}
			values = slices.DeleteFunc(values, func(v string) bool { return slices.Contains(c.remove, v) })
			*removed += max(0, len(a.Values)-len(values))
		}
		if len(a.Values) == 0 || len(values) > 0 {
			want = append(want, &ldap.EntryAttribute{Name: a.Name, Values: values})
		}
	}
	for _, c := range changes() {
		wanted := slices.ContainsFunc(asked, func(name string) bool { return name == "+" || c.is(name) })
		if seen[c.name] || !wanted || len(c.add) == 0 {
			continue
		}
		a := &ldap.EntryAttribute{Name: c.name}
		if !typesOnly {
			a.Values = c.add
			*added += len(a.Values)
		}
		want = append(want, a)
	}
	return want
}

func rootDSE(t *testing.T, s server, url string, bound bool, attributes []string, typesOnly bool) []*ldap.EntryAttribute {
	t.Helper()
	c, err := ldap.DialURL(url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if bound {
		if err := c.Bind(s.admin.DN, s.admin.Password); err != nil {
			t.Fatal(err)
		}
	}
	found, err := c.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, typesOnly, "(objectClass=*)", attributes, nil))
	if err != nil || len(found.Entries) != 1 {
		t.Fatalf("%d entries, %v", len(found.Entries), err)
	}
	return found.Entries[0].Attributes
}

func listing(attributes []*ldap.EntryAttribute) string {
	var out strings.Builder
	for _, a := range attributes {
		fmt.Fprintf(&out, "%s\n", a.Name)
		for _, v := range a.Values {
			fmt.Fprintf(&out, "%s: %s\n", a.Name, v)
		}
	}
	return out.String()
}
