package extop

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// addOp returns the protocolOp of an LDAPMessage.
func addOp(t testing.TB, msg []byte) []byte {
	t.Helper()
	e, err := sequence(msg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.want(tagInteger); err != nil {
		t.Fatal(err)
	}
	before := e
	if _, _, err := e.next(); err != nil {
		t.Fatal(err)
	}
	return before[:len(before)-len(e)]
}

func effective(t *testing.T, w *world, sel policy.Selection) *policy.Effective {
	t.Helper()
	eff, err := w.service().Resolve(t.Context(), sel)
	if err != nil {
		t.Fatal(err)
	}
	return eff
}

func TestAddRequestVectors(t *testing.T) {
	for _, v := range loadVectors(t, "addRequestMessage") {
		t.Run(v.Name, func(t *testing.T) {
			op := addOp(t, v.bytes(t))
			a, err := ParseAddRequest(op)
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				MessageID  int64               `json:"messageID"`
				DN         string              `json:"dn"`
				Attributes map[string][]string `json:"attributes"`
				Controls   []controlJSON       `json:"controls"`
			}
			v.decoded(t, &want)
			if a.DN != want.DN {
				t.Errorf("DN %q, want %q", a.DN, want.DN)
			}
			subject := a.Subject()
			attributes := map[string][]string{}
			for name, values := range want.Attributes {
				attributes[strings.ToLower(name)] = values
			}
			if diff := cmp.Diff(attributes, subject.Attributes); diff != "" {
				t.Error(diff)
			}
			if _, has := want.Attributes["userPassword"]; a.Has("userPassword") != has || !a.Has("OBJECTCLASS") || !a.Has("2.5.4.35", "sn") {
				t.Error("Has is wrong")
			}
			if found, err := FindGeneratePasswordControl(parseMessage(t, v.bytes(t)).controls); err != nil || !found {
				t.Errorf("control: %v %v", found, err)
			}

			// The new attribute, as asn1-ber sees it.
			value := bytes.Repeat([]byte("p"), 300)
			got := a.WithAttribute("userPassword", value)
			if len(got) != cap(got) {
				t.Error("the buffer was outgrown")
			}
			p, err := ber.DecodePacketErr(got)
			if err != nil || p.ClassType != ber.ClassApplication || p.Tag != 8 || len(p.Children) != 2 {
				t.Fatalf("%v %v", p, err)
			}
			list := p.Children[1].Children
			last := list[len(list)-1]
			if len(list) != len(want.Attributes)+1 || last.Children[0].Value != "userPassword" || last.Children[1].Tag != ber.TagSet ||
				!bytes.Equal(last.Children[1].Children[0].Data.Bytes(), value) {
				t.Errorf("%x", got)
			}
			if !bytes.Contains(got, a.attributes) {
				t.Error("the other attributes have changed")
			}
		})
	}
}

func TestParseAddRequestRefuses(t *testing.T) {
	for _, s := range []string{
		"", "68", "6800", "6602", // cut short, another operation
		"6803040161",                          // no attributes
		"68070403636e3d3000" + "00",           // octets follow
		"68060403636e3d0400",                  // attributes are no SEQUENCE
		"680b0403636e3d30043002" + "0400",     // attribute without values
		"680d0403636e3d30063004" + "04003000", // values are no SET
		"680f0403636e3d30083006" + "040031020201",
		"68110403636e3d300a3008" + "040031040201" + "0100",
	} {
		_, err := ParseAddRequest(unhex(t, s))
		wantCode(t, err, result.ProtocolError)
	}
	_, err := ParseAddRequest(nil)
	wantCode(t, err, result.ProtocolError)
}

// notAttribute is a rule that compares with an attribute of the subject.
type notAttribute string

func (n notAttribute) Check(password []byte, s rule.Subject) []string {
	if slices.Contains(s.Values(string(n)), string(password)) {
		return []string{"The password must not be an attribute."}
	}
	return nil
}
func (notAttribute) Requirement() rule.Requirement { return rule.Requirement{} }

func TestGenerateAdd(t *testing.T) {
	w := newWorld()
	const policyDN = "cn=add,ou=policies,dc=example,dc=com"
	p := w.policy(policyDN, notAttribute("description"))
	p.MustChange = true
	p.MaxAge = 90 * 24 * time.Hour
	eff := effective(t, w, policy.Selection{PolicyDN: policyDN})
	op := addOp(t, loadVectors(t, "addRequestMessage")[0].bytes(t))
	a, err := ParseAddRequest(op)
	if err != nil {
		t.Fatal(err)
	}
	// The first password that is generated is an attribute of the new entry.
	a, err = ParseAddRequest(a.WithAttribute("description;lang-en", []byte("Generated-0001")))
	if err != nil {
		t.Fatal(err)
	}
	g, err := GenerateAdd(t.Context(), a, eff, PasswordAttribute{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := DecodeGeneratePasswordResponseControl(g.Controls[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Password.Bytes()) != "Generated-0002" || !c.MustChange || c.SecondsUntilExpiration == nil || *c.SecondsUntilExpiration != 90*24*60*60 {
		t.Errorf("control %q %v %v", c.Password.Bytes(), c.MustChange, c.SecondsUntilExpiration)
	}
	if g.Controls[0].OID != GeneratePasswordResponseControlOID || g.Controls[0].Critical {
		t.Errorf("controls %+v", g.Controls)
	}
	got, err := ParseAddRequest(g.Op)
	if err != nil || !slices.Equal(got.Subject().Values("userPassword"), []string{"Generated-0002"}) {
		t.Errorf("%v %v", got.Subject(), err)
	}
	g.Wipe()
	if bytes.Contains(g.Op, []byte("Generated")) || bytes.Contains(g.Controls[0].Value, []byte("Generated")) {
		t.Error("not wiped")
	}

	g, err = GenerateAdd(t.Context(), a, eff, PasswordAttribute{Name: "unicodePwd", Encode: UnicodePwd})
	if err != nil || !bytes.Contains(g.Op, []byte("\"\x00G\x00e\x00n\x00")) {
		t.Errorf("%x %v", g.Op, err)
	}
}

func TestGenerateOneFailsClosed(t *testing.T) {
	w := newWorld()
	const never, hollow = "cn=never,ou=policies,dc=example,dc=com", "cn=hollow,ou=policies,dc=example,dc=com"
	w.policy(never, from(9999))
	w.policy(hollow).Generator = empty{}
	_, err := GenerateOne(t.Context(), effective(t, w, policy.Selection{PolicyDN: never}))
	if e := wantCode(t, err, result.ConstraintViolation); !strings.Contains(e.Text, "too early") || strings.Contains(e.Text, "Generated") {
		t.Errorf("text %q", e.Text)
	}
	_, err = GenerateOne(t.Context(), effective(t, w, policy.Selection{PolicyDN: hollow}))
	wantCode(t, err, result.UnwillingToPerform)
	_, err = GenerateAdd(t.Context(), AddRequest{}, effective(t, w, policy.Selection{PolicyDN: never}), PasswordAttribute{})
	wantCode(t, err, result.ConstraintViolation)
}

func TestPasswordModifyTarget(t *testing.T) {
	id := func(s string) *string { return &s }
	for _, tt := range []struct {
		identity *string
		authzID  string
		want     string
		ok       bool
	}{
		{nil, "dn:uid=ann,dc=example", "uid=ann,dc=example", true},
		{nil, "DN:uid=ann,dc=example", "uid=ann,dc=example", true},
		{nil, "u:ann", "", false},
		{nil, "", "", false},
		{nil, "dn:", "", false},
		{id("uid=bob,dc=example"), "dn:uid=ann,dc=example", "uid=bob,dc=example", true},
		{id("dn:uid=bob,dc=example"), "", "uid=bob,dc=example", true},
		{id("u:bob"), "dn:uid=ann,dc=example", "u:bob", false},
		{id("bob"), "dn:uid=ann,dc=example", "bob", false},
		{id(""), "dn:uid=ann,dc=example", "", false},
	} {
		got, ok := PasswordModifyRequest{UserIdentity: tt.identity}.Target(tt.authzID)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%v of %q: %q %v", tt.identity, tt.authzID, got, ok)
		}
	}
}

func TestUnicodePwdModify(t *testing.T) {
	const target = "CN=Jo,CN=Users,DC=example,DC=com"
	values := func(b []byte) (ops []int64, vs []string) {
		p, err := ber.DecodePacketErr(b)
		if err != nil || p.ClassType != ber.ClassApplication || p.Tag != 6 || p.Children[0].Value != target {
			t.Fatalf("%x: %v", b, err)
		}
		for _, c := range p.Children[1].Children {
			ops = append(ops, c.Children[0].Value.(int64))
			m := c.Children[1]
			if m.Children[0].Value != "unicodePwd" || len(m.Children[1].Children) != 1 {
				t.Errorf("%x", b)
			}
			vs = append(vs, m.Children[1].Children[0].Data.String())
		}
		return ops, vs
	}
	ops, vs := values(UnicodePwdModify(target, policy.Password{}, policy.NewPassword([]byte("aé😀"))))
	if diff := cmp.Diff([]int64{2}, ops); diff != "" {
		t.Error(diff)
	}
	if want := "\"\x00a\x00\xe9\x00\x3d\xd8\x00\xde\"\x00"; vs[0] != want {
		t.Errorf("%q, want %q", vs[0], want)
	}
	ops, vs = values(UnicodePwdModify(target, policy.NewPassword([]byte("o")), policy.NewPassword([]byte("n"))))
	if diff := cmp.Diff([]int64{1, 0}, ops); diff != "" {
		t.Error(diff)
	}
	if vs[0] != "\"\x00o\x00\"\x00" || vs[1] != "\"\x00n\x00\"\x00" {
		t.Errorf("%q", vs)
	}
}

func TestPasswordQuality(t *testing.T) {
	const (
		ann    = "uid=ann,ou=people,dc=example,dc=com"
		eve    = "uid=eve,ou=people,dc=example,dc=com"
		nobody = "uid=nobody,ou=people,dc=example,dc=com"
		strict = "cn=strict,ou=policies,dc=example,dc=com"
	)
	accepted := obj{"description": "The password must be a password.", "clientSideValidationType": "any",
		"clientSideValidationProperties": []any{obj{"name": "least", "value": "1"}}}
	early := obj{"description": "The password must not be early.", "clientSideValidationType": nil, "clientSideValidationProperties": []any{}}
	view := func(current, change any, requirements ...any) obj {
		return obj{"requirements": append([]any{}, requirements...), "currentPasswordRequired": current,
			"mustChangePassword": change, "secondsUntilExpiration": nil}
	}
	expiring := view(nil, true, accepted, early)
	expiring["secondsUntilExpiration"] = 3600
	tests := []struct {
		name     string
		req      PasswordQualityRequest
		caller   func(*fakeCaller)
		controls []Control
		want     obj
		code     result.Code
	}{
		{name: "add, default policy", req: PasswordQualityRequest{Use: AddWithDefaultPolicy}, want: view(nil, false)},
		{name: "add, policy by DN", req: PasswordQualityRequest{AddWithPolicy, strict}, want: expiring},
		{name: "reset", req: PasswordQualityRequest{AdministrativeResetFor, eve}, want: expiring},
		{name: "self change of a user", req: PasswordQualityRequest{SelfChangeOf, ann}, want: view(false, false)},
		{name: "self change", req: PasswordQualityRequest{Use: SelfChange}, want: view(false, false),
			caller: func(c *fakeCaller) { c.authzID = "dn:" + ann }},
		{name: "self change, proxied", req: PasswordQualityRequest{Use: SelfChange}, want: view(false, false),
			controls: []Control{{OID: ProxiedAuthorizationOID, Critical: true, Value: []byte("dn:" + ann)}}},
		{name: "self change of no DN", req: PasswordQualityRequest{Use: SelfChange}, code: result.UnwillingToPerform,
			caller: func(c *fakeCaller) { c.authzID = "u:ann" }},
		{name: "unprotected", req: PasswordQualityRequest{Use: AddWithDefaultPolicy}, want: view(nil, false),
			caller: func(c *fakeCaller) { c.plain = true }},
		{name: "anonymous", req: PasswordQualityRequest{Use: AddWithDefaultPolicy}, code: result.InsufficientAccessRights,
			caller: func(c *fakeCaller) { c.authzID = "" }},
		{name: "missing user", req: PasswordQualityRequest{AdministrativeResetFor, nobody}, code: result.NoSuchObject},
		{name: "hidden user", req: PasswordQualityRequest{SelfChangeOf, ann}, code: result.InsufficientAccessRights,
			caller: func(c *fakeCaller) { c.hidden = []string{ann} }},
		{name: "malformed DN", req: PasswordQualityRequest{SelfChangeOf, "ann"}, code: result.InvalidDNSyntax},
		{name: "unknown policy", req: PasswordQualityRequest{AddWithPolicy, "cn=none,dc=example,dc=com"}, code: result.NoSuchObject},
		{name: "no such use", req: PasswordQualityRequest{Use: 9}, code: result.ProtocolError},
		{name: "critical control", req: PasswordQualityRequest{Use: AddWithDefaultPolicy}, code: result.UnavailableCriticalExtension,
			controls: []Control{{OID: "1.2.3.4", Critical: true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			p := w.policy(strict, accept{}, from(1))
			p.MustChange, p.MaxAge, p.RequireCurrent = true, time.Hour, true
			caller := newCaller(w)
			caller.proxies = map[string][]string{"dn:" + ann: nil}
			if tt.caller != nil {
				tt.caller(caller)
			}
			var audit audits
			op := NewPasswordQuality(PasswordQualityConfig{Policies: w.service(), Audit: audit.record})
			resp, err := op.ServeExtended(t.Context(), &Request{Caller: caller, Value: tt.req.Encode(), Controls: tt.controls})
			if rec := audit.last(t); rec.OID != PasswordQualityRequestOID || (rec.Err == nil) != (err == nil) {
				t.Errorf("audited as %+v", rec)
			}
			if tt.code != result.Success {
				wantCode(t, err, tt.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			res, err := DecodePasswordQualityResult(resp.Value)
			if err != nil || resp.Name != PasswordQualityResponseOID {
				t.Fatal(resp.Name, err)
			}
			sameJSON(t, mustJSON(t, tt.want), qualityResultView(res))
		})
	}
	t.Run("self change demands the current password", func(t *testing.T) {
		w := newWorld()
		w.policies[strings.ToLower(strict)].RequireCurrent = true
		op := NewPasswordQuality(PasswordQualityConfig{Policies: w.service()})
		res, err := op.Do(t.Context(), newCaller(w), PasswordQualityRequest{SelfChangeOf, eve}, nil)
		if err != nil || res.CurrentPasswordRequired == nil || !*res.CurrentPasswordRequired {
			t.Errorf("%+v %v", res, err)
		}
	})
	t.Run("a malformed request is audited", func(t *testing.T) {
		var audit audits
		w := newWorld()
		op := NewPasswordQuality(PasswordQualityConfig{Policies: w.service(), Audit: audit.record})
		_, err := op.ServeExtended(t.Context(), &Request{Caller: newCaller(w)})
		wantCode(t, err, result.ProtocolError)
		if rec := audit.last(t); rec.Err == nil || rec.Err.Code != result.ProtocolError {
			t.Errorf("%+v", rec)
		}
	})
}
