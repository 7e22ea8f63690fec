package opendj

import (
	"context"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

// TestManualExample loads the policy of the manual page's examples and draws
// a password that it accepts.
func TestManualExample(t *testing.T) {
	_, examples, ok := strings.Cut(readFile(t, "../../../docs/dialects/opendj.md"), "\n## Examples\n")
	if !ok {
		t.Fatal("the page has no examples")
	}
	var ldif strings.Builder
	for line := range strings.Lines(examples) {
		if entry, ok := strings.CutPrefix(line, "    "); ok {
			ldif.WriteString(entry)
		} else {
			ldif.WriteString("\n")
		}
	}
	dir := newMemory(t, readFile(t, "testdata/base.ldif"))
	for _, e := range parseLDIF(t, strings.ReplaceAll(ldif.String(), "\n\n\n", "\n\n")) {
		if _, ok := e.Value("changetype"); !ok {
			dir.put(e)
			continue
		}
		// The last one modifies a user.
		for i, have := range dir.entries {
			if have.DN == e.DN {
				value, _ := e.Value(pointer)
				dir.entries[i].Attributes = append(have.Attributes, policy.Attribute{Name: pointer, Values: []string{value}})
			}
		}
	}
	d := New(Config{})
	if err := d.CheckConfig(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	svc := policy.NewService(d, dir, policy.ServiceConfig{})
	eff, err := svc.Resolve(context.Background(), policy.Selection{Target: "uid=jo,ou=people,dc=example,dc=com"})
	if err != nil {
		t.Fatal(err)
	}
	if eff.Policy.DN != "cn=Staff,cn=Password Policies,cn=config" || len(eff.Policy.Demands) != 2 {
		t.Fatalf("policy %q with %d demands", eff.Policy.DN, len(eff.Policy.Demands))
	}
	if reasons := eff.Compiled.Validate([]byte("Jo Doe"), eff.Subject); len(reasons) == 0 {
		t.Error("the user's own name is accepted")
	}
	if reasons := eff.Compiled.Validate([]byte("password1"), eff.Subject); len(reasons) == 0 {
		t.Error("a common password is accepted")
	}
	suggestions, err := eff.Suggest(context.Background(), policy.SuggestOptions{Count: 20, Attempts: 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range suggestions {
		if !s.Validated || len(s.Errors) > 0 {
			t.Errorf("validated %t: %q", s.Validated, s.Errors)
		}
	}
	if bits := eff.Bits(); bits < 64 {
		t.Errorf("%.1f bits for five words", bits)
	}
}
