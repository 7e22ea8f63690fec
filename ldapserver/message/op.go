package message

// The tags of protocolOp (RFC 4511 section 4.2 and on).
const (
	BindRequest           byte = 0x60
	BindResponse          byte = 0x61
	UnbindRequest         byte = 0x42
	SearchRequest         byte = 0x63
	SearchResultEntry     byte = 0x64
	SearchResultDone      byte = 0x65
	SearchResultReference byte = 0x73
	ModifyRequest         byte = 0x66
	ModifyResponse        byte = 0x67
	AddRequest            byte = 0x68
	AddResponse           byte = 0x69
	DelRequest            byte = 0x4a
	DelResponse           byte = 0x6b
	ModifyDNRequest       byte = 0x6c
	ModifyDNResponse      byte = 0x6d
	CompareRequest        byte = 0x6e
	CompareResponse       byte = 0x6f
	AbandonRequest        byte = 0x50
	ExtendedRequest       byte = 0x77
	ExtendedResponse      byte = 0x78
	IntermediateResponse  byte = 0x79
)

// The OIDs of extended operations that belong to the protocol itself.
const (
	NoticeOfDisconnectionOID = "1.3.6.1.4.1.1466.20036" // RFC 4511 section 4.4.1
	StartTLSOID              = "1.3.6.1.4.1.1466.20037" // RFC 4511 section 4.14
	CancelOID                = "1.3.6.1.1.8"            // RFC 3909
	WhoAmIOID                = "1.3.6.1.4.1.4203.1.11.3"
	PasswordModifyOID        = "1.3.6.1.4.1.4203.1.11.1" // RFC 3062
)

// MaxID is the greatest message ID (RFC 4511 section 4.1.1.1).
const MaxID = 1<<31 - 1

// IsRequest reports whether op is the tag of a request.
func IsRequest(op byte) bool {
	switch op {
	case BindRequest, UnbindRequest, SearchRequest, ModifyRequest, AddRequest, DelRequest,
		ModifyDNRequest, CompareRequest, AbandonRequest, ExtendedRequest:
		return true
	}
	return false
}

// ResponseTo returns the tag of the response that ends a request; ok is false
// for unbind, abandon and what is no request.
func ResponseTo(op byte) (tag byte, ok bool) {
	switch op {
	case BindRequest, ModifyRequest, AddRequest, ModifyDNRequest, CompareRequest, ExtendedRequest:
		return op + 1, true
	case SearchRequest:
		return SearchResultDone, true
	case DelRequest:
		return DelResponse, true
	}
	return 0, false
}

// IsFinal reports whether a message with the tag op is the last one that
// answers a request.
func IsFinal(op byte) bool {
	switch op {
	case BindResponse, SearchResultDone, ModifyResponse, AddResponse, DelResponse,
		ModifyDNResponse, CompareResponse, ExtendedResponse:
		return true
	}
	return false
}

// OpName returns the name of a protocolOp as RFC 4511 spells it, for logs and
// metrics, or "unknown".
func OpName(op byte) string {
	switch op {
	case BindRequest:
		return "bindRequest"
	case BindResponse:
		return "bindResponse"
	case UnbindRequest:
		return "unbindRequest"
	case SearchRequest:
		return "searchRequest"
	case SearchResultEntry:
		return "searchResEntry"
	case SearchResultDone:
		return "searchResDone"
	case SearchResultReference:
		return "searchResRef"
	case ModifyRequest:
		return "modifyRequest"
	case ModifyResponse:
		return "modifyResponse"
	case AddRequest:
		return "addRequest"
	case AddResponse:
		return "addResponse"
	case DelRequest:
		return "delRequest"
	case DelResponse:
		return "delResponse"
	case ModifyDNRequest:
		return "modDNRequest"
	case ModifyDNResponse:
		return "modDNResponse"
	case CompareRequest:
		return "compareRequest"
	case CompareResponse:
		return "compareResponse"
	case AbandonRequest:
		return "abandonRequest"
	case ExtendedRequest:
		return "extendedReq"
	case ExtendedResponse:
		return "extendedResp"
	case IntermediateResponse:
		return "intermediateResponse"
	}
	return "unknown"
}
