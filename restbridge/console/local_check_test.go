package console_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
	"github.com/ldapsuggest/ldapsuggest/restbridge/console"
)

// localChecks compares what the browser says of passwords with what the rules
// say. It may leave a verdict to the server; it must not have another one.
func localChecks(t *testing.T, browser context.Context, r *rig) {
	set := func(s string) generate.Set { return generate.NewSet(s) }
	rules := []rule.Rule{
		rule.Length{Min: 8}, rule.Length{Max: 9}, rule.Length{Min: 6, Max: 10, Unit: rule.Bytes}, rule.Length{Min: 7, Unit: rule.UTF16},
		rule.CharacterSets{Sets: []rule.CharacterSet{{Set: generate.Lower, Min: 2}, {Set: generate.Upper, Min: 1}, {Set: generate.Digits}}, MinSets: 3},
		rule.CharacterSets{Sets: []rule.CharacterSet{{Set: generate.Lower}, {Set: generate.Upper}, {Set: set("é€"), Min: 1}}, MinSets: 2, AllowUnclassified: true},
		rule.ClassMinimums{Digits: 1, Alphas: 3, Uppers: 1, Lowers: 1, Specials: 1}, rule.ClassMinimums{EightBit: 1},
		rule.Categories{Min: 3}, rule.KrbCategories{Min: 3},
		rule.DisallowedCharacters{Anywhere: set("xé"), Leading: set("-{"), Trailing: set(`\`)},
		rule.RepeatedCharacters{Max: 2}, rule.RepeatedCharacters{Max: 1, CaseSensitive: true},
		rule.RepeatedCharacters{Max: 2, Equivalent: []generate.Set{set("123"), set("aB")}}, rule.RepeatedCharacters{Max: 1, Unit: rule.Bytes},
		rule.UniqueCharacters{Min: 5}, rule.UniqueCharacters{Min: 5, CaseSensitive: true},
		rule.Sequence{Max: 2}, rule.Sequence{Max: 3},
		rule.Credits{MinLength: 8, Digit: -1, Upper: 1, Lower: 2, Other: 1}, rule.Credits{MinLength: 9, Other: -2},
		rule.Palindrome{}, rule.Palindrome{IgnoreCase: true},
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	alphabets := []string{"aAbB", "abc123", "abcxyzABC0129!-{\\", "aé€1A", "a😀1ß"}
	passwords := []string{"a", "abccba", "aA", "123", "aaa1!", "Abcdef-1", "ÀÀ", "ſs", "KK"}
	for range 300 {
		letters := []rune(alphabets[rnd.IntN(len(alphabets))])
		p := make([]rune, 1+rnd.IntN(12))
		for i := range p {
			p[i] = letters[rnd.IntN(len(letters))]
		}
		passwords = append(passwords, string(p))
	}
	b := open(t, browser, r, "checks", look{})
	b.open("/")
	judged := 0
	for _, rl := range rules {
		req := rl.Requirement()
		var properties []policy.ExplainedProperty
		for _, p := range req.Properties {
			properties = append(properties, policy.ExplainedProperty(p))
		}
		input, err := json.Marshal([]any{console.CheckOf(req.Type, properties), passwords})
		if err != nil {
			t.Fatal(err)
		}
		got := eval[[]*bool](b, "(([check, all]) => all.map((p) => { const v = checkLocally(check, p); return v === undefined ? null : v; }))("+string(input)+")")
		ascii := 0
		for i, p := range passwords {
			if got[i] == nil {
				continue
			}
			judged++
			ascii++
			if want := len(rl.Check([]byte(p), rule.Subject{})) == 0; *got[i] != want {
				t.Errorf("%#v: %q: the browser says %v", rl, p, *got[i])
			}
		}
		if ascii < len(passwords)/3 {
			t.Errorf("%#v: the browser judges %d of %d passwords", rl, ascii, len(passwords))
		}
	}
	if judged < len(rules)*len(passwords)/2 {
		t.Errorf("the browser judges %d of %d", judged, len(rules)*len(passwords))
	}
	if n := eval[int](b, `[["no-such-rule", []], ["__proto__", []]].filter((c) => checkLocally(JSON.stringify(c), "x") !== undefined).length`); n != 0 {
		t.Error("the browser judges by a rule that it does not know")
	}
}
