package message

import "github.com/ldapsuggest/ldapsuggest/extop/result"

// ElementSize returns the size of an element whose contents take n octets.
func ElementSize(n int) int {
	switch {
	case n < 0x80:
		return 2 + n
	case n < 0x100:
		return 3 + n
	case n < 0x10000:
		return 4 + n
	case n < 0x1000000:
		return 5 + n
	}
	return 6 + n
}

// AppendHeader appends a tag and the length n of the contents to follow.
func AppendHeader(dst []byte, tag byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(dst, tag, byte(n))
	case n < 0x100:
		return append(dst, tag, 0x81, byte(n))
	case n < 0x10000:
		return append(dst, tag, 0x82, byte(n>>8), byte(n))
	case n < 0x1000000:
		return append(dst, tag, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, tag, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// AppendElement appends an element.
func AppendElement[T ~[]byte | ~string](dst []byte, tag byte, contents T) []byte {
	return append(AppendHeader(dst, tag, len(contents)), contents...)
}

func intSize(v int32) int {
	n := 1
	for ; v > 127 || v < -128; v >>= 8 {
		n++
	}
	return n
}

// AppendInt appends an INTEGER, an ENUMERATED or what is tagged so.
func AppendInt(dst []byte, tag byte, v int32) []byte {
	n := intSize(v)
	dst = append(dst, tag, byte(n))
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}

// AppendBool appends a BOOLEAN or what is tagged so.
func AppendBool(dst []byte, tag byte, v bool) []byte {
	if v {
		return append(dst, tag, 1, 0xff)
	}
	return append(dst, tag, 1, 0)
}

// AppendMessage appends an LDAPMessage with the given protocolOp contents and
// Controls contents; nil controls are left out.
func AppendMessage(dst []byte, id int32, op byte, body, controls []byte) []byte {
	dst = appendEnvelope(dst, id, op, len(body), len(controls), controls != nil)
	dst = append(dst, body...)
	if controls != nil {
		dst = AppendElement(dst, 0xa0, controls)
	}
	return dst
}

// appendEnvelope appends all that precedes the contents of the protocolOp.
func appendEnvelope(dst []byte, id int32, op byte, body, controls int, hasControls bool) []byte {
	n := 2 + intSize(id) + ElementSize(body)
	if hasControls {
		n += ElementSize(controls)
	}
	dst = AppendHeader(dst, 0x30, n)
	dst = AppendInt(dst, 0x02, id)
	return AppendHeader(dst, op, body)
}

// AppendResult appends a response that is an LDAPResult alone, with the tag
// op.
func AppendResult(dst []byte, id int32, op byte, code result.Code, matchedDN, text string) []byte {
	n := 2 + intSize(int32(code)) + ElementSize(len(matchedDN)) + ElementSize(len(text))
	dst = appendEnvelope(dst, id, op, n, 0, false)
	dst = AppendInt(dst, 0x0a, int32(code))
	dst = AppendElement(dst, 0x04, matchedDN)
	return AppendElement(dst, 0x04, text)
}

// An ExtendedResult is what AppendExtendedResponse encodes.
type ExtendedResult struct {
	Code      result.Code
	MatchedDN string
	Text      string
	Name      string // left out if empty
	Value     []byte // left out if nil
	Controls  []byte // as AppendControl appends them; left out if nil
}

// AppendExtendedResponse appends an ExtendedResponse; see Result for its
// ASN.1.
func AppendExtendedResponse(dst []byte, id int32, r ExtendedResult) []byte {
	n := 2 + intSize(int32(r.Code)) + ElementSize(len(r.MatchedDN)) + ElementSize(len(r.Text))
	if r.Name != "" {
		n += ElementSize(len(r.Name))
	}
	if r.Value != nil {
		n += ElementSize(len(r.Value))
	}
	dst = appendEnvelope(dst, id, ExtendedResponse, n, len(r.Controls), r.Controls != nil)
	dst = AppendInt(dst, 0x0a, int32(r.Code))
	dst = AppendElement(dst, 0x04, r.MatchedDN)
	dst = AppendElement(dst, 0x04, r.Text)
	if r.Name != "" {
		dst = AppendElement(dst, 0x8a, r.Name)
	}
	if r.Value != nil {
		dst = AppendElement(dst, 0x8b, r.Value)
	}
	if r.Controls != nil {
		dst = AppendElement(dst, 0xa0, r.Controls)
	}
	return dst
}

// AppendExtendedRequest appends an ExtendedRequest; see Extended for its
// ASN.1. A nil value is left out.
func AppendExtendedRequest(dst []byte, id int32, name string, value, controls []byte) []byte {
	n := ElementSize(len(name))
	if value != nil {
		n += ElementSize(len(value))
	}
	dst = appendEnvelope(dst, id, ExtendedRequest, n, len(controls), controls != nil)
	dst = AppendElement(dst, 0x80, name)
	if value != nil {
		dst = AppendElement(dst, 0x81, value)
	}
	if controls != nil {
		dst = AppendElement(dst, 0xa0, controls)
	}
	return dst
}

// AppendNotice appends a notice of disconnection (RFC 4511 section 4.4.1). The
// codes that it names are protocolError, strongerAuthRequired and
// unavailable.
func AppendNotice(dst []byte, code result.Code, text string) []byte {
	return AppendExtendedResponse(dst, 0, ExtendedResult{Code: code, Text: text, Name: NoticeOfDisconnectionOID})
}

// AppendControl appends a control to the contents of Controls. A nil value is
// left out.
func AppendControl[T ~[]byte | ~string](dst []byte, oid T, critical bool, value []byte) []byte {
	n := ElementSize(len(oid))
	if critical {
		n += 3
	}
	if value != nil {
		n += ElementSize(len(value))
	}
	dst = AppendHeader(dst, 0x30, n)
	dst = AppendElement(dst, 0x04, oid)
	if critical {
		dst = AppendBool(dst, 0x01, true)
	}
	if value != nil {
		dst = AppendElement(dst, 0x04, value)
	}
	return dst
}

// An Attribute is an attribute of an entry to be encoded.
type Attribute struct {
	Name   string
	Values [][]byte
}

func (a Attribute) sizes() (set, seq int) {
	for _, v := range a.Values {
		set += ElementSize(len(v))
	}
	return set, ElementSize(len(a.Name)) + ElementSize(set)
}

// AppendAttribute appends a PartialAttribute; see Entry for its ASN.1.
func AppendAttribute(dst []byte, a Attribute) []byte {
	set, seq := a.sizes()
	dst = AppendHeader(dst, 0x30, seq)
	dst = AppendElement(dst, 0x04, a.Name)
	dst = AppendHeader(dst, 0x31, set)
	for _, v := range a.Values {
		dst = AppendElement(dst, 0x04, v)
	}
	return dst
}

// AppendSearchEntry appends a SearchResultEntry.
func AppendSearchEntry(dst []byte, id int32, dn string, attributes []Attribute) []byte {
	list := 0
	for _, a := range attributes {
		_, seq := a.sizes()
		list += ElementSize(seq)
	}
	dst = appendEnvelope(dst, id, SearchResultEntry, ElementSize(len(dn))+ElementSize(list), 0, false)
	dst = AppendElement(dst, 0x04, dn)
	dst = AppendHeader(dst, 0x30, list)
	for _, a := range attributes {
		dst = AppendAttribute(dst, a)
	}
	return dst
}

// AppendBaseSearch appends a SearchRequest for one entry, whatever its object
// class, and the given attributes; [NoAttributes] asks for none.
func AppendBaseSearch(dst []byte, id int32, dn string, controls []byte, attributes ...string) []byte {
	const objectClass = "objectClass"
	list := 0
	for _, a := range attributes {
		list += ElementSize(len(a))
	}
	n := ElementSize(len(dn)) + 4*3 + 3 + ElementSize(len(objectClass)) + ElementSize(list)
	dst = appendEnvelope(dst, id, SearchRequest, n, len(controls), controls != nil)
	dst = AppendElement(dst, 0x04, dn)
	dst = AppendInt(dst, 0x0a, 0)
	dst = AppendInt(dst, 0x0a, 0)
	dst = AppendInt(dst, 0x02, 0)
	dst = AppendInt(dst, 0x02, 0)
	dst = AppendBool(dst, 0x01, false)
	dst = AppendElement(dst, 0x87, objectClass)
	dst = AppendHeader(dst, 0x30, list)
	for _, a := range attributes {
		dst = AppendElement(dst, 0x04, a)
	}
	if controls != nil {
		dst = AppendElement(dst, 0xa0, controls)
	}
	return dst
}

// AppendSearch appends a SearchRequest.
func AppendSearch(dst []byte, id int32, s Search, controls []byte) []byte {
	n := ElementSize(len(s.Base)) + len(s.Filter) + ElementSize(len(s.Attributes)) + 3
	for _, v := range []int32{s.Scope, s.DerefAliases, s.SizeLimit, s.TimeLimit} {
		n += 2 + intSize(v)
	}
	dst = appendEnvelope(dst, id, SearchRequest, n, len(controls), controls != nil)
	dst = AppendElement(dst, 0x04, s.Base)
	dst = AppendInt(dst, 0x0a, s.Scope)
	dst = AppendInt(dst, 0x0a, s.DerefAliases)
	dst = AppendInt(dst, 0x02, s.SizeLimit)
	dst = AppendInt(dst, 0x02, s.TimeLimit)
	dst = AppendBool(dst, 0x01, s.TypesOnly)
	dst = append(dst, s.Filter...)
	dst = AppendElement(dst, 0x30, s.Attributes)
	if controls != nil {
		dst = AppendElement(dst, 0xa0, controls)
	}
	return dst
}

// AppendAbandon appends an AbandonRequest for the request with the message ID
// other; see ParseAbandon for its ASN.1.
func AppendAbandon(dst []byte, id, other int32) []byte {
	dst = AppendHeader(dst, 0x30, 4+intSize(id)+intSize(other))
	dst = AppendInt(dst, 0x02, id)
	return AppendInt(dst, AbandonRequest, other)
}

// NoAttributes asks a search for no attributes (RFC 4511 section 4.5.1.8).
const NoAttributes = "1.1"
