package generate

import (
	"math/big"
	"slices"
)

// An automaton reads a string from left to right and keeps what the
// constraints need to know of it: the counters, up to their limits; the
// lengths of the runs, repeats and sequences that the string ends in; and
// what kind of character came last. Counting the paths through it counts
// strings with constraints on neighbours and on counts together.
//
// Characters that are alike are one cell: members of the same sets, whose
// equal characters (of Repeat and Unique) are members of the same sets too.
// With constraints on sequences, no two characters are alike.
type automaton struct {
	p         *problem
	maxLength int
	left      checks // what it does not see to

	cells    []cell
	kinds    []int    // of each kind: how many classes it has
	class    []uint32 // of each character; nil if equality does not matter
	rank     []uint32 // of each class: its number within its kind
	kind     []uint32 // of each class
	last     bool     // whether states know what came last
	sequence bool     // whether states know sequences
	unique   *unique  // nil: none, or left to be checked
	disjoint []int    // counters without common characters, for a quick bound

	states []automatonState
	edges  []automatonEdge
	byName map[string]int32 // while exploring
	key    []byte           // of the last vector looked up
	spare  profile          // where further vectors go
	values [][]xfloat       // of each state and number of characters to come
}

// A cell is the characters of one atom whose classes are of one kind. Each
// class has as many of them as any other, side by side and by rank.
type cell struct {
	atom  int
	kind  int
	each  int
	chars []uint32
}

type automatonState struct {
	first, n int32
	depth    int32
	accepts  bool
	vector   profile
}

type automatonEdge struct {
	label, ways uint32
	to          int32
}

// How a character of a cell relates to those before it.
const (
	anyOf   = iota
	same    // equal to the last
	other   // not equal to the last, which is of the same kind
	used    // equal to one that occurred, but not to the last if that is known
	fresh   // equal to none that occurred
	howBits = 3
	howMask = 1<<howBits - 1
)

// newAutomaton returns an automaton for strings of up to maxLength
// characters, or nil if it would have more than maxSteps edges, each
// counted once for each length. Without detail, it leaves sequences and
// repeats of different equalities to be checked.
func newAutomaton(p *problem, maxLength, maxSteps int, detail bool) *automaton {
	a := &automaton{p: p, maxLength: maxLength, byName: make(map[string]int32)}
	a.disjoint = p.disjointCounters()
	if !a.divide(detail) {
		return nil
	}
	if a.sequence && len(a.cells)*len(a.cells) > maxSteps/maxLength {
		return nil
	}
	if len(p.uniques) > 0 && a.unique == nil || len(p.uniques) > 1 {
		a.left |= checkUnique
	}
	if !a.explore(min(maxSteps/maxLength, maxSteps>>4)) {
		return nil
	}
	a.byName, a.key, a.spare = nil, nil, nil
	a.evaluate()
	return a
}

// divide makes the cells.
func (a *automaton) divide(detail bool) bool {
	p := a.p
	if p.sequence > 0 && p.sequence < a.maxLength || len(p.repeats) > 1 {
		if detail {
			a.single()
			return len(p.chars) <= 1<<10
		}
		a.left |= checkOrder
	}
	switch {
	case len(p.repeats) > 0:
		a.class, a.last = p.repeats[0].class, true
	case len(p.uniques) > 0:
		a.class = p.uniques[0].class
	default:
		for i := range p.atoms {
			c := cell{atom: i, each: p.atoms[i].size()}
			for n := p.atoms[i].lo; n < p.atoms[i].hi; n++ {
				c.chars = append(c.chars, n)
			}
			a.cells = append(a.cells, c)
		}
		a.kinds = []int{1}
		return true
	}
	if len(p.uniques) > 0 && slices.Equal(a.class, p.uniques[0].class) {
		a.unique = &p.uniques[0]
	}

	// The kind of a class is how many characters it has in each atom.
	members := make([][]uint32, slices.Max(a.class)+1)
	for c, k := range a.class {
		members[k] = append(members[k], uint32(c))
	}
	a.rank = make([]uint32, len(members))
	a.kind = make([]uint32, len(members))
	byName := make(map[string]uint32)
	cellOf := make(map[[2]int]int)
	for k, chars := range members {
		n := make(profile, len(p.atoms))
		for _, c := range chars {
			n[p.of[c]]++
		}
		name := pack(n)
		kind, ok := byName[name]
		if !ok {
			kind = uint32(len(a.kinds))
			byName[name] = kind
			a.kinds = append(a.kinds, 0)
		}
		a.kind[k], a.rank[k] = kind, uint32(a.kinds[kind])
		a.kinds[kind]++
		for _, c := range chars {
			key := [2]int{int(p.of[c]), int(kind)}
			i, ok := cellOf[key]
			if !ok {
				i = len(a.cells)
				cellOf[key] = i
				a.cells = append(a.cells, cell{atom: key[0], kind: int(kind), each: int(n[key[0]])})
			}
			a.cells[i].chars = append(a.cells[i].chars, c)
		}
	}
	return true
}

// single makes each character a cell and a kind of its own.
func (a *automaton) single() {
	a.last, a.sequence = true, true
	for c := range a.p.chars {
		a.cells = append(a.cells, cell{atom: int(a.p.of[c]), kind: c, each: 1, chars: []uint32{uint32(c)}})
		a.kinds = append(a.kinds, 1)
	}
}

// The parts of a state's vector.
func (a *automaton) parts(v profile) (sums, runs, repeats, sequence, last, seen profile) {
	cut := func(n int) profile {
		part := v[:n]
		v = v[n:]
		return part
	}
	sums, runs = cut(len(a.p.counters)), cut(len(a.p.runs))
	repeats, sequence = cut(len(a.p.repeats)), cut(2)
	return sums, runs, repeats, sequence, cut(1), v
}

func (a *automaton) vectorLen() int {
	n := len(a.p.counters) + len(a.p.runs) + len(a.p.repeats) + 3
	if a.unique != nil {
		n += len(a.kinds) + 1
	}
	return n
}

// explore finds the states that a string of up to maxLength can be in and
// still come to fit. It reports false if they have more than maxEdges edges.
func (a *automaton) explore(maxEdges int) bool {
	start := make(profile, a.vectorLen())
	a.intern(start, 0)
	next := make(profile, len(start))
	for i := 0; i < len(a.states); i++ {
		a.states[i].first = int32(len(a.edges))
		s := a.states[i]
		if int(s.depth) < a.maxLength {
			for c := range a.cells {
				a.leave(s, c, next)
			}
		}
		a.states[i].n = int32(len(a.edges)) - s.first
		if len(a.edges) > maxEdges {
			return false
		}
	}
	return true
}

func (a *automaton) intern(v profile, depth int32) int32 {
	a.key = appendPacked(a.key[:0], v)
	i, ok := a.byName[string(a.key)]
	if !ok {
		i = int32(len(a.states))
		a.byName[string(a.key)] = i
		if len(a.spare) < len(v) {
			a.spare = make(profile, 64*len(v))
		}
		copy(a.spare, v)
		v, a.spare = a.spare[:len(v):len(v)], a.spare[len(v):]
		a.states = append(a.states, automatonState{depth: depth, accepts: a.accepts(v), vector: v})
	}
	return i
}

// leave adds the edges from a state by the characters of a cell.
func (a *automaton) leave(s automatonState, c int, next profile) {
	cell := &a.cells[c]
	_, _, _, _, last, seen := a.parts(s.vector)
	again := a.last && int(last[0]) == cell.kind+1
	add := func(how, classes int) {
		if classes > 0 && a.step(next, s.vector, c, how) {
			if depth := s.depth + 1; a.lacks(next) <= a.maxLength-int(depth) {
				a.edges = append(a.edges, automatonEdge{
					label: uint32(c)<<howBits | uint32(how),
					ways:  uint32(classes * cell.each),
					to:    a.intern(next, depth),
				})
			}
		}
	}
	all, before := a.kinds[cell.kind], 0
	if again {
		before = 1
		add(same, 1)
	}
	switch {
	case a.unique != nil && seen[len(seen)-1] == 0:
		n := int(seen[cell.kind])
		add(used, n-before)
		add(fresh, all-n)
	case again:
		add(other, all-1)
	default:
		add(anyOf, all)
	}
}

// step writes to next the vector after a character of a cell. It reports
// false if no string can go on so.
func (a *automaton) step(next, v profile, c, how int) bool {
	copy(next, v)
	p, cell := a.p, &a.cells[c]
	atom := &p.atoms[cell.atom]
	sums, runs, repeats, sequence, last, seen := a.parts(next)
	for i := range sums {
		if !atom.in[i] {
			continue
		}
		k := &p.counters[i]
		n := int(sums[i]) + 1
		if k.max >= 0 && n > k.max {
			return false
		}
		sums[i] = uint16(min(n, k.limit()))
	}
	for i := range runs {
		if atom.runs>>i&1 == 0 {
			runs[i] = 0
		} else if runs[i]++; int(runs[i]) > p.runs[i].max {
			return false
		}
	}
	if a.last {
		for i := range repeats {
			if a.left&checkOrder != 0 && i > 0 {
				break
			}
			r := &p.repeats[i]
			if a.sequence && last[0] > 0 && r.class[last[0]-1] == r.class[cell.kind] || how == same {
				if int(repeats[i]) >= r.max {
					return false
				}
				repeats[i]++
			} else {
				repeats[i] = 1
			}
		}
	}
	if a.sequence {
		up, down := uint16(1), uint16(1)
		if last[0] > 0 {
			switch p.chars[cell.kind] - p.chars[last[0]-1] {
			case 1:
				up = sequence[0] + 1
			case -1:
				down = sequence[1] + 1
			}
		}
		if p.sequence > 0 && int(max(up, down)) > p.sequence {
			return false
		}
		sequence[0], sequence[1] = up, down
	}
	if a.last {
		last[0] = uint16(cell.kind) + 1
	}
	if how == fresh {
		seen[cell.kind]++
		n := 0
		for _, k := range seen {
			n += int(k)
		}
		if n >= a.unique.min {
			clear(seen)
			seen[len(seen)-1] = 1
		}
	}
	return true
}

// limit is the number from which on the counter need not count further.
func (c *counter) limit() int {
	n := max(c.min, 0)
	if c.max >= 0 {
		n = max(n, c.max)
	}
	for _, t := range c.thresholds {
		n = max(n, t.min)
	}
	return n
}

// lacks returns a number of characters that a string must still have at
// least.
func (a *automaton) lacks(v profile) int {
	n := 0
	for _, i := range a.disjoint {
		n += max(0, a.p.counters[i].min-int(v[i]))
	}
	return n
}

func (a *automaton) accepts(v profile) bool {
	sums, _, _, _, _, seen := a.parts(v)
	var reached [maxChoices]int
	for i := range sums {
		c := &a.p.counters[i]
		if int(sums[i]) < c.min {
			return false
		}
		for _, t := range c.thresholds {
			if int(sums[i]) >= t.min {
				reached[t.choice]++
			}
		}
	}
	for i, need := range a.p.need {
		if reached[i] < need {
			return false
		}
	}
	return a.unique == nil || seen[len(seen)-1] != 0
}

// evaluate counts, for each state, the ways to end a string.
func (a *automaton) evaluate() {
	a.values = make([][]xfloat, len(a.states))
	total := 0
	for i := range a.states {
		total += a.maxLength - int(a.states[i].depth) + 1
	}
	store := make([]xfloat, total)
	for i := range a.states {
		s := &a.states[i]
		n := a.maxLength - int(s.depth) + 1
		a.values[i], store = store[:n:n], store[n:]
		if s.accepts {
			a.values[i][0] = xOf(1)
		}
	}
	for rest := 1; rest <= a.maxLength; rest++ {
		for i := range a.states {
			if rest >= len(a.values[i]) {
				break // those after it are as deep or deeper
			}
			a.values[i][rest] = a.sum(&a.states[i], rest, false)
		}
	}
}

func (a *automaton) sum(s *automatonState, rest int, first bool) (sum xfloat) {
	for _, e := range a.edges[s.first : s.first+s.n] {
		if v := a.values[e.to][rest-1]; !v.isZero() && a.allows(e, rest, first) {
			sum = sum.add(v.scale(float64(e.ways)))
		}
	}
	return sum
}

// allows reports whether an edge may be taken with rest characters to go.
func (a *automaton) allows(e automatonEdge, rest int, first bool) bool {
	if !first && rest > 1 {
		return true
	}
	atom := &a.p.atoms[a.cells[e.label>>howBits].atom]
	return !(first && atom.noFirst) && !(rest == 1 && atom.noLast)
}

// total returns about how many strings of a length there are.
func (a *automaton) total(length int) xfloat { return a.sum(&a.states[0], length, true) }

// A walker draws strings of one length from an automaton.
type walker struct {
	*automaton
	lattice
	root  int32
	state []int32 // of each node of the lattice
}

// walker returns a walker for a length that strings have.
func (a *automaton) walker(length int) *walker {
	w := &walker{automaton: a}
	w.weigh = func(node int32, label uint32) *big.Int {
		s := &a.states[w.state[node]]
		for _, e := range a.edges[s.first : s.first+s.n] {
			if e.label == label {
				return big.NewInt(int64(e.ways))
			}
		}
		panic("generate: an edge that is not there")
	}
	// Which states strings are in after each number of characters.
	at := make([][]int32, length)
	here := []int32{0}
	reached := make([]int, len(a.states)) // after how many characters last
	nodes, edges := 0, 0
	for i := range at {
		at[i] = here
		nodes += len(here)
		var next []int32
		for _, state := range here {
			s := &a.states[state]
			for _, e := range a.edges[s.first : s.first+s.n] {
				if rest := length - i; a.allows(e, rest, i == 0) && !a.values[e.to][rest-1].isZero() {
					edges++
					if reached[e.to] != i+1 {
						reached[e.to] = i + 1
						next = append(next, e.to)
					}
				}
			}
		}
		slices.Sort(next)
		here = next
	}
	w.reserve(nodes, edges)
	w.state = make([]int32, 0, nodes)
	node := make([]int32, len(a.states))
	for i := range node {
		node[i] = -1
	}
	after := slices.Clone(node)
	var shares []xfloat
	var to []int32
	var label []uint32
	for i := length - 1; i >= 0; i-- {
		rest := length - i
		for _, state := range at[i] {
			s := &a.states[state]
			shares, to, label = shares[:0], to[:0], label[:0]
			var sum xfloat
			for _, e := range a.edges[s.first : s.first+s.n] {
				v := a.values[e.to][rest-1]
				if v.isZero() || !a.allows(e, rest, i == 0) {
					continue
				}
				share := v.scale(float64(e.ways))
				sum = sum.add(share)
				shares = append(shares, share)
				to = append(to, after[e.to])
				label = append(label, e.label)
			}
			node[state] = w.addNode(shares, sum, to, label)
			w.state = append(w.state, state)
		}
		node, after = after, node
	}
	w.root = after[0]
	w.seal(a.total(length), latticeSlack)
	return w
}

func (w *walker) draw(s, work []uint32, r *Rand) {
	n := w.walk(w.root, work, r)
	var seen [maxClasses / 64]uint64
	for i, edge := range work[:n] {
		label := w.label[edge]
		c := &w.cells[label>>howBits]
		switch how := label & howMask; how {
		case anyOf:
			s[i] = c.chars[r.Uint64n(uint64(len(c.chars)))]
		case same:
			if w.class == nil {
				s[i] = c.chars[0] // a class of its own
				break
			}
			s[i] = c.of(w.rank[w.class[s[i-1]]], r)
		case other:
			rank := uint32(r.Uint64n(uint64(w.kinds[c.kind] - 1)))
			if rank >= w.rank[w.class[s[i-1]]] {
				rank++
			}
			s[i] = c.of(rank, r)
		default:
			s[i] = w.known(s[:i], c, how, &seen, r)
		}
		if w.unique != nil {
			k := w.class[s[i]]
			seen[k/64] |= 1 << (k % 64)
		}
	}
}

// of returns a character of the cell from the class of a rank.
func (c *cell) of(rank uint32, r *Rand) uint32 {
	i := int(rank) * c.each
	if c.each > 1 {
		i += r.Intn(c.each)
	}
	return c.chars[i]
}

// known draws a character of a cell from a class that occurs in s, other
// than the last if states know it, or from one that does not.
func (w *walker) known(s []uint32, c *cell, how uint32, seen *[maxClasses / 64]uint64, r *Rand) uint32 {
	for {
		x := c.of(uint32(r.Intn(w.kinds[c.kind])), r)
		k := w.class[x]
		if seen[k/64]>>(k%64)&1 == 1 != (how == used) {
			continue
		}
		if how == used && w.last && w.class[s[len(s)-1]] == k {
			continue
		}
		return x
	}
}
