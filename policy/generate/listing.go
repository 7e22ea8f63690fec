package generate

import (
	"math"
	"math/big"
	"slices"
)

// A listing holds every string that fits, one after the other. It is for the
// few strings of Shapes that demand much at once of a small alphabet.
type listing struct {
	strings []uint32
	n       int
}

// Bounds on a listing.
const (
	maxListed = 1 << 12 // strings
	maxTried  = 1 << 18 // beginnings of strings
)

// list returns the strings of a length that fit. It reports false if they or
// the work to find them are too many.
func list(p *problem, length int) (l *listing, ok bool) {
	l = new(listing)
	window, tried := p.window(), 0
	s := make([]uint32, 0, length)
	const all = checkCounts | checkOrder | checkEnds | checkUnique
	var extend func() bool
	extend = func() bool {
		if len(s) == length {
			if all.pass(p, s) {
				l.strings = append(l.strings, s...)
				l.n++
			}
			return l.n <= maxListed
		}
		for c := range p.chars {
			if tried++; tried > maxTried {
				return false
			}
			s = append(s, uint32(c))
			if p.inOrder(s[max(0, len(s)-window):]) && !extend() {
				return false
			}
			s = s[:len(s)-1]
		}
		return true
	}
	ok = extend()
	l.strings = slices.Clip(l.strings)
	return l, ok
}

func (l *listing) draw(s, _ []uint32, r *Rand) {
	copy(s, l.strings[r.Intn(l.n)*len(s):])
}

func (l *listing) plan(length int) *plan {
	if l.n == 0 {
		return nil
	}
	return &plan{
		length: length, bits: math.Log2(float64(l.n)), exact: true,
		count:  func() *big.Int { return big.NewInt(int64(l.n)) },
		source: func() (source, checks) { return l, 0 },
	}
}
