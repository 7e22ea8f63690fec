package breach

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
)

// A List is an open file of breached passwords. It is safe for concurrent
// use until it is closed.
type List struct {
	layout
	data, index []byte
	close       func() error
}

// Open maps a list into memory. It checks the header and the index; Verify
// checks the rest.
func Open(path string) (*List, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, unmap, err := mapFile(f)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	l, err := parse(b)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), unmap())
	}
	l.close = unmap
	return l, nil
}

func parse(b []byte) (*List, error) {
	h, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	index := uint64(8) * (1<<h.bucket + 1)
	if uint64(len(b)) < headerSize+index || h.dataLen != uint64(len(b))-headerSize-index {
		return nil, corrupt("it is %d octets long, which its header does not say", len(b))
	}
	l := &List{layout: h, data: b[headerSize : headerSize+h.dataLen], index: b[headerSize+h.dataLen:]}
	sum := sha256.New()
	sum.Write(b[:64])
	sum.Write(l.index)
	if !bytes.Equal(sum.Sum(nil), b[64:headerSize]) {
		return nil, corrupt("the checksum of its index is wrong")
	}
	return l, nil
}

// Close gives the memory back. The List must not be used afterwards.
func (l *List) Close() error {
	if l.close == nil {
		return nil
	}
	return l.close()
}

// Verify reads the whole list and reports damage, as an error that wraps
// ErrCorrupt.
func (l *List) Verify() error {
	if sha256.Sum256(l.data) != l.dataSum {
		return corrupt("the checksum of its hashes is wrong")
	}
	return nil
}

// Count returns the number of hashes.
func (l *List) Count() uint64 { return l.count }

// Exact reports whether the list holds whole hashes.
func (l *List) Exact() bool { return l.exact() }

// FalsePositives is the probability that a hash which is not in the list is
// taken for one that is.
func (l *List) FalsePositives() float64 {
	if l.exact() {
		return 0
	}
	return float64(l.count) / math.Ldexp(1, l.coded)
}

// Breached reports whether the list holds a SHA-1 hash. It never misses one
// that was in the download; see FalsePositives for the other way.
func (l *List) Breached(hash [hashSize]byte) (bool, error) {
	want := l.key(&hash)
	found := false
	err := l.walk(want>>l.width(), func(key uint64, rest []byte) bool {
		found = key == want && bytes.Equal(rest, hash[hashSize-l.rest:])
		return !found && key <= want
	})
	return found, err
}

// Password is Breached for a password in UTF-8.
func (l *List) Password(password []byte) (bool, error) { return l.Breached(sha1.Sum(password)) }

// walk calls each with the hashes of a bucket, in order, until it returns
// false.
func (l *List) walk(bucket uint64, each func(key uint64, rest []byte) bool) error {
	r := bitReader{data: l.data, at: l.start(bucket)}
	end := l.start(bucket + 1)
	if end > uint64(len(l.data))*8 || r.at > end {
		return corrupt("bucket %d ends before it begins", bucket)
	}
	var rest [restSize]byte
	key := bucket << l.width()
	for r.at < end {
		key += r.difference(&l.layout)
		for i := range l.rest {
			rest[i] = byte(r.bits(8))
		}
		if r.over || r.at > end || l.width() < 64 && key>>l.width() != bucket {
			return corrupt("bucket %d is damaged", bucket)
		}
		if !each(key, rest[:l.rest]) {
			return nil
		}
	}
	return nil
}

func (l *List) start(bucket uint64) uint64 { return binary.BigEndian.Uint64(l.index[8*bucket:]) }

// ErrInexact is returned by Range for a filter, which cannot give hashes
// back.
var ErrInexact = errors.New("the list is a filter and holds no whole hashes")

// Range returns the hashes that begin with a prefix of 5 to 40 hexadecimal
// digits, in lower case and in order.
func (l *List) Range(prefix string) ([]string, error) {
	if !l.exact() {
		return nil, ErrInexact
	}
	if len(prefix) < 5 || len(prefix) > 2*hashSize {
		return nil, fmt.Errorf("a prefix has 5 to 40 hexadecimal digits, not %d", len(prefix))
	}
	first, err := hexHash(prefix, '0')
	if err != nil {
		return nil, err
	}
	last, err := hexHash(prefix, 'f')
	if err != nil {
		return nil, err
	}
	var out []string
	for bucket := l.key(&first) >> l.width(); bucket <= l.key(&last)>>l.width(); bucket++ {
		err := l.walk(bucket, func(key uint64, rest []byte) bool {
			var hash [hashSize]byte
			binary.BigEndian.PutUint64(hash[:], key)
			copy(hash[hashSize-restSize:], rest)
			if bytes.Compare(hash[:], first[:]) >= 0 && bytes.Compare(hash[:], last[:]) <= 0 {
				out = append(out, hex.EncodeToString(hash[:]))
			}
			return bytes.Compare(hash[:], last[:]) < 0
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// hexHash decodes a prefix, filled up with a digit.
func hexHash(prefix string, fill byte) (hash [hashSize]byte, err error) {
	b := bytes.Repeat([]byte{fill}, 2*hashSize)
	copy(b, prefix)
	if _, err := hex.Decode(hash[:], b); err != nil {
		return hash, fmt.Errorf("%q is no hexadecimal number", prefix)
	}
	return hash, nil
}
