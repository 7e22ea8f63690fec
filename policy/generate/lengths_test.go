package generate

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLengths(t *testing.T) {
	words, err := NewWordList(strings.NewReader("one\nthree\nfünf\nsevenths\n"))
	if err != nil {
		t.Fatal(err)
	}
	template, err := NewTemplate([]TemplatePart{{"abc", 3}, {"é1", 2}})
	if err != nil {
		t.Fatal(err)
	}
	rnd := NewRand(nil)
	if n := utf8.RuneCount(template.Append(nil, rnd)); n != template.Length() {
		t.Errorf("%d characters, Length %d", n, template.Length())
	}
	for _, tc := range []struct {
		cfg         PassphraseConfig
		least, most int
	}{
		{PassphraseConfig{}, 3, 8},
		{PassphraseConfig{MinWords: 2, Separator: "--"}, 8, 18},
		{PassphraseConfig{MinChars: 12}, 12, 19},
		{PassphraseConfig{MinWords: 1, MinChars: 6, Extras: []Extra{{Digits, 2}}}, 6, 13},
	} {
		tc.cfg.Words = words
		p, err := NewPassphrase(tc.cfg)
		if err != nil {
			t.Fatal(err)
		}
		least, most := p.Lengths()
		seenLeast, seenMost := 1<<20, 0
		for range 5000 {
			n := utf8.RuneCount(p.Append(nil, rnd))
			seenLeast, seenMost = min(seenLeast, n), max(seenMost, n)
		}
		if least != tc.least || most != tc.most || seenLeast != least || seenMost > most {
			t.Errorf("%+v: Lengths %d, %d; want %d, %d; drawn were %d to %d", tc.cfg, least, most, tc.least, tc.most, seenLeast, seenMost)
		}
	}
}
