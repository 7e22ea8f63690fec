package message

import "io"

// The size of a Reader's buffer: what it has at first, and what it grows to
// for throughput. Only a single larger message makes it grow beyond.
const (
	minBuffer  = 4 << 10
	fullBuffer = 64 << 10
)

// A Reader cuts a stream into messages. Its buffer grows as octets arrive,
// never because a header announces them, and shrinks again when it is not
// needed.
//
// A Reader is not safe for concurrent use.
type Reader struct {
	// Limits may be changed between messages.
	Limits Limits

	src        io.Reader
	buf        []byte
	start, end int  // buf[start:end] is unread
	front      int  // size of the message that Peek returned
	reserved   bool // there is room for the next read
	full       bool // the last read filled the buffer
	sparse     int  // reads in a row that left most of the buffer free
}

// NewReader returns a Reader of src.
func NewReader(src io.Reader, limits Limits) *Reader {
	return &Reader{Limits: limits, src: src}
}

// Reset makes r read from src. Unread octets are dropped.
func (r *Reader) Reset(src io.Reader) {
	r.src = src
	r.start, r.end, r.front = 0, 0, 0
}

// Unread returns the octets that are buffered. They are valid until the next
// call of Fill.
func (r *Reader) Unread() []byte { return r.buf[r.start:r.end] }

// Peek returns the message at the front of the buffer; ok is false if it has
// not arrived whole. It is valid until the next call of Fill.
func (r *Reader) Peek() (m Message, ok bool, err error) {
	size, ok, err := Size(r.buf[r.start:r.end], r.Limits)
	if err != nil || !ok || size > r.end-r.start {
		return Message{}, false, err
	}
	m, err = Scan(r.buf[r.start:r.start+size:r.start+size], r.Limits)
	if err != nil {
		return Message{}, false, err
	}
	r.front = size
	return m, true, nil
}

// Advance drops the message that Peek returned.
func (r *Reader) Advance() {
	r.start += r.front
	r.front = 0
}

// Discard drops the first n unread octets.
func (r *Reader) Discard(n int) {
	r.start += min(n, r.end-r.start)
	r.front = 0
}

// Fill reads once from the source, behind what is buffered. The error is that
// of the source; it is nil if anything was read.
func (r *Reader) Fill() error {
	r.Reserve()
	r.reserved = false
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	r.full = r.end == len(r.buf)
	if n > 0 {
		if n < len(r.buf)/8 {
			r.sparse++
		} else {
			r.sparse = 0
		}
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// Reserve makes the room that the next Fill reads into, and returns the size
// of the buffer.
func (r *Reader) Reserve() int {
	if !r.reserved {
		r.makeRoom()
		r.reserved = true
	}
	return len(r.buf)
}

func (r *Reader) makeRoom() {
	unread := r.end - r.start
	size := len(r.buf)
	switch {
	case size == 0:
		size = minBuffer
	case unread == 0 && size > fullBuffer:
		size = minBuffer
	case unread == 0 && r.sparse >= 16 && size > minBuffer:
		size /= 2
	case unread >= size/2, r.full && size < fullBuffer:
		size *= 2
		// For one large message no more than it needs.
		if need, ok, _ := Size(r.buf[r.start:r.end], r.Limits); ok && need > unread && size > fullBuffer {
			size = min(size, max(need, fullBuffer))
		}
	}
	if size == len(r.buf) {
		if r.start > 0 {
			copy(r.buf, r.buf[r.start:r.end])
		}
	} else {
		r.sparse = 0
		grown := make([]byte, size)
		copy(grown, r.buf[r.start:r.end])
		// What is left behind may hold a password.
		clear(r.buf)
		r.buf = grown
	}
	r.start, r.end, r.front = 0, unread, 0
}

// Next returns the next message, reading as needed. It is valid until the
// next call. At a clean end of the stream the error is io.EOF, inside a
// message io.ErrUnexpectedEOF.
func (r *Reader) Next() (Message, error) {
	r.Advance()
	for {
		m, ok, err := r.Peek()
		if ok || err != nil {
			return m, err
		}
		if err := r.Fill(); err != nil {
			if err == io.EOF && r.end > r.start {
				err = io.ErrUnexpectedEOF
			}
			return Message{}, err
		}
	}
}
