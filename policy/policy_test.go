package policy_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"encoding/json"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// atLeast demands a number of characters of a set.
type atLeast struct {
	n    int
	set  generate.Set
	name string
}

func (r atLeast) Check(password []byte, _ rule.Subject) []string {
	n := 0
	for _, c := range string(password) {
		if r.set.Contains(c) {
			n++
		}
	}
	if n < r.n {
		return []string{fmt.Sprintf("The password must contain at least %d %s.", r.n, r.name)}
	}
	return nil
}

func (r atLeast) Requirement() rule.Requirement { return rule.Requirement{Text: r.name} }

func (r atLeast) Narrow(s *generate.Shape) {
	s.Counts = append(s.Counts, generate.Count{Set: r.set, Min: r.n, Max: generate.NoMax})
}

// between bounds the number of characters.
type between struct{ min, max int }

func (r between) Check(password []byte, _ rule.Subject) []string {
	n := len([]rune(string(password)))
	if n < r.min || r.max > 0 && n > r.max {
		return []string{"The password has the wrong length."}
	}
	return nil
}

func (r between) Requirement() rule.Requirement { return rule.Requirement{Text: "length"} }

func (r between) Narrow(s *generate.Shape) {
	s.MinLength = max(s.MinLength, r.min)
	if r.max > 0 && (s.MaxLength == 0 || r.max < s.MaxLength) {
		s.MaxLength = r.max
	}
}

// noneOfName forbids every letter of the subject's cn.
type noneOfName struct{}

func (noneOfName) letters(s rule.Subject) generate.Set {
	name := strings.Join(s.Values("cn"), "")
	return generate.NewSet(strings.ToLower(name) + strings.ToUpper(name))
}

func (r noneOfName) Check(password []byte, s rule.Subject) []string {
	if strings.ContainsFunc(string(password), r.letters(s).Contains) {
		return []string{"The password must not contain a letter of the name."}
	}
	return nil
}

func (noneOfName) Requirement() rule.Requirement { return rule.Requirement{Text: "name"} }

func (r noneOfName) NarrowFor(shape *generate.Shape, s rule.Subject) bool {
	set := r.letters(s)
	shape.Alphabet = shape.Alphabet.Minus(set)
	return set.Len() > 0
}

// never refuses everything, without a shape that says so.
type never struct{}

func (never) Check([]byte, rule.Subject) []string { return []string{"No password is good enough."} }
func (never) Requirement() rule.Requirement       { return rule.Requirement{Text: "never"} }

func demand(r rule.Rule, attribute string, value any) policy.Demand {
	return policy.Demand{Rule: r, Source: policy.Source{DN: "cn=p", Attribute: attribute, Value: fmt.Sprint(value)}}
}

func suggest(t *testing.T, c *policy.Compiled, s rule.Subject, count, attempts int) []policy.Suggestion {
	t.Helper()
	out, err := c.Suggest(t.Context(), s, policy.SuggestOptions{Count: count, Attempts: attempts})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != count {
		t.Fatalf("%d suggestions, want %d", len(out), count)
	}
	return out
}

func TestSuggestWithoutPolicy(t *testing.T) {
	c := policy.Compile(&policy.Policy{}, policy.Config{})
	if c.Bits() < 80 {
		t.Errorf("%.1f bits, want 80", c.Bits())
	}
	for _, s := range suggest(t, c, rule.Subject{}, 200, 5) {
		p := string(s.Password.Bytes())
		if s.Validated || len(s.Errors) > 0 {
			t.Errorf("validated %v with %v, but there is nothing to validate", s.Validated, s.Errors)
		}
		if len(p) != 16 || strings.ContainsFunc(p, generate.LookAlikes.Contains) || p[0] == '{' {
			t.Errorf("not the default password: %q", p)
		}
	}
}

func TestSuggestMeetsDemands(t *testing.T) {
	c := policy.Compile(&policy.Policy{DN: "cn=p", Demands: []policy.Demand{
		demand(between{20, 24}, "min", 20),
		demand(atLeast{9, generate.Digits, "digits"}, "digits", 9),
		demand(atLeast{2, generate.NewSet("0O"), "look-alikes"}, "look", 2),
	}}, policy.Config{})
	if err := c.Unsatisfiable(); err != nil {
		t.Fatal(err)
	}
	for _, s := range suggest(t, c, rule.Subject{}, 100, 1) {
		if !s.Validated || len(s.Errors) > 0 {
			t.Errorf("refused: %v", s.Errors)
		}
	}
}

func TestAttempts(t *testing.T) {
	c := policy.Compile(&policy.Policy{DN: "cn=p", Demands: []policy.Demand{demand(never{}, "x", 1)}}, policy.Config{})
	for _, tc := range []struct {
		attempts  int
		validated bool
		errors    int
	}{{0, false, 0}, {1, true, 1}, {5, true, 1}} {
		s := suggest(t, c, rule.Subject{}, 1, tc.attempts)[0]
		if s.Validated != tc.validated || len(s.Errors) != tc.errors {
			t.Errorf("attempts %d: validated %v, errors %v", tc.attempts, s.Validated, s.Errors)
		}
	}
}

func TestConflictNamesSmallestSet(t *testing.T) {
	c := policy.Compile(&policy.Policy{DN: "cn=p", Demands: []policy.Demand{
		demand(atLeast{1, generate.Lower, "lower"}, "pwdLower", 1),
		demand(between{0, 10}, "pwdMax", 10),
		demand(atLeast{2, generate.Upper, "upper"}, "pwdUpper", 2),
		demand(atLeast{11, generate.Digits, "digits"}, "pwdDigits", 11),
	}}, policy.Config{})
	err := c.Unsatisfiable()
	if !result.Is(err, result.UnwillingToPerform) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{`"cn=p"`, "pwdMax: 10", "pwdDigits: 11"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing from %q", want, err)
		}
	}
	for _, no := range []string{"pwdLower", "pwdUpper"} {
		if strings.Contains(err.Error(), no) {
			t.Errorf("%q is no part of the conflict: %q", no, err)
		}
	}
	if _, err := c.Suggest(t.Context(), rule.Subject{}, policy.SuggestOptions{Count: 1}); err == nil {
		t.Error("an unsatisfiable policy suggested something")
	}
}

func TestBlocked(t *testing.T) {
	c := policy.Compile(&policy.Policy{DN: "cn=p", Blocked: "The check module is missing."}, policy.Config{})
	if err := c.Unsatisfiable(); err == nil || !strings.Contains(err.Error(), "check module") {
		t.Errorf("got %v", err)
	}
	if got := c.Validate([]byte("whatever"), rule.Subject{}); len(got) != 1 {
		t.Errorf("a blocked policy accepts: %v", got)
	}
}

func TestSubjectNarrowsShape(t *testing.T) {
	c := policy.Compile(&policy.Policy{DN: "cn=p", Demands: []policy.Demand{demand(noneOfName{}, "tokens", 1)}}, policy.Config{})
	who := rule.Subject{DN: "cn=x", Attributes: map[string][]string{"cn": {"Quick Brown Fox Jumps"}}}
	for _, s := range suggest(t, c, who, 200, 1) {
		if len(s.Errors) > 0 {
			t.Fatalf("refused at the first attempt: %v", s.Errors)
		}
	}
}

func TestPasswordPrintsRedacted(t *testing.T) {
	p := policy.NewPassword([]byte("tr0ub4dor"))
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "p", p, "s", policy.Suggestion{Password: p})
	asJSON, err := json.Marshal(policy.Suggestion{Password: p})
	if err != nil {
		t.Fatal(err)
	}
	outputs := []string{log.String(), string(asJSON), fmt.Sprint(p)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		outputs = append(outputs, fmt.Sprintf(verb, p), fmt.Sprintf(verb, []policy.Suggestion{{Password: p}}))
	}
	for _, out := range outputs {
		if !strings.Contains(out, "REDACTED") {
			t.Errorf("not redacted: %s", out)
		}
	}
	// fmt reaches no methods of an unexported field.
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		outputs = append(outputs, fmt.Sprintf(verb, struct{ p policy.Password }{p}), fmt.Sprintf(verb, &struct{ p policy.Password }{p}))
	}
	for _, out := range outputs {
		for _, secret := range []string{"tr0ub4dor", "7472", "116 114"} {
			if strings.Contains(out, secret) {
				t.Errorf("shows the password: %s", out)
			}
		}
	}
	p.Wipe()
	if string(p.Bytes()) != strings.Repeat("\x00", 9) {
		t.Error("Wipe left something behind")
	}
	policy.Password{}.Wipe()
}

// fakeDialect serves one policy whose minimum length a test may change.
type fakeDialect struct {
	minimum atomic.Int64
	locates atomic.Int64
	loads   atomic.Int64
	fail    atomic.Bool
}

func (*fakeDialect) Name() string { return "fake" }

func (d *fakeDialect) Locate(ctx context.Context, dir policy.Directory, sel policy.Selection) (policy.Located, error) {
	d.locates.Add(1)
	if _, err := dir.Search(ctx, policy.Query{Base: "cn=config", Shared: true}); err != nil {
		return policy.Located{}, err
	}
	return policy.Located{Ref: "cn=p"}, nil
}

func (d *fakeDialect) Load(context.Context, policy.Directory, string) (*policy.Policy, error) {
	d.loads.Add(1)
	if d.fail.Load() {
		return nil, result.New(result.InsufficientAccessRights, "no right to read")
	}
	return &policy.Policy{DN: "cn=p", Demands: []policy.Demand{demand(between{int(d.minimum.Load()), 0}, "min", 1)}}, nil
}

type fakeDirectory struct{ searches atomic.Int64 }

func (d *fakeDirectory) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	d.searches.Add(1)
	if strings.HasPrefix(q.Base, "cn=missing") {
		return nil, result.New(result.NoSuchObject, "no such entry")
	}
	return []policy.Entry{{DN: q.Base}}, nil
}

func lengthOf(t *testing.T, svc *policy.Service, sel policy.Selection) int {
	t.Helper()
	eff, err := svc.Resolve(t.Context(), sel)
	if err != nil {
		t.Fatal(err)
	}
	s, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 1, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	return len(s[0].Password.Bytes())
}

func TestServiceObeysChangesWithinTTL(t *testing.T) {
	selections := []policy.Selection{{}, {Target: "uid=jo"}, {PolicyDN: "cn=p"}}
	for _, sel := range selections {
		synctest.Test(t, func(t *testing.T) {
			var d fakeDialect
			var dir fakeDirectory
			d.minimum.Store(20)
			svc := policy.NewService(&d, &dir, policy.ServiceConfig{TTL: time.Second})
			for range 100 {
				if n := lengthOf(t, svc, sel); n != 20 {
					t.Fatalf("length %d", n)
				}
			}
			if d.loads.Load() != 1 || dir.searches.Load() != 1 {
				t.Errorf("%v: %d loads and %d searches for 100 requests", sel, d.loads.Load(), dir.searches.Load())
			}
			d.minimum.Store(30)
			time.Sleep(time.Second)
			if n := lengthOf(t, svc, sel); n != 30 {
				t.Errorf("%v: still length %d after the time to live", sel, n)
			}
			d.minimum.Store(40)
			svc.Invalidate()
			if n := lengthOf(t, svc, sel); n != 40 {
				t.Errorf("%v: still length %d after Invalidate", sel, n)
			}
		})
	}
}

func TestServiceKeepsNoFailure(t *testing.T) {
	var d fakeDialect
	var dir fakeDirectory
	svc := policy.NewService(&d, &dir, policy.ServiceConfig{})
	d.fail.Store(true)
	if _, err := svc.Resolve(t.Context(), policy.Selection{}); !result.Is(err, result.InsufficientAccessRights) {
		t.Fatalf("got %v", err)
	}
	d.fail.Store(false)
	if _, err := svc.Resolve(t.Context(), policy.Selection{}); err != nil {
		t.Fatalf("the failure was kept: %v", err)
	}
}

func TestServiceExists(t *testing.T) {
	svc := policy.NewService(&fakeDialect{}, &fakeDirectory{}, policy.ServiceConfig{})
	for dn, want := range map[string]bool{"uid=jo": true, "cn=missing": false} {
		if got, err := svc.Exists(t.Context(), dn); got != want || err != nil {
			t.Errorf("Exists(%q) = %v, %v", dn, got, err)
		}
	}
}

func TestReadTellsHiddenFromMissing(t *testing.T) {
	empty := directoryFunc(func(policy.Query) ([]policy.Entry, error) { return nil, nil })
	if _, err := policy.Read(t.Context(), empty, policy.Query{Base: "cn=x"}); !result.Is(err, result.InsufficientAccessRights) {
		t.Errorf("an empty answer: %v", err)
	}
	if _, err := policy.Read(t.Context(), &fakeDirectory{}, policy.Query{Base: "cn=missing"}); !result.Is(err, result.NoSuchObject) {
		t.Errorf("a missing entry: %v", err)
	}
}

type directoryFunc func(policy.Query) ([]policy.Entry, error)

func (f directoryFunc) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) { return f(q) }

func TestEntryValues(t *testing.T) {
	e := policy.Entry{Attributes: []policy.Attribute{{Name: "objectClass", Values: []string{"top", "pwdPolicy"}}}}
	if v, ok := e.Value("OBJECTCLASS"); v != "top" || !ok {
		t.Errorf("Value = %q, %v", v, ok)
	}
	if _, ok := e.Value("cn"); ok || e.Values("cn") != nil {
		t.Error("an attribute that is not there has a value")
	}
	if !e.IsA("pwdpolicy") || e.IsA("person") {
		t.Error("IsA is wrong")
	}
}

func TestSuggestStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := policy.Compile(&policy.Policy{}, policy.Config{})
	if _, err := c.Suggest(ctx, rule.Subject{}, policy.SuggestOptions{Count: 3}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRequirementsKeepOrder(t *testing.T) {
	c := policy.Compile(&policy.Policy{Demands: []policy.Demand{demand(never{}, "a", 1), demand(between{1, 2}, "b", 1)}}, policy.Config{})
	var got []string
	for _, r := range c.Requirements() {
		got = append(got, r.Text)
	}
	if !slices.Equal(got, []string{"never", "length"}) {
		t.Errorf("got %v", got)
	}
}

func TestScreen(t *testing.T) {
	turned := 0
	cfg := policy.Config{Screen: func(p []byte) bool {
		turned++
		return turned <= 3
	}}
	c := policy.Compile(&policy.Policy{}, cfg)
	suggest(t, c, rule.Subject{}, 1, 1)
	if turned != 4 {
		t.Errorf("%d candidates were screened, want 4", turned)
	}
	all := policy.Compile(&policy.Policy{}, policy.Config{Screen: func([]byte) bool { return true }})
	if _, err := all.Suggest(t.Context(), rule.Subject{}, policy.SuggestOptions{Count: 1}); !result.Is(err, result.UnwillingToPerform) {
		t.Errorf("got %v", err)
	}
}
