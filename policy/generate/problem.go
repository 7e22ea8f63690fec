package generate

import "slices"

// A problem is a Shape taken apart: its characters by number, in atoms of
// characters that are members of the same sets, and its constraints over
// those.
type problem struct {
	chars []rune
	atoms []atom
	of    []uint16 // atom of each character

	counters []counter
	need     []int // of each choice: thresholds that must be reached

	// lanes hold, of each character, eight bits for each of up to eight
	// counters, so that short strings are counted by adding words; see
	// countLanes. It is nil if there are more.
	lanes            []uint64
	laneMin, laneMax uint64

	runs      []run
	runGroups []runGroup // the runs by their maximum
	runsOf    []uint64   // of each character: bit set of the runs that it is in
	repeats   []repeat
	sequence  int // the most characters of a sequence, 0 for no bound
	uniques   []unique

	notFirst, notLast bool // whether any atom is barred there

	minLength, maxLength int // maxLength at most MaxChars

	impossible bool // found while taking apart
}

// An atom is the characters from lo up to but without hi.
type atom struct {
	lo, hi          uint32
	in              []bool // of each counter
	runs            uint64 // bit set of the runs that it is in
	noFirst, noLast bool
}

func (a *atom) size() int { return int(a.hi - a.lo) }

// A counter counts the characters of a set.
type counter struct {
	set        Set
	min, max   int // max -1: none
	thresholds []threshold
	runs       int // the most in a row, 0 for no bound
}

type threshold struct{ choice, min int }

type run struct {
	set Set
	max int
}

type runGroup struct {
	max  int
	runs uint64
}

type repeat struct {
	max   int
	class []uint32 // of each character: equal ones have the same
}

type unique struct {
	min     int
	class   []uint32
	classes int
}

// takeApart turns a Shape into a problem. It returns an error wrapping
// ErrTooComplex for what exceeds the bounds of the package.
func takeApart(s Shape) (*problem, error) {
	p := &problem{
		minLength: max(s.MinLength, 1),
		maxLength: MaxChars,
	}
	if s.MaxLength > 0 {
		p.maxLength = min(s.MaxLength, MaxChars)
	}
	alphabet := s.Alphabet
	bar := func(set Set) { alphabet = alphabet.Minus(set) }
	for _, c := range s.Counts {
		if c.Max == 0 {
			bar(c.Set)
		}
	}
	for _, r := range s.Runs {
		if r.Max < 1 {
			bar(r.Set)
		}
	}
	for _, r := range s.Repeats {
		if r.Max < 1 {
			alphabet = Set{}
		}
	}
	for _, m := range s.Sequences {
		if m < 1 {
			alphabet = Set{}
		} else if p.sequence == 0 || m < p.sequence {
			p.sequence = m
		}
	}
	if alphabet.Len() == 0 || s.MaxLength > 0 && s.MaxLength < p.minLength {
		p.impossible = true
		return p, nil
	}
	if p.minLength > MaxChars {
		return nil, complexity("at least %d characters are demanded, %d is the most", p.minLength, MaxChars)
	}
	p.count(s, alphabet)
	for _, r := range s.Runs {
		p.addRun(r.Set.Intersect(alphabet), r.Max)
	}
	if len(p.runs) > 64 {
		return nil, complexity("%d different sets bound their runs, 64 is the most", len(p.runs))
	}
	p.divide(alphabet, s)
	if len(p.atoms) > maxAtoms {
		return nil, complexity("the sets overlap in %d ways, %d is the most", len(p.atoms), maxAtoms)
	}
	p.dropImplied()
	p.setLanes()
	p.groupRuns()
	if len(p.need) > maxChoices {
		return nil, complexity("%d choices, %d is the most", len(p.need), maxChoices)
	}
	for _, r := range s.Repeats {
		p.addRepeat(r)
	}
	for _, u := range s.Uniques {
		if u.Min > 1 {
			class := p.classes(u.Equal)
			n := int(slices.Max(class)) + 1
			if n > maxClasses {
				return nil, complexity("different characters are counted among %d, %d is the most", n, maxClasses)
			}
			p.uniques = append(p.uniques, unique{u.Min, class, n})
			p.minLength = max(p.minLength, u.Min)
			p.impossible = p.impossible || u.Min > n
		}
	}
	if p.minLength > p.maxLength {
		p.impossible = true
	}
	return p, nil
}

// count collects the counters: one for each set, whatever it is used for.
func (p *problem) count(s Shape, alphabet Set) {
	byName := make(map[string]int)
	counterOf := func(set Set) *counter {
		name := set.String()
		i, ok := byName[name]
		if !ok {
			i = len(p.counters)
			byName[name] = i
			p.counters = append(p.counters, counter{set: set, max: NoMax})
		}
		return &p.counters[i]
	}
	bound := func(set Set, low, high int) {
		switch {
		case low <= 0 && high < 0:
		case set.Len() == 0:
			p.impossible = p.impossible || low > 0
		case set.Len() == alphabet.Len():
			p.minLength = max(p.minLength, low)
			if high >= 0 {
				p.maxLength = min(p.maxLength, high)
			}
		default:
			c := counterOf(set)
			c.min = max(c.min, low)
			if high >= 0 && (c.max < 0 || high < c.max) {
				c.max = high
			}
		}
	}
	for _, c := range s.Counts {
		if c.Max != 0 {
			bound(c.Set.Intersect(alphabet), c.Min, c.Max)
		} else if c.Min > 0 {
			p.impossible = true
		}
	}
	for _, r := range s.Runs {
		switch set := r.Set.Intersect(alphabet); set.Len() {
		case 0:
		case alphabet.Len():
			p.maxLength = min(p.maxLength, r.Max)
		default:
			if c := counterOf(set); c.runs == 0 || r.Max < c.runs {
				c.runs = r.Max
			}
		}
	}
	for _, c := range s.Choices {
		need := c.Need
		var open []Threshold
		for _, t := range c.Of {
			set := t.Set.Intersect(alphabet)
			switch {
			case t.Min <= 0:
				need--
			case set.Len() > 0 && t.Min <= p.maxLength:
				open = append(open, Threshold{set, t.Min})
			}
		}
		switch {
		case need <= 0:
		case need > len(open):
			p.impossible = true
		case need == len(open):
			for _, t := range open {
				bound(t.Set, t.Min, NoMax)
			}
		default:
			for _, t := range open {
				c := counterOf(t.Set)
				c.thresholds = append(c.thresholds, threshold{len(p.need), t.Min})
			}
			p.need = append(p.need, need)
		}
	}
}

func (p *problem) addRun(set Set, most int) {
	if set.Len() == 0 {
		return
	}
	for i := range p.runs {
		if p.runs[i].set.Equal(set) {
			p.runs[i].max = min(p.runs[i].max, most)
			return
		}
	}
	p.runs = append(p.runs, run{set, most})
}

func (p *problem) groupRuns() {
	for i, r := range p.runs {
		g := slices.IndexFunc(p.runGroups, func(g runGroup) bool { return g.max == r.max })
		if g < 0 {
			g = len(p.runGroups)
			p.runGroups = append(p.runGroups, runGroup{max: r.max})
		}
		p.runGroups[g].runs |= 1 << i
	}
	p.runsOf = make([]uint64, len(p.chars))
	for i := range p.runsOf {
		p.runsOf[i] = p.atoms[p.of[i]].runs
	}
}

// divide numbers the characters by atoms.
func (p *problem) divide(alphabet Set, s Shape) {
	first, last := s.NotFirst.Intersect(alphabet), s.NotLast.Intersect(alphabet)
	p.notFirst, p.notLast = first.Len() > 0, last.Len() > 0

	sets := make([]Set, 0, len(p.counters)+len(p.runs)+2)
	for i := range p.counters {
		sets = append(sets, p.counters[i].set)
	}
	for i := range p.runs {
		sets = append(sets, p.runs[i].set)
	}
	sets = append(sets, first, last)

	// Walk each set along the alphabet, both being in order.
	sig := make([][]byte, alphabet.Len())
	width := (len(sets) + 7) / 8
	store := make([]byte, width*len(sig))
	for i := range sig {
		sig[i], store = store[:width:width], store[width:]
	}
	for j, set := range sets {
		i := 0
		for _, r := range set.runes {
			for alphabet.runes[i] != r {
				i++
			}
			sig[i][j/8] |= 1 << (j % 8)
		}
	}
	byName := make(map[string]int)
	var members [][]rune
	for i, r := range alphabet.runes {
		name := string(sig[i])
		k, ok := byName[name]
		if !ok {
			k = len(p.atoms)
			byName[name] = k
			has := func(j int) bool { return sig[i][j/8]>>(j%8)&1 != 0 }
			a := atom{in: make([]bool, len(p.counters))}
			for j := range p.counters {
				a.in[j] = has(j)
			}
			for j := range p.runs {
				if has(len(p.counters) + j) {
					a.runs |= 1 << j
				}
			}
			a.noFirst, a.noLast = has(len(sets)-2), has(len(sets)-1)
			p.atoms = append(p.atoms, a)
			members = append(members, nil)
		}
		members[k] = append(members[k], r)
	}
	for k := range p.atoms {
		p.atoms[k].lo = uint32(len(p.chars))
		p.chars = append(p.chars, members[k]...)
		p.atoms[k].hi = uint32(len(p.chars))
		for range members[k] {
			p.of = append(p.of, uint16(k))
		}
	}
}

// dropImplied drops minimums that those of disjoint subsets imply, such as
// that of letters where the capitals and the small ones have their own.
func (p *problem) dropImplied() {
	for i := range p.counters {
		c := &p.counters[i]
		taken := make([]bool, len(p.atoms))
		sum := 0
		for j := range p.counters {
			if j == i || p.counters[j].min <= 0 {
				continue
			}
			fits := true
			for _, a := range p.atoms {
				fits = fits && (!a.in[j] || a.in[i])
			}
			for k := range p.atoms {
				fits = fits && !(taken[k] && p.atoms[k].in[j])
			}
			if !fits {
				continue
			}
			sum += p.counters[j].min
			for k := range p.atoms {
				taken[k] = taken[k] || p.atoms[k].in[j]
			}
		}
		if sum >= c.min {
			c.min = 0
		}
	}
}

// disjointCounters returns counters with minimums and without common
// characters, the largest minimums first.
func (p *problem) disjointCounters() []int {
	var out []int
	taken := make([]bool, len(p.atoms))
	for {
		best := -1
		for i := range p.counters {
			c := &p.counters[i]
			if c.min <= 0 || best >= 0 && p.counters[best].min >= c.min {
				continue
			}
			free := true
			for j := range p.atoms {
				free = free && !(taken[j] && p.atoms[j].in[i])
			}
			if free {
				best = i
			}
		}
		if best < 0 {
			return out
		}
		out = append(out, best)
		for j := range p.atoms {
			taken[j] = taken[j] || p.atoms[j].in[best]
		}
	}
}

// classes numbers the classes of equal characters from 0.
func (p *problem) classes(equal []Set) []uint32 {
	of := make([]uint32, len(p.chars))
	number := make(map[int]uint32) // of each set of equal
	next := uint32(0)
	for i, r := range p.chars {
		k := slices.IndexFunc(equal, func(s Set) bool { return s.Contains(r) })
		n, ok := number[k]
		if k < 0 || !ok {
			n = next
			next++
			if k >= 0 {
				number[k] = n
			}
		}
		of[i] = n
	}
	return of
}

func (p *problem) addRepeat(r Repeat) {
	class := p.classes(r.Equal)
	for i := range p.repeats {
		if slices.Equal(p.repeats[i].class, class) {
			p.repeats[i].max = min(p.repeats[i].max, r.Max)
			return
		}
	}
	p.repeats = append(p.repeats, repeat{r.Max, class})
}

// ordered reports whether neighbours matter.
func (p *problem) ordered() bool {
	return len(p.runs) > 0 || len(p.repeats) > 0 || p.sequence > 0
}

// window is the number of neighbouring characters that can break a
// constraint on order.
func (p *problem) window() int {
	w := 0
	for _, r := range p.runs {
		w = max(w, r.max)
	}
	for _, r := range p.repeats {
		w = max(w, r.max)
	}
	return max(w, p.sequence) + 1
}

// inOrder reports whether s keeps the constraints on neighbours.
func (p *problem) inOrder(s []uint32) bool {
	for _, g := range p.runGroups {
		for i := g.max; i < len(s); i++ {
			// The sets that hold each of the characters from i - max to i.
			in := g.runs & p.runsOf[s[i]]
			for j := i - 1; in != 0; j-- {
				if j < i-g.max {
					return false
				}
				in &= p.runsOf[s[j]]
			}
		}
	}
	for i := range p.repeats {
		r := &p.repeats[i]
		n := 1
		for j := 1; j < len(s); j++ {
			if r.class[s[j]] != r.class[s[j-1]] {
				n = 1
			} else if n++; n > r.max {
				return false
			}
		}
	}
	if p.sequence > 0 {
		up, down := 1, 1
		for j := 1; j < len(s); j++ {
			switch p.chars[s[j]] - p.chars[s[j-1]] {
			case 1:
				up, down = up+1, 1
			case -1:
				up, down = 1, down+1
			default:
				up, down = 1, 1
			}
			if up > p.sequence || down > p.sequence {
				return false
			}
		}
	}
	return true
}

// varied reports whether s has enough different characters.
func (p *problem) varied(s []uint32) bool {
	for i := range p.uniques {
		u := &p.uniques[i]
		var seen [maxClasses / 64]uint64
		n := 0
		for _, c := range s {
			k := u.class[c]
			if bit := uint64(1) << (k % 64); seen[k/64]&bit == 0 {
				seen[k/64] |= bit
				n++
			}
		}
		if n < u.min {
			return false
		}
	}
	return true
}

// edges reports whether s may begin and end as it does.
func (p *problem) edges(s []uint32) bool {
	return (!p.notFirst || !p.atoms[p.of[s[0]]].noFirst) &&
		(!p.notLast || !p.atoms[p.of[s[len(s)-1]]].noLast)
}

// counted reports whether the counters and choices hold for s.
func (p *problem) counted(s []uint32) bool {
	if len(p.counters) == 0 {
		return true
	}
	if p.lanes != nil && len(s) < 128 {
		return p.countLanes(s)
	}
	var n [maxAtoms]uint16
	for _, c := range s {
		n[p.of[c]]++
	}
	var reached [maxChoices]uint16
	for i := range p.counters {
		c := &p.counters[i]
		sum := 0
		for k := range p.atoms {
			if p.atoms[k].in[i] {
				sum += int(n[k])
			}
		}
		if sum < c.min || c.max >= 0 && sum > c.max {
			return false
		}
		for _, t := range c.thresholds {
			if sum >= t.min {
				reached[t.choice]++
			}
		}
	}
	for i, need := range p.need {
		if int(reached[i]) < need {
			return false
		}
	}
	return true
}

const laneTops = 0x8080808080808080

// setLanes prepares for countLanes.
func (p *problem) setLanes() {
	if len(p.counters) > 8 {
		return
	}
	p.laneMin, p.laneMax = laneTops, 0
	p.lanes = make([]uint64, len(p.chars))
	for i := range p.counters {
		c := &p.counters[i]
		p.laneMin -= uint64(min(c.min, 128)) << (8 * i)
		if c.max >= 0 {
			p.laneMax += uint64(127-min(c.max, 127)) << (8 * i)
		}
		for j := range p.chars {
			if p.atoms[p.of[j]].in[i] {
				p.lanes[j] |= 1 << (8 * i)
			}
		}
	}
}

// countLanes is counted for strings of less than 128 characters. Each lane
// of the sum is below 128, so adding 128 - min carries into its top bit if
// and only if it is at least min, and adding 127 - max if it is above max.
func (p *problem) countLanes(s []uint32) bool {
	sum := uint64(0)
	for _, c := range s {
		sum += p.lanes[c]
	}
	if (sum+p.laneMin)&laneTops != laneTops || (sum+p.laneMax)&laneTops != 0 {
		return false
	}
	if len(p.need) == 0 {
		return true
	}
	var reached [maxChoices]uint16
	for i := range p.counters {
		n := int(sum >> (8 * i) & 0xff)
		for _, t := range p.counters[i].thresholds {
			if n >= t.min {
				reached[t.choice]++
			}
		}
	}
	for i, need := range p.need {
		if int(reached[i]) < need {
			return false
		}
	}
	return true
}

// The bounds of the package. Password policies stay far below.
const (
	maxAtoms   = 64
	maxChoices = 32
	maxClasses = 4096 // of equal characters, where Uniques count them
)
