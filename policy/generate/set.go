package generate

import (
	"slices"
	"strings"
)

// A Set is an immutable set of characters. The zero Set is empty.
type Set struct {
	runes []rune // ascending, no duplicates
}

// Sets that policies are often made of.
var (
	Lower     = NewSet("abcdefghijklmnopqrstuvwxyz")
	Upper     = NewSet("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	Digits    = NewSet("0123456789")
	Symbols   = NewSet("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
	Printable = Lower.Union(Upper).Union(Digits).Union(Symbols) // ASCII 0x21 to 0x7E, no space

	// LookAlikes are characters that people confuse in print or on paper.
	LookAlikes = NewSet("0O1Il|`'\"")
)

// NewSet returns the set of the characters of s.
func NewSet(s string) Set {
	r := []rune(s)
	if len(r) > 256 { // such as a word list, which has few characters many times
		r = distinct(r)
	}
	slices.Sort(r)
	return Set{slices.Compact(r)}
}

func distinct(runes []rune) []rune {
	var ascii [0x80]bool
	beyond := make(map[rune]bool)
	var out []rune
	for _, r := range runes {
		if r < rune(len(ascii)) {
			if !ascii[r] {
				ascii[r] = true
				out = append(out, r)
			}
		} else if !beyond[r] {
			beyond[r] = true
			out = append(out, r)
		}
	}
	return out
}

// Len returns the number of characters.
func (s Set) Len() int { return len(s.runes) }

// Contains reports whether r is in s.
func (s Set) Contains(r rune) bool {
	_, ok := slices.BinarySearch(s.runes, r)
	return ok
}

// Runes returns the characters in ascending order.
func (s Set) Runes() []rune { return slices.Clone(s.runes) }

// String returns the characters in ascending order.
func (s Set) String() string { return string(s.runes) }

// Equal reports whether s and t hold the same characters.
func (s Set) Equal(t Set) bool { return slices.Equal(s.runes, t.runes) }

// Union returns the characters of either set.
func (s Set) Union(t Set) Set {
	r := append(slices.Clone(s.runes), t.runes...)
	slices.Sort(r)
	return Set{slices.Compact(r)}
}

// Intersect returns the characters of both sets.
func (s Set) Intersect(t Set) Set { return s.filter(t.Contains) }

// Minus returns the characters of s that are not in t.
func (s Set) Minus(t Set) Set { return s.filter(func(r rune) bool { return !t.Contains(r) }) }

func (s Set) filter(keep func(rune) bool) Set {
	var out []rune
	for _, r := range s.runes {
		if keep(r) {
			out = append(out, r)
		}
	}
	return Set{out}
}

// CaseFold returns the sets of characters of s that differ only in case,
// leaving out those that are alone: the Equal of a rule that ignores case.
func CaseFold(s Set) []Set {
	byFold := make(map[string][]rune)
	var order []string
	for _, r := range s.runes {
		k := strings.ToLower(strings.ToUpper(string(r)))
		if _, ok := byFold[k]; !ok {
			order = append(order, k)
		}
		byFold[k] = append(byFold[k], r)
	}
	var out []Set
	for _, k := range order {
		if len(byFold[k]) > 1 {
			out = append(out, Set{byFold[k]})
		}
	}
	return out
}
