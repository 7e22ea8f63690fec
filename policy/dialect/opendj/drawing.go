package opendj

import (
	"math"
	"math/big"
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

func passphrase(_ *reader, _ string, l *list, minWords, minChars int, capitalize bool) generate.Generator {
	bits, _ := new(big.Float).SetInt64(int64(len(l.words))).Float64()
	return &phrase{l.words, minWords, minChars, capitalize, math.Log2(bits) * float64(minWords)}
}

type phrase struct {
	words              []string
	minWords, minChars int
	capitalize         bool
	bits               float64
}

func (p *phrase) Append(dst []byte, rnd *generate.Rand) []byte {
	for n, chars := 0, 0; n < p.minWords || chars < p.minChars; n++ {
		w := p.words[rnd.Intn(len(p.words))]
		for i, c := range w {
			if i == 0 && p.capitalize {
				c = unicode.ToUpper(c)
			}
			dst = utf8.AppendRune(dst, c)
			chars++
		}
	}
	return dst
}

func (p *phrase) Bits() float64 { return p.bits }
