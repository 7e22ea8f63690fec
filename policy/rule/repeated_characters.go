package rule

import "github.com/ldapsuggest/ldapsuggest/policy/generate"

// RepeatedCharacters bounds how often a character may follow itself.
type RepeatedCharacters struct {
	// Max is the longest run allowed. 0 or less switches the rule off.
	Max int

	// CaseSensitive distinguishes upper and lower case.
	CaseSensitive bool

	// Equivalent lists sets within which all characters count as the same
	// (character-set of PingDirectory's validator): with {123}, "231" is a
	// run of three. A character in none of them equals only itself.
	Equivalent []generate.Set

	// Unit is Characters, or Bytes where a server compares octets (FreeIPA).
	Unit Unit
}
