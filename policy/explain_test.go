package policy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

func from(attribute, value string) policy.Source {
	return policy.Source{DN: "cn=p", Attribute: attribute, Value: value}
}

// explain explains a policy as it is in force for a subject.
func explain(p *policy.Policy, cfg policy.Config, s rule.Subject) *policy.Explanation {
	eff := &policy.Effective{Compiled: policy.Compile(p, cfg), Located: policy.Located{
		Subject: s, Exists: s.DN != "",
		Steps: []policy.Step{{DN: "uid=jo", Attribute: "pwdPolicySubentry", Value: "cn=p", Text: "It names the policy."}},
	}}
	return eff.Explain("fake")
}

func TestExplainAsJSON(t *testing.T) {
	p := &policy.Policy{DN: "cn=p", MustChange: true, MaxAge: time.Hour, History: 6, ASCIIOnly: true, Demands: []policy.Demand{
		{Rule: rule.Length{Min: 20, Unit: rule.Bytes}, Source: from("pwdMinLength", "20")},
	}}
	got, err := json.MarshalIndent(explain(p, policy.Config{Alphabet: generate.Lower}, rule.Subject{DN: "uid=jo"}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "dialect": "fake",
  "targetEntryDN": "uid=jo",
  "targetEntryExists": true,
  "passwordPolicyDN": "cn=p",
  "resolution": [
    {
      "dn": "uid=jo",
      "attribute": "pwdPolicySubentry",
      "value": "cn=p",
      "text": "It names the policy."
    }
  ],
  "rules": [
    {
      "requirement": "The password must contain at least 20 octets.",
      "source": {
        "dn": "cn=p",
        "attribute": "pwdMinLength",
        "value": "20"
      },
      "type": "length",
      "properties": [
        {
          "name": "minimum-length",
          "value": "20"
        },
        {
          "name": "unit",
          "value": "octets"
        }
      ]
    }
  ],
  "satisfiable": true,
  "generator": {
    "kind": "random",
    "minLength": 20,
    "maxLength": 20,
    "entropyBits": 94,
    "entropy": "exact"
  },
  "mustChangeAfterReset": true,
  "currentPasswordRequired": false,
  "maxAgeSeconds": 3600,
  "historyCount": 6
}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestExplainGenerators(t *testing.T) {
	template, err := generate.NewTemplate([]generate.TemplatePart{{Characters: "ab", Count: 8}})
	if err != nil {
		t.Fatal(err)
	}
	words, err := generate.NewPassphrase(generate.PassphraseConfig{Words: generate.EFFLarge(), MinWords: 2, Separator: "-"})
	if err != nil {
		t.Fatal(err)
	}
	ambiguous, err := generate.NewWordList(strings.NewReader("in\nput\ninput\n"))
	if err != nil {
		t.Fatal(err)
	}
	run, err := generate.NewPassphrase(generate.PassphraseConfig{Words: ambiguous, MinWords: 2})
	if err != nil {
		t.Fatal(err)
	}
	length := policy.Demand{Rule: rule.Length{Min: 8}}
	palindrome := policy.Demand{Rule: rule.Palindrome{}}
	beyond := policy.Demand{Rule: rule.Categories{Min: 5}}
	octets := policy.Demand{Rule: rule.Length{Min: 8, Unit: rule.Bytes}}
	for _, tc := range []struct {
		name      string
		generator generate.Generator
		demands   []policy.Demand
		screen    bool
		kind      string
		entropy   policy.EntropyKind
		min, max  int
	}{
		{"shape only", nil, []policy.Demand{length}, false, "random", policy.EntropyExact, 16, 16},
		{"no rule", nil, nil, false, "random", policy.EntropyExact, 16, 16},
		{"a rule without a whole shape", nil, []policy.Demand{palindrome}, false, "random", policy.EntropyUpperBound, 16, 16},
		{"octets where not all is ASCII", nil, []policy.Demand{beyond, octets}, false, "random", policy.EntropyUpperBound, 16, 16},
		{"breached passwords are left out", nil, []policy.Demand{length}, true, "random", policy.EntropyUpperBound, 16, 16},
		{"template", template, nil, false, "template", policy.EntropyExact, 8, 8},
		{"template under rules", template, []policy.Demand{length}, false, "template", policy.EntropyUpperBound, 8, 8},
		{"passphrase", words, nil, false, "passphrase", policy.EntropyExact, 7, 19},
		{"passphrase that does not tell its words", run, nil, false, "passphrase", policy.EntropyLowerBound, 4, 10},
	} {
		cfg := policy.Config{}
		if tc.screen {
			cfg.Screen = func([]byte) bool { return false }
		}
		g := explain(&policy.Policy{DN: "cn=p", Demands: tc.demands, Generator: tc.generator}, cfg, rule.Subject{}).Generator
		if g == nil || g.Kind != tc.kind || g.Entropy != tc.entropy || g.MinLength != tc.min || g.MaxLength != tc.max || g.EntropyBits < 0 {
			t.Errorf("%s: %+v", tc.name, g)
		}
	}
}

func TestExplainConflicts(t *testing.T) {
	demands := []policy.Demand{
		{Rule: rule.Length{Min: 3}, Source: from("min", "3")},
		{Rule: rule.Length{Max: 5}, Source: from("max", "5")},
		{Rule: rule.ClassMinimums{Digits: 4, Specials: 2}, Source: from("classes", "4+2")},
	}
	template, err := generate.NewTemplate([]generate.TemplatePart{{Characters: "ab", Count: 8}})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []generate.Generator{nil, template} {
		x := explain(&policy.Policy{DN: "cn=p", Demands: demands, Generator: g}, policy.Config{}, rule.Subject{})
		want := []policy.ExplainedSource{{DN: "cn=p", Attribute: "max", Value: "5"}, {DN: "cn=p", Attribute: "classes", Value: "4+2"}}
		if diff := cmp.Diff(want, x.Conflict); diff != "" || x.Satisfiable || !strings.Contains(x.Reason, "max: 5 (cn=p); classes: 4+2") {
			t.Errorf("%v %s\n%s", x.Satisfiable, x.Reason, diff)
		}
	}
	x := explain(&policy.Policy{DN: "cn=p", Blocked: "its module is missing"}, policy.Config{}, rule.Subject{})
	if x.Satisfiable || x.Generator != nil || !strings.Contains(x.Reason, "its module is missing") {
		t.Errorf("%+v", x)
	}
	// A rule that only one entry cannot meet.
	everyLetter := rule.Subject{DN: "uid=jo", Attributes: map[string][]string{"cn": {"abcdefghijklmnopqrstuvwxyz"}}}
	letters := &policy.Policy{DN: "cn=p", Demands: []policy.Demand{demand(noneOfName{}, "name", 1), demand(atLeast{1, generate.Lower, "letters"}, "letters", 1)}}
	if x := explain(letters, policy.Config{}, everyLetter); x.Satisfiable || len(x.Conflict) != 2 {
		t.Errorf("%+v", x)
	}
	if x := explain(letters, policy.Config{}, rule.Subject{}); !x.Satisfiable {
		t.Errorf("%+v", x)
	}
}

func TestWithhold(t *testing.T) {
	p := &policy.Policy{DN: "cn=p", GeneratorDN: "cn=g", Demands: []policy.Demand{
		{Rule: rule.Length{Min: 3}, Source: from("min", "3")},
		{Rule: rule.Length{Max: 2}, Source: policy.Source{DN: "cn=q", Attribute: "max", Value: "2"}},
	}}
	x := explain(p, policy.Config{}, rule.Subject{DN: "uid=jo"})
	x.Withhold(func(dn string) bool { return dn == "cn=q" })
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"min", "pwdPolicySubentry", "cn=p\\\""} {
		if strings.Contains(strings.ReplaceAll(string(text), "minimum-length", ""), `"`+secret) {
			t.Errorf("%q is shown: %s", secret, text)
		}
	}
	if !strings.Contains(string(text), `"attribute":"max"`) || !strings.Contains(string(text), "at least 3 characters") {
		t.Errorf("too much is withheld: %s", text)
	}
}
