package rule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

func typeName(v any) string { return fmt.Sprintf("%T", v) }

// FuzzCheck judges arbitrary octets by every rule, twice: no rule may panic,
// keep state or change the password.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"", "\x00", "a\x00b", "\xff\xfe", "é\xc3", "password", "{SSHA}x", "\xed\xa0\x80", strings.Repeat("a1!", 40)} {
		f.Add([]byte(seed), seed)
	}
	rules := examples()
	f.Fuzz(func(t *testing.T, password []byte, value string) {
		if len(password) > 1<<10 || len(value) > 1<<10 {
			return
		}
		subject := Subject{
			DN:      "uid=" + value + ",dc=example,dc=com",
			Current: [][]byte{[]byte(value)},
			Attributes: map[string][]string{
				"uid": {value}, "cn": {value, "x"}, "mail": {value}, "givenname": {value},
				"samaccountname": {value}, "displayname": {value},
			},
		}
		before := slices.Clone(password)
		for name, e := range rules {
			first := e.rule.Check(password, subject)
			if again := e.rule.Check(password, subject); !slices.Equal(first, again) {
				t.Errorf("%s: %q, then %q", name, first, again)
			}
			if r, ok := e.rule.(SubjectShaper); ok {
				shape := generate.Shape{Alphabet: generate.Printable}
				r.NarrowFor(&shape, subject)
			}
		}
		if !slices.Equal(before, password) {
			t.Error("a rule changed the password")
		}
	})
}

// FuzzRegularExpression reads patterns from a policy that anyone may have
// written.
func FuzzRegularExpression(f *testing.F) {
	for _, p := range patterns {
		f.Add(p, "aB3!xyz", false)
	}
	for _, p := range []string{`[a[b]]`, `[a&&b]`, `a++`, `\Qa-z\E`, `[\Qa-z\E]`, `\p{Lower}`, `[^\P{Alpha}]`, `(`, `[`, `\`, `\Q`} {
		f.Add(p, "a", true)
	}
	f.Fuzz(func(t *testing.T, pattern, password string, reject bool) {
		if len(pattern) > 200 || len(password) > 40 {
			return
		}
		r, err := NewRegularExpression(pattern, reject, Strictest)
		if err != nil {
			return
		}
		alphabet := generate.NewSet(password)
		shape := generate.Shape{Alphabet: alphabet}
		r.Narrow(&shape)
		if len(r.Check([]byte(password), Subject{})) == 0 && len(alphabet.Runes()) > 0 && strings.ToValidUTF8(password, "") == password &&
			!strings.ContainsAny(password, "\n") && !shape.Fits(password) {
			t.Errorf("%q passes %q and does not fit %+v", password, pattern, shape)
		}
	})
}

func TestPatternsRefused(t *testing.T) {
	for _, p := range []string{`[a[b]]`, `[a&&b]`, `a++`, `(`, `[`, `\`, `a{2}{3}+`, `\p{Nonsense}`} {
		if _, err := NewRegularExpression(p, false, Find); err == nil {
			t.Errorf("%q is read", p)
		}
	}
}

// TestPatternTimeout takes a pattern that no backtracking engine finishes:
// the password is refused, and the reason says nothing of it.
func TestPatternTimeout(t *testing.T) {
	r, err := NewRegularExpression(`^(?=(a+)+$)(a+)+\1b$`, true, Find)
	if err != nil {
		t.Fatal(err)
	}
	password := strings.Repeat("a", 60)
	reasons := r.Check([]byte(password), Subject{})
	if len(reasons) != 1 || strings.Contains(reasons[0], "aa") {
		t.Errorf("%q", reasons)
	}
}

func TestBreachesFail(t *testing.T) {
	var none breachList
	for _, r := range []Pwned{{}, {Breaches: none}} {
		if len(r.Check([]byte("x"), Subject{})) == 0 {
			t.Error("a password that could not be looked up is accepted")
		}
		r.AcceptOnError = true
		if len(r.Check([]byte("x"), Subject{})) != 0 {
			t.Error("AcceptOnError has no effect")
		}
	}
}

func TestReadWords(t *testing.T) {
	w, err := ReadWords(strings.NewReader("\uFEFFalpha\r\n  beta \n\n\nalpha\nGamma"))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.exact(); !slices.Equal(got, []string{"Gamma", "alpha", "beta"}) {
		t.Errorf("%q", got)
	}
	if _, err := ReadWords(strings.NewReader(strings.Repeat("x", 1<<20))); err == nil {
		t.Error("a word of a megabyte is read")
	}
}

func TestParseAlternatives(t *testing.T) {
	got, err := ParseAlternatives("o:0", "::;", "i:1!")
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[rune]string{'0': "o", 'o': "0", ':': ";", ';': ":", 'i': "1!", '!': "i"} {
		if string(got[from]) != to {
			t.Errorf("%c stands for %q, want %q", from, string(got[from]), to)
		}
	}
	for _, bad := range []string{"", "a", "a:", "ab:c", ":", "\xff:a"} {
		if _, err := ParseAlternatives(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestParseCharacterTypes(t *testing.T) {
	all, err := ParseCharacterTypes(characterTypes[:]...)
	if err != nil || all != Letters|Numbers|Punctuation|SymbolCharacters|Spaces|NonSpaceSeparators|Marks|Controls|PrivateUse {
		t.Errorf("%b, %v", all, err)
	}
	if _, err := ParseCharacterTypes("letters", "emoji"); err == nil {
		t.Error("an unknown type is read")
	}
	if got := DefaultCharacterTypes.names(); !slices.Equal(got, []string{"letters", "numbers", "punctuation", "symbols", "spaces", "marks"}) {
		t.Errorf("the default is %q", got)
	}
}

func TestStripDiacritics(t *testing.T) {
	for in, want := range map[string]string{"": "", "abc": "abc", "Àéîõü": "Aeiou", "e\u0301": "e", "Ệ": "E", "й": "и", "ß": "ß", "ΐ": "ι"} {
		if got := stripDiacritics(in); got != want {
			t.Errorf("%q without accents is %q, want %q", in, got, want)
		}
	}
}

// TestHalfCharacters holds that parts are measured in code units, as Java
// does: two characters that share their first half share a part.
func TestHalfCharacters(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4} {
		for _, pair := range [][2]string{{"😀", "😁"}, {"a😀b", "xa😀"}, {"abc", "xbcd"}, {"😀", "abc"}, {"éa", "é"}} {
			want := sharesUnits(utf16.Encode([]rune(pair[0])), utf16.Encode([]rune(pair[1])), n)
			if got := sharesPart(pair[0], pair[1], n); got != want {
				t.Errorf("%q and %q share %d: %t", pair[0], pair[1], n, got)
			}
		}
	}
	if !sharesPart("😀", "😁", 1) || sharesPart("😀", "😁", 2) {
		t.Error("halves of characters are not compared")
	}
}

func TestADPunctuation(t *testing.T) {
	if !generate.NewSet(adPunctuation).Equal(generate.Symbols) {
		t.Error("the list is not all of ASCII punctuation")
	}
}

func BenchmarkDictionary(b *testing.B) {
	var words []string
	for i := range 100_000 {
		words = append(words, fmt.Sprintf("w%xrd", i*7919))
	}
	r := Dictionary{Words: NewWords(words...), MinSubstring: 5, Reversed: true}
	password := []byte("kX9#vbTq2mWz!4Lp")
	r.Check(password, Subject{})
	b.ReportAllocs()
	for b.Loop() {
		r.Check(password, Subject{})
	}
}
