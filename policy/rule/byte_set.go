package rule

// A ByteSet is a set of octets. The zero ByteSet is empty.
type ByteSet [4]uint64

// NewByteSet returns the set of the octets of s.
func NewByteSet(s string) ByteSet {
	var set ByteSet
	for i := range len(s) {
		set[s[i]>>6] |= 1 << (s[i] & 63)
	}
	return set
}

// Contains reports whether b is in s.
func (s ByteSet) Contains(b byte) bool { return s[b>>6]>>(b&63)&1 != 0 }
