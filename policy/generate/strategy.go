package generate

import (
	"math"
	"math/big"
	"math/rand/v2"
	"sync"
)

// A compiler finds the length of strings and the way to draw them.
//
// There are three ways, all exactly uniform: an independent draw, a
// composition, an automaton. The first needs checks, the second does where
// neighbours or different characters matter, the third only where it would
// become too large. What is cheapest depends on how many draws pass: that is
// known exactly where everything is counted, and tried out elsewhere.
type compiler struct {
	shape Shape
	p     *problem

	detailed, plain automata
}

// A plan is a way to draw strings of one length.
type plan struct {
	length int
	bits   float64                 // log2 of the number of strings, or of a bound
	lost   float64                 // how far the bound seems to be off
	exact  bool                    // whether it is none
	count  func() *big.Int         // the number, or the bound
	source func() (source, checks) // what to draw from; nil: see share
}

// Bounds on what a Sampler may be made of, in edges of a lattice. An edge
// takes some 10 ns to make and 16 octets.
const (
	smallLattice = 1 << 17
	largeLattice = 1 << 22
)

// directShare is the share of fitting strings among all strings of the
// alphabet from which on drawing and checking is faster than a lattice.
const directShare = 0.4

// maxFailures is how many lengths in a row may be too complex before the
// Shape is said to be.
const maxFailures = 3

func (c *compiler) compile(t Target) (*Sampler, error) {
	p := c.p
	possible := p.lengths()
	start := min(max(t.Length, p.minLength), p.maxLength)
	var best *plan
	var failed error
	failures := 0
	for length := start; length <= p.maxLength && failures < maxFailures; length++ {
		if !possible.has(length) {
			continue
		}
		pl, err := c.plan(length)
		switch {
		case err != nil:
			failed = err
			failures++
		case pl != nil:
			best, failures = pl, 0
		}
		if best != nil && (failed != nil || best.bits-best.lost >= t.Bits) {
			break
		}
	}
	for length := start - 1; length >= p.minLength && best == nil && failures < maxFailures; length-- {
		if !possible.has(length) {
			continue
		}
		pl, err := c.plan(length)
		if err != nil {
			failed = err
			failures++
		}
		best = pl
	}
	switch {
	case best != nil:
		return c.sampler(best), nil
	case failed != nil:
		return nil, failed
	}
	return nil, ErrUnsatisfiable
}

// lengths returns the lengths that the counts and the ends allow.
func (p *problem) lengths() lengthSet {
	possible := newCounting(p, 0).lengths()
	possible[0] |= 1 << 1 // not judged
	return possible
}

func (c *compiler) sampler(pl *plan) *Sampler {
	s := newSampler(c.p, pl.length)
	// Rounding must not promise more than if nothing were demanded.
	most := float64(pl.length) * math.Log2(float64(len(c.p.chars)))
	s.bits, s.exact, s.count = min(pl.bits, most), pl.exact, sync.OnceValue(pl.count)
	share := math.Exp2(s.bits - most)
	direct := newIndependent(c.p)
	if pl.exact && (share >= directShare || c.p.ordered() && quick(direct, pl.length)) {
		s.source, s.check = direct, direct.checks()
	} else {
		s.source, s.check = pl.source()
	}
	return s
}

// quick reports whether independent draws are quicker than an automaton.
func quick(d *independent, length int) bool {
	a := &candidate{src: d, check: d.checks(), price: 1}
	best := tryOut(d.p, length, []*candidate{a}, float64(64*length))
	return best != nil && best.each() < float64(4*length)
}

// plan returns how to draw strings of a length, nil if there are none.
func (c *compiler) plan(length int) (*plan, error) {
	p := c.p
	plain := !p.ordered() && len(p.uniques) == 0
	edges := smallLattice
	if plain {
		edges = largeLattice
	}
	k, ok := newComposition(p, length, edges)
	if ok && k == nil {
		return nil, nil
	}
	if ok && plain {
		return k.plan(), nil
	}
	if a := c.detailed.upTo(p, length, smallLattice, true); a != nil && a.left == 0 {
		return a.plan(length), nil
	}
	return c.search(length, k)
}

func (c *composition) plan() *plan {
	return &plan{
		length: c.length, bits: c.total.log2(), exact: true,
		count: func() *big.Int {
			again, _ := newComposition(c.p, c.length, math.MaxInt)
			return again.count(again.root)
		},
		source: func() (source, checks) { return c, 0 },
	}
}

func (a *automaton) plan(length int) *plan {
	total := a.total(length)
	if total.isZero() {
		return nil
	}
	return &plan{
		length: length, bits: total.log2(), exact: a.left == 0,
		count: func() *big.Int {
			w := a.walker(length)
			return w.count(w.root)
		},
		source: func() (source, checks) { return a.walker(length), a.left },
	}
}

// Automata makes automata and keeps the last, for later lengths.
type automata struct {
	last    *automaton
	tooLong int // a length for which the automaton was too large, 0 for none
}

// upTo returns an automaton for strings of a length, nil if it is too large.
func (a *automata) upTo(p *problem, length, edges int, detail bool) *automaton {
	if a.last != nil && length <= a.last.maxLength {
		return a.last
	}
	if a.tooLong > 0 && length >= a.tooLong {
		return nil
	}
	if a.last != nil {
		// Lengths are tried in order: make it good for some more.
		if next := newAutomaton(p, min(p.maxLength, 2*length), edges, detail); next != nil {
			a.last = next
			return next
		}
	}
	next := newAutomaton(p, length, edges, detail)
	if next == nil {
		a.tooLong = length
		return nil
	}
	a.last = next
	return next
}

// A candidate is a way to draw strings of which an unknown share passes.
type candidate struct {
	pl       *plan
	src      source
	check    checks
	price    float64 // of a character, in those of an independent draw
	accepted int
	cost     float64 // spent so far
	drawn    int
}

// Bounds on the cost of a draw, in characters drawn independently, some 5 ns
// each.
const (
	fineDraw  = 8 // of each character; an automaton's costs 10
	goodDraw  = 1 << 14
	worstDraw = 1 << 20
)

// search finds the best way where not everything can be counted together. k
// is the composition, nil if it is too large.
func (c *compiler) search(length int, k *composition) (*plan, error) {
	p := c.p
	var all []*candidate
	free := newIndependent(p)
	bound := &plan{
		length: length,
		bits:   float64(length) * math.Log2(float64(len(p.chars))),
		count: func() *big.Int {
			n := big.NewInt(int64(len(p.chars)))
			return n.Exp(n, big.NewInt(int64(length)), nil)
		},
	}
	all = append(all, &candidate{src: free, check: free.checks(), price: 1})
	if f := favouring(p, length); f != nil {
		d := free.favoured(f)
		all = append(all, &candidate{src: d, check: d.checks() &^ checkCounts, price: 1.5})
	}
	if k != nil {
		pl := k.plan()
		check := checks(0)
		if p.ordered() {
			check |= checkOrder
		}
		if len(p.uniques) > 0 {
			check |= checkUnique
		}
		all = append(all, &candidate{pl: pl, src: k, check: check, price: 3})
	}
	best := tryOut(p, length, all, 2*goodDraw)
	if best == nil || best.each() > float64(fineDraw*length) {
		most := 2.0 * goodDraw
		if best == nil || best.each() > goodDraw/4 {
			most = 8 * goodDraw
		}
		a := c.plain.upTo(p, length, smallLattice, false)
		if a != nil {
			if a.total(length).isZero() {
				return nil, nil
			}
			all = append(all, a.candidate(length))
		}
		if a := c.uncounted(length); a != nil {
			all = append(all, a)
		}
		best = tryOut(p, length, all, most)
	}
	if best == nil || best.each() > goodDraw {
		if l, ok := list(p, length); ok {
			return l.plan(length), nil
		}
		if a := newAutomaton(p, length, largeLattice, true); a != nil && a.left == 0 {
			return a.plan(length), nil
		}
		if a := newAutomaton(p, length, largeLattice, false); a != nil {
			if a.total(length).isZero() {
				return nil, nil
			}
			all = append(all, a.candidate(length))
		}
		if best = tryOut(p, length, all, 4*worstDraw); best == nil {
			return nil, complexity("no string of %d characters was found, nor that there is none", length)
		}
	}
	for _, a := range all {
		if a.pl != nil && a.pl.bits < bound.bits {
			bound.bits, bound.count = a.pl.bits, a.pl.count
			if a.drawn > 0 {
				bound.lost = math.Log2(float64(a.drawn) / float64(max(a.accepted, 1)))
			}
		}
	}
	bound.source = func() (source, checks) { return best.src, best.check }
	return bound, nil
}

func (a *candidate) each() float64 { return a.cost / float64(a.accepted) }

func (a *automaton) candidate(length int) *candidate {
	pl := a.plan(length)
	src, check := pl.source()
	return &candidate{pl: pl, src: src, check: check, price: 10}
}

// uncounted returns a candidate that draws from an automaton without
// counters, nil if even that is too large.
func (c *compiler) uncounted(length int) *candidate {
	if len(c.p.counters) == 0 {
		return nil
	}
	s := c.shape
	s.Counts, s.Choices = []Count{{Set: s.Alphabet.Minus(NewSet(string(c.p.chars)))}}, nil
	p, err := takeApart(s)
	if err != nil || p.impossible {
		return nil
	}
	a := newAutomaton(p, length, smallLattice, false)
	if a == nil || a.total(length).isZero() {
		return nil
	}
	src := &translated{source: a.walker(length), to: make([]uint32, len(p.chars))}
	number := make(map[rune]uint32)
	for i, r := range c.p.chars {
		number[r] = uint32(i)
	}
	for i, r := range p.chars {
		src.to[i] = number[r]
	}
	return &candidate{src: src, check: a.left | checkCounts, price: 10}
}

// A translated source numbers its characters differently.
type translated struct {
	source
	to []uint32
}

func (t *translated) draw(s, work []uint32, r *Rand) {
	t.source.draw(s, work, r)
	for i, c := range s {
		s[i] = t.to[c]
	}
}

// tryOut draws from each candidate until it has cost as much as given and
// returns the one that costs least for a string, nil if none made one. It
// draws with numbers of its own: the outcome depends on nothing but the
// problem, and is no part of any password.
func tryOut(p *problem, length int, all []*candidate, most float64) *candidate {
	r := NewRand(rand.NewChaCha8([32]byte{}))
	s, work := make([]uint32, length), make([]uint32, length)
	var best *candidate
	for _, a := range all {
		for a.cost < most && a.accepted < 64 {
			steps := int((most - a.cost) / a.price)
			if d, ok := a.src.(*independent); ok {
				before := steps
				ok = d.try(s, r, &steps)
				a.cost += float64(before-steps) * a.price
				if !ok {
					a.cost = most
					break
				}
			} else {
				a.src.draw(s, work, r)
				a.cost += float64(length) * a.price
			}
			a.drawn++
			if a.check.pass(p, s) {
				a.accepted++
			}
		}
		if a.accepted > 0 && (best == nil || a.each() < best.each()) {
			best = a
		}
	}
	return best
}
