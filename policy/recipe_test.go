package policy

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

func TestRecipe(t *testing.T) {
	digits := Demand{Rule: rule.CharacterSets{Sets: []rule.CharacterSet{{Set: generate.Digits}}}}
	long := &Policy{DN: "cn=long", Demands: []Demand{{Rule: rule.Length{Min: 20}}}}
	open := &Policy{DN: "cn=open"}
	phrase, err := generate.NewPassphrase(generate.PassphraseConfig{Words: generate.EFFLarge(), MinWords: 5, Capitalize: true})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name       string
		policy     *Policy
		recipe     Recipe
		min, max   int // characters
		characters string
		code       result.Code
	}{
		{"the shortest with enough entropy", open, Recipe{Demands: []Demand{digits}, Config: &Config{Length: 4, MinEntropyBits: 30}}, 10, 10, "0123456789", 0},
		{"no longer than the bound", open, Recipe{Demands: []Demand{digits}, Config: &Config{Length: 4, MinEntropyBits: 30}, MaxLength: 6}, 6, 6, "0123456789", 0},
		{"the bound yields to the policy", long, Recipe{Demands: []Demand{digits}, Config: &Config{Length: 4}, MaxLength: 6}, 20, 20, "0123456789", 0},
		{"without the policy", long, Recipe{Demands: []Demand{digits}, Config: &Config{Length: 4, MinEntropyBits: 1}, Alone: true}, 4, 4, "0123456789", 0},
		{"a conflict with the policy", &Policy{Demands: []Demand{{Rule: rule.ClassMinimums{Uppers: 1}}}}, Recipe{Demands: []Demand{digits}, MaxLength: 9}, 0, 0, "", result.UnwillingToPerform},
		{"a generator", long, Recipe{Generator: phrase, MaxLength: 1}, 20, 60, "", 0},
		{"a blocked policy", &Policy{Blocked: "why"}, Recipe{Demands: []Demand{digits}}, 0, 0, "", result.UnwillingToPerform},
	}
	for _, tt := range tests {
		got, err := Compile(tt.policy, Config{}).With(tt.recipe).Suggest(t.Context(), rule.Subject{}, SuggestOptions{Count: 20, Attempts: 100})
		if tt.code != 0 {
			if !result.Is(err, tt.code) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		for _, s := range got {
			n := utf8.RuneCount(s.Password.Bytes())
			if n < tt.min || n > tt.max || len(s.Errors) > 0 || tt.characters != "" && strings.Trim(string(s.Password.Bytes()), tt.characters) != "" {
				t.Errorf("%s: %q (%v)", tt.name, s.Password.Bytes(), s.Errors)
			}
		}
	}
}

// What either screen reports is drawn again.
func TestRecipeScreens(t *testing.T) {
	not := func(c byte) func([]byte) bool { return func(p []byte) bool { return p[0] == c } }
	c := Compile(&Policy{}, Config{Screen: not('1')})
	r := Recipe{Demands: []Demand{{Rule: rule.CharacterSets{Sets: []rule.CharacterSet{{Set: generate.NewSet("1234")}}}}},
		Config: &Config{Length: 1, MinEntropyBits: 1, Screen: not('2')}, Screen: not('4')}
	got, err := c.With(r).Suggest(t.Context(), rule.Subject{}, SuggestOptions{Count: 50, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got {
		if s.Password.Bytes()[0] != '3' {
			t.Fatalf("%q", s.Password.Bytes())
		}
	}
}
