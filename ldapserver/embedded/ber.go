package embedded

import "github.com/ldapsuggest/ldapsuggest/ldapserver/message"

// Tags of universal elements.
const (
	tagBoolean     byte = 0x01
	tagInteger     byte = 0x02
	tagOctetString byte = 0x04
	tagEnumerated  byte = 0x0a
	tagSequence    byte = 0x30
	tagSet         byte = 0x31
)

// cursor takes elements off a buffer. After a failure it yields nothing, and
// err tells: a decoder checks once, at its end.
type cursor struct {
	rest []byte
	err  error
}

func (r *cursor) done() bool { return r.err != nil || len(r.rest) == 0 }

func (r *cursor) fail() { r.err, r.rest = message.ErrTag, nil }

func (r *cursor) next() (tag byte, contents []byte) {
	if r.err != nil {
		return 0, nil
	}
	if tag, contents, r.rest, r.err = message.Element(r.rest); r.err != nil {
		r.rest = nil
		return 0, nil
	}
	return tag, contents
}

// peek returns the tag of the next element, 0 if there is none.
func (r *cursor) peek() byte {
	if r.done() {
		return 0
	}
	return r.rest[0]
}

// expect returns the contents of the next element, which must have tag.
func (r *cursor) expect(tag byte) []byte {
	got, contents := r.next()
	if r.err == nil && got != tag {
		r.fail()
		return nil
	}
	return contents
}

func (r *cursor) string(tag byte) string { return string(r.expect(tag)) }

func (r *cursor) integer(tag byte) int32 {
	contents := r.expect(tag)
	if r.err != nil {
		return 0
	}
	n, err := message.Int(contents)
	if err != nil {
		r.fail()
	}
	return n
}

func (r *cursor) boolean(tag byte) bool {
	contents := r.expect(tag)
	if r.err != nil || len(contents) != 1 {
		r.fail()
		return false
	}
	return contents[0] != 0
}

// inner returns a cursor over the contents of the next element.
func (r *cursor) inner(tag byte) *cursor {
	contents := r.expect(tag)
	return &cursor{rest: contents, err: r.err}
}

// strings reads OCTET STRINGs to the end.
func (r *cursor) strings() []string {
	out := []string{}
	for !r.done() {
		out = append(out, r.string(tagOctetString))
	}
	return out
}
