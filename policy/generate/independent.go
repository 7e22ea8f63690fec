package generate

import "math"

// Independent draws each character by itself, uniformly from the alphabet,
// and starts again if the string does not fit. Where most strings fit, that
// is the fastest way.
//
// It also serves where order and counts together are too many states for an
// automaton: constraints on neighbours are met piece by piece (see piece),
// and large minimums by favouring the characters that they ask for (see
// favouring).
type independent struct {
	p      *problem
	die    die
	window int // how many neighbours matter, 0 for none
	favour *favour
}

// A favour makes some characters likelier by a power of two. A string comes
// up in proportion to 2^excess, and is then kept with probability 2^-excess.
type favour struct {
	table  []uint32 // characters, those that are favoured many times
	weight []uint8  // of each atom: log2 of how often
	base   int      // the least sum of weights of a string that fits
}

func newIndependent(p *problem) *independent {
	d := &independent{p: p, die: newDie(len(p.chars))}
	if p.ordered() {
		d.window = p.window()
	}
	return d
}

// checks returns what draw does not see to.
func (d *independent) checks() checks {
	var c checks
	if len(d.p.counters) > 0 {
		c |= checkCounts
	}
	if len(d.p.uniques) > 0 {
		c |= checkUnique
	}
	return c
}

func (d *independent) draw(s, _ []uint32, r *Rand) {
	steps := math.MaxInt
	d.try(s, r, &steps)
}

// try is draw as long as steps last, each of one character. It reports
// whether they did.
func (d *independent) try(s []uint32, r *Rand, steps *int) bool {
	for *steps > 0 {
		if d.window > 0 {
			if !d.piece(s, 0, len(s), r, steps) {
				return false
			}
		} else {
			*steps -= len(s)
			d.fill(s, r)
			if !d.p.edges(s) {
				continue
			}
		}
		if d.favour == nil || d.p.counted(s) && d.favour.keep(d.p, s, r) {
			return true
		}
	}
	return false
}

func (d *independent) fill(s []uint32, r *Rand) {
	d.die.fill(s, 0, r)
	if d.favour != nil {
		for i, c := range s {
			s[i] = d.favour.table[c]
		}
	}
}

// pieceLength is how many characters are drawn between looks at their order.
const pieceLength = 16

// piece draws s[lo:hi], in order in itself. Two halves that are each
// uniform over what is in order, drawn again until they also are where they
// meet, make a whole that is: so a long string costs a small power of its
// length, where drawing all of it again would cost an exponential.
func (d *independent) piece(s []uint32, lo, hi int, r *Rand, steps *int) bool {
	if hi-lo <= pieceLength {
		t := s[lo:hi]
		for *steps > 0 {
			*steps -= len(t)
			d.fill(t, r)
			if lo == 0 && d.p.notFirst && d.p.atoms[d.p.of[t[0]]].noFirst ||
				hi == len(s) && d.p.notLast && d.p.atoms[d.p.of[t[len(t)-1]]].noLast {
				continue
			}
			if d.p.inOrder(t) {
				return true
			}
		}
		return false
	}
	mid := int(uint(lo+hi) >> 1)
	for d.piece(s, lo, mid, r, steps) && d.piece(s, mid, hi, r, steps) {
		if d.p.inOrder(s[max(lo, mid-d.window+1):min(hi, mid+d.window-1)]) {
			return true
		}
	}
	return false
}

// keep decides whether a string that fits is kept.
func (f *favour) keep(p *problem, s []uint32, r *Rand) bool {
	excess := -f.base
	for _, c := range s {
		excess += int(f.weight[p.of[c]])
	}
	for ; excess > 63; excess -= 63 {
		if r.Uint64()>>1 != 0 {
			return false
		}
	}
	return excess == 0 || r.Uint64()>>(64-excess) == 0
}

// favouring returns a favour for minimums that few strings of a length
// would reach, nil if there are none.
func favouring(p *problem, length int) *favour {
	f := &favour{weight: make([]uint8, len(p.atoms))}
	// Only disjoint sets: then the sum over any string that fits is at least
	// the sum of their minimums, each times its weight.
	sets := p.disjointCounters()
	if len(sets) == 0 {
		return nil
	}
	sizes := make([]float64, len(sets))
	others := float64(len(p.chars))
	for k, i := range sets {
		sizes[k] = float64(p.counters[i].set.Len())
		others -= sizes[k]
	}
	// Raise weights while a set is expected to fall short.
	w := make([]int, len(sets))
	for range 64 {
		total := others
		for k := range sets {
			total += math.Ldexp(sizes[k], w[k])
		}
		short := -1
		var worst float64
		for k, i := range sets {
			lack := float64(p.counters[i].min) - float64(length)*math.Ldexp(sizes[k], w[k])/total
			if lack > worst && w[k] < 10 {
				short, worst = k, lack
			}
		}
		if short < 0 || total > 1<<16 {
			break
		}
		w[short]++
	}
	for k, i := range sets {
		f.base += w[k] * p.counters[i].min
		for j := range p.atoms {
			if p.atoms[j].in[i] {
				f.weight[j] = uint8(w[k])
			}
		}
	}
	if f.base == 0 {
		return nil
	}
	for c := range p.chars {
		for range 1 << f.weight[p.of[c]] {
			f.table = append(f.table, uint32(c))
		}
	}
	return f
}

// favoured returns a copy of d that favours.
func (d *independent) favoured(f *favour) *independent {
	return &independent{p: d.p, die: newDie(len(f.table)), window: d.window, favour: f}
}
