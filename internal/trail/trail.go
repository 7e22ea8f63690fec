package trail

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"
)

// A Source numbers connections. Its connections have identifiers that no
// other Source has, in this process or another.
type Source struct {
	instance string
	tracer   atomic.Pointer[Tracer]
	last     atomic.Uint64
}

// NewSource returns a Source whose connections are not traced.
func NewSource() *Source {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return &Source{instance: hex.EncodeToString(b[:])}
}

// Trace has requests that begin from now on given to a tracer; nil to none.
func (s *Source) Trace(t Tracer) {
	if t == nil {
		s.tracer.Store(nil)
		return
	}
	s.tracer.Store(&t)
}

// Connection returns the next connection of a door, from a remote address.
func (s *Source) Connection(door, remote string) *Connection {
	return &Connection{
		ID:     s.instance + "-" + strconv.FormatUint(s.last.Add(1), 10),
		Door:   door,
		Remote: remote,
		source: s,
	}
}

// A Connection is one client's connection.
type Connection struct {
	ID     string // the Source's eight hexadecimal digits, "-", and a number from 1
	Door   string // the way in: "ldap" or "rest"
	Remote string // the client's address as its net.Addr prints it

	source *Source
	last   atomic.Uint64
}

// Begin returns the trail of the connection's next operation.
func (c *Connection) Begin() Trail { return Trail{Connection: c, Number: c.last.Add(1)} }

// A Trail is an operation on a connection.
type Trail struct {
	*Connection
	Number  uint64 // of the operation on its connection, from 1; 0 for the connection itself
	Request string // identifier that the client gave the request; empty for none
	TraceID string // 32 hexadecimal digits; empty if the request belongs to no trace

	// Parent and State are the headers traceparent and tracestate that came
	// with the request, if they are well-formed.
	Parent, State string
}

// Operation returns the identifier of the operation: its connection's, "." and
// its number. It is empty for the connection itself.
func (t *Trail) Operation() string {
	if t.Number == 0 {
		return ""
	}
	var space [48]byte
	return string(t.appendOperation(space[:0]))
}

func (t *Trail) appendOperation(b []byte) []byte {
	b = append(append(b, t.Connection.ID...), '.')
	return strconv.AppendUint(b, t.Number, 10)
}

// A Context is a context that has a Trail. It may be part of a larger value,
// and its fields may be set anew once nobody has it any more: so it need not
// cost an allocation.
type Context struct {
	context.Context
	Trail Trail
}

// New returns a context with a trail.
func New(parent context.Context, t Trail) *Context { return &Context{parent, t} }

type contextKey struct{}

// Value implements context.Context.
func (c *Context) Value(key any) any {
	if key == (contextKey{}) {
		return &c.Trail
	}
	return c.Context.Value(key)
}

// From returns the trail of ctx, nil if it has none. It is valid as long as
// ctx is.
func From(ctx context.Context) *Trail {
	t, _ := ctx.Value(contextKey{}).(*Trail)
	return t
}
