package rule

import (
	"math/big"
	"time"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// Haystack demands that a search of all passwords as long as this one, made
// of the same kinds of characters, take some time. The kinds are lower case
// (26 characters), upper case (26), digits (10) and everything else (33).
// Make it with NewHaystack.
type Haystack struct {
	perSecond    *big.Int
	milliseconds *big.Int
	needed       *big.Int // search space times 1000
	sum          bool
}

// NewHaystack returns the rule for a guessing rate and the least time that
// the search must take.
//
// With sum, passwords that are shorter count as well: D + D² + ... + Dⁿ for
// n characters from kinds of D in all. Without, only Dⁿ, which is the
// stricter reading; PingDirectory does not document which it takes.
func NewHaystack(guessesPerSecond, milliseconds *big.Int, sum bool) *Haystack {
	return &Haystack{
		perSecond:    new(big.Int).Set(guessesPerSecond),
		milliseconds: new(big.Int).Set(milliseconds),
		needed:       new(big.Int).Mul(guessesPerSecond, milliseconds),
		sum:          sum,
	}
}

// Check implements Rule.
func (r *Haystack) Check(password []byte, _ Subject) []string {
	var set kinds
	n := 0
	for _, c := range string(password) {
		set |= haystackKind(c)
		n++
	}
	if r.reached(set.size(), n) {
		return nil
	}
	return []string{"The password can be found in too short a time by trying all like it."}
}

// reached reports whether n characters from an alphabet of d are enough.
func (r *Haystack) reached(d, n int) bool {
	base := big.NewInt(int64(d))
	// Beyond the bits of the space that is needed, more cannot matter; long
	// passwords would take long to compute.
	n = min(n, r.needed.BitLen()+1)
	space := new(big.Int)
	if n == 0 {
		return r.needed.Sign() <= 0
	}
	if r.sum && d > 1 {
		// D + ... + Dⁿ = (Dⁿ⁺¹ - D) / (D - 1)
		space.Exp(base, big.NewInt(int64(n+1)), nil)
		space.Sub(space, base)
		space.Quo(space, big.NewInt(int64(d-1)))
	} else {
		space.Exp(base, big.NewInt(int64(n)), nil)
	}
	return space.Mul(space, big.NewInt(1000)).Cmp(r.needed) >= 0
}

// Requirement implements Rule.
func (r *Haystack) Requirement() Requirement {
	return Requirement{
		Text: "The password must be long and varied enough that trying all like it takes at least " +
			duration(r.milliseconds) + " at " + r.perSecond.String() + " guesses a second.",
		Type: "haystack",
		Properties: []Property{
			{"assumed-password-guesses-per-second", r.perSecond.String()},
			{"minimum-acceptable-time-to-exhaust-search-space", r.milliseconds.String() + " milliseconds"},
		},
	}
}

// Narrow implements Shaper. It states the length that even all kinds of the
// alphabet together take; which kinds occur is left to Check.
func (r *Haystack) Narrow(shape *generate.Shape) {
	var set kinds
	for _, c := range shape.Alphabet.Runes() {
		set |= haystackKind(c)
	}
	d, limit := set.size(), r.needed.BitLen()+1
	for n := 0; n <= limit; n++ {
		if r.reached(d, n) {
			atLeast(shape, n)
			return
		}
	}
	// An alphabet without characters reaches nothing, however long.
	atLeast(shape, limit)
}

// kinds is a set of the four kinds of characters.
type kinds uint8

func haystackKind(c rune) kinds {
	switch {
	case isLower(c):
		return 1
	case isUpper(c):
		return 2
	case isDigit(c):
		return 4
	}
	return 8
}

func (k kinds) size() int {
	n := 0
	for i, size := range [...]int{26, 26, 10, 33} {
		if k>>i&1 != 0 {
			n += size
		}
	}
	return n
}

// duration puts milliseconds into words, in the largest unit that divides
// them.
func duration(milliseconds *big.Int) string {
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}, {"millisecond", time.Millisecond}} {
		n, rest := new(big.Int).QuoRem(milliseconds, big.NewInt(u.size.Milliseconds()), new(big.Int))
		switch {
		case rest.Sign() != 0:
		case n.IsInt64() && n.Int64() == 1:
			return "1 " + u.name
		case n.Sign() != 0:
			return n.String() + " " + u.name + "s"
		}
	}
	return "no time"
}
