package opendj

import (
	"errors"
	"math"
	"unicode"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// template makes the generator of a format.
func template(_ *reader, _ string, parts []part) generate.Generator {
	t := &parted{}
	for _, p := range parts {
		chars := []rune(p.chars)
		freq := map[rune]int{}
		for _, c := range chars {
			freq[c]++
		}
		h := 0.0
		for _, n := range freq {
			q := float64(n) / float64(len(chars))
			h -= q * math.Log2(q)
		}
		t.bits += h * float64(p.count)
		for range p.count {
			t.at = append(t.at, chars)
		}
	}
	return t
}

type parted struct {
	at   [][]rune
	bits float64
}

func (t *parted) Append(dst []byte, rnd *generate.Rand) []byte {
	for _, chars := range t.at {
		dst = utf8.AppendRune(dst, chars[rnd.Intn(len(chars))])
	}
	return dst
}

func (t *parted) Bits() float64 { return t.bits }

// newPassphrase makes the generator of glued words.
func newPassphrase(words []string, o phraseOptions) (generate.Generator, error) {
	p := &glued{minWords: o.minWords, minChars: o.minChars}
	seen := make(map[string]bool, len(words))
	for _, w := range words {
		if o.capitalize {
			first, size := utf8.DecodeRuneInString(w)
			w = string(unicode.ToUpper(first)) + w[size:]
		}
		if !seen[w] {
			seen[w] = true
			p.words = append(p.words, w)
		}
	}
	if len(p.words) < 2 {
		return nil, errors.New("the word list has only one word: every password would be the same")
	}
	p.bits = p.expectedWords() * math.Log2(float64(len(p.words)))
	return p, nil
}

// glued draws words until there are enough of them and of characters.
type glued struct {
	words              []string
	minWords, minChars int
	bits               float64
}

func (p *glued) Append(dst []byte, rnd *generate.Rand) []byte {
	for n, chars := 0, 0; n < p.minWords || chars < p.minChars; n++ {
		w := p.words[rnd.Intn(len(p.words))]
		dst = append(dst, w...)
		chars += utf8.RuneCountInString(w)
	}
	return dst
}

// Bits is the entropy of the words drawn: their expected number times that
// of one. It is exact where the words can be told apart again, as
// capitals let people do.
func (p *glued) Bits() float64 { return p.bits }

// expectedWords is how many words are drawn on average: the sum, over every
// n, of the probability that n words are not enough.
func (p *glued) expectedWords() float64 {
	lengths := make(map[int]float64)
	for _, w := range p.words {
		lengths[utf8.RuneCountInString(w)] += 1 / float64(len(p.words))
	}
	// short[c] is the probability that the words so far have c characters.
	short := make([]float64, max(p.minChars, 1))
	short[0] = 1
	expected := 0.0
	for n := 0; ; n++ {
		missing := 0.0
		for _, q := range short[:p.minChars] {
			missing += q
		}
		switch {
		case n < p.minWords:
			expected++
		case missing == 0:
			return expected
		default:
			expected += missing
		}
		next := make([]float64, len(short))
		for c, q := range short {
			for length, share := range lengths {
				if q > 0 && c+length < p.minChars {
					next[c+length] += q * share
				}
			}
		}
		short = next
	}
}
