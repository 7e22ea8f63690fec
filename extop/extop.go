package extop

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// A Handler answers one extended operation. It never sees the connection:
// whoever calls it writes the response, or renders the error.
type Handler interface {
	// ServeExtended performs the operation. An error is, or is rendered as
	// by result.From, a *result.Error; a response then carries neither name
	// nor value.
	ServeExtended(ctx context.Context, req *Request) (*Response, error)
}

// An Immediate is a Handler that can answer some requests at once, from what
// it has in memory. A server calls it where it reads requests, before it
// starts a goroutine for ServeExtended.
type Immediate interface {
	Handler

	// ServeImmediate answers req if that needs no question to a directory
	// (Caller.See is one) nor any other wait. It returns false, having done
	// nothing, if ServeExtended is to be called instead; resp is then
	// ignored.
	//
	// Ctx, req and resp belong to the server, which uses them again for the
	// next request: nothing may keep them. req.Value is valid only during
	// the call, and the handler may append its value to resp.Value[:0].
	ServeImmediate(ctx context.Context, req *Request, resp *Response) (ok bool, err error)
}

// A Request is an ExtendedRequest (RFC 4511 4.12) with its caller.
type Request struct {
	Caller   Caller
	Name     string // requestName
	Value    []byte // requestValue; nil if absent
	Controls []Control
}

// A Response is the successful ExtendedResponse to a Request.
type Response struct {
	Name     string // responseName; empty for none
	Value    []byte // responseValue; nil for none. Wiped by the caller once it is written.
	Controls []Control
}

// A Control is a control (RFC 4511 4.1.11).
type Control struct {
	OID      string
	Critical bool
	Value    []byte // nil if absent
}

// A Caller is who asks, on which connection. The doors implement it.
type Caller interface {
	// AuthzID is the authorization identity, "dn:..." or "u:...". Empty for
	// an anonymous caller.
	AuthzID() string

	// Protected reports whether what is sent to the caller cannot be read
	// on the way: TLS, a local socket or the loopback interface.
	Protected() bool

	// See asks the directory, as the caller, for the entry at dn. It returns
	// nil if the caller can see it, noSuchObject(32) with the matched DN if
	// the directory says that it is not there,
	// insufficientAccessRights(50) if the answer is empty, and otherwise
	// what the directory answered. With authzID not empty, the question is
	// put with the proxied authorization control (RFC 4370), so that the
	// directory decides whether the caller may act as that identity.
	See(ctx context.Context, dn, authzID string) error
}

// The OIDs of controls that several operations know.
const (
	ProxiedAuthorizationOID = "2.16.840.1.113730.3.4.18" // RFC 4370
)

// CheckControls returns unavailableCriticalExtension(12) if a critical
// control is none of known.
func CheckControls(controls []Control, known ...string) error {
next:
	for _, c := range controls {
		for _, k := range known {
			if c.OID == k {
				continue next
			}
		}
		if c.Critical {
			return result.New(result.UnavailableCriticalExtension, "the critical control %s is not supported for this operation", c.OID)
		}
	}
	return nil
}
