package generate

import (
	"math/big"
	"unicode/utf8"
)

// A Sampler draws strings that fit a Shape, each of one length, and each
// with exactly the same probability. It is immutable and safe for concurrent
// use.
type Sampler struct {
	p      *problem
	length int
	bits   float64
	exact  bool
	source source
	check  checks
	ascii  bool
	bytes  [utf8.RuneSelf]byte // of each character, if ascii

	count func() *big.Int
}

// A source draws strings, by their characters' numbers, all equally likely.
// It may use work, which is as long as s.
type source interface {
	draw(s, work []uint32, r *Rand)
}

// checks are what a source leaves to be checked. Strings that fail are drawn
// again.
type checks uint8

const (
	checkCounts checks = 1 << iota
	checkOrder
	checkEnds
	checkUnique
)

func (c checks) pass(p *problem, s []uint32) bool {
	return (c&checkEnds == 0 || p.edges(s)) &&
		(c&checkCounts == 0 || p.counted(s)) &&
		(c&checkOrder == 0 || p.inOrder(s)) &&
		(c&checkUnique == 0 || p.varied(s))
}

// Append appends a string to dst. It allocates only if dst lacks the
// capacity: four octets a character are always enough, one if all are ASCII.
func (s *Sampler) Append(dst []byte, rnd *Rand) []byte {
	buf := rnd.scratch(2 * s.length)
	buf, work := buf[:s.length], buf[s.length:]
	for {
		s.source.draw(buf, work, rnd)
		if s.check == 0 || s.check.pass(s.p, buf) {
			break
		}
	}
	if !s.ascii {
		for _, c := range buf {
			dst = utf8.AppendRune(dst, s.p.chars[c])
		}
		return dst
	}
	n := len(dst)
	dst = grow(dst, len(buf))
	for i, c := range buf {
		dst[n+i] = s.bytes[c]
	}
	return dst
}

// Length returns the number of characters of every string.
func (s *Sampler) Length() int { return s.length }

// Bits returns log2 of the number of strings that can be drawn: their
// entropy in bits. If Exact reports false, it is an upper bound.
func (s *Sampler) Bits() float64 { return s.bits }

// Exact reports whether Count and Bits are exact. They are not for Shapes
// whose constraints on order and on counts are too entangled to be counted;
// drawing is uniform all the same.
func (s *Sampler) Exact() bool { return s.exact }

// Count returns the number of strings that can be drawn; an upper bound if
// Exact reports false. It is computed when first asked for, which takes
// milliseconds, or a second for long strings with entangled constraints.
func (s *Sampler) Count() *big.Int { return new(big.Int).Set(s.count()) }

func newSampler(p *problem, length int) *Sampler {
	s := &Sampler{p: p, length: length, ascii: true}
	for i, r := range p.chars {
		if r >= utf8.RuneSelf {
			s.ascii = false
			break
		}
		s.bytes[i] = byte(r)
	}
	return s
}
