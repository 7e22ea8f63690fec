package openldap

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// sources returns the demands of a policy by where they come from.
func sources(p *policy.Policy) []string {
	var out []string
	for _, d := range p.Demands {
		out = append(out, d.Source.Attribute+": "+d.Source.Value)
	}
	return out
}

func TestReadPolicy(t *testing.T) {
	for _, tc := range []struct {
		name  string
		attrs string // separated by semicolons
		want  []string
	}{
		{"empty", "", nil},
		{"quality 0", "pwdCheckQuality: 0;pwdMinLength: 8;pwdCheckModule: other.so", nil},
		{"negative quality", "pwdCheckQuality: -1;pwdMinLength: -8", nil},
		{"no quality", "pwdMinLength: 8", nil},
		{"quality alone refuses the empty password", "pwdCheckQuality: 1", []string{"pwdCheckQuality: 1", "pwdCheckQuality: 1"}},
		{"minimum", "pwdCheckQuality: 2;pwdMinLength: 8", []string{"pwdMinLength: 8", "pwdCheckQuality: 2"}},
		{"both limits", "pwdCheckQuality: 2;pwdMaxLength: 9;pwdMinLength: 8", []string{"pwdMinLength: 8", "pwdMaxLength: 9", "pwdCheckQuality: 2"}},
		{"negative maximum", "pwdCheckQuality: 3;pwdMaxLength: -9;pwdMinLength: 8", []string{"pwdMinLength: 8", "pwdCheckQuality: 3"}},
		{"negative minimum", "pwdCheckQuality: 2;pwdMinLength: -1", []string{"pwdMinLength: -1", "pwdCheckQuality: 2"}},
		{"a number over an int", "pwdCheckQuality: 2;pwdMinLength: 2147483648;pwdMaxLength: 5", nil},
		{"the largest int", "pwdCheckQuality: 2;pwdMinLength: 2147483647", []string{"pwdMinLength: 2147483647", "pwdCheckQuality: 2"}},
		{"a number over an int that is not about content", "pwdCheckQuality: 2;pwdMinLength: 8;pwdMaxAge: 99999999999", nil},
		{"empty module", "pwdCheckQuality: 2;pwdMinLength: 8;pwdCheckModule: ", []string{"pwdMinLength: 8", "pwdCheckQuality: 2"}},
		{"ppm", "pwdCheckQuality: 2;pwdMinLength: 8;pwdCheckModule: /usr/lib/ldap/ppm.so.0;pwdCheckModuleArg: minQuality 0",
			[]string{"pwdMinLength: 8", "pwdCheckQuality: 2"}},
		{"ppm's defaults", "pwdCheckQuality: 2;pwdMinLength: 8;pwdCheckModule: ppm;pwdCheckModuleArg: nothing",
			[]string{"pwdMinLength: 8", "pwdCheckQuality: 2", "pwdCheckModuleArg: minQuality 3 (default)"}},
		{"all of ppm", "pwdCheckQuality: 2;pwdMinLength: 8;pwdCheckModule: ppm.la;pwdCheckModuleArg: " +
			"checkRDN 1\nuseCracklib 1\nmaxConsecutivePerClass 2\nforbiddenChars x\nclass-digit 0123456789 1 1\nminQuality 4",
			[]string{"pwdMinLength: 8", "pwdCheckQuality: 2", "pwdCheckModuleArg: minQuality 4", "pwdCheckModuleArg: class-digit 0123456789 1 1",
				"pwdCheckModuleArg: forbiddenChars x", "pwdCheckModuleArg: maxConsecutivePerClass 2", "pwdCheckModuleArg: useCracklib 1", "pwdCheckModuleArg: checkRDN 1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var attrs []string
			if tc.attrs != "" {
				attrs = strings.Split(tc.attrs, ";")
			}
			p, err := reader{level: level25}.policy(entry("cn=p", attrs...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, sources(p)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadPolicyFacts(t *testing.T) {
	p, err := reader{level: level25}.policy(entry("cn=p", "pwdInHistory: 5", "pwdMaxAge: 86400", "pwdMustChange: TRUE", "pwdSafeModify: TRUE"))
	if err != nil {
		t.Fatal(err)
	}
	if p.History != 6 || p.MaxAge.Hours() != 24 || !p.MustChange || !p.RequireCurrent || !p.ASCIIOnly || p.DN != "cn=p" {
		t.Errorf("%+v", p)
	}
	p, err = reader{level: level25}.policy(entry("cn=p", "pwdInHistory: -5", "pwdMaxAge: -86400", "pwdMustChange: FALSE"))
	if err != nil {
		t.Fatal(err)
	}
	if p.History != 0 || p.MaxAge != 0 || p.MustChange || p.RequireCurrent {
		t.Errorf("%+v", p)
	}
}

// Whatever a policy entry holds, reading and compiling it ends, and what it
// suggests is what it accepts.
func FuzzReadPolicy(f *testing.F) {
	f.Add("2", "10", "64", "", "")
	f.Add("1", "-1", "99999999999", "ppm.so", "minQuality 3")
	f.Add("2", "2147483647", "0", "ppm.so", "class-a abc 9 9 9\nmaxConsecutivePerClass 1")
	f.Fuzz(func(t *testing.T, quality, minimum, maximum, module, argument string) {
		attrs := []string{"pwdCheckQuality: " + quality, "pwdMinLength: " + minimum, "pwdMaxLength: " + maximum, "pwdCheckModuleArg: " + argument}
		if module != "" {
			attrs = append(attrs, "pwdCheckModule: "+module)
		}
		p, err := reader{level: level25}.policy(entry("cn=p", attrs...))
		if err != nil {
			return
		}
		c := policy.Compile(p, policy.Config{})
		if c.Unsatisfiable() != nil {
			return
		}
		who := rule.Subject{DN: "uid=jo.doe,dc=example"}
		suggestions, err := c.Suggest(t.Context(), who, policy.SuggestOptions{Count: 1, Attempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range suggestions {
			if reasons := c.Validate(s.Password.Bytes(), who); len(reasons) != len(s.Errors) {
				t.Errorf("suggested with %q, then judged with %q", s.Errors, reasons)
			}
		}
	})
}
