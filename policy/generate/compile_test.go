package generate

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// testRand returns a Rand that gives the same numbers every time.
func testRand(seed string) *Rand {
	var key [32]byte
	copy(key[:], seed)
	return NewRand(rand.NewChaCha8(key))
}

// fitting returns every string of a length that fits s, by trying all.
func fitting(s Shape, length int) map[string]int {
	s.MinLength, s.MaxLength = length, length
	fit := make(map[string]int)
	str := make([]rune, length)
	var place func(i int)
	place = func(i int) {
		if i == length {
			if s.Fits(string(str)) {
				fit[string(str)] = 0
			}
			return
		}
		for _, r := range s.Alphabet.runes {
			str[i] = r
			place(i + 1)
		}
	}
	place(0)
	return fit
}

// checkUniform draws from c and fails the test if a string does not fit, one
// that does never occurs, or the frequencies are unlikely to be uniform: a
// chi-square statistic more than six standard deviations off.
func checkUniform(t *testing.T, c *Sampler, fit map[string]int, draws int, rnd *Rand) {
	t.Helper()
	n := float64(len(fit))
	per := max(1, draws/len(fit))
	var buf []byte
	for range per * len(fit) {
		buf = c.Append(buf[:0], rnd)
		if _, ok := fit[string(buf)]; !ok {
			t.Fatalf("%q does not fit", buf)
		}
		fit[string(buf)]++
	}
	chi, missing := 0.0, 0
	for _, k := range fit {
		d := float64(k - per)
		chi += d * d / float64(per)
		if k == 0 {
			missing++
		}
	}
	if missing > 0 && per >= 40 {
		t.Errorf("%d of %d strings never occur", missing, len(fit))
	}
	if z := (chi - (n - 1)) / math.Sqrt(2*max(n-1, 1)); math.Abs(z) > 6 && n > 30 || z > 9 {
		t.Errorf("chi-square of %.1f for %d strings: %.1f standard deviations off", chi, len(fit), z)
	}
}

func clearCounts(fit map[string]int) {
	for s := range fit {
		fit[s] = 0
	}
}

func checkCount(t *testing.T, c *Sampler, fit map[string]int) {
	t.Helper()
	want := big.NewInt(int64(len(fit)))
	if !c.Exact() {
		if c.Count().Cmp(want) < 0 {
			t.Errorf("Count is %v, below the %v there are", c.Count(), want)
		}
		return
	}
	if c.Count().Cmp(want) != 0 {
		t.Errorf("Count is %v, there are %v", c.Count(), want)
	}
	if got, want := c.Bits(), math.Log2(float64(len(fit))); math.Abs(got-want) > 1e-9 {
		t.Errorf("Bits is %v, want %v", got, want)
	}
}

var smallShapes = map[string]struct {
	shape   Shape
	lengths []int
}{
	"free":      {Shape{Alphabet: NewSet("abcd")}, []int{1, 2, 5}},
	"one":       {Shape{Alphabet: NewSet("a")}, []int{1, 4}},
	"non-ascii": {Shape{Alphabet: NewSet("aé日𝄞"), Counts: []Count{{NewSet("é日𝄞"), 2, NoMax}}}, []int{3, 4}},
	"minimums": {Shape{Alphabet: NewSet("abcAB1"), Counts: []Count{
		{NewSet("abc"), 1, NoMax}, {NewSet("AB"), 1, NoMax}, {NewSet("1"), 1, NoMax}}}, []int{3, 4, 5}},
	"maximums": {Shape{Alphabet: NewSet("abcAB12"), Counts: []Count{
		{NewSet("abc"), 0, 2}, {NewSet("AB"), 1, 2}, {NewSet("1"), 0, 0}}}, []int{2, 3, 5}},
	"overlaps": {Shape{Alphabet: NewSet("abcde12"), Counts: []Count{
		{NewSet("abc"), 1, 3}, {NewSet("bcd"), 2, NoMax}, {NewSet("cde1"), 1, 2}}}, []int{2, 3, 5}},
	"nested": {Shape{Alphabet: NewSet("abAB12"), Counts: []Count{
		{NewSet("ab"), 1, NoMax}, {NewSet("AB"), 1, NoMax}, {NewSet("abAB"), 3, NoMax}}}, []int{3, 5}},
	"choices": {Shape{Alphabet: NewSet("abAB12!"), Choices: []Choice{
		{2, []Threshold{{NewSet("ab"), 2}, {NewSet("AB"), 1}, {NewSet("12"), 1}}},
		{1, []Threshold{{NewSet("aA!"), 2}, {NewSet("!"), 1}}}}}, []int{3, 4}},
	"choice of nothing": {Shape{Alphabet: NewSet("ab1"), Choices: []Choice{
		{2, []Threshold{{NewSet("ab"), 0}, {NewSet("xyz"), 1}, {NewSet("1"), 1}, {NewSet("ab1"), 3}}}}}, []int{2, 3, 4}},
	"ends": {Shape{Alphabet: NewSet("abcd1"), NotFirst: NewSet("ab1"), NotLast: NewSet("ac"),
		Counts: []Count{{NewSet("1"), 1, 2}}}, []int{2, 3, 5}},
	"ends of one": {Shape{Alphabet: NewSet("abcd"), NotFirst: NewSet("ab"), NotLast: NewSet("ac")}, []int{1}},
	"barred":      {Shape{Alphabet: NewSet("abcde"), NotFirst: NewSet("abcd"), NotLast: NewSet("bcde")}, []int{2, 3, 4}},
	"runs": {Shape{Alphabet: NewSet("abcAB1"), Runs: []Run{
		{NewSet("abc"), 2}, {NewSet("AB"), 1}, {NewSet("cA"), 1}}}, []int{1, 3, 5}},
	"runs and minimums": {Shape{Alphabet: NewSet("abA1"), Runs: []Run{{NewSet("ab"), 1}, {NewSet("A"), 1}, {NewSet("1"), 1}},
		Counts: []Count{{NewSet("ab"), 3, NoMax}}}, []int{5, 6}},
	"repeats":      {Shape{Alphabet: NewSet("abc"), Repeats: []Repeat{{Max: 2}}}, []int{2, 5, 7}},
	"repeats once": {Shape{Alphabet: NewSet("ab"), Repeats: []Repeat{{Max: 1}}}, []int{2, 5}},
	"repeats of either case": {Shape{Alphabet: NewSet("abcAB1"), Repeats: []Repeat{{Max: 1, Equal: CaseFold(NewSet("abAB"))}},
		Counts: []Count{{NewSet("AB"), 2, NoMax}}, NotFirst: NewSet("aB")}, []int{2, 4, 5}},
	"repeats of two kinds": {Shape{Alphabet: NewSet("abAB1"), Repeats: []Repeat{{Max: 1}, {Max: 2, Equal: CaseFold(NewSet("abAB"))}}}, []int{3, 5}},
	"sequences":            {Shape{Alphabet: NewSet("abcdxy"), Sequences: []int{3, 2}}, []int{3, 5}},
	"sequences and all": {Shape{Alphabet: NewSet("abcd12"), Sequences: []int{2}, Repeats: []Repeat{{Max: 1}},
		Runs: []Run{{NewSet("abcd"), 2}}, Counts: []Count{{NewSet("12"), 1, 3}}, NotLast: NewSet("a")}, []int{3, 5}},
	"uniques":         {Shape{Alphabet: NewSet("abc1"), Uniques: []Unique{{Min: 3}}}, []int{3, 4, 6}},
	"all different":   {Shape{Alphabet: NewSet("abcdef"), Uniques: []Unique{{Min: 6}}}, []int{6}},
	"uniques of case": {Shape{Alphabet: NewSet("abAB12"), Uniques: []Unique{{Min: 3, Equal: CaseFold(NewSet("abAB"))}}}, []int{3, 4, 5}},
	"uniques and repeats": {Shape{Alphabet: NewSet("abAB1"), Uniques: []Unique{{Min: 3, Equal: CaseFold(NewSet("abAB"))}},
		Repeats: []Repeat{{Max: 1, Equal: CaseFold(NewSet("abAB"))}}, Counts: []Count{{NewSet("ab"), 1, NoMax}}}, []int{3, 5}},
	"uniques of two kinds": {Shape{Alphabet: NewSet("abAB1"), Uniques: []Unique{{Min: 3, Equal: CaseFold(NewSet("abAB"))}, {Min: 4}}}, []int{4, 5}},
}

func TestSmallShapes(t *testing.T) {
	for name, tt := range smallShapes {
		t.Run(name, func(t *testing.T) {
			for _, length := range tt.lengths {
				fit := fitting(tt.shape, length)
				s := tt.shape
				s.MinLength, s.MaxLength = length, length
				if len(fit) == 0 {
					t.Fatalf("nothing of length %d to draw", length)
				}
				c, err := Compile(s, Target{})
				if err != nil {
					t.Fatalf("length %d: %v", length, err)
				}
				if c.Length() != length {
					t.Errorf("Length is %d, want %d", c.Length(), length)
				}
				checkCount(t, c, fit)
				checkUniform(t, c, fit, 100_000, testRand(name))
			}
		})
	}
}

// TestEveryWay draws small shapes in every way that applies, also those that
// Compile would not choose.
func TestEveryWay(t *testing.T) {
	for name, tt := range smallShapes {
		t.Run(name, func(t *testing.T) {
			length := tt.lengths[len(tt.lengths)-1]
			s := tt.shape
			s.MinLength, s.MaxLength = length, length
			p, err := takeApart(s)
			if err != nil {
				t.Fatal(err)
			}
			ways := map[string]func() (source, checks){
				"independent": func() (source, checks) {
					d := newIndependent(p)
					return d, d.checks()
				},
				"favoured": func() (source, checks) {
					f := favouring(p, length)
					if f == nil {
						return nil, 0
					}
					d := newIndependent(p).favoured(f)
					return d, d.checks()
				},
				"composition": func() (source, checks) {
					c, _ := newComposition(p, length, 1<<20)
					return c, checkOrder | checkUnique
				},
				"loose composition": func() (source, checks) {
					c, _ := newComposition(p, length, 1<<20)
					loosen(&c.lattice)
					return c, checkOrder | checkUnique
				},
				"automaton": func() (source, checks) {
					a := newAutomaton(p, length, 1<<24, true)
					return a.walker(length), a.left
				},
				"loose automaton": func() (source, checks) {
					a := newAutomaton(p, length, 1<<24, true)
					w := a.walker(length)
					loosen(&w.lattice)
					return w, a.left
				},
				"automaton without counters": func() (source, checks) {
					c := (&compiler{shape: s, p: p}).uncounted(length)
					if c == nil {
						return nil, 0
					}
					return c.src, c.check
				},
				"listing": func() (source, checks) {
					l, ok := list(p, length)
					if !ok {
						return nil, 0
					}
					return l, 0
				},
				"plain automaton": func() (source, checks) {
					a := newAutomaton(p, length, 1<<24, false)
					return a.walker(length), a.left
				},
			}
			fit := fitting(s, length)
			for way, make := range ways {
				t.Run(way, func(t *testing.T) {
					c := newSampler(p, length)
					if c.source, c.check = make(); c.source == nil {
						return // does not apply
					}
					draws := 40_000
					if strings.HasPrefix(way, "loose") {
						draws = 8_000
					}
					clearCounts(fit)
					checkUniform(t, c, fit, draws, testRand(name+way))
				})
			}
		})
	}
}

// loosen makes a lattice pick its edges with odds that are far off, and
// leaves it to the last comparison to make up for that.
func loosen(l *lattice) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, node := range l.nodes {
		for e := node.first; e < node.first+node.n-1; e++ {
			low := uint64(0)
			if e > node.first {
				low = l.high[e-1] + 1
			}
			width := l.high[e] - low
			l.high[e] -= uint64(float64(width) * 0.3 * r.Float64())
		}
	}
	l.seal(l.total, 3)
}

// TestAnyShape compares random small shapes with the definition.
func TestAnyShape(t *testing.T) {
	alphabet := []rune("abcAB12é")
	someSet := rapid.Custom(func(t *rapid.T) Set {
		return NewSet(string(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 6).Draw(t, "set")))
	})
	equal := rapid.SampledFrom([][]Set{nil, CaseFold(NewSet("abAB")), {NewSet("ab1"), NewSet("cé")}})
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.IntRange(1, 5).Draw(t, "length")
		s := Shape{
			Alphabet:  NewSet(string(rapid.SliceOfNDistinct(rapid.SampledFrom(alphabet), 1, 6, rapid.ID).Draw(t, "alphabet"))),
			MinLength: length, MaxLength: length,
		}
		few := func(name string, add func()) {
			for range rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 3}).Draw(t, name) {
				add()
			}
		}
		few("counts", func() {
			low := rapid.IntRange(0, 3).Draw(t, "min")
			high := rapid.SampledFrom([]int{NoMax, NoMax, low, low + 1}).Draw(t, "max")
			s.Counts = append(s.Counts, Count{someSet.Draw(t, "of"), low, high})
		})
		few("choices", func() {
			c := Choice{Need: rapid.IntRange(0, 3).Draw(t, "need")}
			for range rapid.IntRange(0, 4).Draw(t, "n") {
				c.Of = append(c.Of, Threshold{someSet.Draw(t, "of"), rapid.IntRange(0, 3).Draw(t, "min")})
			}
			s.Choices = append(s.Choices, c)
		})
		few("runs", func() {
			s.Runs = append(s.Runs, Run{someSet.Draw(t, "of"), rapid.IntRange(1, 3).Draw(t, "max")})
		})
		few("repeats", func() {
			s.Repeats = append(s.Repeats, Repeat{rapid.IntRange(1, 3).Draw(t, "max"), equal.Draw(t, "equal")})
		})
		few("sequences", func() { s.Sequences = append(s.Sequences, rapid.IntRange(1, 3).Draw(t, "max")) })
		few("uniques", func() {
			s.Uniques = append(s.Uniques, Unique{rapid.IntRange(0, 5).Draw(t, "min"), equal.Draw(t, "equal")})
		})
		few("ends", func() { s.NotFirst, s.NotLast = someSet.Draw(t, "first"), someSet.Draw(t, "last") })

		fit := fitting(s, length)
		c, err := Compile(s, Target{})
		if err != nil {
			if !errors.Is(err, ErrUnsatisfiable) || len(fit) > 0 {
				t.Fatalf("%v, but %d strings fit", err, len(fit))
			}
			return
		}
		want := big.NewInt(int64(len(fit)))
		if c.Exact() && c.Count().Cmp(want) != 0 || c.Count().Cmp(want) < 0 {
			t.Fatalf("Count is %v (exact: %v), there are %v", c.Count(), c.Exact(), want)
		}
		if c.Exact() && math.Abs(c.Bits()-math.Log2(float64(len(fit)))) > 1e-9 {
			t.Fatalf("Bits is %v for %v strings", c.Bits(), want)
		}
		rnd := testRand("any")
		for range 30 {
			if str := string(c.Append(nil, rnd)); !s.Fits(str) {
				t.Fatalf("%q does not fit", str)
			}
		}
	})
}
