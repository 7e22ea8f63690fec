package conformance

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// alphabets are what candidates are spoiled with: each class that some
// server knows, and what servers are known to disagree about.
var alphabets = []string{
	"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "!#$%&()*+-./:;<=>?@[]^_{}~", " ",
	"éÉßж中€", "lI1O0|",
}

// mutate returns a candidate near p: shorter, longer, with other characters,
// with runs, sequences, mirrored, or with a piece of the subject's names.
func mutate(rng *rand.Rand, p []byte, s rule.Subject) []byte {
	runes := []rune(string(p))
	for n := 1 + rng.IntN(3); n > 0; n-- {
		runes = mutations[rng.IntN(len(mutations))](rng, runes, s)
	}
	out := []byte(string(runes))
	// NUL ends a C string and is no character of a password; what is not
	// UTF-8 is no string.
	if bytes.IndexByte(out, 0) >= 0 || !utf8.Valid(out) {
		return nil
	}
	return out
}

type mutation func(*rand.Rand, []rune, rule.Subject) []rune

var mutations = []mutation{
	func(rng *rand.Rand, p []rune, _ rule.Subject) []rune { return p[:rng.IntN(len(p)+1)] },
	func(rng *rand.Rand, p []rune, _ rule.Subject) []rune { return p[:max(0, len(p)-1-rng.IntN(3))] },
	func(rng *rand.Rand, p []rune, _ rule.Subject) []rune { return insert(rng, p, pick(rng, 1+rng.IntN(4))) },
	func(rng *rand.Rand, p []rune, _ rule.Subject) []rune {
		return overwrite(rng, p, pick(rng, 1+rng.IntN(4)))
	},
	func(rng *rand.Rand, p []rune, _ rule.Subject) []rune { // a run of one character
		c := pick(rng, 1)[0]
		return insert(rng, p, []rune(strings.Repeat(string(c), 2+rng.IntN(3))))
	},
	func(rng *rand.Rand, p []rune, _ rule.Subject) []rune { // a sequence
		return overwrite(rng, p, sequence(rng))
	},
	func(rng *rand.Rand, p []rune, _ rule.Subject) []rune { // the same sequence twice
		s := sequence(rng)
		return overwrite(rng, overwrite(rng, p, s), s)
	},
	func(_ *rand.Rand, p []rune, _ rule.Subject) []rune { return []rune(strings.ToLower(string(p))) },
	func(_ *rand.Rand, p []rune, _ rule.Subject) []rune { return []rune(strings.ToUpper(string(p))) },
	func(rng *rand.Rand, p []rune, _ rule.Subject) []rune { // without one class
		set := alphabets[rng.IntN(4)]
		return []rune(strings.Map(func(r rune) rune {
			if strings.ContainsRune(set, r) {
				return -1
			}
			return r
		}, string(p)))
	},
	func(_ *rand.Rand, p []rune, _ rule.Subject) []rune { // a palindrome
		out := append([]rune(nil), p...)
		for i := len(p) - 1; i >= 0; i-- {
			out = append(out, p[i])
		}
		return out
	},
	func(rng *rand.Rand, p []rune, s rule.Subject) []rune { // a piece of a name
		var values []string
		for _, v := range s.Attributes {
			values = append(values, v...)
		}
		if len(values) == 0 {
			return p
		}
		// Map order is random: choose by the generator, or a seed means nothing.
		least := values[0]
		for _, v := range values {
			if v < least {
				least = v
			}
		}
		r := []rune(least)
		from := rng.IntN(len(r) + 1)
		return overwrite(rng, p, r[from:from+rng.IntN(len(r)-from+1)])
	},
	func(_ *rand.Rand, p []rune, _ rule.Subject) []rune { return append([]rune("{x}"), p...) },
}

func pick(rng *rand.Rand, n int) []rune {
	set := []rune(alphabets[rng.IntN(len(alphabets))])
	out := make([]rune, n)
	for i := range out {
		out[i] = set[rng.IntN(len(set))]
	}
	return out
}

func sequence(rng *rand.Rand) []rune {
	start, step := 'a'+rune(rng.IntN(20)), rune(1)
	if rng.IntN(2) == 0 {
		start, step = start+5, -1
	}
	out := make([]rune, 2+rng.IntN(4))
	for i := range out {
		out[i] = start + rune(i)*step
	}
	return out
}

func insert(rng *rand.Rand, p, what []rune) []rune {
	at := rng.IntN(len(p) + 1)
	out := append([]rune(nil), p[:at]...)
	return append(append(out, what...), p[at:]...)
}

func overwrite(rng *rand.Rand, p, what []rune) []rune {
	if len(what) >= len(p) {
		return insert(rng, p, what)
	}
	out := append([]rune(nil), p...)
	copy(out[rng.IntN(len(p)-len(what)+1):], what)
	return out
}
