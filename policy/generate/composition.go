package generate

import "math/big"

// A composition draws strings without regard to constraints on neighbours:
// first how many characters come from each atom, by a walk of a lattice, then
// the characters, then their order.
type composition struct {
	*counting
	lattice
	root int32
	at   []compositionNode
	dice []die // of each layer
}

type compositionNode struct {
	layer, r uint16
	taken    bool
}

// newComposition returns a composition of strings of one length, nil if
// there are none. Its lattice has at most maxEdges edges; ok is false if that
// is not enough.
func newComposition(p *problem, length, maxEdges int) (c *composition, ok bool) {
	c = &composition{counting: newCounting(p, length)}
	if c.hopeless {
		return nil, true
	}
	levels, ok := c.expand(maxEdges)
	if !ok {
		return nil, false
	}
	total := c.evaluate(levels)
	if total.isZero() {
		return nil, true
	}
	c.weigh = func(node int32, label uint32) *big.Int {
		at := c.at[node]
		k := int(label >> 1)
		n, less := c.slots(int(at.layer), int(at.r), at.taken, label&1 != 0)
		w := big.NewInt(int64(c.p.atoms[c.order[at.layer]].size()))
		w.Exp(w, big.NewInt(int64(k)), nil)
		return w.Mul(w, new(big.Int).Binomial(int64(n), int64(k-less)))
	}
	c.seal(total, latticeSlack)
	for _, a := range c.order {
		c.dice = append(c.dice, newDie(p.atoms[a].size()))
	}
	return c, true
}

// A level holds the profiles before one layer.
type level struct {
	profiles []profile
	byName   map[string]int32
	// next is, for each profile, the profile after k characters that do
	// not take the last place, and then after those that do; -1 for none.
	next [][]int32
	// used tells, for each profile, the numbers of places that can be left.
	used [][]bool
	// value and node are by profile and number of places.
	value [][]xfloat
	node  [][]int32
}

func (l *level) intern(v profile, length int) int32 {
	key := pack(v)
	i, ok := l.byName[key]
	if !ok {
		i = int32(len(l.profiles))
		l.byName[key] = i
		l.profiles = append(l.profiles, append(profile(nil), v...))
		l.next = append(l.next, nil)
		l.used = append(l.used, make([]bool, length+1))
		l.value = append(l.value, nil)
		l.node = append(l.node, nil)
	}
	return i
}

// expand finds the profiles and numbers of places that can be met with.
func (c *composition) expand(maxEdges int) (levels []level, ok bool) {
	levels = make([]level, len(c.order)+1)
	for i := range levels {
		levels[i].byName = make(map[string]int32)
	}
	start := levels[0].intern(c.start(), c.length)
	levels[0].used[start][c.length] = true
	edges := 0
	after := make(profile, len(levels[0].profiles[0]))
	for layer := range c.order {
		here, there := &levels[layer], &levels[layer+1]
		lastLayer := layer == len(c.order)-1
		span := min(c.limit[layer], c.length) + 1
		for i, v := range here.profiles {
			ways := 1
			if c.mayTakeLast(layer, v) {
				ways = 2
			}
			here.next[i] = make([]int32, ways*span)
			for j := range here.next[i] {
				here.next[i][j] = -1
				if c.step(after, v, layer, j%span, j >= span) {
					here.next[i][j] = there.intern(after, c.length)
				}
			}
			if edges += len(here.next[i]); edges > maxEdges {
				return nil, false
			}
			for r, used := range here.used[i] {
				if !used {
					continue
				}
				for way := range ways {
					n, less := c.slots(layer, r, v.taken(), way == 1)
					for k := less; k <= min(r, n+less); k++ {
						if lastLayer && k != r {
							continue
						}
						to := here.next[i][way*span+min(k, span-1)]
						if to < 0 {
							continue
						}
						if edges++; edges > maxEdges {
							return nil, false
						}
						there.used[to][r-k] = true
					}
				}
			}
		}
	}
	return levels, true
}

// evaluate counts the strings that each profile can end in and makes the
// lattice, from the last layer to the first.
func (c *composition) evaluate(levels []level) xfloat {
	end := &levels[len(c.order)]
	for i := range end.profiles {
		end.value[i], end.node[i] = []xfloat{xOf(1)}, []int32{-1}
	}
	var shares []xfloat
	var to []int32
	var label []uint32
	for layer := len(c.order) - 1; layer >= 0; layer-- {
		here, there := &levels[layer], &levels[layer+1]
		lastLayer := layer == len(c.order)-1
		span := min(c.limit[layer], c.length) + 1
		size := float64(c.p.atoms[c.order[layer]].size())
		for i, v := range here.profiles {
			here.value[i] = make([]xfloat, c.length+1)
			here.node[i] = make([]int32, c.length+1)
			for r, used := range here.used[i] {
				if !used {
					continue
				}
				shares, to, label = shares[:0], to[:0], label[:0]
				var sum xfloat
				for way := range len(here.next[i]) / span {
					n, less := c.slots(layer, r, v.taken(), way == 1)
					weight := xOf(1) // size^k * (n over k-less)
					if less > 0 {
						weight = xOf(size)
					}
					for k := less; k <= min(r, n+less); k++ {
						if j := k - less; j > 0 {
							weight = weight.scale(size * float64(n-j+1) / float64(j))
						}
						if lastLayer && k != r {
							continue
						}
						next := here.next[i][way*span+min(k, span-1)]
						if next < 0 || there.value[next] == nil {
							continue
						}
						value := there.value[next][r-k]
						if value.isZero() {
							continue
						}
						share := weight.mul(value)
						sum = sum.add(share)
						shares = append(shares, share)
						to = append(to, there.node[next][r-k])
						label = append(label, uint32(k)<<1|uint32(way))
					}
				}
				if sum.isZero() {
					continue
				}
				here.value[i][r] = sum
				here.node[i][r] = c.addNode(shares, sum, to, label)
				c.at = append(c.at, compositionNode{uint16(layer), uint16(r), v.taken()})
			}
		}
	}
	c.root = levels[0].node[0][c.length]
	return levels[0].value[0][c.length]
}

// draw fills s with the numbers of characters of a string.
func (c *composition) draw(s, _ []uint32, r *Rand) {
	var path [maxAtoms]uint32
	n := c.walk(c.root, path[:], r)
	at := 0
	var stage [free + 1]int // characters up to the end of each stage
	for layer, edge := range path[:n] {
		k := int(c.label[edge] >> 1)
		c.dice[layer].fill(s[at:at+k], c.p.atoms[c.order[layer]].lo, r)
		at += k
		stage[c.stage[layer]] = at
	}
	c.arrange(s, stage, r)
}

// arrange brings s into a random order that keeps barred characters from the
// ends. All such orders are equally likely: the ends are chosen first.
func (c *composition) arrange(s []uint32, stage [free + 1]int, r *Rand) {
	for i := 1; i < len(stage); i++ {
		stage[i] = max(stage[i], stage[i-1])
	}
	last := len(s) - 1
	both, first, end := stage[barredBoth], stage[barredFirst], stage[barredLast]
	if end == 0 || last == 0 {
		r.shuffle(s)
		return
	}
	for {
		i, j := r.Intn(last+1), r.Intn(last)
		if j >= i {
			j++
		}
		if i < first || j < both || j >= first && j < end {
			continue
		}
		s[0], s[i] = s[i], s[0]
		if j == 0 {
			j = i
		}
		s[last], s[j] = s[j], s[last]
		r.shuffle(s[1:last])
		return
	}
}

// count returns the exact sum of the weights of all paths from the last node
// that was added.
func (l *lattice) count(root int32) *big.Int {
	sums := make([]*big.Int, len(l.nodes))
	for i, node := range l.nodes {
		sum := new(big.Int)
		for e := node.first; e < node.first+node.n; e++ {
			w := l.weigh(int32(i), l.label[e])
			if l.to[e] >= 0 {
				w.Mul(w, sums[l.to[e]])
			}
			sum.Add(sum, w)
		}
		sums[i] = sum
	}
	return sums[root]
}
