package generate

import (
	"math"
	"math/big"
)

// An xfloat is the nonnegative number m * 2^(512e): a float64 whose exponent
// does not overflow for the count of strings of any length. m is 0 or in
// [2^-256, 2^256). Sums and products of xfloats have a relative error of
// 2^-52 each; no number but 0 underflows, so 0 means that nothing fits.
type xfloat struct {
	m float64
	e int
}

const (
	xBase = 512
	xHigh = 0x1p256
	xLow  = 0x1p-256
)

func xOf(m float64) xfloat { return xfloat{m: m} }

func (x xfloat) isZero() bool { return x.m == 0 }

func (x xfloat) mul(y xfloat) xfloat {
	return xfloat{x.m * y.m, x.e + y.e}.norm()
}

// scale returns x*f for an f in [2^-200, 2^200].
func (x xfloat) scale(f float64) xfloat {
	return xfloat{x.m * f, x.e}.norm()
}

func (x xfloat) norm() xfloat {
	switch {
	case x.m >= xHigh:
		return xfloat{x.m * 0x1p-512, x.e + 1}
	case x.m < xLow && x.m > 0:
		return xfloat{x.m * 0x1p512, x.e - 1}
	}
	return x
}

func (x xfloat) add(y xfloat) xfloat {
	if x.e == y.e {
		return xfloat{x.m + y.m, x.e}.norm()
	}
	if x.m == 0 || y.m != 0 && x.e < y.e {
		x, y = y, x
	}
	if y.m == 0 || x.e-y.e > 1 {
		return x
	}
	return xfloat{x.m + y.m*0x1p-512, x.e}.norm()
}

// over returns x/y as a float64, which may underflow.
func (x xfloat) over(y xfloat) float64 {
	q := x.m / y.m
	switch x.e - y.e {
	case 0:
		return q
	case -1:
		return q * 0x1p-512
	case 1:
		return q * 0x1p512
	}
	return math.Ldexp(q, (x.e-y.e)*xBase)
}

// log2 returns the binary logarithm, -Inf for 0.
func (x xfloat) log2() float64 { return math.Log2(x.m) + float64(x.e)*xBase }

// parts returns whole numbers with x = n * 2^shift.
func (x xfloat) parts() (n *big.Int, shift int) {
	frac, exp := math.Frexp(x.m)
	return big.NewInt(int64(math.Ldexp(frac, 53))), exp - 53 + x.e*xBase
}
