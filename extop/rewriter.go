package extop

import (
	"context"
	"errors"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// A Rewriter completes requests that the directory is to perform: it sends
// them on changed, over the caller's own connection to the directory, and
// adds to the directory's answer. Like a Handler, it never sees the
// connection.
type Rewriter interface {
	// Rewrites reports whether a request is one to be completed. All others
	// go on untouched. A server calls it where it reads requests: it must
	// not wait, and must not keep the request.
	Rewrites(req *Relayed) bool

	// Rewrite completes a request. An error is the answer to the client,
	// and the directory never hears of the request.
	Rewrite(ctx context.Context, req *Relayed) (*Rewritten, error)
}

// What an error that Rewritten.Done is given may have as its private cause.
var (
	ErrUnanswered = errors.New("the directory's answer is not known")
	ErrUnsent     = errors.New("the directory has not got the request")
)

// A Relayed is a request on its way to the directory.
type Relayed struct {
	Caller   Caller
	Tag      byte   // of the protocolOp
	Body     []byte // what the protocolOp contains
	Name     string // requestName of an extended request
	Value    []byte // requestValue of an extended request; nil if absent
	Controls []Control
}

// A Rewritten is what becomes of a request. The controls that it arrived with
// go on with it, octet for octet.
type Rewritten struct {
	// Op is the protocolOp to send, tag included.
	Op []byte

	// Without is the OID of a control that does not go on; empty for none.
	Without string

	// Protected demands that the connection to the directory cannot be read
	// on the way either. If it can, the answer is
	// confidentialityRequired(13).
	Protected bool

	// Value and Controls go into the directory's answer if that is success:
	// as responseValue of the ExtendedResponse to an extended request, and
	// behind the controls that are there. nil changes nothing. Any other
	// answer is given as it is.
	Value    []byte
	Controls []Control

	// Retry, if not nil, is asked what to do after the directory has
	// refused. It returns what to send instead, or nil to give the
	// directory's answer.
	Retry func(ctx context.Context, refusal Refusal) *Rewritten

	// Done, if not nil, is called once, unless Retry has returned another
	// Rewritten: with nil after success, with the directory's refusal, with
	// canceled(118) if the client gave the request up, and with
	// unavailable(52) if the directory's answer never came: after these two
	// the outcome is unknown, and the error has the cause ErrUnanswered. An
	// error with the cause ErrUnsent is the server's: the directory has not
	// got the request.
	Done func(err *result.Error)
}

// A Refusal is an answer of the directory that is not success.
type Refusal struct {
	Code     result.Code
	Text     string
	Controls []Control
}

// Wipe overwrites what may hold a password. The server calls it once the
// answer is written.
func (r *Rewritten) Wipe() {
	clear(r.Op)
	clear(r.Value)
	for _, c := range r.Controls {
		clear(c.Value)
	}
}
