package generate

import "errors"

// ErrUnsatisfiable is what Compile's errors wrap where no string fits.
var ErrUnsatisfiable = errors.New("no password fits the shape")

// A Target says what a Sampler should reach where the Shape leaves room.
type Target struct {
	Length int     // characters wanted
	Bits   float64 // entropy wanted
}
