package transparency_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/testenv/transparency"
)

// layered are the mechanisms that the front end leaves out of the root DSE:
// those that may install a security layer, and EXTERNAL.
var layered = []string{"EXTERNAL", "GSSAPI", "GSS-SPNEGO", "DIGEST-MD5"}

// compareRootDSE compares the root DSE, however it is asked for. What the
// front end may change is here, and all else has to stay, in its order.
func compareRootDSE(t *testing.T, s server, f front) {
	added, removed := 0, 0
	for _, account := range []bool{false, true} {
		for _, attributes := range [][]string{
			nil, {"*"}, {"+"}, {"*", "+"}, {"1.1"}, {"supportedExtension"}, {"SUPPORTEDCONTROL", "supportedextension"},
			{"supportedSASLMechanisms", "namingContexts"}, {"1.3.6.1.4.1.1466.101.120.7"}, {"supportedFeatures", "vendorName"},
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
	const extension, mechanisms = "supportedExtension", "supportedSASLMechanisms"
	// 389 DS names an attribute as the client does.
	isExtension := func(name string) bool {
		return strings.EqualFold(name, extension) || name == "1.3.6.1.4.1.1466.101.120.7"
	}
	var want []*ldap.EntryAttribute
	seen := false
	for _, a := range direct {
		values := slices.Clone(a.Values)
		switch {
		case typesOnly:
			seen = seen || isExtension(a.Name)
		case isExtension(a.Name):
			seen = true
			for _, oid := range oursInOrder() {
				if !slices.Contains(values, oid) {
					values = append(values, oid)
					*added++
				}
			}
		case strings.EqualFold(a.Name, mechanisms):
			values = slices.DeleteFunc(values, func(m string) bool { return slices.Contains(layered, m) })
			*removed += len(a.Values) - len(values)
			if len(values) == 0 {
				continue
			}
		}
		want = append(want, &ldap.EntryAttribute{Name: a.Name, Values: values})
	}
	if !seen && slices.ContainsFunc(asked, func(name string) bool {
		return name == "+" || isExtension(name)
	}) {
		a := &ldap.EntryAttribute{Name: extension}
		if !typesOnly {
			a.Values = oursInOrder()
			*added += len(a.Values)
		}
		want = append(want, a)
	}
	return want
}

// oursInOrder is extensions in the order in which they are added.
func oursInOrder() []string {
	all := extensions()
	slices.Sort(all[:len(all)-1])
	return all
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
