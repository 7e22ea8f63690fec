package rule

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// quantity returns "1 digit" or "2 digits".
func quantity(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return strconv.Itoa(n) + " " + plural
}

// list joins parts with commas and a last conjunction.
func list(parts []string, conjunction string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " " + conjunction + " " + parts[last]
}

// setNoun says what one and several characters of a set are called.
func setNoun(set generate.Set) (singular, plural string) {
	switch {
	case set.Equal(generate.Lower):
		return "lower-case letter", "lower-case letters"
	case set.Equal(generate.Upper):
		return "upper-case letter", "upper-case letters"
	case set.Equal(generate.Lower.Union(generate.Upper)):
		return "letter", "letters"
	case set.Equal(generate.Digits):
		return "digit", "digits"
	case set.Equal(generate.Symbols):
		return "ASCII symbol", "ASCII symbols"
	}
	t := setText(set)
	return "character of " + t, "characters of " + t
}

// setText spells a set for people, ranges of letters and digits shortened.
func setText(set generate.Set) string {
	var b strings.Builder
	runes := set.Runes()
	for i := 0; i < len(runes); {
		j := i
		for j+1 < len(runes) && runes[j+1] == runes[j]+1 && isAlnum(runes[j+1]) && isAlnum(runes[i]) {
			j++
		}
		if j-i >= 3 {
			b.WriteRune(runes[i])
			b.WriteByte('-')
			b.WriteRune(runes[j])
		} else {
			b.WriteString(string(runes[i : j+1]))
		}
		i = j + 1
	}
	return strconv.Quote(b.String())
}

func property(name string, value int) Property {
	return Property{name, strconv.Itoa(value)}
}

func flag(name string, value bool) Property {
	return Property{name, strconv.FormatBool(value)}
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }
func isUpper(r rune) bool { return 'A' <= r && r <= 'Z' }
func isLower(r rune) bool { return 'a' <= r && r <= 'z' }
func isAlnum(r rune) bool { return isDigit(r) || isUpper(r) || isLower(r) }

// fold maps characters that differ only in case to the same character, as
// generate.CaseFold does.
func fold(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

// lowerByte is strcasecmp's idea of case.
func lowerByte(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b | 0x20
	}
	return b
}

// lowerASCII returns a copy with ASCII letters in lower case. An array on the
// caller's stack holds most passwords.
func lowerASCII(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = lowerByte(c)
	}
	return out
}

func reverseRunes(s string) string {
	out := make([]byte, 0, len(s))
	for len(s) > 0 {
		_, n := utf8.DecodeLastRuneInString(s)
		out = append(out, s[len(s)-n:]...)
		s = s[:len(s)-n]
	}
	return string(out)
}
