package generate

import (
	"math/bits"
	"slices"
)

// Counting is the part of a problem that does not depend on order: how many
// characters come from each atom. Atoms are taken one after the other. What
// must be known of those already taken is a profile: the sums of the
// counters that have atoms on both sides, and how many thresholds each choice
// still needs. So large minimums of many disjoint sets cost no more than
// small ones.
type counting struct {
	p        *problem
	length   int // 0: any
	tallies  []tally
	need     []int
	order    []int   // atoms in the order in which they are taken
	stage    []int   // of each layer, see slots
	pending  [][]int // of each layer, each choice: thresholds decided later
	limit    []int   // of each layer: a number of characters that is as good as any larger one
	hopeless bool
}

// A tally is a counter as it applies to one length.
type tally struct {
	in         []bool // of each atom
	min, max   int
	limit      int
	thresholds []threshold
	last       int // layer after which it is complete
}

// A profile holds the sum of each tally, what each choice needs, and
// whether the last place is taken.
type profile []uint16

// newCounting prepares to count strings of one length, or of any if length
// is 0.
func newCounting(p *problem, length int) *counting {
	c := &counting{p: p, length: length, need: slices.Clone(p.need)}
	for i := range p.counters {
		k := &p.counters[i]
		t := tally{min: k.min, max: k.max}
		if length > 0 && k.runs > 0 {
			// Among any k.runs+1 characters in a row, one is not in the set.
			if most := length - length/(k.runs+1); t.max < 0 || most < t.max {
				t.max = most
			}
		}
		for _, h := range k.thresholds {
			if length == 0 || h.min <= length {
				t.thresholds = append(t.thresholds, h)
			}
		}
		if length > 0 {
			c.hopeless = c.hopeless || t.min > length
			if t.max >= length {
				t.max = NoMax
			}
		}
		t.in = make([]bool, len(p.atoms))
		for j := range p.atoms {
			t.in[j] = p.atoms[j].in[i]
		}
		c.addTally(t)
	}
	if length == 0 {
		c.addEnds()
	}
	c.sequence()
	return c
}

func (c *counting) addTally(t tally) {
	t.limit = max(t.min, t.max+1)
	for _, h := range t.thresholds {
		t.limit = max(t.limit, h.min)
	}
	if t.limit > 0 {
		c.tallies = append(c.tallies, t)
	}
}

// addEnds states, for all lengths but 1, that there must be two different
// places' worth of characters that may be first and last (P. Hall).
func (c *counting) addEnds() {
	add := func(low int, barred func(a *atom) bool) {
		t := tally{min: low, max: NoMax, in: make([]bool, len(c.p.atoms))}
		for j := range c.p.atoms {
			t.in[j] = !barred(&c.p.atoms[j])
		}
		c.addTally(t)
	}
	if c.p.notFirst {
		add(1, func(a *atom) bool { return a.noFirst })
	}
	if c.p.notLast {
		add(1, func(a *atom) bool { return a.noLast })
	}
	if c.p.notFirst && c.p.notLast {
		add(2, func(a *atom) bool { return a.noFirst && a.noLast })
	}
}

// The stages in which atoms are taken: those that are barred from an end
// choose their places before those that are not.
const (
	barredBoth = iota
	barredFirst
	barredLast
	free
)

func (c *counting) stageOf(a *atom) int {
	switch {
	case c.length == 0:
		return free
	case a.noFirst && a.noLast, c.length == 1 && (a.noFirst || a.noLast):
		return barredBoth
	case a.noFirst:
		return barredFirst
	case a.noLast:
		return barredLast
	}
	return free
}

// sequence orders the atoms by stage, and within a stage so that few tallies
// are open at a time.
func (c *counting) sequence() {
	n := len(c.p.atoms)
	left := make([]int, len(c.tallies)) // atoms not yet taken
	open := make([]bool, len(c.tallies))
	for i := range c.tallies {
		for _, in := range c.tallies[i].in {
			if in {
				left[i]++
			}
		}
	}
	taken := make([]bool, n)
	for len(c.order) < n {
		best, bestStage, bestCost := -1, 0, 0
		for j := range n {
			if taken[j] {
				continue
			}
			stage, cost := c.stageOf(&c.p.atoms[j]), 0
			for i := range c.tallies {
				if !c.tallies[i].in[j] {
					continue
				}
				switch {
				case left[i] == 1 && open[i]:
					cost -= c.tallies[i].limit + 1
				case left[i] > 1 && !open[i]:
					cost += c.tallies[i].limit + 1
				}
			}
			if best < 0 || stage < bestStage || stage == bestStage && cost < bestCost {
				best, bestStage, bestCost = j, stage, cost
			}
		}
		taken[best] = true
		layer := len(c.order)
		c.order = append(c.order, best)
		c.stage = append(c.stage, bestStage)
		limit := 0
		for i := range c.tallies {
			if c.tallies[i].in[best] {
				left[i]--
				open[i] = true
				c.tallies[i].last = layer
				limit = max(limit, c.tallies[i].limit)
			}
		}
		c.limit = append(c.limit, limit)
	}
	c.pending = make([][]int, n)
	for layer := range c.pending {
		c.pending[layer] = make([]int, len(c.need))
		for i := range c.tallies {
			if c.tallies[i].last > layer {
				for _, h := range c.tallies[i].thresholds {
					c.pending[layer][h.choice]++
				}
			}
		}
	}
}

// start returns the profile of no characters.
func (c *counting) start() profile {
	v := make(profile, len(c.tallies)+len(c.need)+1)
	for i, n := range c.need {
		v[len(c.tallies)+i] = uint16(n)
	}
	return v
}

// taken returns whether the last place of the string is taken.
func (v profile) taken() bool { return v[len(v)-1] != 0 }

// step writes to next the profile after k characters of a layer's atom on
// top of v. It reports whether any string can still come of it.
func (c *counting) step(next, v profile, layer, k int, takeLast bool) bool {
	copy(next, v)
	a := c.order[layer]
	needs := next[len(c.tallies) : len(c.tallies)+len(c.need)]
	for i := range c.tallies {
		t := &c.tallies[i]
		if !t.in[a] {
			continue
		}
		sum := min(int(next[i])+k, t.limit)
		if t.max >= 0 && sum > t.max {
			return false
		}
		next[i] = uint16(sum)
		if t.last != layer {
			continue
		}
		if sum < t.min {
			return false
		}
		for _, h := range t.thresholds {
			if sum >= h.min && needs[h.choice] > 0 {
				needs[h.choice]--
			}
		}
		next[i] = 0
	}
	for i, n := range needs {
		if int(n) > c.pending[layer][i] {
			return false
		}
	}
	if takeLast {
		next[len(next)-1] = 1
	}
	if layer+1 == len(c.stage) || c.stage[layer+1] == free {
		next[len(next)-1] = 0 // no longer of interest
	}
	return true
}

// slots returns n and less such that the places for k characters of a layer
// can be chosen in n over k-less ways, where r places are left. takeLast says
// whether one of the characters shall be the last of the string.
func (c *counting) slots(layer, r int, taken, takeLast bool) (n, less int) {
	bothEnds := c.p.notFirst && c.p.notLast && c.length > 1
	switch c.stage[layer] {
	case barredBoth:
		if c.length > 1 {
			return r - 2, 0
		}
	case barredFirst:
		switch {
		case takeLast:
			return r - 2, 1
		case bothEnds && !taken:
			return r - 2, 0
		}
	case barredLast:
		if taken {
			return r, 0
		}
	default:
		return r, 0
	}
	return r - 1, 0
}

// mayTakeLast reports whether a character of a layer may be the last of the
// string in a way that has to be told from not being it.
func (c *counting) mayTakeLast(layer int, v profile) bool {
	return c.stage[layer] == barredFirst && c.p.notLast && !v.taken()
}

// lengthSet is a set of lengths from 0 to MaxChars.
type lengthSet [MaxChars/64 + 1]uint64

func (s *lengthSet) has(n int) bool { return s[n/64]>>(n%64)&1 != 0 }

func (s *lengthSet) addShifted(t *lengthSet, by int) {
	words, rest := by/64, by%64
	for i := len(s) - 1; i >= words; i-- {
		w := t[i-words] << rest
		if rest > 0 && i > words {
			w |= t[i-words-1] >> (64 - rest)
		}
		s[i] |= w
	}
}

// addFrom adds every length that is at least by more than the least of t.
func (s *lengthSet) addFrom(t *lengthSet, by int) {
	for i, w := range t {
		if w == 0 {
			continue
		}
		for n := i*64 + bits.TrailingZeros64(w) + by; n <= MaxChars; n++ {
			s[n/64] |= 1 << (n % 64)
		}
		return
	}
}

// maxProfiles bounds the work that lengths does.
const maxProfiles = 1 << 14

// lengths returns for which lengths the counts can be met, as far as order
// does not matter: all, if that would take too long to find out. It is for
// a counting of any length; length 1 it does not answer if ends are barred.
func (c *counting) lengths() lengthSet {
	v := c.start()
	level := map[string]*lengthSet{pack(v): {1}}
	next := make(profile, len(v))
	work := 0
	for layer := range c.order {
		after := make(map[string]*lengthSet)
		for key, set := range level {
			unpack(v, key)
			for k := 0; k <= c.limit[layer]; k++ {
				if work++; work > maxProfiles {
					var all lengthSet
					all.addFrom(&lengthSet{1}, 0)
					return all
				}
				if !c.step(next, v, layer, k, false) {
					continue
				}
				key := pack(next)
				to := after[key]
				if to == nil {
					to = new(lengthSet)
					after[key] = to
				}
				if k < c.limit[layer] {
					to.addShifted(set, k)
				} else {
					to.addFrom(set, k)
				}
			}
		}
		level = after
	}
	var all lengthSet
	for _, set := range level {
		all.addShifted(set, 0)
	}
	return all
}

func pack(v profile) string {
	return string(appendPacked(make([]byte, 0, 2*len(v)), v))
}

func appendPacked(b []byte, v profile) []byte {
	for _, x := range v {
		b = append(b, byte(x), byte(x>>8))
	}
	return b
}

func unpack(v profile, key string) {
	for i := range v {
		v[i] = uint16(key[2*i]) | uint16(key[2*i+1])<<8
	}
}
