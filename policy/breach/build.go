package breach

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// BuildOptions say what a list keeps.
type BuildOptions struct {
	// Bits is how many bits of each hash a filter keeps, 24 to 64. 0 means
	// 16 more than count the hashes: one innocent password in 65,000 is
	// taken for a public one, at 18 bits a hash.
	Bits int

	// Exact keeps whole hashes, at some 130 bits each.
	Exact bool

	// Progress, if not nil, is called now and then with the octets of the
	// source read so far and in all; all is 0 if that is not known.
	Progress func(read, all int64)
}

// Stats are what Build did.
type Stats struct {
	Hashes uint64 // in the list
	Lines  uint64 // read
	Size   int64  // of the file, in octets
}

// Build reads a download of Pwned Passwords and writes a list to path, which
// it replaces only once the list is whole. It takes one pass and constant
// memory but for the index.
//
// The source must be ascending; a line that is not is an error with its
// number, as are NTLM hashes and whatever else is no hash.
func Build(ctx context.Context, src *Source, path string, o BuildOptions) (Stats, error) {
	if o.Bits != 0 && (o.Bits < codedMin || o.Bits > codedMax) {
		return Stats{}, fmt.Errorf("a filter keeps %d to %d bits, not %d", codedMin, codedMax, o.Bits)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return Stats{}, err
	}
	stats, err := build(ctx, src, f, o)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return Stats{}, errors.Join(err, os.Remove(f.Name()))
	}
	return stats, nil
}

func build(ctx context.Context, src *Source, f *os.File, o BuildOptions) (Stats, error) {
	b := builder{layout: parameters(src.estimate(), o.Bits, o.Exact), out: bufio.NewWriterSize(f, 1<<20), sum: sha256.New()}
	b.index = make([]uint64, 0, 1<<b.bucket+1)
	if _, err := f.Seek(headerSize, io.SeekStart); err != nil {
		return Stats{}, err
	}
	var stats Stats
	var hash [hashSize]byte
	for {
		err := src.next(&hash)
		if err == io.EOF {
			break
		}
		if err != nil {
			return Stats{}, err
		}
		if stats.Lines++; stats.Lines%(1<<16) == 0 {
			if err := ctx.Err(); err != nil {
				return Stats{}, err
			}
			if o.Progress != nil {
				o.Progress(src.read, src.size)
			}
		}
		if err := b.add(&hash); err != nil {
			return Stats{}, err
		}
	}
	if b.count == 0 {
		return Stats{}, errors.New("the source holds no hashes")
	}
	size, err := b.finish(f)
	if o.Progress != nil {
		o.Progress(src.read, src.size)
	}
	stats.Hashes, stats.Size = b.count, size
	return stats, err
}

// builder encodes ascending hashes.
type builder struct {
	layout
	bits  bitWriter
	out   *bufio.Writer
	sum   hash.Hash
	index []uint64 // the bit at which each bucket begins, so far
	last  uint64   // key
}

func (b *builder) add(hash *[hashSize]byte) error {
	key := b.key(hash)
	bucket := key >> b.width()
	for uint64(len(b.index)) <= bucket {
		b.index = append(b.index, b.bits.len)
		b.last = uint64(len(b.index)-1) << b.width()
	}
	first := b.index[bucket] == b.bits.len
	if !first && key == b.last && !b.exact() {
		return nil // cut, it is the same as the one before
	}
	b.bits.difference(key-b.last, &b.layout)
	for _, c := range hash[hashSize-b.rest:] {
		b.bits.bits(uint64(c), 8)
	}
	b.last = key
	b.count++
	if len(b.bits.buf) >= 1<<16 {
		return b.drain()
	}
	return nil
}

func (b *builder) drain() error {
	b.sum.Write(b.bits.buf)
	b.dataLen += uint64(len(b.bits.buf))
	_, err := b.out.Write(b.bits.buf)
	b.bits.buf = b.bits.buf[:0]
	return err
}

// finish writes the index and, last, the header.
func (b *builder) finish(f *os.File) (int64, error) {
	for len(b.index) < 1<<b.bucket+1 {
		b.index = append(b.index, b.bits.len)
	}
	b.bits.flush()
	if err := b.drain(); err != nil {
		return 0, err
	}
	b.sum.Sum(b.dataSum[:0])
	sum := sha256.New()
	sum.Write(b.header())
	var octets [8]byte
	for _, at := range b.index {
		binary.BigEndian.PutUint64(octets[:], at)
		sum.Write(octets[:])
		if _, err := b.out.Write(octets[:]); err != nil {
			return 0, err
		}
	}
	if err := b.out.Flush(); err != nil {
		return 0, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	_, err = f.WriteAt(sum.Sum(b.header()), 0)
	return size, err
}
