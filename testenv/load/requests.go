package load

import (
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// WhoAmI is the cheapest answer that directories have (RFC 4532).
func WhoAmI() Request {
	return Request{
		Append: func(dst []byte, id int32) []byte {
			return message.AppendExtendedRequest(dst, id, "1.3.6.1.4.1.4203.1.11.3", nil, nil)
		},
		Response: message.ExtendedResponse,
	}
}

// Suggest is Generate Password for the default policy.
func Suggest() Request {
	return Request{
		Append: func(dst []byte, id int32) []byte {
			return message.AppendExtendedRequest(dst, id, extop.GeneratePasswordRequestOID, nil, nil)
		},
		Response: message.ExtendedResponse,
	}
}

// SuggestFor is Generate Password for entries: count passwords for the entry
// that target names for a request.
func SuggestFor(count int, target func(id int32) string) Request {
	return Request{
		Append: func(dst []byte, id int32) []byte {
			r := extop.GeneratePasswordRequest{Selection: extop.SelectTargetEntry, DN: target(id), Count: count, Attempts: extop.DefaultValidationAttempts}
			return message.AppendExtendedRequest(dst, id, extop.GeneratePasswordRequestOID, r.Encode(), nil)
		},
		Response: message.ExtendedResponse,
	}
}

// BaseSearch reads two attributes of an entry.
func BaseSearch(target func(id int32) string) Request {
	return Request{
		Append: func(dst []byte, id int32) []byte {
			return message.AppendBaseSearch(dst, id, target(id), nil, "cn", "mail")
		},
		Response: message.SearchResultDone,
	}
}

// PasswordModify has the server generate a password for an entry and set it
// (RFC 3062, without a new password).
func PasswordModify(target func(id int32) string) Request {
	return Request{
		Append: func(dst []byte, id int32) []byte {
			value := message.AppendElement(nil, 0x30, string(message.AppendElement(nil, 0x80, target(id))))
			return message.AppendExtendedRequest(dst, id, "1.3.6.1.4.1.4203.1.11.1", value, nil)
		},
		Response: message.ExtendedResponse,
	}
}

// Always names one entry.
func Always(dn string) func(int32) string { return func(int32) string { return dn } }

// Among names n entries, in an order that no cache foresees.
func Among(n int, dn func(int) string) func(int32) string {
	return func(id int32) string { return dn(int(uint64(uint32(id)*2654435761) * uint64(n) >> 32)) }
}
