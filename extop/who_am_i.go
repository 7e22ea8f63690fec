package extop

import "github.com/ldapsuggest/ldapsuggest/extop/result"

// WhoAmIOID names the Who Am I? request (RFC 4532). It has no value. The
// response has no name; its value is the authzId itself, not BER: zero octets
// for an anonymous user.
const WhoAmIOID = "1.3.6.1.4.1.4203.1.11.3"

// DecodeWhoAmIRequest checks a requestValue: there must be none (RFC 4532
// 2.1), which is protocolError(2) otherwise.
func DecodeWhoAmIRequest(value []byte) error {
	if value != nil {
		return result.New(result.ProtocolError, "the Who Am I request takes no value")
	}
	return nil
}

// EncodeWhoAmIResponse returns the responseValue for an authorization
// identity. It is never nil: an anonymous user is told so by an empty value.
func EncodeWhoAmIResponse(authzID string) []byte {
	return append([]byte{}, authzID...)
}
