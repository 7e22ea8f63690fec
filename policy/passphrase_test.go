package policy_test

import (
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

func TestPassphrases(t *testing.T) {
	special := rule.CharacterSets{Sets: []rule.CharacterSet{{Set: generate.Symbols, Min: 2}, {Set: generate.Digits, Min: 1}, {Set: generate.Upper, Min: 1}}, AllowUnclassified: true}
	for _, tc := range []struct {
		name  string
		rules []rule.Rule
		cfg   generate.PassphraseConfig
		bits  float64
		note  string // why it is none
	}{
		{"no rules", nil, generate.PassphraseConfig{Separator: "-"}, 0, ""},
		{"more words than the entropy takes", nil, generate.PassphraseConfig{MinWords: 9}, 0, ""},
		{"a minimum length", []rule.Rule{rule.Length{Min: 70}}, generate.PassphraseConfig{Separator: " "}, 0, ""},
		{"capitals bring upper case", []rule.Rule{rule.ClassMinimums{Uppers: 3}}, generate.PassphraseConfig{Capitalize: true}, 0, ""},
		{"upper case is added", []rule.Rule{rule.ClassMinimums{Uppers: 3}}, generate.PassphraseConfig{}, 0, ""},
		{"digits, symbols and capitals", []rule.Rule{special}, generate.PassphraseConfig{}, 0, ""},
		{"symbols by the separator", []rule.Rule{special}, generate.PassphraseConfig{Separator: "-"}, 0, ""},
		{"categories", []rule.Rule{rule.Categories{Min: 4}}, generate.PassphraseConfig{}, 0, ""},
		{"a forbidden letter", []rule.Rule{rule.DisallowedCharacters{Anywhere: generate.NewSet("q0")}, rule.ClassMinimums{Digits: 2}}, generate.PassphraseConfig{}, 0, ""},
		{"a maximum that few exceed", []rule.Rule{rule.Length{Max: 60}}, generate.PassphraseConfig{Separator: "."}, 0, ""},
		{"a check without a shape", []rule.Rule{rule.BadWords{Words: []string{"horse"}}}, generate.PassphraseConfig{}, 0, ""},
		{"too short a maximum", []rule.Rule{rule.Length{Max: 16}}, generate.PassphraseConfig{}, 0, "more than 16 characters"},
		{"a maximum that most exceed", []rule.Rule{rule.Length{Max: 40}}, generate.PassphraseConfig{Separator: "."}, 0, "most would be refused (The password is longer than 40 characters)"},
		{"runs of letters", []rule.Rule{rule.Sequence{Max: 1}, rule.RepeatedCharacters{Max: 1}}, generate.PassphraseConfig{}, 0, "most would be refused"},
		{"most letters forbidden", []rule.Rule{rule.DisallowedCharacters{Anywhere: generate.NewSet("aeiou")}}, generate.PassphraseConfig{}, 0, "too few words"},
		{"the separator forbidden", []rule.Rule{rule.DisallowedCharacters{Anywhere: generate.NewSet("-")}}, generate.PassphraseConfig{Separator: "-"}, 0, `the separator "-" is forbidden`},
		{"an entropy beyond reach", nil, generate.PassphraseConfig{}, 4000, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.cfg.Words = generate.EFFLarge()
			p := &policy.Policy{DN: "cn=p"}
			for _, r := range tc.rules {
				p.Demands = append(p.Demands, policy.Demand{Rule: r})
			}
			cfg := policy.Config{Passphrase: &tc.cfg, MinEntropyBits: tc.bits}
			g := explain(p, cfg, rule.Subject{}).Generator
			if tc.note != "" {
				if g.Kind != "random" || !strings.Contains(g.Note, tc.note) {
					t.Fatalf("%+v", g)
				}
			} else if g.Kind != "passphrase" || g.Note != "" || g.EntropyBits < 80 {
				t.Fatalf("%+v", g)
			}
			c := policy.Compile(p, cfg)
			// One attempt each: what the shape would have ruled out is never
			// a candidate.
			suggestions, err := c.Suggest(t.Context(), rule.Subject{}, policy.SuggestOptions{Count: 300, Attempts: 1})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range suggestions {
				if len(s.Errors) > 0 && tc.name != "a check without a shape" {
					t.Fatalf("refused: %v", s.Errors)
				}
			}
		})
	}
}

func TestPassphraseIsTheSameEachTime(t *testing.T) {
	for length := 30; length < 90; length += 5 {
		p := &policy.Policy{Demands: []policy.Demand{{Rule: rule.Length{Max: length}}}}
		cfg := policy.Config{Passphrase: &generate.PassphraseConfig{Words: generate.EFFLarge()}}
		kind := explain(p, cfg, rule.Subject{}).Generator.Kind
		for range 3 {
			if again := explain(p, cfg, rule.Subject{}).Generator.Kind; again != kind {
				t.Errorf("at most %d: %s and %s", length, kind, again)
			}
		}
	}
}

func TestOwnGeneratorComesFirst(t *testing.T) {
	template, err := generate.NewTemplate([]generate.TemplatePart{{Characters: "ab", Count: 8}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := policy.Config{Passphrase: &generate.PassphraseConfig{Words: generate.EFFLarge()}}
	if g := explain(&policy.Policy{Generator: template}, cfg, rule.Subject{}).Generator; g.Kind != "template" {
		t.Errorf("%+v", g)
	}
}

func TestShellSafe(t *testing.T) {
	c := policy.Compile(&policy.Policy{Demands: []policy.Demand{{Rule: rule.ClassMinimums{Specials: 3}}}},
		policy.Config{Alphabet: generate.Lower.Union(generate.ShellSafe), NotFirst: generate.ShellSafeNotFirst})
	suggestions, err := c.Suggest(t.Context(), rule.Subject{}, policy.SuggestOptions{Count: 500, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range suggestions {
		p := string(s.Password.Bytes())
		if strings.ContainsAny(p, " !\"#$%&'()*,;<>?[\\]^`{|}~") || strings.ContainsAny(p[:1], "-+=@") || len(s.Errors) > 0 {
			t.Errorf("%s %v", p, s.Errors)
		}
	}
}

func BenchmarkCompilePassphrase(b *testing.B) {
	for name, cfg := range map[string]generate.PassphraseConfig{
		"separator": {Separator: "-"}, "plain": {}, "capitals": {Capitalize: true},
	} {
		cfg.Words = generate.EFFLarge()
		p := &policy.Policy{Demands: []policy.Demand{{Rule: rule.Length{Min: 12}}, {Rule: rule.ClassMinimums{Digits: 2, Specials: 1}}}}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				policy.Compile(p, policy.Config{Passphrase: &cfg})
			}
		})
	}
}
