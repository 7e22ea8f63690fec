package opendj

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// memory is a policy.Directory over entries in memory. It hides operational
// attributes that were not asked for and subentries, as the servers do.
type memory struct {
	entries []policy.Entry
	deny    map[string]error // by DN key: what a search based there ends with
	hide    map[string]bool  // by DN key: entries that no search returns
	queries []policy.Query
}

// parseLDIF reads the few forms of LDIF that the tests need: records with
// "attribute: value" lines and continuation lines, and comments.
func parseLDIF(t testing.TB, text string) []policy.Entry {
	t.Helper()
	var entries []policy.Entry
	for record := range strings.SplitSeq(strings.ReplaceAll(text, "\n ", ""), "\n\n") {
		var e policy.Entry
		index := make(map[string]int)
		for line := range strings.SplitSeq(record, "\n") {
			if line == "" || line[0] == '#' {
				continue
			}
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				t.Fatalf("no LDIF: %q", line)
			}
			value = strings.TrimPrefix(value, " ")
			if name == "dn" {
				e.DN = value
				continue
			}
			i, ok := index[strings.ToLower(name)]
			if !ok {
				i = len(e.Attributes)
				index[strings.ToLower(name)] = i
				e.Attributes = append(e.Attributes, policy.Attribute{Name: name})
			}
			e.Attributes[i].Values = append(e.Attributes[i].Values, value)
		}
		if e.DN != "" {
			entries = append(entries, e)
		}
	}
	return entries
}

func newMemory(t testing.TB, ldif ...string) *memory {
	t.Helper()
	m := &memory{}
	for _, text := range ldif {
		for _, e := range parseLDIF(t, text) {
			m.put(e)
		}
	}
	if len(m.entries) == 0 {
		t.Fatal("no entries")
	}
	return m
}

// put adds an entry or takes the place of the one with its DN.
func (m *memory) put(e policy.Entry) {
	m.remove(e.DN)
	m.entries = append(m.entries, e)
}

func (m *memory) remove(name string) {
	for i, have := range m.entries {
		if dn.Key(have.DN) == dn.Key(name) {
			m.entries = append(m.entries[:i:i], m.entries[i+1:]...)
			return
		}
	}
}

func (m *memory) Search(ctx context.Context, q policy.Query) ([]policy.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, result.From(err)
	}
	m.queries = append(m.queries, q)
	base, err := dn.Parse(q.Base)
	if err != nil {
		return nil, result.New(result.InvalidDNSyntax, "invalid DN")
	}
	if err := m.deny[base.Key()]; err != nil {
		return nil, err
	}
	match, err := parseFilter(q.Filter)
	if err != nil {
		return nil, result.New(result.ProtocolError, "bad filter %q: %v", q.Filter, err)
	}
	found := false
	var out []policy.Entry
	for _, e := range m.entries {
		name, err := dn.Parse(e.DN)
		if err != nil {
			return nil, err
		}
		depth := len(name.RDNs) - len(base.RDNs)
		if !name.Under(base) || depth > 0 && q.Scope == policy.BaseObject || depth != 1 && q.Scope == policy.SingleLevel {
			continue
		}
		found = found || depth == 0
		subentry := e.IsA("subentry") || e.IsA("ldapSubentry")
		if m.hide[name.Key()] || subentry && q.Scope != policy.BaseObject && len(q.Controls) == 0 || !match(e) {
			continue
		}
		out = append(out, selected(e, q.Attributes))
	}
	if !found {
		e := result.New(result.NoSuchObject, "no such entry")
		return nil, e
	}
	return out, nil
}

func selected(e policy.Entry, attributes []string) policy.Entry {
	out := policy.Entry{DN: e.DN}
	for _, a := range e.Attributes {
		operational := false
		for _, o := range []string{pointer, effectivePolicy, subtreeAttribute, "isMemberOf"} {
			operational = operational || strings.EqualFold(withoutOptions(a.Name), o) && !e.IsA(collectiveClass)
		}
		if strings.EqualFold(a.Name, subtreeAttribute) {
			operational = true
		}
		for _, want := range attributes {
			if want == "*" && !operational || strings.EqualFold(want, withoutOptions(a.Name)) {
				out.Attributes = append(out.Attributes, a)
				break
			}
		}
	}
	return out
}

// parseFilter compiles the filters that the tests need: and, or, not,
// presence and equality.
func parseFilter(f string) (func(policy.Entry) bool, error) {
	if f == "" {
		return func(policy.Entry) bool { return true }, nil
	}
	match, rest, err := filterPart(f)
	if err == nil && rest != "" {
		err = fmt.Errorf("%q is left over", rest)
	}
	return match, err
}

func filterPart(f string) (func(policy.Entry) bool, string, error) {
	if len(f) < 3 || f[0] != '(' {
		return nil, "", fmt.Errorf("no filter: %q", f)
	}
	switch kind := f[1]; kind {
	case '&', '|', '!':
		var parts []func(policy.Entry) bool
		rest := f[2:]
		for strings.HasPrefix(rest, "(") {
			var p func(policy.Entry) bool
			var err error
			if p, rest, err = filterPart(rest); err != nil {
				return nil, "", err
			}
			parts = append(parts, p)
		}
		if !strings.HasPrefix(rest, ")") {
			return nil, "", fmt.Errorf("no closing parenthesis: %q", rest)
		}
		return func(e policy.Entry) bool {
			for _, p := range parts {
				if p(e) == (kind != '&') {
					return kind == '|'
				}
			}
			return kind != '|'
		}, rest[1:], nil
	}
	inner, rest, ok := strings.Cut(f[1:], ")")
	name, value, isEquality := strings.Cut(inner, "=")
	if !ok || !isEquality || strings.ContainsAny(name, "<>~:") {
		return nil, "", fmt.Errorf("no equality: %q", inner)
	}
	return func(e policy.Entry) bool {
		for _, v := range e.Values(name) {
			if value == "*" || strings.EqualFold(v, value) {
				return true
			}
		}
		return false
	}, rest, nil
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func key(name string) string { return dn.Key(name) }
