package console

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A shownPassword is a password as a page shows it.
type shownPassword struct {
	Text    string
	Chars   []shownChar
	Spelled []string // each character in words, to be read out
	Binary  bool     // not UTF-8: nothing to be shown
}

// A shownChar is a character with what kind it is, so that those that look
// alike are told apart.
type shownChar struct{ Text, Kind string }

func showPassword(password []byte) shownPassword {
	if !utf8.Valid(password) {
		return shownPassword{Binary: true}
	}
	p := shownPassword{Text: string(password)}
	for _, r := range p.Text {
		p.Chars = append(p.Chars, shownChar{string(r), kindOf(r)})
		p.Spelled = append(p.Spelled, spell(r))
	}
	return p
}

func kindOf(r rune) string {
	switch {
	case unicode.IsDigit(r):
		return "digit"
	case unicode.IsUpper(r):
		return "upper"
	case unicode.IsLetter(r):
		return "lower"
	case unicode.IsSpace(r):
		return "space"
	}
	return "symbol"
}

// spell names a character as people do on the telephone: letters by the
// spelling alphabet of the ICAO.
func spell(r rune) string {
	switch {
	case 'a' <= r && r <= 'z':
		return strings.ToLower(spellingAlphabet[r-'a'])
	case 'A' <= r && r <= 'Z':
		return "capital " + spellingAlphabet[r-'A']
	case '0' <= r && r <= '9':
		return digitNames[r-'0']
	}
	if name, ok := symbolNames[r]; ok {
		return name
	}
	return string(r)
}

var (
	spellingAlphabet = [26]string{
		"Alfa", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett", "Kilo", "Lima", "Mike",
		"November", "Oscar", "Papa", "Quebec", "Romeo", "Sierra", "Tango", "Uniform", "Victor", "Whiskey", "X-ray", "Yankee", "Zulu",
	}
	digitNames  = [10]string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
	symbolNames = map[rune]string{
		' ': "space", '!': "exclamation mark", '"': "double quote", '#': "number sign", '$': "dollar", '%': "percent",
		'&': "ampersand", '\'': "apostrophe", '(': "left parenthesis", ')': "right parenthesis", '*': "asterisk", '+': "plus",
		',': "comma", '-': "hyphen", '.': "full stop", '/': "slash", ':': "colon", ';': "semicolon", '<': "less than",
		'=': "equals", '>': "greater than", '?': "question mark", '@': "at sign", '[': "left bracket", '\\': "backslash",
		']': "right bracket", '^': "caret", '_': "underscore", '`': "backtick", '{': "left brace", '|': "vertical bar",
		'}': "right brace", '~': "tilde",
	}
)
