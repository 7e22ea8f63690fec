package message

// An Error says why octets are no LDAPMessage that we accept. It is fit for a
// diagnosticMessage: it holds none of the octets.
type Error string

func (e Error) Error() string { return "message: " + string(e) }

// What Scan, the Reader and the accessors refuse.
const (
	ErrTag        Error = "an element has another tag than the protocol demands"
	ErrLength     Error = "a length is indefinite, too long, or reaches beyond its element"
	ErrID         Error = "the message ID is not an integer from 0 to 2147483647"
	ErrTrailing   Error = "octets follow where the message should end"
	ErrTooLarge   Error = "the message is larger than this server accepts"
	ErrTooDeep    Error = "the message is nested deeper than this server accepts"
	ErrIncomplete Error = "the message ends early"
)

// Limits bound what is taken for a message.
type Limits struct {
	// MaxSize is the greatest size of a message in octets, its header
	// included. 0 means 4 MiB.
	MaxSize int

	// MaxDepth is how deep constructed elements may be nested; the
	// LDAPMessage itself is the first level. A search filter takes a level
	// for each of its operators. 0 means 100, the maximum 255.
	MaxDepth int
}

const (
	defaultMaxSize  = 4 << 20
	defaultMaxDepth = 100
	maxDepth        = 255
)

func (l Limits) size() int {
	if l.MaxSize <= 0 {
		return defaultMaxSize
	}
	return l.MaxSize
}

func (l Limits) depth() int {
	switch {
	case l.MaxDepth <= 0:
		return defaultMaxDepth
	case l.MaxDepth > maxDepth:
		return maxDepth
	}
	return l.MaxDepth
}

// A Message is the envelope of an LDAPMessage. Its slices alias the octets
// that it was scanned from.
type Message struct {
	ID  int32
	Op  byte   // tag of protocolOp
	Raw []byte // the whole LDAPMessage

	// Body is what the protocolOp contains, without its tag and length.
	Body []byte

	// Controls is what the Controls sequence contains; nil if there is none.
	Controls []byte
}

// A Head is what the first octets of an LDAPMessage tell.
type Head struct {
	ID   int32
	Op   byte // tag of protocolOp
	Size int  // octets of the whole LDAPMessage
}

// header reads a tag and a length. n is the number of octets that they take,
// 0 if b ends before them.
func header(b []byte) (tag byte, length, n int, err error) {
	if len(b) == 0 {
		return 0, 0, 0, nil
	}
	tag = b[0]
	if tag&0x1f == 0x1f {
		return 0, 0, 0, ErrTag
	}
	if len(b) < 2 {
		return 0, 0, 0, nil
	}
	if b[1] < 0x80 {
		return tag, int(b[1]), 2, nil
	}
	octets := int(b[1] & 0x7f)
	if octets == 0 || octets > 8 {
		return 0, 0, 0, ErrLength
	}
	for i := 0; i < octets; i++ {
		if 2+i >= len(b) {
			return 0, 0, 0, nil
		}
		length = length<<8 | int(b[2+i])
		if length > 1<<31-1 {
			return 0, 0, 0, ErrLength
		}
	}
	return tag, length, 2 + octets, nil
}

// Element splits b behind its first element, whose contents it returns with
// their tag.
func Element(b []byte) (tag byte, contents, rest []byte, err error) {
	tag, length, n, err := header(b)
	if err != nil {
		return 0, nil, nil, err
	}
	if n == 0 {
		return 0, nil, nil, ErrIncomplete
	}
	if length > len(b)-n {
		return 0, nil, nil, ErrLength
	}
	return tag, b[n : n+length : n+length], b[n+length:], nil
}

// Expect is Element for one tag.
func Expect(b []byte, want byte) (contents, rest []byte, err error) {
	tag, contents, rest, err := Element(b)
	if err == nil && tag != want {
		return nil, nil, ErrTag
	}
	return contents, rest, err
}

// Int decodes the contents of an INTEGER or ENUMERATED of up to four octets.
func Int(contents []byte) (int32, error) {
	if len(contents) == 0 || len(contents) > 4 {
		return 0, ErrLength
	}
	v := int32(int8(contents[0]))
	for _, c := range contents[1:] {
		v = v<<8 | int32(c)
	}
	return v, nil
}

// ReadHead reads the start of an LDAPMessage; ok is false if b ends before
// the tag of the protocolOp. A Head is not a promise that the rest is well
// formed.
func ReadHead(b []byte) (h Head, ok bool, err error) {
	if len(b) > 0 && b[0] != 0x30 {
		return Head{}, false, ErrTag
	}
	_, length, n, err := header(b)
	if err != nil {
		return Head{}, false, err
	}
	if n == 0 {
		return Head{}, false, nil
	}
	h.Size = n + length
	b = b[n:min(len(b), h.Size)]
	complete := len(b) == length
	tag, length, n, err := header(b)
	if err != nil {
		return Head{}, false, err
	}
	if n == 0 || n+length >= len(b) {
		if complete {
			return Head{}, false, ErrLength
		}
		if n > 0 && (tag != 0x02 || length == 0 || length > 4) {
			return Head{}, false, ErrID
		}
		return Head{}, false, nil
	}
	if tag != 0x02 {
		return Head{}, false, ErrID
	}
	h.ID, err = Int(b[n : n+length])
	if err != nil || h.ID < 0 {
		return Head{}, false, ErrID
	}
	h.Op = b[n+length]
	return h, true, nil
}

// Size returns the size of the LDAPMessage that b starts with; ok is false if
// b ends before it can be told. It refuses what announces more than the limit.
func Size(b []byte, limits Limits) (size int, ok bool, err error) {
	if len(b) > 0 && b[0] != 0x30 {
		return 0, false, ErrTag
	}
	_, length, n, err := header(b)
	if err != nil || n == 0 {
		return 0, false, err
	}
	if n+length > limits.size() {
		return 0, false, ErrTooLarge
	}
	return n + length, true, nil
}

// Scan reads the envelope of the one LDAPMessage that raw holds, and walks
// all its elements to see that their lengths agree and that they are not
// nested too deep. It allocates nothing.
//
//	LDAPMessage ::= SEQUENCE {
//	     messageID       MessageID,
//	     protocolOp      CHOICE { ... },
//	     controls       [0] Controls OPTIONAL }
//
// As RFC 4511 section 4 asks, further components with unknown tags are
// ignored.
func Scan(raw []byte, limits Limits) (Message, error) {
	if len(raw) > limits.size() {
		return Message{}, ErrTooLarge
	}
	seq, rest, err := Expect(raw, 0x30)
	if err != nil {
		return Message{}, err
	}
	if len(rest) != 0 {
		return Message{}, ErrTrailing
	}
	if err := walk(seq, limits.depth()-1); err != nil {
		return Message{}, err
	}
	m := Message{Raw: raw}
	id, rest, err := Expect(seq, 0x02)
	if err != nil {
		return Message{}, ErrID
	}
	if m.ID, err = Int(id); err != nil || m.ID < 0 {
		return Message{}, ErrID
	}
	m.Op, m.Body, rest, err = Element(rest)
	if err != nil {
		return Message{}, err
	}
	for len(rest) > 0 {
		var tag byte
		var contents []byte
		if tag, contents, rest, err = Element(rest); err != nil {
			return Message{}, err
		}
		if tag != 0xa0 {
			continue
		}
		if m.Controls != nil {
			return Message{}, ErrTag
		}
		m.Controls = contents
	}
	return m, nil
}

// walk visits the elements of b, without recursion: the ends of the elements
// that it is inside of are a stack of fixed size.
func walk(b []byte, depth int) error {
	var ends [maxDepth + 1]int
	level := 0
	ends[0] = len(b)
	for i := 0; ; {
		for i == ends[level] {
			if level == 0 {
				return nil
			}
			level--
		}
		tag, length, n, err := header(b[i:ends[level]])
		if err != nil {
			return err
		}
		if n == 0 || length > ends[level]-i-n {
			return ErrLength
		}
		i += n
		if tag&0x20 == 0 {
			i += length
			continue
		}
		if level+1 > depth {
			return ErrTooDeep
		}
		level++
		ends[level] = i + length
	}
}
