package generate

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"sync"
)

// ErrUnsatisfiable is what Compile's errors wrap where no string fits: it is
// proved that there is none of up to MaxChars characters.
var ErrUnsatisfiable = errors.New("no password fits the shape")

// ErrTooComplex is what Compile's errors wrap where a Shape exceeds what the
// package can decide in bounded time. No password policy that we know of
// does.
var ErrTooComplex = errors.New("the shape is too complex")

// MaxChars is the length of the longest strings that are considered.
const MaxChars = 1024

func complexity(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTooComplex, fmt.Sprintf(format, args...))
}

// A Target says what a Sampler should reach where the Shape leaves room.
type Target struct {
	Length int     // characters wanted
	Bits   float64 // entropy wanted
}

// Compile prepares to draw strings that fit s.
//
// Their length is the smallest that is at least t.Length and s.MinLength,
// that some string has, and whose strings have at least t.Bits of entropy. If
// no length within s.MaxLength (and MaxChars) has so much, it is the longest
// that some string has: the shortfall shows in Sampler.Bits. A t.Length above
// the maximum means the maximum. Strings have at least one character.
//
// Errors wrap ErrUnsatisfiable or ErrTooComplex.
func Compile(s Shape, t Target) (*Sampler, error) {
	p, err := takeApart(s)
	if err != nil {
		return nil, err
	}
	if p.impossible {
		return nil, ErrUnsatisfiable
	}
	return p.compile(t)
}

// Satisfiable reports whether some string of up to MaxChars characters fits
// s. It reports true for Shapes that are too complex to tell.
func Satisfiable(s Shape) bool {
	_, err := Compile(s, Target{})
	return !errors.Is(err, ErrUnsatisfiable)
}

// Bounds on the size of lattices, in edges. One takes some 15 ns to make and
// 16 octets.
const (
	smallLattice = 1 << 18
	largeLattice = 1 << 23
)

// compile finds the length and the way to draw strings of it.
func (p *problem) compile(t Target) (*Sampler, error) {
	possible := p.lengths()
	start := min(max(t.Length, p.minLength), p.maxLength)
	var best *Sampler
	try := func(length int) (done bool, err error) {
		if !possible.has(length) {
			return false, nil
		}
		s, err := p.sampler(length)
		if s != nil {
			best = s
		}
		return s != nil && s.bits >= t.Bits, err
	}
	for length := start; length <= p.maxLength; length++ {
		if done, err := try(length); done || err != nil {
			return best, err
		}
	}
	for length := start - 1; best == nil && length >= p.minLength; length-- {
		if _, err := try(length); err != nil {
			return nil, err
		}
	}
	if best == nil {
		return nil, ErrUnsatisfiable
	}
	return best, nil
}

// lengths returns the lengths that the counts and the ends allow.
func (p *problem) lengths() lengthSet {
	possible := newCounting(p, 0).lengths()
	possible[0] |= 1 << 1 // not judged
	return possible
}

// sampler returns a sampler for strings of one length, nil if there are none.
func (p *problem) sampler(length int) (*Sampler, error) {
	c, ok := newComposition(p, length, largeLattice)
	if !ok {
		return nil, complexity("too many sums of overlapping sets to keep apart")
	}
	if c == nil {
		return nil, nil
	}
	s := newSampler(p, length)
	s.source = c
	s.counts(c.total.log2(), true, func() *big.Int { return c.count(c.root) })
	if p.ordered() {
		s.check |= checkOrder
	}
	if len(p.uniques) > 0 {
		s.check |= checkUnique
	}
	s.exact = s.check == 0
	if s.share() >= directShare {
		d := newIndependent(p)
		s.source, s.check = d, d.checks()
		s.count = sync.OnceValue(func() *big.Int {
			c, _ := newComposition(p, length, largeLattice)
			return c.count(c.root)
		})
	}
	return s, nil
}

// directShare is the share of fitting strings among all strings of the
// alphabet from which on drawing and checking is faster than a lattice.
const directShare = 0.4

// share returns the share of fitting strings among all of their length.
func (s *Sampler) share() float64 {
	return math.Exp2(s.bits - float64(s.length)*math.Log2(float64(len(s.p.chars))))
}
