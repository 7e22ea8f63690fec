package message

import "github.com/ldapsuggest/ldapsuggest/extop/result"

// A Result is an LDAPResult (RFC 4511 section 4.1.9) with what may follow it
// in a BindResponse or an ExtendedResponse.
//
//	LDAPResult ::= SEQUENCE {
//	     resultCode         ENUMERATED { ... },
//	     matchedDN          LDAPDN,
//	     diagnosticMessage  LDAPString,
//	     referral           [3] Referral OPTIONAL }
//
//	ExtendedResponse ::= [APPLICATION 24] SEQUENCE {
//	     COMPONENTS OF LDAPResult,
//	     responseName     [10] LDAPOID OPTIONAL,
//	     responseValue    [11] OCTET STRING OPTIONAL }
type Result struct {
	Code      result.Code
	MatchedDN []byte
	Text      []byte
	Name      []byte // nil if absent
	Value     []byte // nil if absent
}

// ParseResult reads the Body of a final response.
func ParseResult(body []byte) (Result, error) {
	var r Result
	code, rest, err := Expect(body, 0x0a)
	if err != nil {
		return Result{}, err
	}
	n, err := Int(code)
	if err != nil {
		return Result{}, err
	}
	r.Code = result.Code(n)
	if r.MatchedDN, rest, err = Expect(rest, 0x04); err != nil {
		return Result{}, err
	}
	if r.Text, rest, err = Expect(rest, 0x04); err != nil {
		return Result{}, err
	}
	for len(rest) > 0 {
		var tag byte
		var contents []byte
		if tag, contents, rest, err = Element(rest); err != nil {
			return Result{}, err
		}
		switch tag {
		case 0x8a:
			r.Name = contents
		case 0x8b:
			r.Value = contents
		}
	}
	return r, nil
}

// An Entry is a SearchResultEntry (RFC 4511 section 4.5.2).
//
//	SearchResultEntry ::= [APPLICATION 4] SEQUENCE {
//	     objectName      LDAPDN,
//	     attributes      PartialAttributeList }
//
//	PartialAttributeList ::= SEQUENCE OF partialAttribute PartialAttribute
//
//	PartialAttribute ::= SEQUENCE {
//	     type       AttributeDescription,
//	     vals       SET OF value AttributeValue }
type Entry struct {
	DN         []byte
	Attributes []byte // what the list contains; see EachAttribute
}

// ParseEntry reads the Body of a SearchResultEntry.
func ParseEntry(body []byte) (Entry, error) {
	var e Entry
	dn, rest, err := Expect(body, 0x04)
	if err != nil {
		return Entry{}, err
	}
	e.DN = dn
	if e.Attributes, _, err = Expect(rest, 0x30); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// EachAttribute calls f with the name of each attribute, what its set of
// values contains and the whole element, until f returns false.
func EachAttribute(attributes []byte, f func(name, values, raw []byte) bool) error {
	for len(attributes) > 0 {
		seq, rest, err := Expect(attributes, 0x30)
		if err != nil {
			return err
		}
		raw := attributes[: len(attributes)-len(rest) : len(attributes)-len(rest)]
		name, vals, err := Expect(seq, 0x04)
		if err != nil {
			return err
		}
		values, _, err := Expect(vals, 0x31)
		if err != nil {
			return err
		}
		if !f(name, values, raw) {
			return nil
		}
		attributes = rest
	}
	return nil
}
