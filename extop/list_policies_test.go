package extop

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// Policies makes fakeDialect a policy.Lister: in no order, and every policy
// twice.
func (d fakeDialect) Policies(context.Context, policy.Directory) ([]string, error) {
	if err := d.w.fail["list"]; err != nil {
		return nil, err
	}
	var names []string
	for _, p := range d.w.policies {
		names = append(names, p.DN, strings.ToUpper(p.DN))
	}
	return names, nil
}

func TestListPolicies(t *testing.T) {
	const (
		clash  = "cn=clash,ou=policies,dc=example,dc=com"
		gone   = "cn=gone,ou=policies,dc=example,dc=com"
		secret = "cn=secret,ou=secret,dc=example,dc=com"
	)
	w := newWorld()
	w.policy(clash, rule.Length{Min: 9}, rule.Length{Max: 3})
	w.policy(secret)
	w.policy(gone)
	w.fail[gone] = result.New(result.InsufficientAccessRights, "may not read it")
	for _, tc := range []struct {
		name   string
		hidden []string
		want   string
	}{
		{"all is visible", nil, "clash: 2 clash; default: satisfiable; gone: may not read it; secret: satisfiable; strict: satisfiable"},
		{"one is hidden", []string{"ou=secret,dc=example,dc=com"}, "clash: 2 clash; default: satisfiable; gone: may not read it; strict: satisfiable"},
		{"all are hidden", []string{"dc=example,dc=com"}, ""},
	} {
		var a audits
		caller := newCaller(w)
		caller.hidden = tc.hidden
		list, err := NewListPolicies(ListPoliciesConfig{Policies: w.service(), Audit: a.record}).Do(t.Context(), caller)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		var got []string
		for _, p := range list {
			name, _, _ := strings.Cut(strings.ToLower(p.DN), ",")
			name = strings.TrimPrefix(name, "cn=")
			switch {
			case (p.Err == nil) == (p.Explanation == nil):
				t.Errorf("%s: %s has both or neither", tc.name, p.DN)
			case p.Err != nil:
				got = append(got, name+": "+p.Err.Text)
			case p.Explanation.Satisfiable:
				got = append(got, name+": satisfiable")
			default:
				got = append(got, fmt.Sprintf("%s: %d clash", name, len(p.Explanation.Conflict)))
			}
		}
		if diff := cmp.Diff(tc.want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
		if rec := a.last(t); rec.OID != ListPoliciesName || rec.Err != nil || rec.AskedBy != caller.authzID {
			t.Errorf("%s: audited %+v", tc.name, rec)
		}
		asked := slices.Clone(caller.questions)
		slices.Sort(asked)
		if len(slices.Compact(asked)) != len(caller.questions) {
			t.Errorf("%s: asked twice about one entry: %q", tc.name, caller.questions)
		}
	}
}

// What the entries of a policy say is for those who see the entries.
func TestListPoliciesWithholds(t *testing.T) {
	w := newWorld()
	w.policies = map[string]*policy.Policy{}
	p := w.policy("cn=visible,dc=example,dc=com", rule.Length{Min: 9})
	p.Demands[0].Source = policy.Source{DN: "ou=secret,dc=example,dc=com", Attribute: "min", Value: "9"}
	caller := newCaller(w)
	caller.hidden = []string{"ou=secret,dc=example,dc=com"}
	list, err := NewListPolicies(ListPoliciesConfig{Policies: w.service()}).Do(t.Context(), caller)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %d policies", err, len(list))
	}
	if got := list[0].Explanation.Rules[0]; got.Source != (policy.ExplainedSource{}) || got.Requirement == "" {
		t.Errorf("shown to the caller: %+v", got)
	}
}

func TestListPoliciesRefuses(t *testing.T) {
	many := func(w *world) {
		for i := range policy.MaxListed {
			w.policy(fmt.Sprintf("cn=p%d,dc=example,dc=com", i))
		}
	}
	turnedAway := func(Question) error { return result.New(result.Busy, "no") }
	forbidden := func(context.Context, Question) error {
		return result.New(result.InsufficientAccessRights, "not for you")
	}
	for _, tc := range []struct {
		name   string
		world  func(*world)
		caller func(*fakeCaller)
		cfg    ListPoliciesConfig
		code   result.Code
	}{
		{name: "anonymous", caller: func(c *fakeCaller) { c.authzID = "" }, code: result.InsufficientAccessRights},
		{name: "limit", cfg: ListPoliciesConfig{Limit: turnedAway}, code: result.Busy},
		{name: "authorization", cfg: ListPoliciesConfig{Authorize: forbidden}, code: result.InsufficientAccessRights},
		{name: "too many", world: many, code: result.SizeLimitExceeded},
		{name: "no list", world: func(w *world) { w.fail["list"] = result.New(result.Unavailable, "down") }, code: result.Unavailable},
		{name: "nobody knows what the caller sees", caller: func(c *fakeCaller) { c.fault = result.New(result.Unavailable, "down") }, code: result.Unavailable},
	} {
		w := newWorld()
		caller := newCaller(w)
		if tc.world != nil {
			tc.world(w)
		}
		if tc.caller != nil {
			tc.caller(caller)
		}
		var a audits
		tc.cfg.Policies, tc.cfg.Audit = w.service(), a.record
		list, err := NewListPolicies(tc.cfg).Do(t.Context(), caller)
		if !result.Is(err, tc.code) || list != nil {
			t.Errorf("%s: %d policies, %v, want %s", tc.name, len(list), err, tc.code)
		}
		if rec := a.last(t); rec.Err == nil || rec.Err.Code != tc.code {
			t.Errorf("%s: audited %+v", tc.name, rec)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewListPolicies(ListPoliciesConfig{Policies: newWorld().service()}).Do(ctx, newCaller(newWorld())); !result.Is(err, result.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
