package generate

import (
	"crypto/rand"
	"encoding/binary"
	"io"
)

// A Rand reads random octets in blocks and turns them into uniform numbers.
// It is not safe for concurrent use. Wipe it when it is no longer needed: it
// holds octets that went into passwords.
type Rand struct {
	src io.Reader
	at  int
	buf [512]byte
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

// Wipe overwrites the octets that were read.
func (r *Rand) Wipe() {
	clear(r.buf[:])
	r.at = len(r.buf)
}

// Uint64 returns 64 random bits.
func (r *Rand) Uint64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *Rand) take(n int) []byte {
	if r.at+n > len(r.buf) {
		if _, err := io.ReadFull(r.src, r.buf[:]); err != nil {
			panic("generate: no randomness: " + err.Error())
		}
		r.at = 0
	}
	b := r.buf[r.at : r.at+n]
	r.at += n
	return b
}
