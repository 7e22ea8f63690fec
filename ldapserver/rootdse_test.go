package ldapserver

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/transparency"
)

// rootEntry is the root DSE as a search through c returns it.
func rootEntry(t *testing.T, c *ldap.Conn, typesOnly bool, attributes ...string) *ldap.Entry {
	t.Helper()
	res, err := c.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, typesOnly, "(objectClass=*)", attributes, nil))
	if err != nil || len(res.Entries) != 1 {
		t.Fatalf("%v, %v", res, err)
	}
	return res.Entries[0]
}

// TestRootDSE compares what slapd says itself with what comes through.
func TestRootDSE(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil), Controls: []string{"1.2.3.4", "1.2.840.113556.1.4.319"}, TLSConfig: tlsConfig(t)})
	ours := []string{echoOID, whoOID, seeOID, panicOID}
	slices.Sort(ours)
	through, direct := dial(t, addr, testenv.Account{}), slapd.Dial(t, testenv.Account{})
	for _, c := range []struct {
		name       string
		typesOnly  bool
		attributes []string
		changed    bool
	}{
		{"by name", false, []string{"supportedExtension", "supportedControl"}, true},
		{"by name in another case", false, []string{"SUPPORTEDEXTENSION", "supportedcontrol"}, true},
		{"by OID", false, []string{"1.3.6.1.4.1.1466.101.120.7", "1.3.6.1.4.1.1466.101.120.13"}, true},
		{"all operational", false, []string{"+"}, true},
		{"all", false, []string{"*", "+"}, true},
		{"all user attributes", false, nil, false},
		{"another", false, []string{"namingContexts", "vendorName"}, false},
		{"types only", true, []string{"+"}, false},
		{"none", false, []string{"1.1"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, want := rootEntry(t, through, c.typesOnly, c.attributes...), rootEntry(t, direct, c.typesOnly, c.attributes...)
			for _, a := range want.Attributes {
				switch {
				case c.typesOnly:
				case strings.EqualFold(a.Name, "supportedSASLMechanisms"):
					a.Values = slices.DeleteFunc(a.Values, func(m string) bool {
						return m == "EXTERNAL" || securityLayers([]byte(m))
					})
				case !c.changed:
				case strings.EqualFold(a.Name, "supportedExtension"):
					a.Values = append(a.Values, ours...) // slapd has StartTLS
				case strings.EqualFold(a.Name, "supportedControl"):
					a.Values = append(a.Values, "1.2.3.4") // and paged results
				}
			}
			if diff := cmp.Diff(attributes(want), attributes(got)); diff != "" {
				t.Errorf("(- directly, with ours; + through)\n%s", diff)
			}
		})
	}
	t.Run("not the root", func(t *testing.T) {
		res, err := through.Search(ldap.NewSearchRequest("cn=Subschema", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"supportedExtension"}, nil))
		if err != nil || len(res.Entries) != 1 || len(res.Entries[0].Attributes) != 0 {
			t.Errorf("%v, %v", res, err)
		}
	})
}

func attributes(e *ldap.Entry) []string {
	var list []string
	for _, a := range e.Attributes {
		list = append(list, a.Name+": "+strings.Join(a.Values, " "))
	}
	return list
}

// entry encodes an entry of attributes "name: value value".
func entry(dn string, attributes ...string) []byte {
	var list []message.Attribute
	for _, a := range attributes {
		name, values, _ := strings.Cut(a, ":")
		attr := message.Attribute{Name: name}
		for _, v := range strings.Fields(values) {
			attr.Values = append(attr.Values, []byte(v))
		}
		list = append(list, attr)
	}
	return message.AppendSearchEntry(nil, 1, dn, list)
}

func TestRewrite(t *testing.T) {
	const tls = message.StartTLSOID
	all := rootWant{extension: true, control: true}
	for _, c := range []struct {
		name string
		root rootDSE
		want rootWant
		in   []string
		out  []string
	}{
		{"added once", newRootDSE([]string{"1.1", "1.2"}, nil, false, false), all,
			[]string{"cn: x", "supportedExtension: 1.2 1.3", "sn: y"}, []string{"cn: x", "supportedExtension: 1.2 1.3 1.1", "sn: y"}},
		{"created", newRootDSE([]string{"1.1"}, []string{"2.1"}, true, false), all,
			[]string{"cn: x"}, []string{"cn: x", "supportedExtension: 1.1 " + tls, "supportedControl: 2.1"}},
		{"not created", newRootDSE([]string{"1.1"}, []string{"2.1"}, true, false), rootWant{},
			[]string{"cn: x"}, []string{"cn: x"}},
		{"returned without being asked for", newRootDSE([]string{"1.1"}, nil, false, false), rootWant{},
			[]string{"supportedExtension: 1.3"}, []string{"supportedExtension: 1.3 1.1"}},
		{"nothing to create", newRootDSE(nil, nil, false, false), all,
			[]string{"cn: x"}, []string{"cn: x"}},
		{"types only", newRootDSE([]string{"1.1"}, []string{"2.1"}, false, false), rootWant{extension: true, control: true, typesOnly: true},
			[]string{"supportedExtension"}, []string{"supportedExtension", "supportedControl"}},
		{"the directory's StartTLS", newRootDSE([]string{"1.1"}, nil, false, false), all,
			[]string{"supportedExtension: 1.3 " + tls}, []string{"supportedExtension: 1.3 1.1"}},
		{"nothing but StartTLS", newRootDSE(nil, nil, false, false), all,
			[]string{"supportedExtension: " + tls, "cn: x"}, []string{"cn: x"}},
		{"mechanisms", newRootDSE(nil, nil, false, false), all,
			[]string{"supportedSASLMechanisms: GSSAPI PLAIN DIGEST-MD5 EXTERNAL SCRAM-SHA-256"}, []string{"supportedSASLMechanisms: PLAIN SCRAM-SHA-256"}},
		{"mechanisms passed", newRootDSE(nil, nil, false, true), all,
			[]string{"supportedSASLMechanisms: GSSAPI PLAIN EXTERNAL"}, []string{"supportedSASLMechanisms: GSSAPI PLAIN"}},
		{"no mechanism left", newRootDSE(nil, nil, false, false), all,
			[]string{"cn: x", "supportedSASLMechanisms: GSSAPI"}, []string{"cn: x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := message.Scan(entry("", c.in...), message.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			got, ok := c.root.rewrite(m, &c.want)
			if want := entry("", c.out...); !ok || !bytes.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
}

// TestRootDSEReuse has a client abandon a search of the root DSE and use its
// ID again.
func TestRootDSEReuse(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil), Dial: fake(t, func(d *wire) {
		for {
			m, ok := d.receive()
			if !ok {
				return
			}
			if m.Op != message.SearchRequest {
				continue
			}
			s, _ := message.ParseSearch(m.Body)
			if string(s.Base) != "" || m.ID == 3 {
				e, _ := message.Scan(entry(string(s.Base), "supportedExtension: 1.9"), message.Limits{})
				d.send(message.AppendMessage(nil, m.ID, message.SearchResultEntry, e.Body, nil), answer(m.ID, message.SearchResultDone, 0))
			}
		}
	})})
	w := newWire(t, addr)
	w.send(message.AppendBaseSearch(nil, 1, "", nil, "+"), abandon(2, 1), message.AppendBaseSearch(nil, 1, "cn=a", nil, "+"))
	m, _ := w.next()
	if bytes.Contains(m.Raw, []byte(echoOID)) {
		t.Error("another entry was given our OIDs")
	}
	w.want(1, message.SearchResultDone, 0)
	w.send(message.AppendBaseSearch(nil, 3, "", nil, "+"))
	if m, _ := w.next(); !bytes.Contains(m.Raw, []byte(echoOID)) {
		t.Error("the root DSE was not given our OIDs")
	}
	w.want(3, message.SearchResultDone, 0)
}

func FuzzRewrite(f *testing.F) {
	f.Add(entry("", "supportedExtension: 1.2 1.3", "cn: x", "supportedSASLMechanisms: GSSAPI PLAIN"), false)
	f.Add(entry("", "supportedControl"), true)
	f.Add(entry("cn=x", "supportedControl: 2.1"), true)
	all, err := transparency.LoadTranscripts(os.DirFS("../testenv/transparency/testdata/transcripts"))
	if err != nil {
		f.Fatal(err)
	}
	for _, tr := range all {
		for i, flow := range tr.Flows {
			r := message.NewReader(bytes.NewReader(flow.Octets), message.Limits{})
			for m, err := r.Next(); err == nil; m, err = r.Next() {
				if m.Op == message.SearchResultEntry {
					f.Add(bytes.Clone(m.Raw), i%2 == 0)
				}
			}
		}
	}
	root := newRootDSE([]string{"1.1"}, []string{"2.1"}, true, false)
	f.Fuzz(func(t *testing.T, raw []byte, typesOnly bool) {
		m, err := message.Scan(raw, message.Limits{})
		if err != nil {
			return
		}
		_ = root.want(m.Body)
		want := &rootWant{extension: true, control: true, typesOnly: typesOnly}
		out, ok := root.rewrite(m, want)
		if !ok {
			if out != nil {
				t.Fatal("octets without ok")
			}
			return
		}
		again, err := message.Scan(out, message.Limits{MaxSize: len(out), MaxDepth: 255})
		if err != nil || again.ID != m.ID || again.Op != m.Op || !bytes.Equal(again.Controls, m.Controls) {
			t.Fatalf("%x became %x: %v", raw, out, err)
		}
		before, errBefore := message.ParseEntry(m.Body)
		after, errAfter := message.ParseEntry(again.Body)
		if err := errors.Join(errBefore, errAfter); err != nil {
			t.Fatal(err)
		}
		// What is not ours is there unchanged, in its order.
		if b, a := others(t, before), others(t, after); !slices.Equal(b, a) {
			t.Fatalf("%q became %q", b, a)
		}
		if twice, ok := root.rewrite(again, want); !ok || !bytes.Equal(twice, out) {
			t.Fatalf("rewriting again: %x became %x", out, twice)
		}
	})
}

func others(t *testing.T, e message.Entry) []string {
	var list []string
	if err := message.EachAttribute(e.Attributes, func(name, _, raw []byte) bool {
		if !supportedExtension.is(name) && !supportedControl.is(name) && !supportedSASLMechanisms.is(name) {
			list = append(list, string(raw))
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return list
}
