package extop

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

const (
	ann = "uid=ann,ou=people,dc=example,dc=com"
	bob = "uid=bob,ou=secret,dc=example,dc=com"
	eve = "uid=eve,ou=people,dc=example,dc=com"
)

func modifyRequest(c Caller, r PasswordModifyRequest, controls ...Control) *Relayed {
	return &Relayed{Caller: c, Tag: tagExtendedRequest, Name: PasswordModifyOID, Value: r.Encode(), Controls: controls}
}

func of(user string) PasswordModifyRequest { return PasswordModifyRequest{UserIdentity: &user} }

// sentPassword returns what a completed Password Modify request sends on and
// what it gives back.
func sentPassword(t *testing.T, sent *Rewritten) (PasswordModifyRequest, string) {
	t.Helper()
	e := elements(sent.Op)
	content, err := e.want(tagExtendedRequest)
	if err != nil {
		t.Fatal(err)
	}
	e = content
	if name, err := e.wantString(contextPrimitive(0)); err != nil || name != PasswordModifyOID {
		t.Fatalf("%q %v", name, err)
	}
	value, err := e.want(contextPrimitive(1))
	if err != nil || len(e) > 0 {
		t.Fatal(err)
	}
	r, err := DecodePasswordModifyRequest(value)
	if err != nil {
		t.Fatal(err)
	}
	returned, err := DecodePasswordModifyResponse(sent.Value)
	if err != nil {
		t.Fatal(err)
	}
	if string(returned.Generated.Bytes()) != string(r.NewPassword.Bytes()) {
		t.Errorf("sent %q, gave %q", r.NewPassword.Bytes(), returned.Generated.Bytes())
	}
	return r, string(returned.Generated.Bytes())
}

func TestPasswordModifyRewrites(t *testing.T) {
	p := NewPasswordModify(RewriteConfig{})
	n := 0
	for _, v := range loadVectors(t, "passwordModifyRequestValue") {
		value := v.bytes(t)
		r, err := DecodePasswordModifyRequest(value)
		want := err == nil && r.Generates()
		if got := p.Rewrites(&Relayed{Name: PasswordModifyOID, Value: value}); got != want {
			t.Errorf("%s: %v, want %v", v.Name, got, want)
		}
		if want {
			n++
		}
	}
	if n == 0 {
		t.Error("no vector is ours")
	}
	if !p.Rewrites(&Relayed{Name: PasswordModifyOID}) || p.Rewrites(&Relayed{Name: WhoAmIOID}) {
		t.Error("an absent value is a request without new password; other operations are none")
	}
}

func TestPasswordModify(t *testing.T) {
	w := newWorld()
	var log audits
	p := NewPasswordModify(RewriteConfig{Policies: w.service(), Audit: log.record})
	// Who may only write sees nobody, and gets the password all the same.
	c := newCaller(w)
	c.hidden = []string{"dc=example,dc=com"}
	req := of(eve)
	req.OldPassword = policy.NewPassword([]byte("old"))
	sent, err := p.Rewrite(t.Context(), modifyRequest(c, req))
	if err != nil {
		t.Fatal(err)
	}
	r, password := sentPassword(t, sent)
	if *r.UserIdentity != eve || string(r.OldPassword.Bytes()) != "old" || password != "Generated-0001" {
		t.Errorf("request %+v, password %q", r, password)
	}
	if len(log.records) != 0 {
		t.Error("audited before it was done")
	}
	sent.Done(nil)
	if rec := log.last(t); rec.Target != eve || rec.EffectivePolicyDN != "cn=strict,ou=policies,dc=example,dc=com" || rec.Returned != 1 || rec.Err != nil || rec.OID != PasswordModifyOID {
		t.Errorf("audit %+v", rec)
	}
	sent.Wipe()
	if bytes.Contains(sent.Op, []byte("Generated")) || bytes.Contains(sent.Value, []byte("Generated")) {
		t.Error("not wiped")
	}

	// Without a user it is the caller, or who the caller acts as.
	self := newCaller(w)
	self.authzID = "dn:" + ann
	if sent, err = p.Rewrite(t.Context(), modifyRequest(self, PasswordModifyRequest{})); err != nil {
		t.Fatal(err)
	}
	sent.Done(result.New(result.ConstraintViolation, "no"))
	if rec := log.last(t); rec.Target != ann || rec.Returned != 0 || rec.Err.Code != result.ConstraintViolation {
		t.Errorf("audit %+v", rec)
	}
	proxied := Control{OID: ProxiedAuthorizationOID, Critical: true, Value: []byte("dn:" + ann)}
	if sent, err = p.Rewrite(t.Context(), modifyRequest(c, PasswordModifyRequest{}, proxied)); err != nil {
		t.Fatal(err)
	}
	sent.Done(nil)
	if rec := log.last(t); rec.Target != ann || rec.AuthzID != "dn:"+ann || rec.AskedBy != c.authzID {
		t.Errorf("audit %+v", rec)
	}
}

func denyAll(context.Context, Question) error {
	return result.New(result.InsufficientAccessRights, "not in the group")
}

func TestPasswordModifyRefuses(t *testing.T) {
	w := newWorld()
	const broken = "cn=never,ou=policies,dc=example,dc=com"
	w.policy(broken, from(9999))
	w.add(eve, policy.Attribute{Name: "policy", Values: []string{broken}})
	w.add(bob, policy.Attribute{Name: "policy", Values: []string{broken}})
	const unreadable = "uid=ida,ou=secret,dc=example,dc=com"
	w.add(unreadable)
	secret := result.New(result.InsufficientAccessRights, "the policy cn=top-secret cannot be read")
	for name, tc := range map[string]struct {
		req    PasswordModifyRequest
		caller func(*fakeCaller)
		cfg    func(*RewriteConfig)
		extra  []Control
		code   result.Code
		text   string
	}{
		"anonymous":        {req: of(ann), caller: func(c *fakeCaller) { c.authzID = "" }, code: 50},
		"unprotected":      {req: of(ann), caller: func(c *fakeCaller) { c.plain = true }, code: 13},
		"limit":            {req: of(ann), cfg: func(c *RewriteConfig) { c.Limit = func(Question) error { return result.New(result.Busy, "slow") } }, code: 51},
		"proxied, value":   {req: of(ann), extra: []Control{{OID: ProxiedAuthorizationOID, Critical: true}}, code: 2},
		"proxied, nobody":  {req: of(ann), extra: []Control{{OID: ProxiedAuthorizationOID, Critical: true, Value: []byte("dn:")}}, code: 50},
		"no DN":            {req: of("ann"), code: 53, text: "not named by a DN"},
		"root":             {req: of(""), code: 53},
		"missing":          {req: of("uid=no,ou=people,dc=example,dc=com"), code: 32},
		"missing, hidden":  {req: of("uid=no,ou=secret,dc=example,dc=com"), caller: func(c *fakeCaller) { c.hidden, c.empty = []string{"ou=secret,dc=example,dc=com"}, true }, code: 50},
		"visible reason":   {req: of(eve), code: 19, text: broken},
		"hidden reason":    {req: of(bob), caller: func(c *fakeCaller) { c.hidden = []string{"ou=secret,dc=example,dc=com"} }, code: 53, text: "no password could be generated; the server's log tells why"},
		"unreadable":       {req: of(unreadable), code: 50, text: "cn=top-secret"},
		"hidden failure":   {req: of(unreadable), caller: func(c *fakeCaller) { c.hidden = []string{"ou=secret,dc=example,dc=com"} }, code: 53, text: "no password could be generated; the server's log tells why"},
		"not in the group": {req: of(ann), cfg: func(c *RewriteConfig) { c.Authorize = denyAll }, code: 50},
	} {
		t.Run(name, func(t *testing.T) {
			w.fail[strings.ToLower(unreadable)] = secret
			var log audits
			cfg := RewriteConfig{Policies: w.service(), Audit: log.record}
			if tc.cfg != nil {
				tc.cfg(&cfg)
			}
			c := newCaller(w)
			if tc.caller != nil {
				tc.caller(c)
			}
			sent, err := NewPasswordModify(cfg).Rewrite(t.Context(), modifyRequest(c, tc.req, tc.extra...))
			if e := wantCode(t, err, tc.code); !strings.Contains(e.Text, tc.text) || sent != nil {
				t.Errorf("text %q, want %q", e.Text, tc.text)
			}
			if rec := log.last(t); rec.Err == nil || rec.Err.Code != tc.code || len(log.records) != 1 {
				t.Errorf("audit %+v", rec)
			}
		})
	}
}

func TestPasswordModifyUnicodePwd(t *testing.T) {
	w := newWorld()
	p := NewPasswordModify(RewriteConfig{Policies: w.service(), UnicodePwd: func() bool { return true }})
	sent, err := p.Rewrite(t.Context(), modifyRequest(newCaller(w), of(ann)))
	if err != nil {
		t.Fatal(err)
	}
	if !sent.Protected || sent.Op[0] != tagModifyRequest || !bytes.Contains(sent.Op, []byte(ann)) || !bytes.Contains(sent.Op, []byte("\"\x00G\x00e\x00n\x00")) {
		t.Errorf("%x", sent.Op)
	}
}

func TestPasswordModifyRetry(t *testing.T) {
	w := newWorld()
	p := NewPasswordModify(RewriteConfig{Policies: w.service()})
	ppolicy := func(code byte) []Control {
		return []Control{{OID: PasswordPolicyControlOID, Value: []byte{0x30, 3, 0x81, 1, code}}}
	}
	for name, tc := range map[string]struct {
		refusal Refusal
		again   bool
	}{
		"slapd, history":   {Refusal{Code: 19, Text: "Password is in history of old passwords"}, true},
		"slapd, same":      {Refusal{Code: 19, Text: "Password is not being changed from existing value"}, true},
		"389 DS":           {Refusal{Code: 19, Text: "Failed to update password", Controls: ppolicy(8)}, true},
		"389 DS, quality":  {Refusal{Code: 19, Text: "Failed to update password", Controls: ppolicy(5)}, false},
		"389 DS, unknown":  {Refusal{Code: 19, Text: "Failed to update password"}, false},
		"Samba":            {Refusal{Code: 19, Text: "0000052D: Constraint violation - check_password_restrictions: the password was already used (in history)!"}, true},
		"wrong old":        {Refusal{Code: 19, Text: "00000056: The old password specified doesn't match!"}, false},
		"too young":        {Refusal{Code: 19, Text: "Password is too young to change"}, false},
		"no right":         {Refusal{Code: 50, Text: "history"}, false},
		"control wins":     {Refusal{Code: 19, Text: "history", Controls: ppolicy(7)}, false},
		"broken control":   {Refusal{Code: 19, Text: "history", Controls: []Control{{OID: PasswordPolicyControlOID, Value: []byte{0x30}}}}, false},
		"unwilling, other": {Refusal{Code: 53, Text: "no"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			sent, err := p.Rewrite(t.Context(), modifyRequest(newCaller(w), of(ann)))
			if err != nil {
				t.Fatal(err)
			}
			_, before := sentPassword(t, sent)
			next := sent.Retry(t.Context(), tc.refusal)
			if (next != nil) != tc.again {
				t.Fatalf("again: %v", next != nil)
			}
			if next != nil {
				if _, after := sentPassword(t, next); after == before {
					t.Error("the same again")
				}
			}
		})
	}
	sent, err := p.Rewrite(t.Context(), modifyRequest(newCaller(w), of(ann)))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; sent != nil; n++ {
		sent = sent.Retry(t.Context(), Refusal{Code: 19, Text: "history"})
	}
	if n != maxHistory+1 {
		t.Errorf("%d passwords were tried", n)
	}
}

func addOf(t *testing.T, c Caller, msg []byte, controls ...Control) *Relayed {
	t.Helper()
	e := elements(addOp(t, msg))
	tag, body, err := e.next()
	if err != nil {
		t.Fatal(err)
	}
	return &Relayed{Caller: c, Tag: tag, Body: slices.Clone(body), Controls: controls}
}

func TestGeneratePasswordControl(t *testing.T) {
	w := newWorld()
	var log audits
	g := NewGeneratePasswordControl(RewriteConfig{Policies: w.service(), Audit: log.record})
	n := 0
	for _, v := range loadVectors(t, "addRequestMessage") {
		m := parseMessage(t, v.bytes(t))
		c := newCaller(w)
		c.hidden = []string{"dc=example,dc=com"}
		req := addOf(t, c, v.bytes(t), m.controls...)
		sent, err := g.Rewrite(t.Context(), req)
		if a, _ := ParseAddRequest(addOp(t, v.bytes(t))); a.Has("userPassword") {
			wantCode(t, err, result.UnwillingToPerform)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
		control, err := DecodeGeneratePasswordResponseControl(sent.Controls[0].Value)
		if err != nil {
			t.Fatal(err)
		}
		a, err := ParseAddRequest(sent.Op)
		if err != nil || a.Subject().Values("userPassword")[0] != string(control.Password.Bytes()) || sent.Without != GeneratePasswordRequestControlOID {
			t.Errorf("%v %v", a.Subject(), err)
		}
		sent.Done(nil)
		if rec := log.last(t); rec.Target != a.DN || rec.EffectivePolicyDN != defaultPolicyDN || rec.Returned != 1 {
			t.Errorf("audit %+v", rec)
		}
	}
	if n == 0 {
		t.Error("no vector is an add without password")
	}
}

func TestGeneratePasswordControlRefuses(t *testing.T) {
	w := newWorld()
	w.policy(defaultPolicyDN, from(9999))
	request := []Control{{OID: GeneratePasswordRequestControlOID, Critical: true}}
	msg := loadVectors(t, "addRequestMessage")[0].bytes(t)
	a, err := ParseAddRequest(addOp(t, msg))
	if err != nil {
		t.Fatal(err)
	}
	with := func(attribute string) func(*Relayed) {
		return func(r *Relayed) {
			e := elements(a.WithAttribute(attribute, []byte("x")))
			_, r.Body, _ = e.next()
		}
	}
	for name, tc := range map[string]struct {
		change func(*Relayed)
		code   result.Code
		text   string
	}{
		"value":  {func(r *Relayed) { r.Controls = []Control{{OID: GeneratePasswordRequestControlOID, Value: []byte{}}} }, 2, "takes no value"},
		"twice":  {func(r *Relayed) { r.Controls = append(r.Controls, request...) }, 2, "twice"},
		"modify": {func(r *Relayed) { r.Tag = tagModifyRequest }, 12, "an add only"},
		"modify, not critical": {func(r *Relayed) {
			r.Tag = tagModifyRequest
			r.Controls = []Control{{OID: GeneratePasswordRequestControlOID}}
		}, 53, "an add only"},
		"anonymous":       {func(r *Relayed) { r.Caller.(*fakeCaller).authzID = "dn:" }, 50, "authentication"},
		"unprotected":     {func(r *Relayed) { r.Caller.(*fakeCaller).plain = true }, 13, "TLS"},
		"malformed":       {func(r *Relayed) { r.Body = r.Body[:len(r.Body)-1] }, 2, "malformed"},
		"userPassword":    {with("userPassword"), 53, "has a password already"},
		"with options":    {with("USERPASSWORD;x-a"), 53, "has a password already"},
		"by OID":          {with("2.5.4.35"), 53, "has a password already"},
		"authPassword":    {with("authPassword"), 53, "has a password already"},
		"unicodePwd":      {with("unicodePwd"), 53, "has a password already"},
		"reason, visible": {func(*Relayed) {}, 19, "too early"},
		"reason, hidden":  {func(r *Relayed) { r.Caller.(*fakeCaller).hidden = []string{"dc=example,dc=com"} }, 53, "no password could be generated"},
	} {
		t.Run(name, func(t *testing.T) {
			var log audits
			req := addOf(t, newCaller(w), msg, slices.Clone(request)...)
			tc.change(req)
			sent, err := NewGeneratePasswordControl(RewriteConfig{Policies: w.service(), Audit: log.record}).Rewrite(t.Context(), req)
			if e := wantCode(t, err, tc.code); !strings.Contains(e.Text, tc.text) || sent != nil {
				t.Errorf("text %q, want %q", e.Text, tc.text)
			}
			if rec := log.last(t); rec.Err == nil || rec.Err.Code != tc.code {
				t.Errorf("audit %+v", rec)
			}
		})
	}
}
