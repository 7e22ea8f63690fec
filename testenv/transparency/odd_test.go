package transparency_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv/transparency"
)

// oddRequests are LDAPMessages that no library sends, but that are well-formed
// ones: how a directory takes them is its own affair. Binds other than simple
// and SASL are not among them: the front end cannot know what they install and
// refuses them. Each has message ID 2 and comes from the administrator.
func oddRequests(s server) map[string][]byte {
	octets := func(tag byte, contents ...[]byte) []byte {
		return message.AppendElement(nil, tag, bytes.Join(contents, nil))
	}
	text := func(s string) []byte { return message.AppendElement(nil, 0x04, s) }
	number := func(tag byte, n int32) []byte { return message.AppendInt(nil, tag, n) }
	request := func(op byte, parts ...[]byte) []byte {
		return message.AppendMessage(nil, 2, op, bytes.Join(parts, nil), nil)
	}
	bindVersion := func(n int32) []byte {
		return request(message.BindRequest, number(0x02, n), text(s.admin.DN), octets(message.AuthSimple, []byte(s.admin.Password)))
	}
	search := func(scope, deref, size, seconds int32, attributes ...string) []byte {
		var list []byte
		for _, a := range attributes {
			list = append(list, text(a)...)
		}
		return request(message.SearchRequest, text(s.suffix), number(0x0a, scope), number(0x0a, deref), number(0x02, size), number(0x02, seconds),
			message.AppendBool(nil, 0x01, false), octets(0x87, []byte("objectClass")), octets(0x30, list))
	}
	filtered := func(filter []byte) []byte {
		return message.AppendSearch(nil, 2, message.Search{Base: []byte(s.base()), Scope: 1, Filter: filter, Attributes: text("1.1")}, nil)
	}
	deep := octets(0x87, []byte("objectClass"))
	for range 60 {
		deep = octets(0xa2, deep)
	}
	all := map[string][]byte{
		"bind, version 1":         bindVersion(1),
		"bind, version 4":         bindVersion(4),
		"bind, version 127":       bindVersion(127),
		"bind, unknown choice":    request(message.BindRequest, number(0x02, 3), text(s.admin.DN), octets(0x85, []byte("x"))),
		"SASL, unknown":           request(message.BindRequest, number(0x02, 3), text(""), octets(message.AuthSASL, text("NO-SUCH"))),
		"SASL, no mechanism":      request(message.BindRequest, number(0x02, 3), text(""), octets(message.AuthSASL, text(""))),
		"scope 7":                 search(7, 0, 0, 0),
		"dereference 9":           search(0, 9, 0, 0),
		"size limit":              search(0, 0, 1<<31-1, 1<<31-1),
		"attributes, twice":       search(0, 0, 0, 0, "dc", "dc", "DC"),
		"attributes, odd":         search(0, 0, 0, 0, "1.1", "*", "+", "no such;x"),
		"no such attribute":       search(0, 0, 0, 0, "---"),
		"filter, 60 deep":         filtered(deep),
		"filter, true":            filtered(octets(0xa0)),
		"filter, equality":        filtered(octets(0xa3, text("cn"), text("alice"))),
		"filter, empty value":     filtered(octets(0xa3, text("cn"), text(""))),
		"filter, zero octets":     filtered(octets(0xa3, text("cn"), []byte{0x04, 3, 0, 'a', 0})),
		"filter, only any":        filtered(octets(0xa4, text("cn"), octets(0x30, octets(0x81, []byte("lic"))))),
		"compare, empty":          request(message.CompareRequest, text("cn=alice,"+s.base()), octets(0x30, text("cn"), text(""))),
		"compare, nothing":        request(message.CompareRequest, text(""), octets(0x30, text("objectClass"), text("top"))),
		"add, no attributes":      request(message.AddRequest, text("cn=odd,"+s.base()), octets(0x30)),
		"add, empty DN":           request(message.AddRequest, text(""), octets(0x30)),
		"modify, no changes":      request(message.ModifyRequest, text("cn=alice,"+s.base()), octets(0x30)),
		"modify, unknown":         request(message.ModifyRequest, text("cn=alice,"+s.base()), octets(0x30, octets(0x30, number(0x0a, 9), octets(0x30, text("sn"), octets(0x31, text("x")))))),
		"modify, add nothing":     request(message.ModifyRequest, text("cn=alice,"+s.base()), octets(0x30, octets(0x30, number(0x0a, 0), octets(0x30, text("sn"), octets(0x31))))),
		"modify the root DSE":     request(message.ModifyRequest, text(""), octets(0x30, octets(0x30, number(0x0a, 2), octets(0x30, text("vendorName"), octets(0x31, text("x")))))),
		"delete the root DSE":     message.AppendMessage(nil, 2, message.DelRequest, nil, nil),
		"delete the suffix":       message.AppendMessage(nil, 2, message.DelRequest, []byte(s.suffix), nil),
		"rename the root DSE":     request(message.ModifyDNRequest, text(""), text("cn=x"), message.AppendBool(nil, 0x01, true)),
		"rename, empty RDN":       request(message.ModifyDNRequest, text("cn=alice,"+s.base()), text(""), message.AppendBool(nil, 0x01, true)),
		"rename, below itself":    request(message.ModifyDNRequest, text("ou=tree,"+s.base()), text("ou=tree"), message.AppendBool(nil, 0x01, true), octets(0x80, []byte("ou=deep,ou=tree,"+s.base()))),
		"extended, empty OID":     request(message.ExtendedRequest, octets(0x80)),
		"extended, no OID":        request(message.ExtendedRequest, octets(0x80, []byte("no oid"))),
		"password modify, empty":  message.AppendExtendedRequest(nil, 2, message.PasswordModifyOID, octets(0x30, octets(0x80, []byte("no dn")), octets(0x82, []byte("x"))), nil),
		"password modify, broken": message.AppendExtendedRequest(nil, 2, message.PasswordModifyOID, []byte("x"), nil),
		"who am I, with a value":  message.AppendExtendedRequest(nil, 2, message.WhoAmIOID, []byte("x"), nil),
	}
	// BER lengths may be longer than they need be.
	long := bytes.Clone(search(0, 0, 0, 0, "dc"))
	body := long[2:]
	if long[1] > 0x7f {
		body = long[3:]
	}
	all["long lengths"] = slices.Concat([]byte{0x30, 0x84, 0, 0, 0, byte(len(body))}, body)
	if s.name == "samba" {
		// It closes the connection without a word. The front end says
		// that it has lost the directory.
		delete(all, "bind, unknown choice")
	}
	if s.behindTLS {
		// It wants TLS for them, which only the front end has.
		delete(all, "password modify, empty")
		delete(all, "password modify, broken")
	}
	return all
}

// compareOdd sends each odd request to both, and wants the same octets for
// it, whether the directory answers or closes.
func compareOdd(t *testing.T, s server, f front, direct transparency.Runner) {
	s.reset(t, direct)
	normalize := transparency.Normalizer(host(s.url), host(f.url))
	answers := 0
	for name, octets := range oddRequests(s) {
		ask := func(url string) string {
			w := boundWire(t, url, s.admin)
			w.send(octets)
			var all strings.Builder
			for {
				m, err := w.in.Next()
				if err != nil {
					fmt.Fprintln(&all, "the end")
					return all.String()
				}
				// Of a notice the code counts: its text is each server's own.
				if m.ID == 0 {
					r, err := message.ParseResult(m.Body)
					fmt.Fprintln(&all, "notice", r.Code, err)
					continue
				}
				fmt.Fprintf(&all, "%s %q\n", message.OpName(m.Op), normalize(string(m.Raw)))
				if message.IsFinal(m.Op) {
					answers++
					return all.String()
				}
			}
		}
		if d := transparency.Diff(ask(s.url), ask(f.url)); d != "" {
			t.Errorf("%s: %x\n- directly, + through the front end\n%s", name, octets, d)
		}
	}
	if answers < 60 {
		t.Errorf("only %d answers", answers)
	}
}
