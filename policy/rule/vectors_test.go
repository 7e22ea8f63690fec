package rule

import (
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// An example is a rule for a user, by the name that testdata/vectors.json
// knows it by.
type example struct {
	rule    Rule
	subject Subject
}

func person(dn string, attributes map[string][]string) Subject {
	return Subject{DN: dn, Attributes: attributes}
}

func mustPattern(pattern string, reject bool, mode RegexpMode) Rule {
	r, err := NewRegularExpression(pattern, reject, mode)
	if err != nil {
		panic(err)
	}
	return r
}

type breachList map[[20]byte]bool

func (b breachList) Breached(sum [20]byte) (bool, error) {
	if b == nil {
		return false, errors.New("no list")
	}
	return b[sum], nil
}

// passwordSHA1 is that of "password".
var passwordSHA1 = [20]byte{
	0x5b, 0xaa, 0x61, 0xe4, 0xc9, 0xb9, 0x3f, 0x3f, 0x06, 0x82,
	0x25, 0x0b, 0x6c, 0xf8, 0x33, 0x1b, 0x7e, 0xe6, 0x8f, 0xd8,
}

func examples() map[string]example {
	set := generate.NewSet
	usn := person("uid=USN123,dc=example,dc=com", map[string][]string{"uid": {"USN123"}})
	user := person("uid=test.user,dc=example,dc=com", map[string][]string{
		"uid":          {"test.user"},
		"cn;lang-en":   {"Test User"},
		"userpassword": {"Rock7fall"},
		"jpegphoto":    {"\xff\xd8\x00Rock7fall"},
		"initials":     {"abc", "bc"},
	})
	words := NewWords("god", "dog", "password", "old", "café", "Password1x", "swordfish")
	ping := Dictionary{
		Words: words, Reversed: true, IgnoreLeadingNonAlphabetic: true, IgnoreTrailingNonAlphabetic: true, StripDiacritics: true,
		Alternatives: map[rune][]rune{'@': {'a'}, '0': {'o'}, '$': {'s'}},
	}
	percent := ping
	percent.MaxPercent = 50
	percent.IgnoreLeadingNonAlphabetic, percent.IgnoreTrailingNonAlphabetic = false, false
	shipped := CharacterSets{
		Sets: []CharacterSet{
			{generate.Lower, 1}, {generate.Upper, 1}, {generate.Digits, 1},
			{set("~!@#$%^&*()-_=+[]{}|;:,.<>/?"), 1},
		},
		AllowUnclassified: true,
	}
	optional := func(n int, unclassified bool) Rule {
		return CharacterSets{
			Sets:    []CharacterSet{{generate.Lower, 0}, {generate.Upper, 0}, {generate.Digits, 1}},
			MinSets: n, AllowUnclassified: unclassified,
		}
	}
	number := big.NewInt
	john := person("uid=jdoe,dc=example,dc=com", map[string][]string{
		"uid": {"ali"}, "sn": {"Doe"}, "mail": {"x@example.com"}, "cn": {"al"},
	})
	ppmClasses := []PointClass{
		{"upperCase", NewByteSet(generate.Upper.String()), 1},
		{"lowerCase", NewByteSet(generate.Lower.String()), 1},
		{"digit", NewByteSet(generate.Digits.String()), 1},
		{"special", NewByteSet("!?.*"), 1},
		{"empty", ByteSet{}, 0},
	}
	alice := person("CN=Alice Example,DC=example,DC=com", map[string][]string{"samaccountname": {"alice"}, "displayname": {"Al Example"}})
	erin := person("CN=Erin,DC=example,DC=com", map[string][]string{"samaccountname": {"em"}, "displayname": {"Erin M. Hagens"}})

	return map[string]example{
		"length 8 to 10 characters": {rule: Length{Min: 8, Max: 10}},
		"length 10 to 12 octets":    {rule: Length{Min: 10, Max: 12, Unit: Bytes}},
		"length 10 code units":      {rule: Length{Min: 10, Unit: UTF16}},
		"length unbounded":          {rule: Length{Min: -1, Max: -1}},

		"opendj attribute-value USN123":             {AttributeValues{MinSubstring: 3, Reversed: true}, usn},
		"opendj attribute-value test.user":          {AttributeValues{MinSubstring: 5, Attributes: []string{"cn", "uid"}}, user},
		"opendj attribute-value test.user reversed": {AttributeValues{MinSubstring: 5, Reversed: true}, user},
		"ping attribute-value":                      {AttributeValues{}, user},
		"ping attribute-value both directions":      {AttributeValues{Reversed: true, InValue: true, MinValue: 4}, user},
		"attribute-value of cn only":                {AttributeValues{Attributes: []string{"CN"}}, user},

		"opendj character-set shipped":    {rule: shipped},
		"opendj character-set optional 2": {rule: optional(2, false)},
		"opendj character-set optional 3": {rule: optional(3, true)},
		"character-set first match": {rule: CharacterSets{
			Sets: []CharacterSet{{set("ab"), 2}, {set("bx"), 1}}, AllowUnclassified: true,
		}},

		"opendj dictionary min 5":          {rule: Dictionary{Words: words, MinSubstring: 5}},
		"opendj dictionary min 3 reversed": {rule: Dictionary{Words: words, MinSubstring: 3, Reversed: true}},
		"dictionary case-sensitive":        {rule: Dictionary{Words: words, CaseSensitive: true}},
		"ping dictionary":                  {rule: ping},
		"ping dictionary percent 50":       {rule: percent},

		"repeated insensitive 2":     {rule: RepeatedCharacters{Max: 2}},
		"repeated sensitive 2":       {rule: RepeatedCharacters{Max: 2, CaseSensitive: true}},
		"ping repeated sets 123 abc": {rule: RepeatedCharacters{Max: 2, Equivalent: []generate.Set{set("123"), set("abc")}}},
		"389 max repeats 2":          {rule: RepeatedCharacters{Max: 2, CaseSensitive: true}},
		"ipa max repeat 1":           {rule: RepeatedCharacters{Max: 1, CaseSensitive: true, Unit: Bytes}},

		"unique 5 insensitive": {rule: UniqueCharacters{Min: 5}},
		"unique 3 sensitive":   {rule: UniqueCharacters{Min: 3, CaseSensitive: true}},

		"ping regular expression example":      {rule: mustPattern(`^\w*(?=\w*\d)(?=\w*[a-z])(?=\w*[A-Z])\w*$`, false, Strictest)},
		"regular expression require found":     {rule: mustPattern(`\d`, false, Find)},
		"regular expression require strictest": {rule: mustPattern(`\d+`, false, Strictest)},
		"regular expression reject found":      {rule: mustPattern(`\d`, true, Strictest)},
		"regular expression reject full":       {rule: mustPattern(`\d+`, true, Full)},
		"regular expression back reference":    {rule: mustPattern(`(.)\1{2}`, true, Find)},
		"regular expression java classes":      {rule: mustPattern(`(?=.*\p{Lower})(?=.*[\p{Upper}])(?=.*\d)(?=.*\p{Punct}).+`, false, Full)},

		"disallowed": {rule: DisallowedCharacters{Anywhere: set("<>"), Leading: set("-"), Trailing: set("_")}},

		"haystack summed 110":     {rule: NewHaystack(number(110), number(1000), true)},
		"haystack not summed 110": {rule: NewHaystack(number(110), number(1000), false)},
		"haystack one day":        {rule: NewHaystack(number(100_000_000_000), number(86_400_000), true)},

		"similarity 3 to secret12": {Similarity{MinDistance: 3}, Subject{Current: [][]byte{[]byte("secret12")}}},

		"ping utf-8":              {rule: UTF8{AllowNonASCII: true}},
		"utf-8 ascii letters":     {rule: UTF8{Types: Letters}},
		"utf-8 anything assigned": {rule: UTF8{AllowNonASCII: true, Types: 1<<len(characterTypes) - 1}},

		"pwned": {rule: Pwned{Breaches: breachList{passwordSHA1: true}}},

		"389 class minimums 2": {rule: ClassMinimums{Digits: 2, Uppers: 2, Lowers: 2, Specials: 2}},
		"389 eight bit 2":      {rule: ClassMinimums{EightBit: 2}},
		"389 alphas 3":         {rule: ClassMinimums{Alphas: 3}},
		"389 categories 3":     {rule: Categories{3}},
		"389 categories 5":     {rule: Categories{5}},
		"389 class run 2":      {rule: ClassRun{Max: 2}},
		"389 class run 1":      {rule: ClassRun{Max: 1}},
		"ppm class run 2 overlapping": {rule: ClassRun{Max: 2, Classes: []ByteSet{
			NewByteSet("abc"), NewByteSet("ab1x1x"[:4]), NewByteSet("b1"),
		}}},
		"sequence 2":         {rule: Sequence{2}},
		"sequence 3":         {rule: Sequence{3}},
		"sequence sets 2":    {rule: SequenceSets{2}},
		"389 palindrome":     {rule: Palindrome{}},
		"ipa palindrome":     {rule: Palindrome{IgnoreCase: true}},
		"389 bad words":      {rule: BadWords{[]string{"acme", "swordfish", ""}}},
		"389 tokens 3":       {Tokens{3, []string{"uid", "cn", "sn", "givenName", "ou", "mail"}}, john},
		"389 tokens 1":       {Tokens{1, []string{"cn", "mail", "ou"}}, person("", map[string][]string{"cn": {"al"}, "mail": {"e@c.om"}, "ou": {" "}})},
		"389 storage prefix": {rule: StoragePrefix{Schemes: []string{"SSHA", "SSHA512", "CLEAR"}}},
		"no brace first":     {rule: StoragePrefix{}},

		"ppm default points 3":   {rule: ClassPoints{3, ppmClasses}},
		"ppm free point":         {rule: ClassPoints{3, append([]PointClass{{"free", NewByteSet("XYZ"), 0}}, ppmClasses...)}},
		"ppm nine points":        {rule: ClassPoints{9, ppmClasses}},
		"ppm min 2 max 3 digits": {rule: ByteClass{"digit", NewByteSet("0123456789"), 2, 3}},
		"ppm forbidden":          {rule: ForbiddenBytes{NewByteSet(`<>"é`)}},
		"ppm rdn j.doe1":         {TokenPatterns{RDN: true}, person("uid=j.doe1,ou=people,dc=example,dc=com", nil)},
		"ppm rdn x*yz":           {TokenPatterns{RDN: true}, person("uid=x*yz+sn=ab,dc=example,dc=com", nil)},
		"ppm rdn broken pattern": {TokenPatterns{RDN: true}, person("uid=a[bc,dc=example,dc=com", nil)},
		"ppm attributes": {TokenPatterns{Attributes: []string{"givenName", "mail"}}, person("uid=maryann,dc=example,dc=com", map[string][]string{
			"givenname": {"Anna-Li", "mary"}, "mail": {"smith@example.com"},
		})},

		"ad both":        {rule: ADComplexity{}},
		"ad windows":     {rule: ADComplexity{WindowsReading}},
		"ad samba":       {rule: ADComplexity{SambaReading}},
		"ad names alice": {ADNames{}, alice},
		"ad names erin":  {ADNames{}, erin},

		"krb categories 3":      {rule: KrbCategories{3}},
		"ipa credits":           {rule: Credits{MinLength: 10, Digit: 3, Upper: -2, Other: -1}},
		"ipa length at least 6": {rule: Credits{MinLength: 4}},
		"ipa user jdoe":         {UserCheck{}, person("uid=jdoe", map[string][]string{"uid": {"JDoe"}})},
		"ipa user joe":          {UserCheck{}, person("uid=joe", map[string][]string{"uid": {"joe"}})},

		"cracklib": {rule: Cracklib{NewWords("password", "swordfish", "ain't")}},
	}
}

func TestVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Rule           string
		Accept, Reject []string
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	rules := examples()
	used := make(map[string]bool)
	for _, v := range vectors {
		if len(v.Accept)+len(v.Reject) == 0 {
			t.Errorf("no passwords for %q", v.Rule)
		}
		if used[v.Rule] {
			t.Errorf("%q comes twice", v.Rule)
		}
		used[v.Rule] = true
		t.Run(v.Rule, func(t *testing.T) {
			e, ok := rules[v.Rule]
			if !ok {
				t.Fatal("no such rule")
			}
			for _, password := range v.Accept {
				if reasons := e.rule.Check([]byte(password), e.subject); len(reasons) > 0 {
					t.Errorf("%q is refused: %q", password, reasons)
				}
			}
			for _, password := range v.Reject {
				reasons := e.rule.Check([]byte(password), e.subject)
				if len(reasons) == 0 {
					t.Errorf("%q is accepted", password)
				}
				for _, reason := range reasons {
					if !strings.HasPrefix(reason, "The password ") || !strings.HasSuffix(reason, ".") {
						t.Errorf("%q is no sentence", reason)
					}
					// Words that a sentence may hold anyway prove nothing.
					if strings.Trim(password, "abcdefghijklmnopqrstuvwxyz") != "" && len(password) > 2 && strings.Contains(reason, password) {
						t.Errorf("the reason %q holds the password", reason)
					}
				}
			}
		})
	}
	for name := range rules {
		if !used[name] {
			t.Errorf("no vectors for %q", name)
		}
	}
	if len(vectors) == 0 {
		t.Error("no vectors")
	}
}

// TestNothingKnown holds the promise that rules which compare with the user
// pass where nothing is known of one.
func TestNothingKnown(t *testing.T) {
	for name, e := range examples() {
		switch e.rule.(type) {
		case AttributeValues, Tokens, TokenPatterns, ADNames, UserCheck, Similarity:
			for _, password := range []string{"", "a", "test.user", "Aa1!Bb2?"} {
				if reasons := e.rule.Check([]byte(password), Subject{}); len(reasons) > 0 {
					t.Errorf("%s refuses %q of nobody: %q", name, password, reasons)
				}
			}
		}
	}
}

func TestRequirements(t *testing.T) {
	for name, e := range examples() {
		req := e.rule.Requirement()
		if !strings.HasPrefix(req.Text, "The password m") || !strings.HasSuffix(req.Text, ".") || strings.Contains(req.Text, "  ") {
			t.Errorf("%s: %q is no requirement", name, req.Text)
		}
		if strings.Trim(req.Type, "abcdefghijklmnopqrstuvwxyz-0123456789") != "" || req.Type == "" {
			t.Errorf("%s: %q is no type", name, req.Type)
		}
		for _, p := range req.Properties {
			if p.Name == "" || strings.Trim(p.Name, "abcdefghijklmnopqrstuvwxyz-0123456789") != "" {
				t.Errorf("%s: %q is no property name", name, p.Name)
			}
		}
	}
}
