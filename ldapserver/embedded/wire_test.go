package embedded

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

func scan(raw []byte) message.Message {
	m, err := message.Scan(raw, message.Limits{})
	if err != nil {
		panic(err)
	}
	return m
}

func modifyDN(target, rdn string, deleteOld bool) message.Message {
	body := message.AppendElement(nil, tagOctetString, target)
	body = message.AppendElement(body, tagOctetString, rdn)
	body = message.AppendBool(body, tagBoolean, deleteOld)
	return scan(message.AppendMessage(nil, 1, message.ModifyDNRequest, body, nil))
}

// seq appends contents as a SEQUENCE.
func seq(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return message.AppendElement(nil, tagSequence, all)
}

func str(s string) []byte { return message.AppendElement(nil, tagOctetString, s) }

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// searchBody is a search for everything below the example's people, but for
// what is given.
func searchBody(filter []byte, after ...[]byte) []byte {
	if filter == nil {
		filter = message.AppendElement(nil, 0x87, "objectClass")
	}
	return join(str("ou=people,dc=example,dc=com"), []byte{0x0a, 1, 1, 0x0a, 1, 0, 0x02, 1, 0, 0x02, 1, 0, 0x01, 1, 0},
		filter, seq(str("1.1")), join(after...))
}

func controls(cs ...message.Control) []byte {
	out := []byte{}
	for _, c := range cs {
		out = message.AppendControl(out, c.OID, c.Critical, c.Value)
	}
	return out
}

func oid(s string, critical bool, value []byte) message.Control {
	return message.Control{OID: []byte(s), Critical: critical, Value: value}
}

// What gldap drops the connection for, gets wrong or dies of never reaches
// it, and has the answer that RFC 4511 wants.
func TestSupplement(t *testing.T) {
	d := open(t, Config{})
	simple := message.AppendElement(nil, message.AuthSimple, "x")
	version := func(v int32) []byte { return message.AppendInt(nil, tagInteger, v) }
	const gldaps = result.Code(-1) // left to gldap
	tests := []struct {
		name     string
		as       string
		op       byte
		body     []byte
		controls []byte
		want     result.Code
	}{
		{"bind", "", message.BindRequest, join(version(3), str(joDN), simple), nil, gldaps},
		{"bind, version 2", "", message.BindRequest, join(version(2), str(joDN), simple), nil, result.ProtocolError},
		{"bind, four elements", "", message.BindRequest, join(version(3), str(adminDN), simple, str("junk")), nil, result.ProtocolError},
		{"bind, SASL", "", message.BindRequest, join(version(3), str(""), message.AppendElement(nil, message.AuthSASL, str("PLAIN"))), nil, result.AuthMethodNotSupported},
		{"bind, unknown choice", "", message.BindRequest, join(version(3), str(""), message.AppendElement(nil, 0x84, "x")), nil, result.AuthMethodNotSupported},
		{"bind, no credentials", "", message.BindRequest, join(version(3), str("")), nil, result.ProtocolError},
		{"bind, empty", "", message.BindRequest, nil, nil, result.ProtocolError},
		{"bind, critical control", "", message.BindRequest, join(version(3), str(joDN), simple), controls(oid("1.2.3", true, nil)), result.UnavailableCriticalExtension},
		{"bind, ppolicy control", "", message.BindRequest, join(version(3), str(joDN), simple), controls(oid(passPolOID, false, nil)), gldaps},
		{"bind, ppolicy control with a value", "", message.BindRequest, join(version(3), str(joDN), simple), controls(oid(passPolOID, false, []byte("x"))), result.ProtocolError},
		{"bind, proxied", "", message.BindRequest, join(version(3), str(joDN), simple), controls(oid(proxiedOID, false, []byte("u:jo"))), result.ProtocolError},
		{"bind, malformed controls", "", message.BindRequest, join(version(3), str(joDN), simple), []byte{0x02, 1, 1}, result.ProtocolError},

		{"search", joDN, message.SearchRequest, searchBody(nil), nil, gldaps},
		{"search, anonymous", "", message.SearchRequest, searchBody(nil), nil, result.InsufficientAccessRights},
		{"search, unknown control", joDN, message.SearchRequest, searchBody(nil), controls(oid("1.2.3", false, []byte{0xff})), gldaps},
		{"search, unknown critical control", joDN, message.SearchRequest, searchBody(nil), controls(oid("1.2.3", true, nil)), result.UnavailableCriticalExtension},
		{"search, critical notification", joDN, message.SearchRequest, searchBody(nil), controls(oid("1.2.840.113556.1.4.528", true, nil)), result.UnavailableCriticalExtension},
		{"search, expiry warning", joDN, message.SearchRequest, searchBody(nil), controls(oid("2.16.840.1.113730.3.4.5", false, []byte("soon"))), result.Success},
		{"search, ppolicy with a value", joDN, message.SearchRequest, searchBody(nil), controls(oid(passPolOID, false, []byte("\x30\x02\xa0\x00"))), result.Success},
		{"search, paged", joDN, message.SearchRequest, searchBody(nil), controls(oid(pagedOID, true, seq(version(2), str("")))), gldaps},
		{"search, paged without value", joDN, message.SearchRequest, searchBody(nil), controls(oid(pagedOID, false, nil)), result.ProtocolError},
		{"search, paged, short", joDN, message.SearchRequest, searchBody(nil), controls(oid(pagedOID, false, seq(version(2)))), result.ProtocolError},
		{"search, paged, a string for a size", joDN, message.SearchRequest, searchBody(nil), controls(oid(pagedOID, false, seq(str("2"), str("")))), result.ProtocolError},
		{"search, OID missing in a control", joDN, message.SearchRequest, searchBody(nil), message.AppendElement(nil, tagSequence, ""), result.ProtocolError},
		{"search, trailing component", joDN, message.SearchRequest, searchBody(nil, str("more")), nil, gldaps},
		{"search, unknown filter", joDN, message.SearchRequest, searchBody([]byte{0xaf, 0}), nil, result.ProtocolError},
		{"search, empty not", joDN, message.SearchRequest, searchBody([]byte{0xa2, 0}), nil, result.ProtocolError},
		{"search, empty substrings", joDN, message.SearchRequest, searchBody(message.AppendElement(nil, 0xa4, join(str("cn"), seq()))), nil, result.ProtocolError},
		{"search, an attribute that is none", joDN, message.SearchRequest, searchBody(message.AppendElement(nil, 0xa3, join(str("c n="), str("x")))), nil, result.Success},
		{"search, filter missing", joDN, message.SearchRequest, searchBody(nil)[:44], nil, result.ProtocolError},
		{"search, empty", joDN, message.SearchRequest, nil, nil, result.ProtocolError},

		{"add", adminDN, message.AddRequest, join(str("cn=a,dc=example,dc=com"), seq(seq(str("cn"), message.AppendElement(nil, tagSet, str("a"))))), nil, gldaps},
		{"add, a sequence for a set", adminDN, message.AddRequest, join(str("cn=a,dc=example,dc=com"), seq(seq(str("cn"), seq(str("a"))))), nil, result.ProtocolError},
		{"add, values missing", adminDN, message.AddRequest, join(str("cn=a,dc=example,dc=com"), seq(seq(str("cn")))), nil, result.ProtocolError},
		{"add, more in an attribute", adminDN, message.AddRequest, join(str("cn=a,ou=none,dc=example,dc=com"), seq(seq(str("objectClass"), message.AppendElement(nil, tagSet, str("device")), str("more")))), nil, result.NoSuchObject},
		{"modify, values missing", adminDN, message.ModifyRequest, join(str(joDN), seq(seq([]byte{0x0a, 1, 1}, seq(str("cn"))))), nil, result.ProtocolError},
		{"modify, no changes", adminDN, message.ModifyRequest, join(str(joDN), seq()), nil, gldaps},
		{"delete", adminDN, message.DelRequest, []byte(joDN), nil, gldaps},
		{"delete, critical control", adminDN, message.DelRequest, []byte(joDN), controls(oid("1.2.840.113556.1.4.805", true, nil)), result.UnavailableCriticalExtension},
		{"delete, anonymous", "", message.DelRequest, []byte(joDN), nil, result.InsufficientAccessRights},

		{"compare", joDN, message.CompareRequest, join(str(joDN), seq(str("sn"), str("sommer"))), nil, result.CompareTrue},
		{"compare, anonymous", "", message.CompareRequest, join(str(joDN), seq(str("sn"), str("sommer"))), nil, result.InsufficientAccessRights},
		{"compare, root DSE", "", message.CompareRequest, join(str(""), seq(str("supportedLDAPVersion"), str("3"))), nil, result.CompareTrue},
		{"compare, malformed", joDN, message.CompareRequest, join(str(joDN), seq(str("sn"))), nil, result.ProtocolError},
		{"modify DN, malformed", adminDN, message.ModifyDNRequest, join(str(joDN), str("uid=x")), nil, result.ProtocolError},
		{"modify DN, two RDNs", adminDN, message.ModifyDNRequest, join(str(joDN), str("uid=x,ou=y"), []byte{0x01, 1, 0}), nil, result.InvalidDNSyntax},
		{"who am I", joDN, message.ExtendedRequest, message.AppendElement(nil, 0x80, whoAmIOID), nil, result.Success},
		{"who am I, with a value", joDN, message.ExtendedRequest, join(message.AppendElement(nil, 0x80, whoAmIOID), message.AppendElement(nil, 0x81, "x")), nil, result.ProtocolError},
		{"password modify, anonymous", "", message.ExtendedRequest, message.AppendElement(nil, 0x80, passModOID), nil, result.InsufficientAccessRights},
		{"password modify, malformed", joDN, message.ExtendedRequest, join(message.AppendElement(nil, 0x80, passModOID), message.AppendElement(nil, 0x81, "x")), nil, result.ProtocolError},
		{"unknown extended", joDN, message.ExtendedRequest, message.AppendElement(nil, 0x80, "1.2.3"), nil, result.ProtocolError},
		{"extended without name", joDN, message.ExtendedRequest, nil, nil, result.ProtocolError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := scan(message.AppendMessage(nil, 7, tt.op, tt.body, tt.controls))
			out, handled := d.Supplement(t.Context(), tt.as, m)
			if handled != (tt.want != gldaps) {
				t.Fatalf("handled: %v", handled)
			}
			if !handled {
				return
			}
			final := last(t, out)
			want, _ := message.ResponseTo(tt.op)
			if final.Op != want || final.ID != 7 {
				t.Errorf("response %#x under ID %d", final.Op, final.ID)
			}
			r, err := message.ParseResult(final.Body)
			if err != nil || r.Code != tt.want {
				t.Errorf("%v %q, want %v (%v)", r.Code, r.Text, tt.want, err)
			}
		})
	}
	if _, handled := d.Supplement(t.Context(), joDN, scan(message.AppendMessage(nil, 7, message.UnbindRequest, nil, nil))); handled {
		t.Error("an unbind is not passed on")
	}
	if out, handled := d.Supplement(t.Context(), joDN, scan(message.AppendMessage(nil, 7, message.AbandonRequest, []byte{5}, nil))); !handled || len(out) > 0 {
		t.Error("an abandon is passed on or answered")
	}
}

// last returns the last of the messages in raw.
func last(t *testing.T, raw []byte) message.Message {
	t.Helper()
	r := message.NewReader(bytes.NewReader(raw), message.Limits{})
	var m message.Message
	for n := 0; ; n++ {
		next, err := r.Next()
		if err == io.EOF && n > 0 {
			return scan(bytes.Clone(m.Raw))
		}
		if err != nil {
			t.Fatal(err)
		}
		m = scan(bytes.Clone(next.Raw))
	}
}

// What Supplement lets through, gldap answers: nothing ends a connection.
func FuzzSupplement(f *testing.F) {
	f.Add(byte(message.BindRequest), []byte("\x02\x01\x03\x04\x00\x80\x00"), []byte(nil), true)
	f.Add(byte(message.SearchRequest), searchBody(nil), controls(oid(pagedOID, false, seq([]byte{2, 1, 1}, str("")))), true)
	f.Add(byte(message.SearchRequest), searchBody(message.AppendElement(nil, 0xa9, join(message.AppendElement(nil, 0x82, "cn"), message.AppendElement(nil, 0x83, "x"), []byte{0x84, 1, 0xff}))), []byte(nil), true)
	f.Add(byte(message.AddRequest), join(str("cn=a,dc=example,dc=com"), seq(seq(str("objectClass"), message.AppendElement(nil, tagSet, str("device"))))), []byte(nil), true)
	f.Add(byte(message.ModifyRequest), join(str(joDN), seq(seq([]byte{0x0a, 1, 2}, seq(str("title"), message.AppendElement(nil, tagSet, join(str("a"), str("b"))))))), []byte(nil), true)
	f.Add(byte(message.DelRequest), []byte(joDN), controls(oid("1.2.3", false, []byte("x"))), true)
	f.Add(byte(message.ExtendedRequest), message.AppendElement(nil, 0x80, whoAmIOID), []byte(nil), false)
	d := open(f, Config{})
	admin := message.AppendMessage(nil, 1, message.BindRequest,
		join([]byte{2, 1, 3}, str(adminDN), message.AppendElement(nil, message.AuthSimple, adminPassword)), nil)
	f.Fuzz(func(t *testing.T, op byte, body, ctrls []byte, bound bool) {
		m, err := message.Scan(message.AppendMessage(nil, 2, op, body, ctrls), message.Limits{})
		want, answered := message.ResponseTo(op)
		if err != nil || !answered {
			return
		}
		as := ""
		if bound {
			as = adminDN
		}
		out, handled := d.Supplement(t.Context(), as, m)
		if handled {
			if final := last(t, out); final.Op != want || final.ID != 2 {
				t.Fatalf("response %#x under ID %d", final.Op, final.ID)
			}
			return
		}
		nc, err := d.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(20 * time.Second))
		in := message.NewReader(nc, message.Limits{})
		if bound {
			if _, err := nc.Write(admin); err != nil {
				t.Fatal(err)
			}
			if _, err := in.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := nc.Write(m.Raw); err != nil {
			t.Fatal(err)
		}
		for {
			r, err := in.Next()
			if err != nil {
				t.Fatalf("gldap closed the connection: %v (%x)", err, m.Raw)
			}
			if r.ID != 2 {
				t.Fatalf("a response under ID %d", r.ID)
			}
			if r.Op == want {
				return
			}
		}
	})
}
