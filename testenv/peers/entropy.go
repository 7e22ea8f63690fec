package peers

import (
	"math"
	"math/big"
)

// A Bound says how an entropy relates to the true one.
type Bound string

// The bounds.
const (
	Exactly Bound = "exact"
	AtLeast Bound = "at least"
	AtMost  Bound = "at most"
)

// An Entropy is that of one password, in bits.
type Entropy struct {
	Bits  float64
	Bound Bound
}

// log2 returns the logarithm of a positive number of any size.
func log2(n *big.Int) float64 {
	// 64 bits are more than a float64 takes.
	shift := max(n.BitLen()-64, 0)
	f, _ := new(big.Float).SetInt(new(big.Int).Rsh(n, uint(shift))).Float64()
	return math.Log2(f) + float64(shift)
}

// conditioned returns the entropy of a password of a length that is drawn
// uniformly over an alphabet, and drawn again until it has one of each
// required class. The classes are disjoint parts of the alphabet, given by
// their sizes. The number of such passwords is, by inclusion and exclusion
// over the sets S of classes that are missing,
//
//	sum over S of (-1)^|S| * (alphabet - sum of S)^length
func conditioned(length, alphabet int, required ...int) float64 {
	count := new(big.Int)
	for set := range 1 << len(required) {
		left, sign := alphabet, int64(1)
		for i, size := range required {
			if set>>i&1 == 1 {
				left -= size
				sign = -sign
			}
		}
		term := new(big.Int).Exp(big.NewInt(int64(left)), big.NewInt(int64(length)), nil)
		count.Add(count, term.Mul(term, big.NewInt(sign)))
	}
	return log2(count)
}

// arranged returns the entropy of a password with a fixed number of
// characters of each class, all of them different, in any order: the orders
// of the classes, times the ways to draw from each.
func arranged(taken, sizes []int) float64 {
	length := int64(0)
	count := big.NewInt(1)
	for i, n := range taken {
		length += int64(n)
		// MulRange is the product of the last n sizes, which is the number of
		// ways to draw n different ones in order; their orders within the
		// class are in the orders of the classes already.
		count.Mul(count, new(big.Int).MulRange(int64(sizes[i]-n+1), int64(sizes[i])))
		count.Div(count, new(big.Int).MulRange(1, int64(n)))
	}
	return log2(count.Mul(count, new(big.Int).MulRange(1, length)))
}

// drawn returns the entropy of n different words of a list, in order.
func drawn(n, words int) float64 {
	return log2(new(big.Int).MulRange(int64(words-n+1), int64(words)))
}
