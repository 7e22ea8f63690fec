package rule

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// UTF8 demands that a password be UTF-8, and restricts which characters may
// occur (the utf-8 validator of PingDirectory).
type UTF8 struct {
	AllowNonASCII bool

	// AllowUnassigned admits code points to which Unicode assigns nothing.
	AllowUnassigned bool

	// Types are the kinds that may occur; none means
	// DefaultCharacterTypes.
	Types CharacterTypes
}

// CharacterTypes is a set of kinds of characters, by Unicode category.
type CharacterTypes uint

// The kinds, with the names that PingDirectory gives them.
const (
	Letters            CharacterTypes = 1 << iota // letters: L
	Numbers                                       // numbers: N
	Punctuation                                   // punctuation: P
	SymbolCharacters                              // symbols: S
	Spaces                                        // spaces: Zs
	NonSpaceSeparators                            // non-space-separators: Zl, Zp
	Marks                                         // marks: M
	Controls                                      // control: Cc, Cf
	PrivateUse                                    // private-use: Co

	DefaultCharacterTypes = Letters | Numbers | Punctuation | SymbolCharacters | Spaces | Marks
)

// characterTypes has the names in the order of the bits.
var characterTypes = [...]string{
	"letters", "numbers", "punctuation", "symbols", "spaces",
	"non-space-separators", "marks", "control", "private-use",
}

// ParseCharacterTypes reads the names that PingDirectory uses.
func ParseCharacterTypes(names ...string) (CharacterTypes, error) {
	var t CharacterTypes
	for _, name := range names {
		i := slices.Index(characterTypes[:], strings.ToLower(name))
		if i < 0 {
			return 0, fmt.Errorf("%q is no type of characters", name)
		}
		t |= 1 << i
	}
	return t, nil
}

func (t CharacterTypes) names() []string {
	var out []string
	for i, name := range characterTypes {
		if t>>i&1 != 0 {
			out = append(out, name)
		}
	}
	return out
}

// typeOf returns the kind of a character; 0 for one that is unassigned or a
// surrogate.
func typeOf(r rune) CharacterTypes {
	switch {
	case unicode.IsLetter(r):
		return Letters
	case unicode.IsNumber(r):
		return Numbers
	case unicode.IsPunct(r):
		return Punctuation
	case unicode.IsSymbol(r):
		return SymbolCharacters
	case unicode.Is(unicode.Zs, r):
		return Spaces
	case unicode.In(r, unicode.Zl, unicode.Zp):
		return NonSpaceSeparators
	case unicode.IsMark(r):
		return Marks
	case unicode.In(r, unicode.Cc, unicode.Cf):
		return Controls
	case unicode.Is(unicode.Co, r):
		return PrivateUse
	}
	return 0
}

func (r UTF8) allowed(c rune) bool {
	if c >= utf8.RuneSelf && !r.AllowNonASCII {
		return false
	}
	t := typeOf(c)
	if t == 0 {
		return r.AllowUnassigned
	}
	return t&r.types() != 0
}

func (r UTF8) types() CharacterTypes {
	if r.Types == 0 {
		return DefaultCharacterTypes
	}
	return r.Types
}

// Check implements Rule.
func (r UTF8) Check(password []byte, _ Subject) []string {
	if !utf8.Valid(password) {
		return []string{"The password is not UTF-8."}
	}
	for _, c := range string(password) {
		if !r.allowed(c) {
			return []string{"The password contains a character of a kind that is not allowed."}
		}
	}
	return nil
}

// Requirement implements Rule.
func (r UTF8) Requirement() Requirement {
	names := r.types().names()
	text := "The password must be UTF-8 and contain only " + list(names, "and")
	if !r.AllowNonASCII {
		text += " of ASCII"
	}
	return Requirement{
		Text: text + ".",
		Type: "utf-8",
		Properties: []Property{
			flag("allow-non-ascii-characters", r.AllowNonASCII),
			flag("allow-unknown-characters", r.AllowUnassigned),
			{"allowed-character-type", strings.Join(names, ",")},
		},
	}
}

// Narrow implements Shaper. It is exact.
func (r UTF8) Narrow(shape *generate.Shape) {
	forbid(shape, pick(shape.Alphabet, func(c rune) bool { return !r.allowed(c) }))
}
