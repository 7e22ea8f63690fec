package rule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Dictionary refuses passwords that are a word of a list, or contain one
// (the dictionary validator of PingDirectory and OpenDJ).
type Dictionary struct {
	// Words is the list. Nil is an empty one.
	Words *Words

	// CaseSensitive distinguishes upper and lower case.
	CaseSensitive bool

	// Reversed tests the password spelled backwards, too.
	Reversed bool

	// IgnoreLeadingNonAlphabetic and IgnoreTrailingNonAlphabetic test the
	// password also without what stands before its first or after its last
	// letter (PingDirectory).
	IgnoreLeadingNonAlphabetic  bool
	IgnoreTrailingNonAlphabetic bool

	// StripDiacritics tests the password also without accents, against words
	// without theirs (PingDirectory).
	StripDiacritics bool

	// Alternatives lists, for a character of the password, the characters
	// that it may stand for besides itself: '0' for 'o', '1' for 'i' and 'l'
	// (PingDirectory). ParseAlternatives reads the directory's form.
	Alternatives map[rune][]rune

	// MaxPercent is the share of the password that a single word may make
	// up, 1 to 99 (PingDirectory). The share is taken of what is left after
	// IgnoreLeading- and IgnoreTrailingNonAlphabetic. 0 and 100 leave only
	// the test of the whole password.
	MaxPercent int

	// MinSubstring refuses a password of which any part of at least that
	// many UTF-16 code units is a word; of a shorter password, only the
	// whole is tested (OpenDJ). 0 switches it off.
	MinSubstring int
}

// ParseAlternatives reads values of alternative-password-character-mapping:
// a character, a colon, and the characters that it may stand for. Both
// directions are entered, since the documentation can be read either way.
func ParseAlternatives(values ...string) (map[rune][]rune, error) {
	out := make(map[rune][]rune)
	add := func(from, to rune) {
		if from != to && !slices.Contains(out[from], to) {
			out[from] = append(out[from], to)
		}
	}
	for _, v := range values {
		c, size := utf8.DecodeRuneInString(v)
		others, ok := strings.CutPrefix(v[size:], ":")
		if size == 0 || !ok || others == "" || !utf8.ValidString(v) {
			return nil, fmt.Errorf("%q is not a character, a colon and its alternatives", v)
		}
		for _, o := range others {
			add(c, o)
			add(o, c)
		}
	}
	if len(out) > maxAlternatives {
		return nil, errors.New("the alternatives are of too many characters")
	}
	return out, nil
}

const maxAlternatives = 1000

// Check implements Rule.
func (r Dictionary) Check(password []byte, _ Subject) []string {
	if len(password) == 0 || r.Words.Len() == 0 {
		return nil
	}
	text := []rune(string(password))
	if !r.CaseSensitive {
		text = []rune(strings.ToLower(string(password)))
	}
	found := r.holdsWord(text)
	if !found && r.Reversed {
		slices.Reverse(text)
		found = r.holdsWord(text)
	}
	if !found {
		return nil
	}
	if r.MinSubstring > 0 || r.percent() < 100 {
		return []string{"The password is or contains a word of the dictionary."}
	}
	return []string{"The password is a word of the dictionary."}
}

func (r Dictionary) percent() int {
	if r.MaxPercent <= 0 || r.MaxPercent > 100 {
		return 100
	}
	return r.MaxPercent
}

// holdsWord tests text, which has its case folded if it has to be.
func (r Dictionary) holdsWord(text []rune) bool {
	words := r.Words.spellings(!r.CaseSensitive, r.StripDiacritics)
	spelled := make([][]string, len(text))
	for i, c := range text {
		spelled[i] = r.spell(c)
	}

	// The whole password, with and without what may be ignored.
	start, end := 0, len(text)
	if first := slices.IndexFunc(text, unicode.IsLetter); first > 0 && r.IgnoreLeadingNonAlphabetic {
		start = first
	}
	for r.IgnoreTrailingNonAlphabetic && end > start && !unicode.IsLetter(text[end-1]) {
		end--
	}
	for _, from := range []int{0, start} {
		for _, to := range []int{end, len(text)} {
			if eachPrefix(words, spelled[from:to], func(n int) bool { return n == to-from }) {
				return true
			}
		}
	}

	percent := r.percent()
	if percent == 100 && r.MinSubstring <= 0 {
		return false
	}
	units := make([]int, len(text)+1)
	for i, c := range text {
		units[i+1] = units[i] + utf16.RuneLen(c)
	}
	least := min(r.MinSubstring, units[len(text)])
	for i := range spelled {
		if eachPrefix(words, spelled[i:], func(n int) bool {
			return percent < 100 && n*100 > percent*(end-start) ||
				r.MinSubstring > 0 && units[i+n]-units[i] >= least
		}) {
			return true
		}
	}
	return false
}

// spell returns the ways to read one character of the password.
func (r Dictionary) spell(c rune) []string {
	out := []string{string(c)}
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, a := range r.Alternatives[c] {
		if !r.CaseSensitive {
			a = unicode.ToLower(a)
		}
		add(string(a))
	}
	if !r.CaseSensitive {
		// The password is in lower case by now, the configuration need not be.
		for _, a := range r.Alternatives[unicode.ToUpper(c)] {
			add(string(unicode.ToLower(a)))
		}
	}
	if r.StripDiacritics {
		if base := baseLetter(c); base < 0 {
			add("")
		} else {
			add(string(base))
		}
	}
	return out
}

// Requirement implements Rule.
func (r Dictionary) Requirement() Requirement {
	req := Requirement{Type: "dictionary"}
	text := "The password must not be a word of the dictionary"
	switch {
	case r.MinSubstring > 0:
		text = "The password must not contain a word of the dictionary with at least " + quantity(r.MinSubstring, "character", "characters")
		req.Properties = append(req.Properties, property("min-substring-length", r.MinSubstring))
	case r.percent() < 100:
		text += fmt.Sprintf(", nor may a single one make up more than %d percent of it", r.percent())
		req.Properties = append(req.Properties, property("maximum-allowed-percent-of-password", r.percent()))
	}
	if r.Reversed {
		text += ", forwards or backwards"
	}
	req.Text = text + "."
	req.Properties = append(req.Properties,
		flag("case-sensitive-validation", r.CaseSensitive),
		flag("test-reversed-password", r.Reversed))
	return req
}
