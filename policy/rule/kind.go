package rule

import (
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// A kind is one of the five kinds of characters of 389 Directory Server.
type kind int

const (
	digit kind = iota
	upper
	lower
	special  // the rest of ASCII
	eightBit // everything beyond ASCII, letters and digits too
	kindsOf389
)

func kindOf(r rune) kind {
	switch {
	case r >= utf8.RuneSelf:
		return eightBit
	case isDigit(r):
		return digit
	case isUpper(r):
		return upper
	case isLower(r):
		return lower
	}
	return special
}

// tally counts the characters of each kind.
func tally(password []byte) [kindsOf389]int {
	var n [kindsOf389]int
	for _, r := range string(password) {
		n[kindOf(r)]++
	}
	return n
}

// set returns the characters of a kind to draw from: those of the alphabet,
// and some besides for an alphabet that has none.
func (k kind) set(alphabet generate.Set) generate.Set {
	var some generate.Set
	switch k {
	case digit:
		some = generate.Digits
	case upper:
		some = generate.Upper
	case lower:
		some = generate.Lower
	case special:
		some = generate.Symbols
	case eightBit:
		some = generate.NewSet("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜàáâãäåæçèéêëìíîïñòóôõöøùúûü")
	}
	return some.Union(pick(alphabet, func(r rune) bool { return kindOf(r) == k }))
}

// noun says what one and several characters of a kind are called.
func (k kind) noun() (singular, plural string) {
	switch k {
	case digit:
		return "digit", "digits"
	case upper:
		return "upper-case letter", "upper-case letters"
	case lower:
		return "lower-case letter", "lower-case letters"
	case special:
		return "special character", "special characters"
	}
	return "character beyond ASCII", "characters beyond ASCII"
}
