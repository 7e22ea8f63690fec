package rule

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// Cracklib refuses at least what FascistCheck of cracklib refuses, without
// being it: fewer than six octets, fewer than five different characters,
// neighbouring characters over and over, and what is a word, forwards or
// backwards, once up to three characters at either end, symbols, digits or
// the usual substitutions are undone. It is stricter than cracklib in what it
// undoes together.
type Cracklib struct {
	// Words is the list that the directory's dictionary was made of; as
	// cracklib-format does, "ain't" is taken for "aint", too. With nil, only
	// the form of the password is checked.
	Words *Words
}

const (
	crackMinLength = 6
	crackMinUnique = 5
	crackMaxSteps  = 3 // pairs of neighbouring octets; cracklib allows more in long passwords
	crackTrim      = 3 // what it takes off one end
	crackMinWord   = 4 // shortest word that is looked for with both ends trimmed
)

// niNumber is a British National Insurance number, which cracklib refuses.
var niNumber = regexp.MustCompile(`^[a-z]{2}[0-9]{6}[a-z]$`)

// Check implements Rule.
func (r Cracklib) Check(password []byte, _ Subject) []string {
	lowered := bytes.TrimSpace(lowerASCII(password))
	var reasons []string
	if len(lowered) < crackMinLength {
		reasons = append(reasons, "The password is shorter than "+quantity(crackMinLength, "octet", "octets")+".")
	}
	if NewByteSet(string(lowered)).Len() < crackMinUnique {
		reasons = append(reasons, "The password contains fewer than "+quantity(crackMinUnique, "different character", "different characters")+".")
	}
	steps := 0
	for i := 1; i < len(lowered); i++ {
		if d := int(lowered[i]) - int(lowered[i-1]); d == 1 || d == -1 {
			steps++
		}
	}
	if steps > crackMaxSteps {
		reasons = append(reasons, "The password is too systematic.")
	}
	if niNumber.Match(lowered) {
		reasons = append(reasons, "The password looks like a National Insurance number.")
	}
	if r.Words.Len() > 0 && r.holdsWord(lowered) {
		reasons = append(reasons, "The password is based on a word of the dictionary.")
	}
	return reasons
}

func (r Cracklib) holdsWord(lowered []byte) bool {
	words := r.Words.cracklib()
	for _, keep := range []func(byte) bool{
		func(byte) bool { return true },
		func(b byte) bool { return isAlnum(rune(b)) },
		func(b byte) bool { return isLower(rune(b)) },
	} {
		var text [][]string
		for _, b := range lowered {
			if keep(b) {
				text = append(text, append([]string{string([]byte{b})}, substitutes(b)...))
			}
		}
		if basedOnWord(words, text) {
			return true
		}
		slices.Reverse(text)
		if basedOnWord(words, text) {
			return true
		}
	}
	return false
}

// basedOnWord reports whether text is a word but for a few positions at one
// end, or for a few at both ends if the word is not very short.
func basedOnWord(words []string, text [][]string) bool {
	for start := range min(crackTrim+1, len(text)) {
		if eachPrefix(words, text[start:], func(n int) bool {
			rest := len(text) - start - n
			return rest == 0 || rest <= crackTrim && (start == 0 || n >= crackMinWord)
		}) {
			return true
		}
	}
	return false
}

// substitutes returns the letters that an octet commonly stands for.
func substitutes(b byte) []string {
	const table = "0o 1il 2az 3e 4ah 5s 6bg 7tl 8b 9g @a $s !il |il (c +t"
	for group := range strings.FieldsSeq(table) {
		if group[0] == b {
			return strings.Split(group[1:], "")
		}
	}
	return nil
}

// Requirement implements Rule.
func (r Cracklib) Requirement() Requirement {
	return Requirement{
		Text: "The password must contain at least 6 octets and 5 different characters, and must not be systematic or based on a word of the dictionary.",
		Type: "cracklib",
	}
}

// Narrow implements Shaper. Words and steps are left to Check.
func (r Cracklib) Narrow(shape *generate.Shape) {
	atLeast(shape, crackMinLength)
	shape.Uniques = append(shape.Uniques, generate.Unique{Min: crackMinUnique, Equal: generate.CaseFold(shape.Alphabet)})
}
