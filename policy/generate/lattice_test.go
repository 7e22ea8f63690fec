package generate

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"testing"
)

// fork is a lattice of one node with edges of some weights.
func fork(weights ...int64) *lattice {
	l := new(lattice)
	var shares []xfloat
	var to []int32
	var label []uint32
	var sum xfloat
	for i, w := range weights {
		shares = append(shares, xOf(float64(w)))
		sum = sum.add(xOf(float64(w)))
		to = append(to, -1)
		label = append(label, uint32(i))
	}
	l.addNode(shares, sum, to, label)
	l.weigh = func(_ int32, label uint32) *big.Int { return big.NewInt(weights[label]) }
	l.seal(sum, latticeSlack)
	return l
}

func TestLatticeWidths(t *testing.T) {
	for _, weights := range [][]int64{{1}, {1, 1}, {1, 2, 3}, {1 << 60, 1}, {1, 1 << 62, 7, 1 << 30}, {5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5}} {
		l := fork(weights...)
		total := new(big.Int)
		sum := int64(0)
		for _, w := range weights {
			sum += w
		}
		for i, w := range weights {
			width := new(big.Int).SetUint64(l.width(l.nodes[0], int32(i)))
			width.Add(width, one)
			total.Add(total, width)
			// K*q is at least w: otherwise the edge could not come up often
			// enough.
			q := new(big.Int).Mul(width, l.k)
			want := new(big.Int).Lsh(big.NewInt(w), 64)
			if l.kBits >= 0 {
				q.Lsh(q, uint(l.kBits))
			} else {
				want.Lsh(want, uint(-l.kBits))
			}
			if q.Cmp(want) < 0 {
				t.Errorf("%v: edge %d is too narrow", weights, i)
			}
			first, last := l.high[i]-l.width(l.nodes[0], int32(i)), l.high[i]
			if l.pick(l.nodes[0], first) != int32(i) || l.pick(l.nodes[0], last) != int32(i) {
				t.Errorf("%v: edge %d is not picked at its ends", weights, i)
			}
		}
		if want := new(big.Int).Lsh(one, 64); total.Cmp(want) != 0 {
			t.Errorf("%v: widths sum to %v", weights, total)
		}
	}
}

// TestAccept compares the last decision with exact fractions, at words
// around the one where it turns, and where only further words decide.
func TestAccept(t *testing.T) {
	l := fork(3, 5, 1<<40)
	for edge := range 3 {
		w, _ := new(big.Float).SetInt(l.weigh(0, uint32(edge))).Float64()
		k, _ := new(big.Float).SetMantExp(new(big.Float).SetInt(l.k), l.kBits).Float64()
		odds := w / k / (float64(l.width(l.nodes[0], int32(edge))) + 1) * 0x1p64
		if odds > 1 || odds < 1-1e-5 && edge == 2 {
			t.Errorf("edge %d is accepted with odds of %v", edge, odds)
		}
		turn := exactTurn(l, edge)
		if f, _ := new(big.Float).SetInt(turn).Float64(); math.Abs(f/0x1p64-odds) > 1e-9 {
			t.Errorf("edge %d turns at %v of 2^64, want %v", edge, f/0x1p64, odds)
		}
		at := turn.Uint64()
		path := []uint32{uint32(edge)}
		for _, tt := range []struct {
			u, more uint64
			want    bool
		}{{0, 0, true}, {at - 1, 0, true}, {at, 0, true}, {at, math.MaxUint64, false}, {at + 1, 0, false}} {
			in := bytes.Repeat(binary.LittleEndian.AppendUint64(nil, tt.more), 64)
			if got := l.accept(0, path, tt.u, NewRand(bytes.NewReader(in))); got != tt.want {
				t.Errorf("edge %d, word turn%+d, then %#x: %v", edge, int64(tt.u-at), tt.more, got)
			}
		}
	}
}

// exactTurn returns the largest word at which accept may still say yes.
func exactTurn(l *lattice, edge int) *big.Int {
	num := new(big.Int).Lsh(l.weigh(0, uint32(edge)), 128)
	den := new(big.Int).SetUint64(l.width(l.nodes[0], int32(edge)))
	den.Add(den, one).Mul(den, l.k)
	if l.kBits >= 0 {
		den.Lsh(den, uint(l.kBits))
	} else {
		num.Lsh(num, uint(-l.kBits))
	}
	return num.Quo(num, den)
}

func TestXfloat(t *testing.T) {
	for _, tt := range []struct{ a, b float64 }{{3, 5}, {0x1p255, 0x1p255}, {0x1p-255, 0x1p-250}, {0, 7}, {7, 0}, {0x1p200, 1}} {
		a, b := xOf(tt.a), xOf(tt.b)
		sum, _ := new(big.Float).Add(big.NewFloat(tt.a), big.NewFloat(tt.b)).Float64()
		if got := a.add(b); got.log2() != math.Log2(sum) || b.add(a) != got {
			t.Errorf("%g + %g = 2^%v", tt.a, tt.b, got.log2())
		}
		if tt.a*tt.b != 0 {
			if got, want := a.mul(b).log2(), math.Log2(tt.a)+math.Log2(tt.b); got != want {
				t.Errorf("%g * %g = 2^%v, want 2^%v", tt.a, tt.b, got, want)
			}
		}
	}
	huge := xOf(1)
	for range 3000 {
		huge = huge.mul(xOf(1000))
	}
	if got, want := huge.log2(), 3000*math.Log2(1000); math.Abs(got-want) > 1e-6 {
		t.Errorf("1000^3000 is 2^%v, want 2^%v", got, want)
	}
	if got := huge.add(xOf(1)); got != huge {
		t.Error("1 is not lost in 1000^3000")
	}
	if got := huge.over(huge); got != 1 {
		t.Errorf("x/x is %v", got)
	}
	if xOf(1).over(huge) != 0 || (xfloat{}).over(huge) != 0 {
		t.Error("a tiny share is not 0")
	}
	n, shift := xOf(12345.5).parts()
	if f, _ := new(big.Float).SetMantExp(new(big.Float).SetInt(n), shift).Float64(); f != 12345.5 {
		t.Errorf("parts of 12345.5 make %v", f)
	}
}
