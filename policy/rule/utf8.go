package rule

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

// ParseCharacterTypes reads the names that PingDirectory uses.
func ParseCharacterTypes(names ...string) (CharacterTypes, error) { return 0, nil }
