package extop

import (
	"errors"
	"math/bits"
	"unicode/utf8"
)

// The values of our operations and controls are a few levels deep, by type.
// They are walked in place, level by level, so that hostile nesting costs
// nothing: what is not looked at is not parsed, and nothing is recursive.
//
// The subset of BER is that of RFC 4511 5.1: definite lengths, primitive
// strings, BOOLEAN TRUE as 0xFF. Tags above 30 are stepped over; no type
// here has one.

// The universal tags in use, with the constructed bit where it belongs.
const (
	tagBoolean     = 0x01
	tagInteger     = 0x02
	tagOctetString = 0x04
	tagSequence    = 0x30
	tagSet         = 0x31
)

// contextPrimitive and contextConstructed return the identifier octet of [n].
func contextPrimitive(n byte) byte   { return 0x80 | n }
func contextConstructed(n byte) byte { return 0xA0 | n }

var (
	errTruncated  = errors.New("an element is cut short")
	errLength     = errors.New("a length is indefinite or too long")
	errTag        = errors.New("an element has an unexpected tag")
	errTrailing   = errors.New("octets follow the value")
	errMissing    = errors.New("an element is missing")
	errBoolean    = errors.New("a BOOLEAN is not one octet, 00 or FF")
	errInteger    = errors.New("an INTEGER is empty, too long or not minimal")
	errNull       = errors.New("a NULL has content")
	errUTF8       = errors.New("a string is not UTF-8")
	errMisordered = errors.New("an element is repeated or out of order")
)

// elements is the content of a constructed element, or what is left of it.
type elements []byte

// next removes the first element. The content aliases the input.
func (e *elements) next() (tag byte, content []byte, err error) {
	in := *e
	if len(in) < 2 {
		return 0, nil, errTruncated
	}
	tag, at := in[0], 1
	if tag&0x1F == 0x1F {
		for at < len(in) && in[at]&0x80 != 0 {
			at++
		}
		at++
		if at >= len(in) {
			return 0, nil, errTruncated
		}
	}
	n := int(in[at])
	at++
	if n >= 0x80 {
		octets := n & 0x7F
		if octets == 0 || octets > 4 {
			return 0, nil, errLength
		}
		if len(in)-at < octets {
			return 0, nil, errTruncated
		}
		length := uint64(0)
		for _, b := range in[at : at+octets] {
			length = length<<8 | uint64(b)
		}
		at += octets
		if length > uint64(len(in)-at) {
			return 0, nil, errTruncated
		}
		n = int(length)
	}
	if n > len(in)-at {
		return 0, nil, errTruncated
	}
	*e = in[at+n:]
	return tag, in[at : at+n : at+n], nil
}

// want is next for an element that must have the given tag.
func (e *elements) want(tag byte) ([]byte, error) {
	if len(*e) == 0 {
		return nil, errMissing
	}
	got, content, err := e.next()
	if err == nil && got != tag {
		err = errTag
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}

// wantString is want for an OCTET STRING that is text, under any tag.
func (e *elements) wantString(tag byte) (string, error) {
	content, err := e.want(tag)
	if err != nil {
		return "", err
	}
	return text(content)
}

// wantBoolean is want for a BOOLEAN with its universal tag.
func (e *elements) wantBoolean() (bool, error) {
	content, err := e.want(tagBoolean)
	if err != nil {
		return false, err
	}
	return boolean(content)
}

// choice reads a SEQUENCE whose first element is a CHOICE, which must be there,
// and returns that element's tag and content, and the elements after it.
func choice(value []byte) (tag byte, content []byte, rest elements, err error) {
	if rest, err = sequence(value); err != nil {
		return 0, nil, nil, err
	}
	if len(rest) == 0 {
		return 0, nil, nil, errMissing
	}
	tag, content, err = rest.next()
	return tag, content, rest, err
}

// sequence returns the elements of the SEQUENCE that value is, all of it.
func sequence(value []byte) (elements, error) {
	e := elements(value)
	content, err := e.want(tagSequence)
	if err == nil && len(e) > 0 {
		err = errTrailing
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}

func text(content []byte) (string, error) {
	if !utf8.Valid(content) {
		return "", errUTF8
	}
	return string(content), nil
}

func boolean(content []byte) (bool, error) {
	if len(content) != 1 || content[0] != 0 && content[0] != 0xFF {
		return false, errBoolean
	}
	return content[0] != 0, nil
}

// integer reads a two's complement INTEGER of at most maxOctets, at most 8.
func integer(content []byte, maxOctets int) (int64, error) {
	if len(content) == 0 || len(content) > maxOctets {
		return 0, errInteger
	}
	if len(content) > 1 && (content[0] == 0 && content[1] < 0x80 || content[0] == 0xFF && content[1] >= 0x80) {
		return 0, errInteger
	}
	v := int64(int8(content[0]))
	for _, b := range content[1:] {
		v = v<<8 | int64(b)
	}
	return v, nil
}

// unknown says whether tag can be an extension that RFC 4511 section 4 has
// us ignore: an element in the context class, numbered above all that the
// type knows.
func unknown(tag, known byte) bool {
	return tag&0xC0 == 0x80 && tag&0x1F > known
}

// skipUnknown reads what is left, which must all be extensions of a type
// without tags of its own.
func (e *elements) skipUnknown() error {
	for len(*e) > 0 {
		tag, _, err := e.next()
		if err != nil {
			return err
		}
		if tag&0xC0 != 0x80 {
			return errTag
		}
	}
	return nil
}

// Encoders compute the size of the whole first and append into a buffer of
// that size: the octets of a password are written once, and no copy stays
// behind in a buffer that was outgrown.

// sizeOf is the size of an element with n octets of content.
func sizeOf(n int) int {
	if n < 0x80 {
		return 2 + n
	}
	return 2 + (bits.Len(uint(n))+7)/8 + n
}

func appendHeader(dst []byte, tag byte, n int) []byte {
	dst = append(dst, tag)
	if n < 0x80 {
		return append(dst, byte(n))
	}
	octets := (bits.Len(uint(n)) + 7) / 8
	dst = append(dst, 0x80|byte(octets))
	for i := octets - 1; i >= 0; i-- {
		dst = append(dst, byte(n>>(8*i)))
	}
	return dst
}

func appendString[T string | []byte](dst []byte, tag byte, s T) []byte {
	return append(appendHeader(dst, tag, len(s)), s...)
}

func appendBoolean(dst []byte, tag byte, v bool) []byte {
	if v {
		return append(dst, tag, 1, 0xFF)
	}
	return append(dst, tag, 1, 0)
}

// sizeOfBoolean is the size of a BOOLEAN under any tag.
const sizeOfBoolean = 3

// integerLen is the number of content octets of a minimal INTEGER.
func integerLen(v int64) int {
	if v < 0 {
		v = ^v
	}
	return bits.Len64(uint64(v))/8 + 1
}

func appendInteger(dst []byte, tag byte, v int64) []byte {
	n := integerLen(v)
	dst = append(dst, tag, byte(n))
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}
