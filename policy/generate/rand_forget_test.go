package generate

import (
	"bytes"
	"crypto/rand"
	"testing"
)

func TestRandForget(t *testing.T) {
	var read bytes.Buffer
	r := NewRand(&recorder{&read})
	first := r.Uint64()
	copy(r.scratch(len(r.near)+1), []uint32{1, 2, 3})
	copy(r.scratch(3), []uint32{1, 2, 3})
	r.Forget()
	if !bytes.Equal(r.buf[:8], make([]byte, 8)) || r.near[0] != 0 || r.far[0] != 0 {
		t.Error("what was drawn is still there")
	}
	if !bytes.Equal(r.buf[8:], read.Bytes()[8:]) {
		t.Error("what was read ahead is lost")
	}
	if r.Uint64() == first || read.Len() != len(r.buf) {
		t.Error("the next number is not one that was read ahead")
	}
	r.Wipe()
	r.Uint64()
	if read.Len() != 2*len(r.buf) {
		t.Error("a wiped Rand does not read again")
	}
}

// A recorder reads crypto/rand and keeps what it read.
type recorder struct{ to *bytes.Buffer }

func (r *recorder) Read(p []byte) (int, error) {
	n, err := rand.Read(p)
	r.to.Write(p[:n])
	return n, err
}
