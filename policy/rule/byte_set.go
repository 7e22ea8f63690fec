package rule

import (
	"math/bits"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// A ByteSet is a set of octets. The zero ByteSet is empty.
type ByteSet [4]uint64

// NewByteSet returns the set of the octets of s.
func NewByteSet(s string) ByteSet {
	var set ByteSet
	for i := range len(s) {
		set[s[i]>>6] |= 1 << (s[i] & 63)
	}
	return set
}

// Contains reports whether b is in s.
func (s ByteSet) Contains(b byte) bool { return s[b>>6]>>(b&63)&1 != 0 }

// Not returns the octets that are not in s.
func (s ByteSet) Not() ByteSet { return ByteSet{^s[0], ^s[1], ^s[2], ^s[3]} }

// Union returns the octets of either set.
func (s ByteSet) Union(t ByteSet) ByteSet {
	return ByteSet{s[0] | t[0], s[1] | t[1], s[2] | t[2], s[3] | t[3]}
}

// Len returns the number of octets in s.
func (s ByteSet) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// count returns how many octets of password are in s.
func (s ByteSet) count(password []byte) int {
	n := 0
	for _, b := range password {
		if s.Contains(b) {
			n++
		}
	}
	return n
}

// within returns how many octets the UTF-8 form of r has, if all are in s,
// and 0 otherwise.
func (s ByteSet) within(r rune) int {
	var buf [utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], r)
	if s.count(buf[:n]) < n {
		return 0
	}
	return n
}

// touches reports whether an octet of the UTF-8 form of r is in s.
func (s ByteSet) touches(r rune) bool {
	var buf [utf8.UTFMax]byte
	return s.count(buf[:utf8.EncodeRune(buf[:], r)]) > 0
}

// characters returns the characters to draw where octets of s are wanted:
// those of alphabet with such an octet and the printable ASCII ones of s;
// where ASCII has none, characters of two octets that are both in s.
func (s ByteSet) characters(alphabet generate.Set) generate.Set {
	out := pick(generate.Printable.Union(alphabet), s.touches)
	if out.Len() > 0 {
		return out
	}
	var two []rune
	for r := rune(0x80); r < 0x800; r++ {
		if s.within(r) == 2 {
			two = append(two, r)
		}
	}
	return generate.NewSet(string(two))
}

// text spells the set for people: as characters if it is UTF-8 of ASCII,
// in hexadecimal otherwise.
func (s ByteSet) text() string {
	var ascii []rune
	hex := ""
	for i := range 256 {
		switch b := byte(i); {
		case !s.Contains(b):
		case b < utf8.RuneSelf:
			ascii = append(ascii, rune(b))
		default:
			hex += " " + string("0123456789ABCDEF"[b>>4]) + string("0123456789ABCDEF"[b&15])
		}
	}
	t := setText(generate.NewSet(string(ascii)))
	if hex != "" {
		t += " and the octets" + hex
	}
	return t
}
