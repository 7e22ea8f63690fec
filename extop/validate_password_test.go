package extop

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

const strictPolicyDN = "cn=strict,ou=policies,dc=example,dc=com"

func clearText(s string) policy.Password { return policy.NewPassword([]byte(s)) }

func TestValidatePassword(t *testing.T) {
	w := newWorld()
	w.policy(strictPolicyDN, rule.Length{Min: 12}, rule.ClassMinimums{Digits: 1})
	w.policy("cn=blocked,ou=policies,dc=example,dc=com").Blocked = "No password is taken."
	tooShort := []string{"The password is shorter than 12 characters."}
	for _, tc := range []struct {
		name      string
		selection SelectionType
		dn        string
		password  string
		policy    string
		errors    []string
	}{
		{"default", SelectDefaultPolicy, "", "a", defaultPolicyDN, nil},
		{"policy", SelectPolicyDN, strictPolicyDN, "abc1", strictPolicyDN, tooShort},
		{"target", SelectTargetEntry, "uid=eve,ou=people,dc=example,dc=com", "abcdefghijk1", strictPolicyDN, nil},
		{"target that is not there", SelectTargetEntry, "uid=new,ou=people,dc=example,dc=com", "a", defaultPolicyDN, nil},
		{"blocked", SelectPolicyDN, "cn=blocked,ou=policies,dc=example,dc=com", "a", "cn=blocked,ou=policies,dc=example,dc=com", []string{"No password is taken."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a audits
			v := NewValidatePassword(ValidatePasswordConfig{Policies: w.service(), Audit: a.record})
			res, err := v.Do(t.Context(), newCaller(w), ValidatePasswordRequest{Selection: tc.selection, DN: tc.dn, Password: clearText(tc.password)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&ValidatePasswordResult{PolicyDN: tc.policy, Errors: tc.errors}, res); diff != "" || res.Valid() != (tc.errors == nil) {
				t.Error(diff)
			}
			rec := a.last(t)
			if rec.OID != ValidatePasswordName || rec.EffectivePolicyDN != tc.policy || rec.Err != nil || rec.Rejected != len(tc.errors) {
				t.Errorf("audited: %+v", rec)
			}
		})
	}
}

// Who asks for details gets a verdict on each requirement, kept or broken.
func TestValidatePasswordDetails(t *testing.T) {
	w := newWorld()
	w.policy(strictPolicyDN, rule.Length{Min: 12}, rule.ClassMinimums{Digits: 1})
	v := NewValidatePassword(ValidatePasswordConfig{Policies: w.service()})
	res, err := v.Do(t.Context(), newCaller(w), ValidatePasswordRequest{
		Selection: SelectPolicyDN, DN: strictPolicyDN, Password: clearText("abc1"), Details: true,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Verdict{
		{Requirement: rule.Length{Min: 12}.Requirement(), Reasons: []string{"The password is shorter than 12 characters."}},
		{Requirement: rule.ClassMinimums{Digits: 1}.Requirement()},
	}
	if diff := cmp.Diff(want, res.Verdicts); diff != "" {
		t.Error(diff)
	}
}

// TestValidatePasswordIsAsClosedAsGeneratePassword puts the same questions to
// both operations: who may not ask the one may not ask the other.
func TestValidatePasswordIsAsClosedAsGeneratePassword(t *testing.T) {
	const target = "uid=bob,ou=secret,dc=example,dc=com"
	for name, change := range map[string]func(*fakeCaller){
		"anonymous":        func(c *fakeCaller) { c.authzID = "" },
		"in the clear":     func(c *fakeCaller) { c.plain = true },
		"hidden":           func(c *fakeCaller) { c.hidden = []string{"ou=secret,dc=example,dc=com"} },
		"hidden, empty":    func(c *fakeCaller) { c.hidden, c.empty = []string{target}, true },
		"the directory":    func(c *fakeCaller) { c.fault = result.New(result.Unavailable, "down") },
		"nothing is wrong": func(*fakeCaller) {},
	} {
		w := newWorld()
		caller := newCaller(w)
		change(caller)
		_, err1 := NewGeneratePassword(GeneratePasswordConfig{Policies: w.service()}).
			Do(t.Context(), caller, GeneratePasswordRequest{Selection: SelectTargetEntry, DN: target, Count: 1, Attempts: 1}, nil)
		_, err2 := NewValidatePassword(ValidatePasswordConfig{Policies: w.service()}).
			Do(t.Context(), caller, ValidatePasswordRequest{Selection: SelectTargetEntry, DN: target, Password: clearText("Secret-1")}, nil)
		if fmt.Sprint(err1) != fmt.Sprint(err2) || result.From(err1) != nil && result.From(err1).Code != result.From(err2).Code {
			t.Errorf("%s: %v and %v", name, err1, err2)
		}
		if (err2 == nil) != (name == "nothing is wrong") {
			t.Errorf("%s: %v", name, err2)
		}
	}
}

func TestValidatePasswordRefuses(t *testing.T) {
	w := newWorld()
	turnedAway := func(Question) error { return result.New(result.Busy, "no") }
	for _, tc := range []struct {
		name string
		r    ValidatePasswordRequest
		l    Limiter
		code result.Code
	}{
		{"empty", ValidatePasswordRequest{}, nil, result.ProtocolError},
		{"long", ValidatePasswordRequest{Password: clearText(strings.Repeat("x", MaxValidatedOctets+1))}, nil, result.UnwillingToPerform},
		{"selection", ValidatePasswordRequest{Selection: 3, Password: clearText("x")}, nil, result.ProtocolError},
		{"limit", ValidatePasswordRequest{Password: clearText("x")}, turnedAway, result.Busy},
		{"dn", ValidatePasswordRequest{Selection: SelectPolicyDN, DN: "x", Password: clearText("x")}, nil, result.InvalidDNSyntax},
		{"no policy", ValidatePasswordRequest{Selection: SelectPolicyDN, DN: "cn=none,dc=example,dc=com", Password: clearText("x")}, nil, result.NoSuchObject},
	} {
		_, err := NewValidatePassword(ValidatePasswordConfig{Policies: w.service(), Limit: tc.l}).Do(t.Context(), newCaller(w), tc.r, nil)
		if !result.Is(err, tc.code) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestValidatePasswordTellsNobody looks for the password in whatever comes
// out of the operation.
func TestValidatePasswordTellsNobody(t *testing.T) {
	const secret = "tr0ub4dor&3"
	w := newWorld()
	w.policy(strictPolicyDN, rule.Length{Min: 40}, rule.Palindrome{}, rule.BadWords{Words: []string{"tr0ub"}}, rule.ClassMinimums{Uppers: 3}, rule.UniqueCharacters{Min: 30})
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	v := NewValidatePassword(ValidatePasswordConfig{Policies: w.service(), Audit: func(_ context.Context, r AuditRecord) error { log.Info("audit", "record", r); return nil }})
	req := ValidatePasswordRequest{Selection: SelectPolicyDN, DN: strictPolicyDN, Password: clearText(secret)}
	res, err := v.Do(t.Context(), newCaller(w), req, nil)
	if err != nil || len(res.Errors) < 4 {
		t.Fatalf("%+v, %v", res, err)
	}
	fmt.Fprintf(&out, "%+v %#v %v", res, res, req)
	if strings.Contains(out.String(), secret) {
		t.Errorf("the password is shown: %s", &out)
	}
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := RateLimit{PerSecond: 2, Burst: 3, MaxCallers: 2}.Limiter()
		ask := func(who, as string) bool {
			err := limit(Question{Caller: &fakeCaller{authzID: who}, AuthzID: as})
			if err != nil && !result.Is(err, result.Busy) {
				t.Fatal(err)
			}
			return err == nil
		}
		const jo = "dn:uid=jo,dc=example,dc=com"
		for i, who := range []string{jo, "dn:UID=Jo, DC=example,DC=com", jo} {
			if !ask(who, fmt.Sprintf("dn:uid=proxied%d", i)) {
				t.Fatalf("request %d is turned away", i)
			}
		}
		if ask(jo, "dn:uid=another") || ask("dn:uid=jo ,dc=example,dc=com", jo) {
			t.Error("a fourth request at once is let through")
		}
		if !ask("dn:uid=ann", "") {
			t.Error("another caller is turned away")
		}
		time.Sleep(time.Second)
		if n := accepted(5, func() bool { return ask(jo, "") }); n != 2 {
			t.Errorf("%d requests after a second", n)
		}
		// jo has asked last: ann is forgotten for bob.
		if !ask("dn:uid=bob", "") || ask(jo, "") {
			t.Error("who asked last was forgotten")
		}
	})
}

// accepted counts how often of n times f is true.
func accepted(n int, f func() bool) int {
	total := 0
	for range n {
		if f() {
			total++
		}
	}
	return total
}

func TestEffectivePolicy(t *testing.T) {
	w := newWorld()
	p := w.policy(strictPolicyDN, rule.Length{Min: 12})
	p.Demands[0].Source = policy.Source{DN: strictPolicyDN, Attribute: "minimum", Value: "12"}
	for _, tc := range []struct {
		name   string
		hidden []string
		source policy.ExplainedSource
	}{
		{"all is visible", nil, policy.ExplainedSource{DN: strictPolicyDN, Attribute: "minimum", Value: "12"}},
		{"the policy is hidden", []string{"ou=policies,dc=example,dc=com"}, policy.ExplainedSource{}},
	} {
		var a audits
		caller := newCaller(w)
		caller.plain, caller.hidden = true, tc.hidden
		e := NewEffectivePolicy(EffectivePolicyConfig{Policies: w.service(), Audit: a.record})
		x, err := e.Do(t.Context(), caller, EffectivePolicyRequest{SelectTargetEntry, "uid=eve,ou=people,dc=example,dc=com"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if x.Dialect != "fake" || x.PolicyDN != strictPolicyDN || len(x.Rules) != 1 || x.Rules[0].Source != tc.source ||
			x.Rules[0].Requirement != "The password must contain at least 12 characters." || a.last(t).OID != EffectivePolicyName {
			t.Errorf("%s: %+v", tc.name, x)
		}
	}
	caller := newCaller(w)
	caller.hidden = []string{"ou=people,dc=example,dc=com"}
	e := NewEffectivePolicy(EffectivePolicyConfig{Policies: w.service()})
	if _, err := e.Do(t.Context(), caller, EffectivePolicyRequest{SelectTargetEntry, "uid=eve,ou=people,dc=example,dc=com"}, nil); !result.Is(err, result.InsufficientAccessRights) {
		t.Errorf("a hidden entry: %v", err)
	}
	if _, err := e.Do(t.Context(), &fakeCaller{w: w}, EffectivePolicyRequest{}, nil); !result.Is(err, result.InsufficientAccessRights) {
		t.Errorf("an anonymous caller: %v", err)
	}
}
