package generate

import (
	"math"
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	const lower, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	for _, tt := range []struct {
		name  string
		parts []TemplatePart
		bits  float64
	}{
		{"OpenDJ's default", []TemplatePart{{lower, 3}, {digits, 2}, {lower, 3}}, 6*math.Log2(26) + 2*math.Log2(10)},
		{"weights", []TemplatePart{{"aab", 2}}, 2 * (math.Log2(3) - 2.0/3)},
		{"certain", []TemplatePart{{"aaaa", 2}, {"b", 1}}, 0},
		{"not ASCII", []TemplatePart{{"äöé𝄞", 4}, {"ab", 1}}, 9},
		{"long", []TemplatePart{{"01", MaxChars}}, MaxChars},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := NewTemplate(tt.parts)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(g.Bits()-tt.bits) > 1e-9 {
				t.Errorf("Bits is %v, want %v", g.Bits(), tt.bits)
			}
			rnd := testRand(tt.name)
			for range 100 {
				s := []rune(string(g.Append([]byte("x"), rnd)))
				if s[0] != 'x' {
					t.Fatal("what was there is gone")
				}
				s = s[1:]
				for _, p := range tt.parts {
					for range p.Count {
						if !strings.ContainsRune(p.Characters, s[0]) {
							t.Fatalf("%q is not of %q", s[0], p.Characters)
						}
						s = s[1:]
					}
				}
				if len(s) > 0 {
					t.Fatalf("%d characters too many", len(s))
				}
			}
		})
	}
}

func TestTemplateWeights(t *testing.T) {
	for _, chars := range []string{"aaab", "äääb"} {
		g, err := NewTemplate([]TemplatePart{{chars, 1}})
		if err != nil {
			t.Fatal(err)
		}
		n, rnd := map[string]int{}, testRand(chars)
		for range 40_000 {
			n[string(g.Append(nil, rnd))]++
		}
		// Six standard deviations of a binomial distribution.
		if d := math.Abs(float64(n["b"] - 10_000)); d > 6*math.Sqrt(40_000*3/16.0) {
			t.Errorf("%q came %d times in 40000, want 10000", "b", n["b"])
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	for name, parts := range map[string][]TemplatePart{
		"no part":       nil,
		"no characters": {{"", 1}},
		"no place":      {{"a", 0}},
		"negative":      {{"a", 1}, {"b", -1}},
		"not UTF-8":     {{"\xff", 1}},
		"too long":      {{"a", MaxChars}, {"b", 1}},
		"overflow":      {{"a", 1}, {"b", math.MaxInt}},
	} {
		if _, err := NewTemplate(parts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
