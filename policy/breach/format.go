package breach

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// ErrCorrupt is what errors wrap about a file that is no list, or a damaged
// one.
var ErrCorrupt = errors.New("no valid list of breached passwords")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// The file is the header, the coded hashes, and an index of the bit at which
// each bucket begins, with one more for the end. Numbers are big-endian.
//
//	offset  size  what
//	0       8     magic
//	8       1     bits kept of each hash that are coded, 24 to 64
//	9       1     octets kept of each hash besides, uncoded: 0, or 12 for all
//	10      1     leading bits that choose the bucket
//	11      1     Rice parameter
//	12      4     zero
//	16      8     number of hashes
//	24      8     length of the coded hashes in octets
//	32      32    SHA-256 of the coded hashes
//	64      32    SHA-256 of the header so far and of the index
const (
	magic      = "ldsbrch1"
	headerSize = 96

	hashSize  = 20
	codedMin  = 24
	codedMax  = 64
	restSize  = hashSize - codedMax/8
	bucketMax = 28

	// escape is the unary quotient from which a difference is written
	// plainly: one that a wrong estimate made large must not cost its own
	// size in bits.
	escape = 40
)

// layout is what a header says.
type layout struct {
	coded, rest, bucket, rice int
	count                     uint64
	dataLen                   uint64
	dataSum                   [sha256.Size]byte
}

// width is the number of bits that tell the hashes of a bucket apart.
func (l *layout) width() int { return l.coded - l.bucket }

func (l *layout) exact() bool { return l.rest > 0 }

// header returns the header up to the second checksum.
func (l *layout) header() []byte {
	h := make([]byte, 0, headerSize)
	h = append(h, magic...)
	h = append(h, byte(l.coded), byte(l.rest), byte(l.bucket), byte(l.rice), 0, 0, 0, 0)
	h = binary.BigEndian.AppendUint64(h, l.count)
	h = binary.BigEndian.AppendUint64(h, l.dataLen)
	return append(h, l.dataSum[:]...)
}

func parseHeader(b []byte) (layout, error) {
	var l layout
	if len(b) < headerSize || string(b[:8]) != magic {
		return l, corrupt("it begins with no header")
	}
	l.coded, l.rest, l.bucket, l.rice = int(b[8]), int(b[9]), int(b[10]), int(b[11])
	l.count = binary.BigEndian.Uint64(b[16:])
	l.dataLen = binary.BigEndian.Uint64(b[24:])
	copy(l.dataSum[:], b[32:])
	switch {
	case l.coded < codedMin || l.coded > codedMax,
		l.rest != 0 && (l.rest != restSize || l.coded != codedMax),
		l.bucket > bucketMax || l.bucket > l.coded, l.rice > l.width():
		return l, corrupt("its header makes no sense")
	}
	return l, nil
}

// parameters chooses the layout for an expected number of hashes. A wrong
// expectation costs room, nothing else.
func parameters(expected uint64, codedBits int, exact bool) layout {
	n := bits.Len64(max(expected, 2) - 1) // log2, rounded up
	l := layout{coded: codedBits, bucket: min(max(n-7, 0), bucketMax)}
	if exact {
		l.coded, l.rest = codedMax, restSize
	}
	if l.coded == 0 {
		l.coded = min(max(n+16, codedMin), codedMax)
	}
	l.bucket = min(l.bucket, l.coded)
	l.rice = min(max(l.coded-n-1, 0), l.width())
	return l
}

// key returns the coded bits of a hash.
func (l *layout) key(hash *[hashSize]byte) uint64 {
	return binary.BigEndian.Uint64(hash[:8]) >> (64 - l.coded)
}

// bitWriter appends bits, most significant first.
type bitWriter struct {
	buf []byte
	acc uint64 // the low n bits are not written yet
	n   int
	len uint64 // bits written, those in acc included
}

func (w *bitWriter) bits(v uint64, n int) {
	for n > 32 {
		n -= 32
		w.bits(v>>n&(1<<32-1), 32)
	}
	w.acc = w.acc<<n | v&(1<<n-1)
	w.n += n
	w.len += uint64(n)
	for w.n >= 8 {
		w.n -= 8
		w.buf = append(w.buf, byte(w.acc>>w.n))
	}
}

// flush fills the last octet with zeros.
func (w *bitWriter) flush() {
	if w.n > 0 {
		w.buf = append(w.buf, byte(w.acc<<(8-w.n)))
		w.n = 0
	}
}

// difference writes d in Golomb-Rice code.
func (w *bitWriter) difference(d uint64, l *layout) {
	q := d >> l.rice
	if q >= escape {
		w.bits(1<<escape-1, escape)
		w.bits(d, l.width())
		return
	}
	w.bits(1<<(q+1)-2, int(q)+1)
	w.bits(d, l.rice)
}

// bitReader reads what a bitWriter wrote; past the end it reads zeros and
// says so.
type bitReader struct {
	data []byte
	at   uint64
	over bool
}

func (r *bitReader) bits(n int) uint64 {
	var v uint64
	for n > 0 {
		i := r.at / 8
		if i >= uint64(len(r.data)) {
			r.over = true
			return v << n
		}
		free := 8 - int(r.at%8)
		take := min(n, free)
		v = v<<take | uint64(r.data[i]>>(free-take))&(1<<take-1)
		r.at += uint64(take)
		n -= take
	}
	return v
}

func (r *bitReader) difference(l *layout) uint64 {
	q := uint64(0)
	for r.bits(1) == 1 {
		if q++; q == escape {
			return r.bits(l.width())
		}
	}
	return q<<l.rice | r.bits(l.rice)
}
