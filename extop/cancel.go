package extop

import (
	"math"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// CancelOID names the Cancel request (RFC 3909). The response has neither
// name nor value; its result code says what became of the operation.
const CancelOID = "1.3.6.1.1.8"

// A CancelRequest asks for an operation to be given up. Its value:
//
//	cancelRequestValue ::= SEQUENCE {
//	     cancelID MessageID }
type CancelRequest struct {
	ID int32 // the message ID of the operation
}

// DecodeCancelRequest decodes a requestValue, which is mandatory.
func DecodeCancelRequest(value []byte) (CancelRequest, error) {
	e, err := sequence(value)
	var content []byte
	if err == nil {
		content, err = e.want(tagInteger)
	}
	if err == nil && len(e) > 0 {
		err = errTrailing
	}
	var id int64
	if err == nil {
		id, err = integer(content, 4)
	}
	if err == nil && id < 0 {
		err = errInteger
	}
	if err != nil {
		return CancelRequest{}, result.Wrap(err, result.ProtocolError, "malformed Cancel request: %v", err)
	}
	return CancelRequest{ID: int32(id)}, nil
}

// Encode returns the requestValue. ID must not be negative.
func (r CancelRequest) Encode() []byte {
	id := int64(min(max(r.ID, 0), math.MaxInt32))
	n := 2 + integerLen(id)
	return appendInteger(appendHeader(make([]byte, 0, sizeOf(n)), tagSequence, n), tagInteger, id)
}
