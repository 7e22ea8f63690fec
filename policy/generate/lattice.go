package generate

import (
	"math"
	"math/big"
)

// A lattice is a layered graph whose paths, from its root to an end, stand
// for groups of strings: a path with weight w (the product of the weights of
// its edges) for w strings. Walking it picks a path with probability exactly
// w / sum of w.
//
// The walk itself goes by 64-bit thresholds that come from floating-point
// sums, so that it picks a path with a probability q which is known exactly
// but only close to right. The path is then accepted with probability
// w / (K*q), for a K that is slightly larger than any w/q. What is accepted
// has exactly the right distribution, whatever the rounding was. Nearly all
// paths are accepted by one comparison; the others are weighed in whole
// numbers of any size.
type lattice struct {
	nodes []latticeNode
	high  []uint64 // of each edge: the largest word that picks it
	to    []int32  // of each edge: its end, -1 for the end of a path
	label []uint32 // of each edge: what it places; given meaning by weigh

	total xfloat   // about the sum of the weights of all paths
	k     *big.Int // K = k * 2^kShift
	kBits int

	// sure is the bound below which a word accepts a path without edges
	// narrower than narrow.
	sure uint64

	// weigh returns the exact weight of an edge of a node.
	weigh func(node int32, label uint32) *big.Int
}

type latticeNode struct{ first, n int32 }

const (
	// latticeSlack is what K leaves for rounding. Sums have at most 2^12
	// terms and paths at most 2^10 edges, with an error of at most 2^-52
	// each: together below 2^-30. An edge that is not narrow adds less than
	// 2^-40, together below 2^-30 again.
	latticeSlack = 0x1p-27
	narrow       = 1 << 40
)

// seal makes the lattice ready to be walked.
func (l *lattice) seal(total xfloat, slack float64) {
	l.total = total
	var shift int
	l.k, shift = total.scale(1 + slack).parts()
	l.k.Add(l.k, big.NewInt(1))
	l.kBits = shift
	l.sure = uint64(math.Ldexp(1-4*slack, 63)) << 1
	if 4*slack >= 1 {
		l.sure = 0
	}
}

// reserve makes room for a number of nodes and edges.
func (l *lattice) reserve(nodes, edges int) {
	l.nodes = make([]latticeNode, 0, nodes)
	l.high, l.to, l.label = make([]uint64, 0, edges), make([]int32, 0, edges), make([]uint32, 0, edges)
}

// addNode appends a node with an edge for each share, in proportion to it.
// Shares are at least 0, those of 0 get no edge.
func (l *lattice) addNode(shares []xfloat, sum xfloat, to []int32, label []uint32) int32 {
	first, widest := len(l.high), -1
	var most float64
	for i, s := range shares {
		if s.isZero() {
			continue
		}
		p := s.over(sum)
		if p > most {
			widest, most = len(l.high), p
		}
		// Never 0: an edge that cannot be picked would lose its strings.
		// Rounded up, so that K bounds the edges that are narrow.
		l.high = append(l.high, uint64(min(p, 0.5)*0x1p64)+1)
		l.to = append(l.to, to[i])
		l.label = append(l.label, label[i])
	}
	var others uint64
	for i := first; i < len(l.high); i++ {
		if i != widest {
			others += l.high[i]
		}
	}
	l.high[widest] = -others // wraps to 2^64 - others; 2^64 itself to 0
	at := uint64(0)
	for i := first; i < len(l.high); i++ {
		at += l.high[i]
		l.high[i] = at - 1
	}
	l.nodes = append(l.nodes, latticeNode{int32(first), int32(len(l.high) - first)})
	return int32(len(l.nodes) - 1)
}

// pick returns the edge of n that u falls on.
func (l *lattice) pick(n latticeNode, u uint64) int32 {
	lo, hi := n.first, n.first+n.n-1
	for hi-lo > 6 {
		mid := int32(uint32(lo+hi) >> 1)
		if u <= l.high[mid] {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	for u > l.high[lo] {
		lo++
	}
	return lo
}

// width returns the number of words that pick an edge, less one.
func (l *lattice) width(n latticeNode, edge int32) uint64 {
	if edge == n.first {
		return l.high[edge]
	}
	return l.high[edge] - l.high[edge-1] - 1
}

// walk picks a path from root and writes its edges to path, which must be
// long enough. It returns their number.
func (l *lattice) walk(root int32, path []uint32, r *Rand) int {
	for {
		n, at, ok := 0, root, true
		for at >= 0 {
			node := l.nodes[at]
			edge := node.first
			if node.n > 1 {
				edge = l.pick(node, r.Uint64())
				ok = ok && l.width(node, edge) >= narrow
			}
			path[n] = uint32(edge)
			n++
			at = l.to[edge]
		}
		if u := r.Uint64(); ok && u < l.sure || l.accept(root, path[:n], u, r) {
			return n
		}
	}
}

// accept decides by exact arithmetic whether a path is accepted: whether a
// uniform number, of which u holds the first 64 bits, is below w / (K*q).
func (l *lattice) accept(root int32, path []uint32, u uint64, r *Rand) bool {
	w, q := big.NewInt(1), new(big.Int).Set(l.k)
	shift := l.kBits
	at := root
	var width big.Int
	for _, e := range path {
		node := l.nodes[at]
		w.Mul(w, l.weigh(at, l.label[e]))
		if node.n > 1 {
			width.SetUint64(l.width(node, int32(e)))
			q.Mul(q, width.Add(&width, one))
			shift -= 64
		}
		at = l.to[e]
	}
	if shift > 0 {
		q.Lsh(q, uint(shift))
	} else {
		w.Lsh(w, uint(-shift))
	}
	// Compare (u + a fraction) / 2^bits with w/q, with more bits on a tie.
	x := new(big.Int).SetUint64(u)
	for nbits := uint(64); ; nbits += 64 {
		bound := new(big.Int).Lsh(w, nbits)
		low := new(big.Int).Mul(x, q)
		if low.Cmp(bound) >= 0 {
			return false
		}
		if low.Add(low, q).Cmp(bound) <= 0 {
			return true
		}
		x.Lsh(x, 64)
		x.Or(x, new(big.Int).SetUint64(r.Uint64()))
	}
}

var one = big.NewInt(1)

// log2 returns the binary logarithm of a positive n.
func log2(n *big.Int) float64 {
	const keep = 64
	if shift := n.BitLen() - keep; shift > 0 {
		u := new(big.Int).Rsh(n, uint(shift)).Uint64()
		return math.Log2(float64(u)) + float64(shift)
	}
	return math.Log2(float64(n.Uint64()))
}
