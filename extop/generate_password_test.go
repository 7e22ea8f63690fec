package extop

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// The JSON of vectors.
type (
	requestJSON struct {
		Selection          string  `json:"selection"`
		PasswordPolicyDN   *string `json:"passwordPolicyDN"`
		TargetEntryDN      *string `json:"targetEntryDN"`
		NumberOfPasswords  int     `json:"numberOfPasswords"`
		ValidationAttempts int     `json:"validationAttempts"`
	}
	resultJSON struct {
		PasswordPolicyDN   string `json:"passwordPolicyDN"`
		GeneratedPasswords []struct {
			Password            *string  `json:"password"`
			PasswordHex         string   `json:"passwordHex"`
			ValidationAttempted bool     `json:"validationAttempted"`
			ValidationErrors    []string `json:"validationErrors"`
		} `json:"generatedPasswords"`
	}
	controlJSON struct {
		OID         string  `json:"oid"`
		Criticality bool    `json:"criticality"`
		ValueHex    *string `json:"valueHex"`
	}
	messageJSON struct {
		MessageID         int64         `json:"messageID"`
		RequestOID        string        `json:"requestOID"`
		ResultCode        int64         `json:"resultCode"`
		MatchedDN         string        `json:"matchedDN"`
		DiagnosticMessage string        `json:"diagnosticMessage"`
		ReferralURLs      []string      `json:"referralURLs"`
		ResponseOID       *string       `json:"responseOID"`
		ValueHex          *string       `json:"valueHex"`
		Controls          []controlJSON `json:"controls"`
		Request           *requestJSON  `json:"request"`
		Result            *resultJSON   `json:"result"`
	}
)

func (j requestJSON) request(t testing.TB) GeneratePasswordRequest {
	t.Helper()
	r := GeneratePasswordRequest{Count: j.NumberOfPasswords, Attempts: j.ValidationAttempts}
	switch j.Selection {
	case "defaultPolicy":
	case "passwordPolicyDN":
		r.Selection, r.DN = SelectPolicyDN, *j.PasswordPolicyDN
	case "targetEntryDN":
		r.Selection, r.DN = SelectTargetEntry, *j.TargetEntryDN
	default:
		t.Fatalf("selection %q", j.Selection)
	}
	return r
}

// plainResult is a GeneratePasswordResult whose passwords can be compared.
type plainResult struct {
	PolicyDN  string
	Passwords []plainPassword
}

type plainPassword struct {
	Hex       string
	Validated bool
	Errors    []string
}

func plain(r *GeneratePasswordResult) plainResult {
	p := plainResult{PolicyDN: r.PolicyDN}
	for _, g := range r.Passwords {
		p.Passwords = append(p.Passwords, plainPassword{hex.EncodeToString(g.Password.Bytes()), g.Validated, g.Errors})
	}
	return p
}

func (j resultJSON) plain() plainResult {
	p := plainResult{PolicyDN: j.PasswordPolicyDN}
	for _, g := range j.GeneratedPasswords {
		var messages []string
		messages = append(messages, g.ValidationErrors...)
		p.Passwords = append(p.Passwords, plainPassword{g.PasswordHex, g.ValidationAttempted, messages})
	}
	return p
}

func TestGeneratePasswordRequestVectors(t *testing.T) {
	refused := 0
	for _, v := range loadVectors(t, "generatePasswordRequestValue") {
		t.Run(v.Name, func(t *testing.T) {
			got, err := DecodeGeneratePasswordRequest(v.bytes(t))
			switch {
			case v.Verdict == "rejected":
				wantCode(t, err, result.ProtocolError)
				return
			case v.Verdict == "lax" && err != nil:
				wantCode(t, err, result.ProtocolError)
				refused++
				return
			case err != nil:
				t.Fatal(err)
			}
			var j requestJSON
			v.decoded(t, &j)
			want := j.request(t)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("decoded (-want +got):\n%s", diff)
			}
			encoded, _ := v.canonical(t)
			if got := want.Encode(); !bytes.Equal(got, encoded) || (got == nil) != (encoded == nil) {
				t.Errorf("encoded %x, want %x", got, encoded)
			}
		})
	}
	// Every one of them breaks the ASN.1, and what a client meant by it can
	// only be guessed.
	if refused != 9 {
		t.Errorf("%d lax requests refused, want all 9", refused)
	}
}

func TestGeneratePasswordResultVectors(t *testing.T) {
	for _, v := range loadVectors(t, "generatePasswordResultValue") {
		t.Run(v.Name, func(t *testing.T) {
			got, err := DecodeGeneratePasswordResult(v.bytes(t))
			switch {
			case v.Verdict == "rejected":
				wantCode(t, err, result.ProtocolError)
				return
			case v.Verdict == "lax" && err != nil:
				wantCode(t, err, result.ProtocolError)
				return
			case err != nil:
				t.Fatal(err)
			}
			var j resultJSON
			v.decoded(t, &j)
			if diff := cmp.Diff(j.plain(), plain(got)); diff != "" {
				t.Fatalf("decoded (-want +got):\n%s", diff)
			}
			want, ok := v.canonical(t)
			if !ok {
				// The SDK refuses to write an empty policy DN. We answer
				// so where no policy is in force.
				want = v.bytes(t)
			}
			encoded, err := got.Encode()
			if err != nil || !bytes.Equal(encoded, want) {
				t.Errorf("encoded %x (%v), want %x", encoded, err, want)
			}
			if cap(encoded) != len(encoded) {
				t.Errorf("the buffer has %d octets for %d: it was outgrown or guessed", cap(encoded), len(encoded))
			}
		})
	}
}

func TestGeneratePasswordResponseMessageVectors(t *testing.T) {
	values := 0
	for _, v := range loadVectors(t, "generatePasswordResponseMessage") {
		t.Run(v.Name, func(t *testing.T) {
			m := parseMessage(t, v.bytes(t))
			got, err := DecodeGeneratePasswordResult(m.value)
			if v.Verdict == "rejected" {
				// The value is fine in a few: what is wrong is around it.
				if err == nil && !m.odd && m.code == 0 {
					t.Error("accepted")
				}
				return
			}
			var j messageJSON
			v.decoded(t, &j)
			if m.code != j.ResultCode || m.id != j.MessageID {
				t.Fatalf("result %d of message %d, want %d of %d", m.code, m.id, j.ResultCode, j.MessageID)
			}
			if j.Result == nil {
				if m.value != nil || m.name != "" {
					t.Error("an unsuccessful response has a name or a value")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			values++
			if diff := cmp.Diff(j.Result.plain(), plain(got)); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
			if encoded, err := got.Encode(); err != nil || !bytes.Equal(encoded, m.value) {
				t.Errorf("encoded %x (%v), want %x", encoded, err, m.value)
			}
		})
	}
	if values == 0 {
		t.Error("no response held a value")
	}
}

// Every request message is put to the operation as the LDAP door would: who
// is refused is told so in an error with a code, who is served gets what the
// recorded request asks for.
func TestGeneratePasswordRequestMessageVectors(t *testing.T) {
	w := newWorld()
	served := 0
	for _, v := range loadVectors(t, "generatePasswordRequestMessage") {
		t.Run(v.Name, func(t *testing.T) {
			m := parseMessage(t, v.bytes(t))
			if m.odd {
				if v.Verdict != "lax" {
					t.Fatal("the envelope is odd")
				}
				return
			}
			if m.name != GeneratePasswordRequestOID {
				t.Fatalf("request name %q", m.name)
			}
			caller := newCaller(w)
			caller.proxies = map[string][]string{}
			for _, c := range m.controls {
				if c.OID == ProxiedAuthorizationOID {
					caller.proxies[string(c.Value)] = nil
				}
			}
			op := NewGeneratePassword(GeneratePasswordConfig{Policies: w.service(), MaxPasswords: 1000})
			resp, err := op.ServeExtended(t.Context(), &Request{Caller: caller, Name: m.name, Value: m.value, Controls: m.controls})
			if v.Verdict == "rejected" {
				wantCode(t, err, result.ProtocolError)
				return
			}
			var j messageJSON
			v.decoded(t, &j)
			want := j.Request.request(t)
			got, decodeErr := DecodeGeneratePasswordRequest(m.value)
			if decodeErr != nil {
				t.Fatal(decodeErr)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("decoded (-want +got):\n%s", diff)
			}
			for i, c := range j.Controls {
				if m.controls[i].OID != c.OID || m.controls[i].Critical != c.Criticality {
					t.Errorf("control %d is %s", i, m.controls[i].OID)
				}
			}
			if err != nil {
				switch code := result.From(err).Code; code {
				case result.InsufficientAccessRights:
					if _, ok := caller.proxies[""]; !ok {
						t.Errorf("refused with %v: %v", code, err)
					}
				case result.NoSuchObject, result.UnavailableCriticalExtension, result.InvalidDNSyntax:
				default:
					t.Errorf("refused with %v: %v", code, err)
				}
				return
			}
			served++
			res, err := DecodeGeneratePasswordResult(resp.Value)
			if err != nil || resp.Name != GeneratePasswordResponseOID {
				t.Fatalf("response %q: %v", resp.Name, err)
			}
			if len(res.Passwords) != min(want.Count, 1000) {
				t.Errorf("%d passwords for %d", len(res.Passwords), want.Count)
			}
		})
	}
	if served == 0 {
		t.Error("no request was served")
	}
}

func TestGeneratePasswordSemantics(t *testing.T) {
	const (
		ann    = "uid=ann,ou=people,dc=example,dc=com"
		eve    = "uid=eve,ou=people,dc=example,dc=com"
		bob    = "uid=bob,ou=secret,dc=example,dc=com"
		nobody = "uid=nobody,ou=people,dc=example,dc=com"
		strict = "cn=strict,ou=policies,dc=example,dc=com"
		early  = "cn=early,ou=policies,dc=example,dc=com"
		never  = "cn=never,ou=policies,dc=example,dc=com"
		locked = "cn=locked,ou=policies,dc=example,dc=com"
		hollow = "cn=hollow,ou=policies,dc=example,dc=com"
	)
	proxy := func(value string) []Control {
		return []Control{{OID: ProxiedAuthorizationOID, Critical: true, Value: []byte(value)}}
	}
	target := func(d string) GeneratePasswordRequest {
		return GeneratePasswordRequest{Selection: SelectTargetEntry, DN: d, Count: 1, Attempts: 5}
	}
	named := func(d string, count, attempts int) GeneratePasswordRequest {
		return GeneratePasswordRequest{Selection: SelectPolicyDN, DN: d, Count: count, Attempts: attempts}
	}
	standard := GeneratePasswordRequest{Count: 1, Attempts: 5}

	tests := []struct {
		name     string
		req      GeneratePasswordRequest
		controls []Control
		caller   func(*fakeCaller)
		world    func(*world)
		cfg      func(*GeneratePasswordConfig)

		code      result.Code
		matchedDN string
		policyDN  string
		count     int // 0 means 1
		validated bool
		errors    int    // validation errors of each password
		last      string // last password; empty for not compared
		questions string // what the directory was asked as the caller, joined by "; "
	}{
		// What is selected.
		{name: "default policy", req: standard, policyDN: defaultPolicyDN},
		{name: "policy by DN", req: named(strict, 1, 5), policyDN: strict, validated: true},
		{name: "target with the default policy", req: target(ann), policyDN: defaultPolicyDN, questions: ann},
		{name: "target with a policy of its own", req: target(eve), policyDN: strict, validated: true, questions: eve},
		{name: "missing target", req: target(nobody), policyDN: defaultPolicyDN,
			questions: nobody + "; ou=people,dc=example,dc=com"},
		{name: "missing target with missing superiors", req: target("uid=x,ou=a,ou=b,dc=example,dc=com"), policyDN: defaultPolicyDN,
			questions: "uid=x,ou=a,ou=b,dc=example,dc=com; dc=example,dc=com"},
		{name: "unknown policy", req: named("cn=none,ou=policies,dc=example,dc=com", 1, 5),
			code: result.NoSuchObject, matchedDN: "ou=policies,dc=example,dc=com"},
		{name: "policy that is none", req: named(ann, 1, 5), code: result.NoSuchObject},
		{name: "empty policy DN", req: named("", 1, 5), code: result.NoSuchObject},
		{name: "malformed policy DN", req: named("strict", 1, 5), code: result.InvalidDNSyntax},
		{name: "empty target DN", req: target(""), code: result.NoSuchObject},
		{name: "malformed target DN", req: target("uid=,,"), code: result.InvalidDNSyntax},
		{name: "target with too many components", req: target(strings.Repeat("ou=x,", 70) + "dc=com"), code: result.UnwillingToPerform},
		{name: "policy that refuses everything", req: named(locked, 1, 5), code: result.UnwillingToPerform,
			world: func(w *world) { w.policy(locked).Blocked = "its check module is not installed" }},
		{name: "generator that makes nothing", req: named(hollow, 1, 5), code: result.UnwillingToPerform,
			world: func(w *world) { w.policy(hollow).Generator = empty{} }},

		// How many, and how hard.
		{name: "several", req: named(strict, 7, 5), policyDN: strict, count: 7, validated: true},
		{name: "more than the maximum", req: named(strict, 200, 5), policyDN: strict, count: 10, validated: true},
		{name: "more than a maximum of 3", req: named(strict, 200, 5), policyDN: strict, count: 3, validated: true,
			cfg: func(c *GeneratePasswordConfig) { c.MaxPasswords = 3 }},
		{name: "count 0", req: named(strict, 0, 5), code: result.ProtocolError},
		{name: "count below 0", req: named(strict, -1, 5), code: result.ProtocolError},
		{name: "attempts below 0", req: named(strict, 1, -1), code: result.ProtocolError},
		{name: "no such selection", req: GeneratePasswordRequest{Selection: 3, Count: 1}, code: result.ProtocolError},
		{name: "0 attempts", req: named(early, 1, 0), policyDN: early, last: "Generated-0001",
			world: func(w *world) { w.policy(early, from(3)) }},
		{name: "1 attempt", req: named(early, 1, 1), policyDN: early, validated: true, errors: 1, last: "Generated-0001",
			world: func(w *world) { w.policy(early, from(3)) }},
		{name: "2 attempts of 3 needed", req: named(early, 1, 2), policyDN: early, validated: true, errors: 1, last: "Generated-0002",
			world: func(w *world) { w.policy(early, from(3)) }},
		{name: "enough attempts", req: named(early, 1, 5), policyDN: early, validated: true, last: "Generated-0003",
			world: func(w *world) { w.policy(early, from(3)) }},
		{name: "every reason is given", req: named(never, 2, 1), policyDN: never, count: 2, validated: true, errors: 2,
			world: func(w *world) { w.policy(never, from(9999), accept{}, from(9999)) }},
		{name: "more attempts than the maximum", req: named(never, 1, 1<<30), policyDN: never, validated: true, errors: 1, last: "Generated-0100",
			world: func(w *world) { w.policy(never, from(9999)) }},
		{name: "more attempts than a maximum of 4", req: named(never, 1, 1<<30), policyDN: never, validated: true, errors: 1, last: "Generated-0004",
			world: func(w *world) { w.policy(never, from(9999)) }, cfg: func(c *GeneratePasswordConfig) { c.MaxAttempts = 4 }},

		// Who asks.
		{name: "anonymous", req: standard, code: result.InsufficientAccessRights,
			caller: func(c *fakeCaller) { c.authzID = "" }},
		{name: "anonymous and unprotected", req: standard, code: result.InsufficientAccessRights,
			caller: func(c *fakeCaller) { c.authzID, c.plain = "", true }},
		{name: "unprotected", req: target(ann), code: result.ConfidentialityRequired,
			caller: func(c *fakeCaller) { c.plain = true }},
		{name: "not in the list", req: target(ann), code: result.InsufficientAccessRights,
			cfg: func(c *GeneratePasswordConfig) {
				c.Authorize = func(_ context.Context, q Question) error {
					if q.Target != ann || q.OID != GeneratePasswordRequestOID || q.AuthzID != "dn:cn=helpdesk,dc=example,dc=com" {
						return errors.New("unexpected question")
					}
					return result.New(result.InsufficientAccessRights, "not in the list")
				}
			}},
		{name: "too often", req: target(ann), code: result.Busy,
			cfg: func(c *GeneratePasswordConfig) {
				c.Limit = func(q Question) error { return result.New(result.Busy, "%s asks too often", q.AuthzID) }
			}},
		{name: "a hook without a code", req: standard, code: result.Other,
			cfg: func(c *GeneratePasswordConfig) {
				c.Authorize = func(context.Context, Question) error { return errors.New("private") }
			}},

		// What the caller can see.
		{name: "hidden target", req: target(ann), code: result.InsufficientAccessRights,
			caller: func(c *fakeCaller) { c.hidden = []string{ann} }},
		{name: "hidden target, empty answer", req: target(ann), code: result.InsufficientAccessRights, questions: ann,
			caller: func(c *fakeCaller) { c.hidden, c.empty = []string{ann}, true }},
		{name: "target under a hidden superior", req: target(bob), code: result.InsufficientAccessRights,
			caller: func(c *fakeCaller) { c.hidden = []string{"ou=secret,dc=example,dc=com"} }},
		{name: "missing target under a hidden superior", req: target("uid=x,ou=secret,dc=example,dc=com"), code: result.InsufficientAccessRights,
			caller: func(c *fakeCaller) { c.hidden = []string{"ou=secret,dc=example,dc=com"} }},
		{name: "missing target under a hidden superior that is not the nearest", req: target("uid=x,ou=people,dc=example,dc=com"), policyDN: defaultPolicyDN,
			caller: func(c *fakeCaller) { c.hidden = []string{"ou=secret,dc=example,dc=com"} }},
		{name: "hidden suffix", req: target("dc=example,dc=com"), code: result.InsufficientAccessRights,
			caller: func(c *fakeCaller) { c.hidden = []string{"dc=example,dc=com"} }},
		{name: "outside every entry", req: target("uid=x,dc=elsewhere"), code: result.NoSuchObject, questions: "uid=x,dc=elsewhere"},
		{name: "target that the service account cannot read", req: target("uid=x,ou=secret,dc=example,dc=com"), code: result.InsufficientAccessRights,
			world: func(w *world) {
				w.fail["ou=secret,dc=example,dc=com"] = result.New(result.InsufficientAccessRights, "may not read ou=secret")
			}},
		{name: "directory gone while looking", req: target(nobody), code: result.Unavailable,
			world: func(w *world) {
				w.fail["ou=people,dc=example,dc=com"] = result.New(result.Unavailable, "connection to ldap1 lost")
			}},
		{name: "directory that is busy", req: target(ann), code: result.Busy,
			caller: func(c *fakeCaller) { c.fault = result.New(result.Busy, "try again") }},
		{name: "target on another server", req: target(ann), code: result.UnwillingToPerform,
			caller: func(c *fakeCaller) { c.fault = result.New(result.Referral, "") }},

		// Controls.
		{name: "unknown critical control", req: standard, code: result.UnavailableCriticalExtension,
			controls: []Control{{OID: "1.2.3.4", Critical: true}}},
		{name: "unknown control", req: standard, policyDN: defaultPolicyDN,
			controls: []Control{{OID: "1.2.3.4", Value: []byte("x")}}},
		{name: "unprotected with an unknown critical control", req: standard, code: result.ConfidentialityRequired,
			controls: []Control{{OID: "1.2.3.4", Critical: true}},
			caller:   func(c *fakeCaller) { c.plain = true }},
		{name: "proxied, default policy", req: standard, controls: proxy("u:manager"), policyDN: defaultPolicyDN, questions: " as u:manager"},
		{name: "proxied, policy by DN", req: named(strict, 1, 5), controls: proxy("u:manager"), policyDN: strict, validated: true, questions: " as u:manager"},
		{name: "proxied, target", req: target(ann), controls: proxy("u:manager"), policyDN: defaultPolicyDN, questions: ann + " as u:manager"},
		{name: "proxied, target hidden from the identity", req: target(bob), controls: proxy("u:manager"), code: result.InsufficientAccessRights},
		{name: "proxied, target hidden from the caller only", req: target(ann), controls: proxy("u:manager"), policyDN: defaultPolicyDN,
			caller: func(c *fakeCaller) { c.hidden = []string{ann} }},
		{name: "proxied, missing target", req: target(nobody), controls: proxy("u:manager"), policyDN: defaultPolicyDN,
			questions: nobody + " as u:manager; ou=people,dc=example,dc=com as u:manager"},
		{name: "proxied, not allowed", req: standard, controls: proxy("u:root"), code: result.AuthorizationDenied},
		{name: "proxied, not allowed, target", req: target(ann), controls: proxy("u:root"), code: result.AuthorizationDenied},
		{name: "proxied, not allowed, missing target", req: target(nobody), controls: proxy("u:root"), code: result.AuthorizationDenied},
		{name: "proxied as anonymous", req: standard, controls: proxy(""), code: result.InsufficientAccessRights},
		{name: "proxied as the empty DN", req: standard, controls: proxy("dn:"), code: result.InsufficientAccessRights},
		{name: "proxied by an anonymous caller", req: standard, controls: proxy("u:manager"), code: result.InsufficientAccessRights,
			caller: func(c *fakeCaller) { c.authzID = "" }},
		{name: "proxied, not critical", req: standard, code: result.ProtocolError,
			controls: []Control{{OID: ProxiedAuthorizationOID, Value: []byte("u:manager")}}},
		{name: "proxied, no value", req: standard, code: result.ProtocolError,
			controls: []Control{{OID: ProxiedAuthorizationOID, Critical: true}}},
		{name: "proxied twice", req: standard, code: result.ProtocolError,
			controls: append(proxy("u:manager"), proxy("u:root")...)},
		{name: "proxied identity is what is authorized", req: standard, controls: proxy("u:manager"), code: result.InsufficientAccessRights,
			cfg: func(c *GeneratePasswordConfig) {
				c.Authorize = func(_ context.Context, q Question) error {
					if q.AuthzID == "u:manager" {
						return result.New(result.InsufficientAccessRights, "managers may not")
					}
					return nil
				}
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			if tt.world != nil {
				tt.world(w)
			}
			caller := newCaller(w)
			caller.proxies = map[string][]string{"u:manager": {"ou=secret,dc=example,dc=com"}}
			if tt.caller != nil {
				tt.caller(caller)
			}
			var audit audits
			cfg := GeneratePasswordConfig{Policies: w.service(), Audit: audit.record}
			if tt.cfg != nil {
				tt.cfg(&cfg)
			}
			res, err := NewGeneratePassword(cfg).Do(t.Context(), caller, tt.req, tt.controls)

			rec := audit.last(t)
			if rec.OID != GeneratePasswordRequestOID || rec.Time.IsZero() || len(audit.records) != 1 {
				t.Errorf("audit records %+v", audit.records)
			}
			if rec.AskedBy != caller.authzID {
				t.Errorf("audited as asked by %q", rec.AskedBy)
			}
			if tt.questions != "" {
				if got := strings.Join(caller.questions, "; "); got != tt.questions {
					t.Errorf("the directory was asked %q, want %q", got, tt.questions)
				}
			}
			if tt.code != result.Success {
				if res != nil {
					t.Error("a result came with the error")
				}
				e := wantCode(t, err, tt.code)
				if e.MatchedDN != tt.matchedDN {
					t.Errorf("matched DN %q, want %q", e.MatchedDN, tt.matchedDN)
				}
				if rec.Err == nil || rec.Err.Code != tt.code || rec.Returned != 0 {
					t.Errorf("audited as %+v", rec)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer res.Wipe()
			want := max(tt.count, 1)
			if res.PolicyDN != tt.policyDN || len(res.Passwords) != want {
				t.Fatalf("%d passwords under %q, want %d under %q", len(res.Passwords), res.PolicyDN, want, tt.policyDN)
			}
			for i, p := range res.Passwords {
				if p.Validated != tt.validated || len(p.Errors) != tt.errors {
					t.Errorf("password %d: validated %v with errors %q", i, p.Validated, p.Errors)
				}
			}
			last := string(res.Passwords[want-1].Password.Bytes())
			if tt.last != "" && last != tt.last {
				t.Errorf("last password %q, want %q", last, tt.last)
			}
			rejected := 0
			if tt.errors > 0 {
				rejected = want
			}
			if rec.Err != nil || rec.EffectivePolicyDN != tt.policyDN || rec.Requested != tt.req.Count || rec.Returned != want || rec.Rejected != rejected {
				t.Errorf("audited as %+v", rec)
			}
			if s := fmt.Sprintf("%v %+v %#v", rec, res, res); strings.Contains(s, "Generated-") {
				t.Errorf("a password is printed: %s", s)
			}
		})
	}
}

// empty is a generator that makes nothing.
type empty struct{}

func (empty) Append(dst []byte, _ *generate.Rand) []byte { return dst }
func (empty) Bits() float64                              { return 0 }

// Whatever is the reason for which a caller does not see a target, the answer
// is the same to the letter.
func TestGeneratePasswordHiddenIsUniform(t *testing.T) {
	const bob = "uid=bob,ou=secret,dc=example,dc=com"
	answers := map[string]string{}
	ask := func(name, target string, change func(*world, *fakeCaller)) {
		w := newWorld()
		caller := newCaller(w)
		caller.hidden = []string{"ou=secret,dc=example,dc=com"}
		if change != nil {
			change(w, caller)
		}
		op := NewGeneratePassword(GeneratePasswordConfig{Policies: w.service()})
		res, err := op.Do(t.Context(), caller, GeneratePasswordRequest{Selection: SelectTargetEntry, DN: target, Count: 1, Attempts: 5}, nil)
		if err == nil {
			t.Fatalf("%s: a password under %q", name, res.PolicyDN)
		}
		e := result.From(err)
		answers[fmt.Sprintf("%v %q %q", e.Code, e.MatchedDN, e.Text)] += " " + name
	}
	ask("hidden", bob, nil)
	ask("missing-under-hidden", "uid=none,ou=secret,dc=example,dc=com", nil)
	ask("deep-under-hidden", "uid=none,ou=none,ou=secret,dc=example,dc=com", nil)
	ask("empty-answer", bob, func(_ *world, c *fakeCaller) { c.empty = true })
	ask("hidden-in-sight", "uid=ann,ou=people,dc=example,dc=com", func(_ *world, c *fakeCaller) {
		c.hidden = []string{"uid=ann,ou=people,dc=example,dc=com"}
	})
	ask("unreadable", bob, func(w *world, _ *fakeCaller) {
		w.fail["ou=secret,dc=example,dc=com"] = result.New(result.InsufficientAccessRights, "may not read")
	})
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
	for a := range answers {
		if strings.Contains(a, "secret") || strings.Contains(a, "bob") || strings.Contains(a, "ann") {
			t.Errorf("the answer names an entry: %s", a)
		}
	}
}

// For a caller who does not see where a target would stand, nobody even looks
// whether it is there, so that the time taken does not tell.
func TestGeneratePasswordHiddenIsNotLookedUp(t *testing.T) {
	var searched [2]string
	for i, target := range []string{"uid=bob,ou=secret,dc=example,dc=com", "uid=none,ou=secret,dc=example,dc=com"} {
		w := newWorld()
		caller := newCaller(w)
		caller.hidden = []string{"ou=secret,dc=example,dc=com"}
		op := NewGeneratePassword(GeneratePasswordConfig{Policies: w.service()})
		_, err := op.Do(t.Context(), caller, GeneratePasswordRequest{Selection: SelectTargetEntry, DN: target, Count: 1}, nil)
		wantCode(t, err, result.InsufficientAccessRights)
		searched[i] = strings.Join(w.searched, ";")
	}
	if searched[0] != searched[1] || searched[0] != "ou=secret,dc=example,dc=com" {
		t.Errorf("searches %q", searched)
	}
}

// A target that is added between the caller's question and ours was never
// shown to the caller.
func TestGeneratePasswordTargetAppears(t *testing.T) {
	w := newWorld()
	svc := appearing{w.service()}
	op := NewGeneratePassword(GeneratePasswordConfig{Policies: svc})
	_, err := op.Do(t.Context(), newCaller(w), GeneratePasswordRequest{
		Selection: SelectTargetEntry, DN: "uid=new,ou=people,dc=example,dc=com", Count: 1, Attempts: 5}, nil)
	wantCode(t, err, result.InsufficientAccessRights)
}

type appearing struct{ *policy.Service }

func (a appearing) Resolve(ctx context.Context, sel policy.Selection) (*policy.Effective, error) {
	eff, err := a.Service.Resolve(ctx, sel)
	if eff != nil {
		eff.Exists = true
	}
	return eff, err
}

func TestGeneratePasswordCanceled(t *testing.T) {
	w := newWorld()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	op := NewGeneratePassword(GeneratePasswordConfig{Policies: w.service()})
	_, err := op.Do(ctx, newCaller(w), GeneratePasswordRequest{Count: 1, Attempts: 5}, nil)
	wantCode(t, err, result.Canceled)
}

func TestGeneratePasswordServeExtended(t *testing.T) {
	w := newWorld()
	var audit audits
	op := NewGeneratePassword(GeneratePasswordConfig{Policies: w.service(), Audit: audit.record})
	caller := newCaller(w)

	resp, err := op.ServeExtended(t.Context(), &Request{Caller: caller, Name: GeneratePasswordRequestOID})
	if err != nil {
		t.Fatal(err)
	}
	res, err := DecodeGeneratePasswordResult(resp.Value)
	if err != nil || resp.Name != GeneratePasswordResponseOID || len(res.Passwords) != 1 || res.PolicyDN != defaultPolicyDN {
		t.Fatalf("%v %v %v", resp.Name, res, err)
	}
	if string(res.Passwords[0].Password.Bytes()) != "Generated-0001" {
		t.Error("not the password that was generated")
	}

	_, err = op.ServeExtended(t.Context(), &Request{Caller: caller, Name: GeneratePasswordRequestOID, Value: []byte{}})
	wantCode(t, err, result.ProtocolError)
	if rec := audit.last(t); len(audit.records) != 2 || rec.Err == nil || rec.Err.Code != result.ProtocolError {
		t.Errorf("a malformed request is audited as %+v", rec)
	}
}

func TestGeneratePasswordServeImmediate(t *testing.T) {
	value := func(r GeneratePasswordRequest) []byte { return r.Encode() }
	proxied := []Control{{OID: ProxiedAuthorizationOID, Critical: true, Value: []byte("u:manager")}}
	for _, tt := range []struct {
		name   string
		req    Request
		cfg    func(*GeneratePasswordConfig)
		caller func(*fakeCaller)
		cold   bool
		ok     bool
		code   result.Code
		count  int
	}{
		{name: "default policy", ok: true, count: 1},
		{name: "several", req: Request{Value: value(GeneratePasswordRequest{Count: 9, Attempts: 2})}, ok: true, count: 9},
		{name: "not read yet", cold: true},
		{name: "named policy", req: Request{Value: value(GeneratePasswordRequest{Selection: SelectPolicyDN, DN: defaultPolicyDN, Count: 1})}},
		{name: "target", req: Request{Value: value(GeneratePasswordRequest{Selection: SelectTargetEntry, DN: "dc=example,dc=com", Count: 1})}},
		{name: "many draws", req: Request{Value: value(GeneratePasswordRequest{Count: 10, Attempts: 50})}},
		{name: "malformed", req: Request{Value: []byte{}}},
		{name: "proxied", req: Request{Controls: proxied}},
		{name: "with an authorizer", cfg: func(c *GeneratePasswordConfig) {
			c.Authorize = func(context.Context, Question) error { return nil }
		}},
		{name: "policies that may wait", cfg: func(c *GeneratePasswordConfig) {
			c.Policies = struct{ Policies }{c.Policies}
		}},
		{name: "anonymous", caller: func(c *fakeCaller) { c.authzID = "" }, ok: true, code: result.InsufficientAccessRights},
		{name: "unprotected", caller: func(c *fakeCaller) { c.plain = true }, ok: true, code: result.ConfidentialityRequired},
		{name: "too often", cfg: func(c *GeneratePasswordConfig) {
			c.Limit = func(Question) error { return result.New(result.Busy, "too often") }
		}, ok: true, code: result.Busy},
		{name: "critical control", req: Request{Controls: []Control{{OID: "1.2.3.4", Critical: true}}}, ok: true, code: result.UnavailableCriticalExtension},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			svc := w.service()
			if !tt.cold {
				if _, err := svc.Resolve(t.Context(), policy.Selection{}); err != nil {
					t.Fatal(err)
				}
			}
			var audit audits
			cfg := GeneratePasswordConfig{Policies: svc, Audit: audit.record}
			if tt.cfg != nil {
				tt.cfg(&cfg)
			}
			caller := newCaller(w)
			if tt.caller != nil {
				tt.caller(caller)
			}
			tt.req.Caller = caller
			w.searched = nil
			buffer := make([]byte, 3, 512)
			resp := Response{Value: buffer}
			ok, err := NewGeneratePassword(cfg).ServeImmediate(t.Context(), &tt.req, &resp)
			if ok != tt.ok || len(w.searched) > 0 || len(caller.questions) > 0 {
				t.Fatalf("answered %v, after the searches %q and the questions %q", ok, w.searched, caller.questions)
			}
			if !ok {
				if err != nil || len(audit.records) > 0 {
					t.Errorf("it did something: %v %v", err, audit.records)
				}
				return
			}
			if rec := audit.last(t); len(audit.records) != 1 || (rec.Err == nil) != (err == nil) {
				t.Errorf("audited as %+v", audit.records)
			}
			if tt.code != result.Success {
				wantCode(t, err, tt.code)
				return
			}
			res, err := DecodeGeneratePasswordResult(resp.Value)
			if err != nil || resp.Name != GeneratePasswordResponseOID || len(res.Passwords) != tt.count {
				t.Errorf("%q %v %v", resp.Name, res, err)
			}
			if &resp.Value[0] != &buffer[0] {
				t.Error("the server's buffer was not used")
			}
		})
	}
}

func TestGeneratePasswordResultIsRedacted(t *testing.T) {
	res := &GeneratePasswordResult{Passwords: []GeneratedPassword{{Password: policy.NewPassword([]byte("hunter2hunter2"))}}}
	var buf bytes.Buffer
	slog.New(slog.NewJSONHandler(&buf, nil)).Info("x", "result", res, "password", res.Passwords[0].Password)
	fmt.Fprintf(&buf, "%v %+v %#v", res, *res, *res)
	if strings.Contains(buf.String(), "hunter2") {
		t.Errorf("printed: %s", buf.String())
	}
	res.Wipe()
	if b := res.Passwords[0].Password.Bytes(); !bytes.Equal(b, make([]byte, len(b))) {
		t.Errorf("not wiped: %q", b)
	}
}

// A hoarder is a generator that keeps what it made.
type hoarder struct {
	numbered
	made [][]byte
}

func (h *hoarder) Append(dst []byte, rnd *generate.Rand) []byte {
	b := h.numbered.Append(dst, rnd)
	h.made = append(h.made, b)
	return b
}

// What remains of a password once the response is encoded is the response.
func TestGeneratePasswordIsWiped(t *testing.T) {
	w := newWorld()
	h := new(hoarder)
	w.policies[dn.Key(defaultPolicyDN)].Generator = h
	op := NewGeneratePassword(GeneratePasswordConfig{Policies: w.service()})
	req := &Request{Caller: newCaller(w), Value: GeneratePasswordRequest{Count: 3, Attempts: 5}.Encode()}
	if _, err := op.ServeExtended(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if ok, err := op.ServeImmediate(context.Background(), req, new(Response)); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if len(h.made) != 6 {
		t.Fatalf("%d passwords were made", len(h.made))
	}
	for _, b := range h.made {
		if !bytes.Equal(b, make([]byte, len(b))) {
			t.Errorf("%q is left", b)
		}
	}
}

func TestGeneratePasswordResultEncodeRefuses(t *testing.T) {
	_, err := (&GeneratePasswordResult{PolicyDN: "cn=x"}).Encode()
	wantCode(t, err, result.Other)
	_, err = (&GeneratePasswordResult{PolicyDN: "cn=x", Passwords: make([]GeneratedPassword, 1)}).Encode()
	wantCode(t, err, result.Other)
}

func FuzzGeneratePasswordRequest(f *testing.F) {
	for _, v := range loadVectors(f, "generatePasswordRequestValue") {
		f.Add(v.bytes(f))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := DecodeGeneratePasswordRequest(value)
		if err != nil {
			wantCode(t, err, result.ProtocolError)
			if r != (GeneratePasswordRequest{}) {
				t.Fatalf("%+v came with an error", r)
			}
			return
		}
		again, err := DecodeGeneratePasswordRequest(r.Encode())
		if err != nil || again != r {
			t.Fatalf("%+v became %+v (%v)", r, again, err)
		}
	})
}

func FuzzGeneratePasswordResult(f *testing.F) {
	for _, v := range loadVectors(f, "generatePasswordResultValue") {
		f.Add(v.bytes(f))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := DecodeGeneratePasswordResult(value)
		if err != nil {
			wantCode(t, err, result.ProtocolError)
			return
		}
		encoded, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeGeneratePasswordResult(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain(r), plain(again)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// benchmarkWorld has a default policy that leaves passwords to the built-in
// sampler.
func benchmarkWorld() *world {
	w := newWorld()
	w.policies[dn.Key(defaultPolicyDN)] = &policy.Policy{DN: defaultPolicyDN, ASCIIOnly: true}
	return w
}

func BenchmarkGeneratePasswordDo(b *testing.B) {
	w := benchmarkWorld()
	op := NewGeneratePassword(GeneratePasswordConfig{Policies: w.service()})
	caller := newCaller(w)
	r := GeneratePasswordRequest{Count: 1, Attempts: 5}
	b.ReportAllocs()
	for b.Loop() {
		res, err := op.Do(b.Context(), caller, r, nil)
		if err != nil {
			b.Fatal(err)
		}
		res.Wipe()
	}
}

// TestGeneratePasswordImmediateAllocations pins what an answer in place
// costs: the list of passwords, the one password with its header, and the
// result that holds them.
func TestGeneratePasswordImmediateAllocations(t *testing.T) {
	w := benchmarkWorld()
	svc := policy.NewService(fakeDialect{w}, w, policy.ServiceConfig{TTL: time.Hour})
	if _, err := svc.Resolve(t.Context(), policy.Selection{}); err != nil {
		t.Fatal(err)
	}
	op := NewGeneratePassword(GeneratePasswordConfig{Policies: svc})
	req := &Request{Caller: newCaller(w), Name: GeneratePasswordRequestOID}
	var resp Response
	if n := testing.AllocsPerRun(1000, func() {
		if ok, err := op.ServeImmediate(context.Background(), req, &resp); !ok || err != nil {
			t.Fatal(ok, err)
		}
		clear(resp.Value)
	}); n > 4 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGeneratePasswordServeImmediate(b *testing.B) {
	w := benchmarkWorld()
	svc := policy.NewService(fakeDialect{w}, w, policy.ServiceConfig{TTL: time.Hour})
	if _, err := svc.Resolve(b.Context(), policy.Selection{}); err != nil {
		b.Fatal(err)
	}
	op := NewGeneratePassword(GeneratePasswordConfig{Policies: svc})
	req := &Request{Caller: newCaller(w), Name: GeneratePasswordRequestOID}
	var resp Response
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := op.ServeImmediate(context.Background(), req, &resp); !ok || err != nil {
			b.Fatal(ok, err)
		}
		clear(resp.Value)
	}
}
