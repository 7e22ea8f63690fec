package generate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/iotest"
)

// chiSquare fails the test if counts are unlikely to be uniform.
func chiSquare(t *testing.T, name string, counts []int) {
	t.Helper()
	total := 0
	for _, n := range counts {
		total += n
	}
	mean := float64(total) / float64(len(counts))
	chi := 0.0
	for _, n := range counts {
		chi += (float64(n) - mean) * (float64(n) - mean) / mean
	}
	df := float64(len(counts) - 1)
	if z := (chi - df) / math.Sqrt(2*max(df, 1)); z > 7 {
		t.Errorf("%s: chi-square of %.1f for %d values", name, chi, len(counts))
	}
}

func TestUint64n(t *testing.T) {
	rnd := testRand("n")
	for _, n := range []uint64{1, 2, 3, 10, 94, 256} {
		counts := make([]int, n)
		for range 50_000 {
			counts[rnd.Uint64n(n)]++
		}
		chiSquare(t, fmt.Sprint(n), counts)
	}
	// Two thirds of the words: without redrawing, the low half of the range
	// would be twice as likely as the high one.
	const n = 1<<64/3*2 + 1
	var counts [4]int
	for range 50_000 {
		counts[rnd.Uint64n(n)/(n/4+1)]++
	}
	chiSquare(t, "large", counts[:])
}

func TestDie(t *testing.T) {
	rnd := testRand("die")
	for _, n := range []int{1, 2, 7, 94, 7776, 1 << 20} {
		d := newDie(n)
		if d.per < 1 {
			t.Fatalf("%d: %d numbers a word", n, d.per)
		}
		buckets := min(n, 64)
		counts := make([]int, buckets)
		s := make([]uint32, 19)
		for range 3000 {
			d.fill(s, 5, rnd)
			for _, x := range s {
				if x < 5 || x >= uint32(n)+5 {
					t.Fatalf("%d is not below %d", x-5, n)
				}
				if n <= 64 || (x-5)%uint32(n/buckets+1) == 0 {
					counts[int(x-5)*buckets/n]++
				}
			}
		}
		if n <= 64 {
			chiSquare(t, fmt.Sprint(n), counts)
		}
	}
}

// TestDieIsExact shows a die words at the edges of what it has to refuse.
func TestDieIsExact(t *testing.T) {
	for _, n := range []int{3, 94} {
		d := newDie(n)
		for k := 1; k <= d.per; k++ {
			p := d.pow[k]
			excess := -p % p // 2^64 mod n^k words must be refused
			for _, tt := range []struct {
				low    uint64
				refuse bool
			}{{0, true}, {excess - 1, true}, {excess, false}, {p - 1, false}} {
				// The word whose product with n^k has the low word wanted.
				u, ok := solve(p, tt.low)
				if !ok {
					continue
				}
				in := binary.LittleEndian.AppendUint64(nil, u)
				in = append(in, bytes.Repeat([]byte{0x55}, 2*512)...)
				rnd := NewRand(bytes.NewReader(in))
				d.fill(make([]uint32, k), 0, rnd)
				if refused := rnd.at != 8; refused != tt.refuse {
					t.Errorf("%d^%d, remainder %d: refused is %v", n, k, tt.low, refused)
				}
			}
		}
	}
}

// solve returns a u with u*p = low mod 2^64, if p is odd or low fits.
func solve(p, low uint64) (uint64, bool) {
	shift := 0
	for p%2 == 0 {
		if low%2 != 0 {
			return 0, false
		}
		p, low, shift = p/2, low/2, shift+1
	}
	inverse := p
	for range 6 {
		inverse *= 2 - p*inverse
	}
	return inverse * low, true
}

func TestShuffle(t *testing.T) {
	rnd := testRand("shuffle")
	counts := make(map[string]int)
	for range 120_000 {
		s := []uint32{0, 1, 2, 3, 4}
		rnd.shuffle(s)
		counts[fmt.Sprint(s)]++
	}
	var all []int
	for _, n := range counts {
		all = append(all, n)
	}
	if len(all) != 120 {
		t.Fatalf("%d orders, want 120", len(all))
	}
	chiSquare(t, "orders", all)

	// Longer than one batch: where the first element goes.
	places := make([]int, 50)
	s := make([]uint32, 50)
	for range 50_000 {
		for i := range s {
			s[i] = uint32(i)
		}
		rnd.shuffle(s)
		for i, x := range s {
			if x == 0 {
				places[i]++
			}
		}
	}
	chiSquare(t, "places", places)
}

func TestRandPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"no randomness": func() { NewRand(iotest.ErrReader(errors.New("broken"))).Uint64() },
		"Uint64n of 0":  func() { NewRand(nil).Uint64n(0) },
		"Intn of 0":     func() { NewRand(nil).Intn(0) },
		"Intn below 0":  func() { NewRand(nil).Intn(-1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

func TestWipe(t *testing.T) {
	rnd := testRand("wipe")
	for _, length := range []int{16, 200} {
		c, err := Compile(Shape{Alphabet: Printable, MinLength: length, MaxLength: length}, Target{})
		if err != nil {
			t.Fatal(err)
		}
		c.Append(nil, rnd)
	}
	rnd.Wipe()
	if rnd.buf != [512]byte{} || rnd.near != [128]uint32{} {
		t.Error("octets are left")
	}
	for _, x := range rnd.far {
		if x != 0 {
			t.Fatal("characters are left")
		}
	}
	if a, b := rnd.Uint64(), testRand("wipe").Uint64(); a == 0 || a == b {
		t.Error("numbers come again")
	}
}
