package generate

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	"math/bits"
)

// A Rand reads random octets in blocks and turns them into uniform numbers.
// It is not safe for concurrent use. Wipe it when it is no longer needed: it
// holds octets that went into passwords.
type Rand struct {
	src  io.Reader
	at   int
	buf  [512]byte
	near [128]uint32 // scratch for most lengths, so that a Rand is one allocation
	far  []uint32    // scratch for the others
}

// NewRand returns a Rand that reads src; nil means crypto/rand. A src that
// fails makes the methods panic, as crypto/rand itself ends the program:
// there is no password without randomness.
func NewRand(src io.Reader) *Rand {
	if src == nil {
		src = rand.Reader
	}
	r := &Rand{src: src}
	r.at = len(r.buf)
	return r
}

// Wipe overwrites the octets that were read and what was drawn with them.
func (r *Rand) Wipe() {
	clear(r.buf[:])
	clear(r.near[:])
	clear(r.far)
	r.at = len(r.buf)
}

// Forget overwrites the octets that were used up and what was drawn with
// them, and keeps those that were only read ahead, for whoever uses the Rand
// next: reading costs more than drawing.
func (r *Rand) Forget() {
	clear(r.buf[:r.at])
	clear(r.near[:])
	clear(r.far)
}

// Uint64 returns 64 random bits.
func (r *Rand) Uint64() uint64 {
	if r.at+8 > len(r.buf) {
		r.refill()
	}
	u := binary.LittleEndian.Uint64(r.buf[r.at:])
	r.at += 8
	return u
}

func (r *Rand) refill() {
	if _, err := io.ReadFull(r.src, r.buf[:]); err != nil {
		panic("generate: no randomness: " + err.Error())
	}
	r.at = 0
}

// Uint64n returns a uniform number in [0, n). It panics if n is 0.
//
// The high word of u*n is the number; the low word tells the few u that
// would favour some numbers (D. Lemire, Fast Random Integer Generation in an
// Interval, 2019).
func (r *Rand) Uint64n(n uint64) uint64 {
	if n == 0 {
		panic("generate: Uint64n of 0")
	}
	hi, lo := bits.Mul64(r.Uint64(), n)
	if lo < n {
		for excess := -n % n; lo < excess; {
			hi, lo = bits.Mul64(r.Uint64(), n)
		}
	}
	return hi
}

// Intn returns a uniform number in [0, n). It panics if n is not positive.
func (r *Rand) Intn(n int) int {
	if n <= 0 {
		panic("generate: Intn of a number that is not positive")
	}
	return int(r.Uint64n(uint64(n)))
}

// scratch returns n numbers of working memory. It is valid until the next
// call.
func (r *Rand) scratch(n int) []uint32 {
	if n <= len(r.near) {
		return r.near[:n]
	}
	if cap(r.far) < n {
		clear(r.far)
		r.far = make([]uint32, n)
	}
	return r.far[:n]
}

// maxBatch bounds the product of the ranges that share one 64-bit word, so
// that a word has to be thrown away less than once in 256.
const maxBatch = 1 << 56

// A die draws many numbers below one bound, several to a word: the high word
// of u*n is the first number and the low word takes the place of u for the
// next one. That is exactly uniform once the words whose last remainder is
// below 2^64 mod n^k are drawn again (N. Brackett-Rozinsky and D. Lemire,
// Batched Ranged Random Integer Generation, 2024).
type die struct {
	n   uint64
	per int // numbers a word
	pow [9]uint64
}

func newDie(n int) die {
	d := die{n: uint64(n)}
	p := uint64(1)
	for k := 1; k < len(d.pow); k++ {
		hi, lo := bits.Mul64(p, d.n)
		if hi != 0 || lo > maxBatch {
			break
		}
		p = lo
		d.per, d.pow[k] = k, p
	}
	return d
}

// fill sets every dst[i] to base plus a uniform number in [0, d.n).
func (d *die) fill(dst []uint32, base uint32, r *Rand) {
	for len(dst) > 0 {
		k := min(d.per, len(dst))
		p := d.pow[k]
		for {
			u := r.Uint64()
			for i := range dst[:k] {
				var hi uint64
				hi, u = bits.Mul64(u, d.n)
				dst[i] = base + uint32(hi)
			}
			if u >= p || u >= -p%p {
				break
			}
		}
		dst = dst[k:]
	}
}

// fillBytes sets every dst[i] to table[x] for a uniform x in [0, d.n).
func (d *die) fillBytes(dst, table []byte, r *Rand) {
	for len(dst) > 0 {
		k := min(d.per, len(dst))
		p := d.pow[k]
		for {
			u := r.Uint64()
			for i := range dst[:k] {
				var hi uint64
				hi, u = bits.Mul64(u, d.n)
				dst[i] = table[hi]
			}
			if u >= p || u >= -p%p {
				break
			}
		}
		dst = dst[k:]
	}
}

// shuffle brings s into a uniformly random order.
func (r *Rand) shuffle(s []uint32) {
	var at [16]uint32
	for n := uint64(len(s)); n > 1; {
		k, p := 0, uint64(1)
		for m := n; m > 1 && k < len(at) && p <= maxBatch/m; m-- {
			p *= m
			k++
		}
		for {
			u := r.Uint64()
			for i := range k {
				var hi uint64
				hi, u = bits.Mul64(u, n-uint64(i))
				at[i] = uint32(hi)
			}
			if u >= p || u >= -p%p {
				break
			}
		}
		for _, j := range at[:k] {
			n--
			s[n], s[j] = s[j], s[n]
		}
	}
	clear(at[:])
}
