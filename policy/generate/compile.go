package generate

import (
	"errors"
	"fmt"
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
	return (&compiler{shape: s, p: p}).compile(t)
}

// Satisfiable reports whether some string of up to MaxChars characters fits
// s. It reports true for Shapes that are too complex to tell.
func Satisfiable(s Shape) bool {
	_, err := Compile(s, Target{})
	return !errors.Is(err, ErrUnsatisfiable)
}
