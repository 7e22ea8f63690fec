package behera_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/behera"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A memory is a directory that answers base searches.
type memory struct {
	entries map[string]policy.Entry // by dn.Key
	hidden  map[string]bool         // by dn.Key: noSuchObject
	blank   map[string]bool         // by dn.Key: an entry without attributes
}

func (m *memory) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	key := dn.Key(q.Base)
	e, ok := m.entries[key]
	switch {
	case q.Scope != policy.BaseObject || q.Filter != "":
		return nil, fmt.Errorf("unexpected search %+v", q)
	case !ok || m.hidden[key]:
		return nil, result.New(result.NoSuchObject, "no such object")
	case m.blank[key]:
		return []policy.Entry{{DN: e.DN}}, nil
	}
	out := policy.Entry{DN: e.DN}
	for _, a := range e.Attributes {
		if slices.ContainsFunc(q.Attributes, func(n string) bool { return strings.EqualFold(n, a.Name) }) {
			out.Attributes = append(out.Attributes, a)
		}
	}
	return []policy.Entry{out}, nil
}

// load reads testdata/directory.txt: entries as in LDIF, without base64.
func load(t *testing.T) *memory {
	t.Helper()
	text, err := os.ReadFile("testdata/directory.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{entries: map[string]policy.Entry{}, hidden: map[string]bool{}, blank: map[string]bool{}}
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		var e policy.Entry
		for line := range strings.SplitSeq(block, "\n") {
			name, value, ok := strings.Cut(line, ": ")
			switch {
			case strings.HasPrefix(line, "#"):
			case !ok:
				t.Fatalf("line %q", line)
			case name == "dn":
				e.DN = value
			default:
				if i := slices.IndexFunc(e.Attributes, func(a policy.Attribute) bool { return a.Name == name }); i >= 0 {
					e.Attributes[i].Values = append(e.Attributes[i].Values, value)
				} else {
					e.Attributes = append(e.Attributes, policy.Attribute{Name: name, Values: []string{value}})
				}
			}
		}
		m.entries[dn.Key(e.DN)] = e
	}
	if len(m.entries) < 10 {
		t.Fatalf("only %d entries", len(m.entries))
	}
	return m
}

const (
	people   = "ou=people,dc=example,dc=com"
	policies = "dc=example,dc=com"
)

func resolve(t *testing.T, m *memory, cfg behera.Config, sel policy.Selection) (*policy.Effective, error) {
	t.Helper()
	return policy.NewService(behera.New(cfg), m, policy.ServiceConfig{TTL: -1}).Resolve(t.Context(), sel)
}

func TestLocate(t *testing.T) {
	base := map[string]string{"dc=example,dc=com": "cn=default," + policies, "ou=services,dc=example,dc=com": ""}
	for _, tc := range []struct {
		name   string
		cfg    map[string]string
		sel    policy.Selection
		want   string // cn of the policy
		exists bool
		code   result.Code
	}{
		{"computed", nil, policy.Selection{Target: "uid=strict," + people}, "strict", true, 0},
		{"computed wins over configured", base, policy.Selection{Target: "UID=Strict, ou=people,dc=example,dc=com"}, "strict", true, 0},
		{"of two, the one for userPassword", nil, policy.Selection{Target: "uid=two," + people}, "quality1", true, 0},
		{"two for userPassword", nil, policy.Selection{Target: "uid=overlapping," + people}, "", false, result.UnwillingToPerform},
		{"only for another attribute", nil, policy.Selection{Target: "uid=pin," + people}, "", false, result.UnwillingToPerform},
		{"nothing shown", nil, policy.Selection{Target: "uid=silent," + people}, "", false, result.InsufficientAccessRights},
		{"nothing shown, configured", base, policy.Selection{Target: "uid=silent," + people}, "default", true, 0},
		{"nothing shown, configured to have none", base, policy.Selection{Target: "cn=app,ou=services,dc=example,dc=com"}, "", true, 0},
		{"dangling", base, policy.Selection{Target: "uid=dangling," + people}, "", false, result.InsufficientAccessRights},
		{"missing below a whole subtree", nil, policy.Selection{Target: "uid=new," + people}, "strict", false, 0},
		{"missing below a base", nil, policy.Selection{Target: "uid=new,ou=deep,ou=staff,dc=example,dc=com"}, "default", false, 0},
		{"missing below a part of a subtree", nil, policy.Selection{Target: "uid=new,ou=filtered,dc=example,dc=com"}, "", false, result.InsufficientAccessRights},
		{"missing below a part, configured", base, policy.Selection{Target: "uid=new,ou=filtered,dc=example,dc=com"}, "default", false, 0},
		{"missing outside the base", nil, policy.Selection{Target: "uid=new,ou=elsewhere,dc=example,dc=com"}, "", false, result.InsufficientAccessRights},
		{"by name", nil, policy.Selection{PolicyDN: "CN=Strict,dc=example,dc=com"}, "strict", false, 0},
		{"by name, no policy", nil, policy.Selection{PolicyDN: people}, "", false, result.NoSuchObject},
		{"by name, not there", nil, policy.Selection{PolicyDN: "cn=none," + policies}, "", false, result.NoSuchObject},
		{"by name, for another attribute", nil, policy.Selection{PolicyDN: "cn=pin," + policies}, "", false, result.UnwillingToPerform},
		{"no selection", nil, policy.Selection{}, "", false, result.InsufficientAccessRights},
		{"no selection, configured", map[string]string{"": "cn=default," + policies}, policy.Selection{}, "default", false, 0},
		{"malformed target", nil, policy.Selection{Target: "jo"}, "", false, result.InvalidDNSyntax},
		{"malformed policy", nil, policy.Selection{PolicyDN: "jo"}, "", false, result.InvalidDNSyntax},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eff, err := resolve(t, load(t), behera.Config{DefaultPolicy: tc.cfg}, tc.sel)
			if tc.code != 0 {
				if !result.Is(err, tc.code) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if tc.want != "" {
				want = "cn=" + tc.want + "," + policies
			}
			if eff.Policy.DN != want || eff.Exists != tc.exists || len(eff.Steps) == 0 {
				t.Errorf("%+v %+v", eff.Policy, eff.Located)
			}
		})
	}
}

// TestFailClosed takes away what the account may read, one thing at a time.
func TestFailClosed(t *testing.T) {
	const policyDN = "cn=strict," + policies
	target := policy.Selection{Target: "uid=strict," + people}
	for name, change := range map[string]func(*memory){
		"the policy is hidden":         func(m *memory) { m.hidden[dn.Key(policyDN)] = true },
		"the policy shows nothing":     func(m *memory) { m.blank[dn.Key(policyDN)] = true },
		"the policy has no attributes": func(m *memory) { drop(m, policyDN, "pwdAttribute") },
		"the entry shows nothing":      func(m *memory) { m.blank[dn.Key(target.Target)] = true },
	} {
		m := load(t)
		change(m)
		if _, err := resolve(t, m, behera.Config{}, target); !result.Is(err, result.InsufficientAccessRights) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, attribute := range map[string]string{
		"no number":          "pwdMinLength: ten",
		"negative":           "pwdMinLength: -1",
		"too large":          "pwdMaxLength: 99999999999",
		"unknown quality":    "pwdCheckQuality: 3",
		"a module":           "pwdCheckModule: check.so",
		"a module, of 2.6":   "pwdUseCheckModule: TRUE",
		"neither of two":     "pwdMustChange: perhaps",
		"history unreadably": "pwdInHistory: 1e3",
	} {
		m := load(t)
		a, v, _ := strings.Cut(attribute, ": ")
		drop(m, policyDN, a)
		e := m.entries[dn.Key(policyDN)]
		e.Attributes = append(e.Attributes, policy.Attribute{Name: a, Values: []string{v}})
		m.entries[dn.Key(policyDN)] = e
		if _, err := resolve(t, m, behera.Config{}, target); !result.Is(err, result.UnwillingToPerform) || !strings.Contains(err.Error(), a) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func drop(m *memory, name, attribute string) {
	e := m.entries[dn.Key(name)]
	e.Attributes = slices.DeleteFunc(slices.Clone(e.Attributes), func(a policy.Attribute) bool { return a.Name == attribute })
	m.entries[dn.Key(name)] = e
}

func TestRules(t *testing.T) {
	for _, tc := range []struct {
		policy             string
		accepted, rejected []string
	}{
		{"default", []string{strings.Repeat("a", 10), strings.Repeat("é", 10)}, []string{strings.Repeat("a", 9), strings.Repeat("é", 9), "", "{SSHA}0123456789"}},
		{"strict", []string{strings.Repeat("é", 64), strings.Repeat("x", 16)}, []string{strings.Repeat("é", 65), strings.Repeat("x", 15)}},
		{"noquality", []string{"a", "", "{SSHA}x"}, nil},
		{"quality1", []string{"abcdef"}, []string{"abcde", ""}},
		{"nolength", []string{"a"}, []string{""}},
	} {
		eff, err := resolve(t, load(t), behera.Config{}, policy.Selection{PolicyDN: "cn=" + tc.policy + "," + policies})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range tc.accepted {
			if reasons := eff.Compiled.Validate([]byte(p), eff.Subject); len(reasons) > 0 {
				t.Errorf("%s: %q is refused: %v", tc.policy, p, reasons)
			}
		}
		for _, p := range tc.rejected {
			if len(eff.Compiled.Validate([]byte(p), eff.Subject)) == 0 {
				t.Errorf("%s: %q is accepted", tc.policy, p)
			}
		}
		suggestions, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 500, Attempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range suggestions {
			if len(s.Errors) > 0 {
				t.Fatalf("%s: a suggestion is refused: %v", tc.policy, s.Errors)
			}
		}
	}
	eff, err := resolve(t, load(t), behera.Config{}, policy.Selection{PolicyDN: "cn=impossible," + policies})
	if err != nil {
		t.Fatal(err)
	}
	if err := eff.Unsatisfiable(); err == nil || !strings.Contains(err.Error(), "pwdMinLength: 20") || !strings.Contains(err.Error(), "pwdMaxLength: 10") {
		t.Errorf("got %v", err)
	}
	strict, err := resolve(t, load(t), behera.Config{}, policy.Selection{PolicyDN: "cn=strict," + policies})
	if err != nil {
		t.Fatal(err)
	}
	if p := strict.Policy; p.History != 25 || !p.MustChange || !p.RequireCurrent || p.MaxAge.Hours() != 24 {
		t.Errorf("%+v", p)
	}
}
