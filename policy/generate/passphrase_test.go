package generate

import (
	"math"
	"regexp"
	"strings"
	"testing"
)

func words(t testing.TB, s string) *WordList {
	t.Helper()
	l, err := NewWordList(strings.NewReader(strings.ReplaceAll(s, " ", "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPassphraseForm(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  PassphraseConfig
		form string
	}{
		{"PingDirectory's default", PassphraseConfig{Words: EFFLarge(), MinWords: 4, MinChars: 20, Capitalize: true}, `^([A-Z][a-z-]{2,}){4,}$`},
		{"separator", PassphraseConfig{Words: EFFLarge(), MinWords: 5, Separator: "_"}, `^[a-z-]{3,}(_[a-z-]{3,}){4}$`},
		{"digits and symbols", PassphraseConfig{Words: EFFShort2(), MinWords: 3, Separator: " ", Extras: []Extra{{Digits, 2}, {NewSet("!-?"), 1}}},
			`^[a-z-]+[0-9!?]*( [a-z-]+[0-9!?]*){2}$`},
		{"one word", PassphraseConfig{Words: EFFLarge()}, `^[a-z-]+$`},
		{"not ASCII", PassphraseConfig{Words: words(t, "äpfel öl über"), MinWords: 2, Separator: "·", Capitalize: true}, `^(Äpfel|Öl|Über)(·(Äpfel|Öl|Über))$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := NewPassphrase(tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if !p.Exact() {
				t.Error("the entropy is not exact")
			}
			re, rnd := regexp.MustCompile(tt.form), testRand(tt.name)
			for range 500 {
				s := string(p.Append([]byte("x"), rnd))[1:]
				if !re.MatchString(s) {
					t.Fatalf("%q is not %s", s, tt.form)
				}
				if len([]rune(s)) < tt.cfg.MinChars {
					t.Fatalf("%q is too short", s)
				}
				n := 0
				for _, r := range s {
					if Digits.Contains(r) {
						n++
					}
				}
				for _, e := range tt.cfg.Extras {
					if e.Set.Equal(Digits) && n != e.Count {
						t.Fatalf("%q has %d digits, want %d", s, n, e.Count)
					}
				}
			}
		})
	}
}

// TestPassphraseEntropy compares Bits with the entropy of the distribution
// itself, found by following every choice, and with what is drawn.
func TestPassphraseEntropy(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cfg   PassphraseConfig
		exact bool
	}{
		{"prefix code", PassphraseConfig{Words: words(t, "ab c dd"), MinWords: 2, MinChars: 4}, true},
		{"unequal", PassphraseConfig{Words: words(t, "a bb cccc"), MinWords: 1, MinChars: 5}, true},
		{"separator", PassphraseConfig{Words: words(t, "a ab aab"), MinWords: 2, MinChars: 6, Separator: "-"}, true},
		{"long separator", PassphraseConfig{Words: words(t, "a x- -x"), MinWords: 2, Separator: "--"}, true},
		{"capitals", PassphraseConfig{Words: words(t, "a ab b"), MinWords: 3, Capitalize: true}, true},
		{"capitals that meet", PassphraseConfig{Words: words(t, "ab Ab b"), MinWords: 2, Capitalize: true}, true},
		{"ambiguous", PassphraseConfig{Words: words(t, "in put input"), MinWords: 1, MinChars: 5}, false},
		{"ambiguous, fixed", PassphraseConfig{Words: words(t, "a ab b ba"), MinWords: 3}, false},
		{"suffix code", PassphraseConfig{Words: words(t, "a ab bb"), MinWords: 3}, true},
		{"extras", PassphraseConfig{Words: words(t, "a b"), MinWords: 2, Extras: []Extra{{NewSet("12a"), 1}, {NewSet("!"), 2}}}, true},
		{"extras and characters", PassphraseConfig{Words: words(t, "a bb"), MinWords: 1, MinChars: 4, Extras: []Extra{{NewSet("12"), 1}}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := NewPassphrase(tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			dist := distribution(p)
			h, sum := 0.0, 0.0
			for _, q := range dist {
				h -= q * math.Log2(q)
				sum += q
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Fatalf("the test's own distribution sums to %v", sum)
			}
			if p.Exact() != tt.exact {
				t.Errorf("Exact is %v, want %v", p.Exact(), tt.exact)
			}
			if d := p.Bits() - h; d > 1e-9 || tt.exact && d < -1e-9 || p.Bits() < 0 {
				t.Errorf("Bits is %v, the entropy is %v", p.Bits(), h)
			}
			const draws = 60_000
			got, rnd := make(map[string]int), testRand(tt.name)
			var buf []byte
			for range draws {
				buf = p.Append(buf[:0], rnd)
				got[string(buf)]++
			}
			for s, q := range dist {
				if d := math.Abs(float64(got[s]) - draws*q); d > 6*math.Sqrt(draws*q)+1 {
					t.Errorf("%q came %d times, want about %.0f", s, got[s], draws*q)
				}
				delete(got, s)
			}
			if len(got) > 0 {
				t.Errorf("%d strings that should not come", len(got))
			}
		})
	}
}

// distribution follows the definition: words until both minimums hold, then
// every arrangement of extras.
func distribution(p *Passphrase) map[string]float64 {
	out := make(map[string]float64)
	var chosen []string
	var extend func(q float64)
	extend = func(q float64) {
		n := p.added + len([]rune(strings.Join(chosen, p.cfg.Separator)))
		if len(chosen) >= max(p.cfg.MinWords, 1) && n >= p.cfg.MinChars {
			var all []string
			arrangements(p, chosen, nil, &all)
			for _, s := range all {
				out[s] += q / float64(len(all))
			}
			return
		}
		for _, w := range p.words {
			chosen = append(chosen, w)
			extend(q / float64(len(p.words)))
			chosen = chosen[:len(chosen)-1]
		}
	}
	extend(1)
	return out
}

func arrangements(p *Passphrase, chosen []string, extras []rune, all *[]string) {
	if len(extras) == p.added {
		count := 0
		for _, s := range p.sets {
			n := 0
			for _, r := range extras {
				for _, c := range p.extras[s.lo : uint64(s.lo)+s.die.n] {
					if r == c {
						n++
					}
				}
			}
			if n == s.n {
				count++
			}
		}
		if count == len(p.sets) {
			spread(p, chosen, extras, "", all)
		}
		return
	}
	for _, r := range p.extras {
		arrangements(p, chosen, append(extras[:len(extras):len(extras)], r), all)
	}
}

func spread(p *Passphrase, chosen []string, extras []rune, before string, all *[]string) {
	before += chosen[0]
	if len(chosen) == 1 {
		*all = append(*all, before+string(extras))
		return
	}
	for n := range len(extras) + 1 {
		spread(p, chosen[1:], extras[n:], before+string(extras[:n])+p.cfg.Separator, all)
	}
}

func TestPassphraseErrors(t *testing.T) {
	l := words(t, "one two")
	for name, cfg := range map[string]PassphraseConfig{
		"no words":        {},
		"negative words":  {Words: l, MinWords: -1},
		"negative chars":  {Words: l, MinChars: -1},
		"too many chars":  {Words: l, MinChars: 1025},
		"separator":       {Words: l, Separator: "\xff"},
		"nothing left":    {Words: l, Extras: []Extra{{NewSet("one"), 1}}},
		"no set":          {Words: l, Extras: []Extra{{Set{}, 1}}},
		"negative extra":  {Words: l, Extras: []Extra{{Digits, -1}}},
		"in two sets":     {Words: l, Extras: []Extra{{Digits, 1}, {NewSet("9!"), 1}}},
		"too many extras": {Words: l, Extras: []Extra{{Digits, 1000}, {Symbols, 25}}},
	} {
		if _, err := NewPassphrase(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
