package generate

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
)

func of(length int, s Shape) Shape {
	s.MinLength, s.MaxLength = length, length
	return s
}

// minimums are those of 389 Directory Server.
func minimums(digits, uppers, lowers, specials, alphas int) []Count {
	return []Count{
		{Digits, digits, NoMax}, {Upper, uppers, NoMax}, {Lower, lowers, NoMax}, {Symbols, specials, NoMax},
		{Lower.Union(Upper), alphas, NoMax},
	}
}

func classRuns(most int) []Run {
	return []Run{{Digits, most}, {Upper, most}, {Lower, most}, {Symbols, most}}
}

// TestHardShapes compiles shapes that defeat plain rejection, and draws.
func TestHardShapes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		shape  Shape
		length int
		count  string // empty: not exact, or not known otherwise
	}{
		{"12 characters, 9 digits", of(12, Shape{Alphabet: Printable, Counts: []Count{{Digits, 9, NoMax}}}), 12, choose(12, 10, 84, 9)},
		{"10 characters, 5 of 4 symbols", of(10, Shape{Alphabet: Printable, Counts: []Count{{NewSet("!@#$"), 5, NoMax}}}), 10, choose(10, 4, 90, 5)},
		{"512 different neighbours", of(512, Shape{Alphabet: Printable, Repeats: []Repeat{{Max: 1}}}), 512, times(94, power(93, 511))},
		{"512 different digits as neighbours", of(512, Shape{Alphabet: Digits, Repeats: []Repeat{{Max: 1}}}), 512, times(10, power(9, 511))},
		{"all letters once", of(26, Shape{Alphabet: Lower, Uniques: []Unique{{Min: 26}}}), 26, new(big.Int).MulRange(1, 26).String()},
		{"64 characters alternating", of(64, Shape{Alphabet: Printable, Runs: classRuns(1)}), 64, ""},
		{"digits apart", of(59, Shape{Alphabet: Printable, Counts: minimums(30, 0, 0, 4, 0), Runs: classRuns(1)}), 59, ""},
		{"digits apart, any length", Shape{Alphabet: Printable, Counts: minimums(30, 0, 0, 4, 0), Runs: classRuns(1)}, 59, ""},
		{"all minimums", of(300, Shape{Alphabet: Printable, Counts: minimums(64, 64, 64, 64, 140)}), 300, ""},
		{"all minimums, any length", Shape{Alphabet: Printable, Counts: minimums(64, 64, 64, 64, 64)}, 256, ""},
		{"all minimums in runs", of(32, Shape{Alphabet: Printable, Counts: minimums(8, 8, 8, 8, 8), Runs: classRuns(1)}), 32, ""},
		{"everything of 389", of(16, Shape{Alphabet: Printable, NotFirst: NewSet("{"), Counts: minimums(2, 2, 2, 2, 5), Runs: classRuns(3),
			Repeats: []Repeat{{Max: 1}}, Sequences: []int{2}}), 16, ""},
		{"everything of 389, narrow", of(20, Shape{Alphabet: Printable, Counts: minimums(4, 4, 4, 4, 8), Runs: classRuns(1),
			Repeats: []Repeat{{Max: 1}}, Sequences: []int{2}}), 20, ""},
		{"everything of 389, long", of(512, Shape{Alphabet: Printable, Counts: minimums(64, 64, 64, 64, 64), Runs: classRuns(3),
			Repeats: []Repeat{{Max: 2}}, Sequences: []int{2}}), 512, ""},
		{"long without neighbours", of(512, Shape{Alphabet: Printable, Sequences: []int{1}}), 512, ""},
		{"PIN", of(6, Shape{Alphabet: Digits, Sequences: []int{2}, Repeats: []Repeat{{Max: 1}}}), 6, ""},
		{"longest", of(MaxChars, Shape{Alphabet: Printable, NotFirst: NewSet("{")}), MaxChars, times(93, power(94, 1023))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Compile(tt.shape, Target{Length: 16, Bits: 80})
			if err != nil {
				t.Fatal(err)
			}
			if c.Length() != tt.length {
				t.Errorf("Length is %d, want %d", c.Length(), tt.length)
			}
			if tt.count != "" {
				if !c.Exact() || c.Count().String() != tt.count {
					t.Errorf("Count is %v (exact: %v), want %s", c.Count(), c.Exact(), tt.count)
				}
				if want, _ := new(big.Int).SetString(tt.count, 10); math.Abs(log2(want)-c.Bits()) > 1e-6 {
					t.Errorf("Bits is %v, want %v", c.Bits(), log2(want))
				}
			}
			rnd := testRand(tt.name)
			for range 20 {
				if s := string(c.Append(nil, rnd)); !tt.shape.Fits(s) {
					t.Fatalf("%q does not fit", s)
				}
			}
		})
	}
}

// choose returns the number of strings of n characters of which at least low
// are of a set of in, the others of one of out.
func choose(n, in, out, low int64) string {
	sum := new(big.Int)
	for k := low; k <= n; k++ {
		w := new(big.Int).Binomial(n, k)
		w.Mul(w, power(in, k))
		sum.Add(sum, w.Mul(w, power(out, n-k)))
	}
	return sum.String()
}

func power(b, e int64) *big.Int { return new(big.Int).Exp(big.NewInt(b), big.NewInt(e), nil) }

func times(a int64, b *big.Int) string { return b.Mul(b, big.NewInt(a)).String() }

func TestUnsatisfiable(t *testing.T) {
	for name, s := range map[string]Shape{
		"zero":                {},
		"minimum above":       {Alphabet: Lower, MinLength: 9, MaxLength: 8},
		"minimums above":      {Alphabet: Printable, MaxLength: 17, Counts: minimums(9, 9, 0, 0, 0)},
		"overlap above":       {Alphabet: Printable, MaxLength: 10, Counts: minimums(5, 0, 0, 0, 6)},
		"maximums below":      {Alphabet: Lower.Union(Digits), MinLength: 6, Counts: []Count{{Lower, 0, 2}, {Digits, 0, 3}}},
		"maximum below":       {Alphabet: Printable, Counts: []Count{{Lower, 3, 2}}},
		"missing set":         {Alphabet: Lower, Counts: []Count{{Digits, 1, NoMax}}},
		"forbidden and asked": {Alphabet: Printable, Counts: []Count{{Digits, 1, NoMax}, {Digits, 0, 0}}},
		"nothing left":        {Alphabet: Lower, Counts: []Count{{Lower, 0, 0}}},
		"too many categories": {Alphabet: Printable, Choices: []Choice{{5, []Threshold{{Lower, 1}, {Upper, 1}, {Digits, 1}, {Symbols, 1}}}}},
		"choices and maximum": {Alphabet: Lower.Union(Digits), Counts: []Count{{Digits, 0, 1}},
			Choices: []Choice{{2, []Threshold{{Lower, 1}, {Digits, 2}}}}},
		"run of all":         {Alphabet: Digits, MinLength: 4, Runs: []Run{{Digits, 3}}},
		"digits apart":       {Alphabet: Printable, MaxLength: 58, Counts: minimums(30, 0, 0, 4, 0), Runs: classRuns(1)},
		"all apart":          {Alphabet: Printable, MaxLength: 255, Counts: minimums(64, 64, 64, 64, 0), Runs: classRuns(1)},
		"repeats":            {Alphabet: NewSet("a"), MinLength: 3, Repeats: []Repeat{{Max: 2}}},
		"case repeats":       {Alphabet: NewSet("aA"), MinLength: 3, Repeats: []Repeat{{Max: 2, Equal: CaseFold(NewSet("aA"))}}},
		"sequences, repeats": {Alphabet: NewSet("ab"), MinLength: 2, Sequences: []int{1}, Repeats: []Repeat{{Max: 1}}},
		"different":          {Alphabet: Digits, Uniques: []Unique{{Min: 11}}},
		"different, short":   {Alphabet: Lower, MaxLength: 4, Uniques: []Unique{{Min: 5}}},
		"different of a set": {Alphabet: NewSet("abc12"), MaxLength: 6, Counts: []Count{{Digits, 4, NoMax}}, Uniques: []Unique{{Min: 5}}},
		"different twice": {Alphabet: NewSet("abc"), MaxLength: 6, Sequences: []int{1},
			Uniques: []Unique{{Min: 3}, {Min: 2, Equal: []Set{NewSet("ab")}}}},
		"no first": {Alphabet: Lower, NotFirst: Lower},
		"one end":  {Alphabet: NewSet("ab"), MaxLength: 9, Counts: []Count{{NewSet("b"), 0, 1}}, NotFirst: NewSet("a"), NotLast: NewSet("a"), MinLength: 2},
	} {
		t.Run(name, func(t *testing.T) {
			if Satisfiable(s) {
				t.Error("Satisfiable reports true")
			}
			if _, err := Compile(s, Target{16, 80}); !errors.Is(err, ErrUnsatisfiable) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTooComplex(t *testing.T) {
	many := Shape{Alphabet: Printable}
	runes := Printable.Runes()
	for i := range 70 {
		many.Counts = append(many.Counts, Count{NewSet(string(runes[i : i+20])), 1, NoMax})
	}
	for name, s := range map[string]Shape{
		"long":          {Alphabet: Lower, MinLength: MaxChars + 1},
		"too many sets": many,
	} {
		if _, err := Compile(s, Target{}); !errors.Is(err, ErrTooComplex) {
			t.Errorf("%s: error %v", name, err)
		}
		if !Satisfiable(s) {
			t.Errorf("%s: said to be unsatisfiable", name)
		}
	}
}

func TestLength(t *testing.T) {
	for _, tt := range []struct {
		name   string
		shape  Shape
		target Target
		want   int
	}{
		{"target", Shape{Alphabet: Printable}, Target{16, 80}, 16},
		{"nothing asked", Shape{Alphabet: Printable}, Target{}, 1},
		{"minimum", Shape{Alphabet: Printable, MinLength: 20}, Target{16, 80}, 20},
		{"maximum", Shape{Alphabet: Printable, MaxLength: 8}, Target{16, 80}, 8},
		{"bits", Shape{Alphabet: Digits}, Target{16, 80}, 25},
		{"bits above the maximum", Shape{Alphabet: Digits, MaxLength: 20}, Target{16, 80}, 20},
		{"counts", Shape{Alphabet: Printable, Counts: minimums(9, 9, 9, 0, 0)}, Target{16, 80}, 27},
		{"counts above", Shape{Alphabet: Lower.Union(Digits), Counts: []Count{{Lower, 0, 4}, {Digits, 2, 5}}}, Target{16, 80}, 9},
		{"gap", Shape{Alphabet: NewSet("ab"), Repeats: []Repeat{{Max: 1}}, Sequences: []int{1}}, Target{16, 0}, 1},
		{"bits of bits", Shape{Alphabet: NewSet("01")}, Target{0, 80}, 80},
		{"beyond all bounds", Shape{Alphabet: NewSet("a")}, Target{16, 80}, MaxChars},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Compile(tt.shape, tt.target)
			if err != nil {
				t.Fatal(err)
			}
			if c.Length() != tt.want {
				t.Errorf("Length is %d, want %d", c.Length(), tt.want)
			}
			if s := string(c.Append(nil, testRand(""))); !tt.shape.Fits(s) || len([]rune(s)) != tt.want {
				t.Errorf("%q does not fit", s)
			}
		})
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	template, err := NewTemplate([]TemplatePart{{"abcé", 8}})
	if err != nil {
		t.Fatal(err)
	}
	phrase, err := NewPassphrase(PassphraseConfig{Words: EFFLarge(), MinWords: 4, MinChars: 20, Extras: []Extra{{Digits, 2}}})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Generator{"template": template, "passphrase": phrase}
	for name, s := range map[string]Shape{
		"independent": classes(1, 16),
		"composition": classes(4, 18),
		"automaton":   of(64, Shape{Alphabet: Printable, Runs: classRuns(1)}),
		"not ASCII":   {Alphabet: NewSet("äöüéàè"), NotFirst: NewSet("ä")},
		"long":        of(512, Shape{Alphabet: Digits, Repeats: []Repeat{{Max: 1}}}),
	} {
		c, err := Compile(s, Target{16, 80})
		if err != nil {
			t.Fatal(err)
		}
		all[name] = c
	}
	for name, g := range all {
		rnd := testRand(name) // exact comparisons, which allocate, are rare
		buf := make([]byte, 0, 4096)
		buf = g.Append(buf, rnd)
		if n := testing.AllocsPerRun(1000, func() { buf = g.Append(buf[:0], rnd) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	c, err := Compile(classes(1, 16), Target{})
	if err != nil {
		t.Fatal(err)
	}
	for _, spare := range []int{0, 3, 100} {
		dst := append(make([]byte, 0, 4+spare), "here"...)
		got := string(c.Append(dst, testRand("")))
		if rest, ok := strings.CutPrefix(got, "here"); !ok || !classes(1, 16).Fits(rest) {
			t.Errorf("got %q", got)
		}
	}
}

// TestBitsAreBounded holds that no limit on runs adds entropy, not even by
// rounding: these are so wide that almost every string of the length fits.
func TestBitsAreBounded(t *testing.T) {
	for size := 2; size <= 94; size++ {
		var chars []rune
		for c := rune('!'); len(chars) < size; c++ {
			chars = append(chars, c)
		}
		all, half := NewSet(string(chars)), NewSet(string(chars[:(size+1)/2]))
		for name, s := range map[string]Shape{
			"run":    {Alphabet: all, Runs: []Run{{Set: half, Max: 60}}},
			"runs":   {Alphabet: all, Runs: []Run{{Set: half, Max: 100}, {Set: all.Minus(half), Max: 100}}},
			"repeat": {Alphabet: all, Repeats: []Repeat{{Max: 60}}},
			"count":  {Alphabet: all, Counts: []Count{{Set: half, Min: 1, Max: NoMax}}, Runs: []Run{{Set: half, Max: 100}}},
		} {
			for _, length := range []int{511, 512, 1024} {
				c, err := Compile(s, Target{Length: length})
				if err != nil {
					t.Fatalf("%s of %d, length %d: %v", name, size, length, err)
				}
				if most := float64(c.Length()) * math.Log2(float64(size)); c.Bits() > most {
					t.Errorf("%s of %d, length %d: %v bits, and %v without limits", name, size, length, c.Bits(), most)
				}
			}
		}
	}
}
