package rule

import "math/big"

// Haystack demands that a search of all passwords as long as this one, made
// of the same kinds of characters, take some time. The kinds are lower case
// (26 characters), upper case (26), digits (10) and everything else (33).
// Make it with NewHaystack.
type Haystack struct {
	needed  *big.Int // search space
	seconds string
	sum     bool
}

// NewHaystack returns the rule for a guessing rate and the least time that
// the search must take.
//
// With sum, passwords that are shorter count as well: D + D² + ... + Dⁿ for
// n characters from kinds of D in all. Without, only Dⁿ, which is the
// stricter reading; PingDirectory does not document which it takes.
func NewHaystack(guessesPerSecond, milliseconds *big.Int, sum bool) *Haystack {
	return &Haystack{sum: sum}
}
