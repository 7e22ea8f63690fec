package embedded

import (
	"context"
	"errors"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// Supplement answers, on behalf of bindDN, what gldap cannot be given. It
// makes of the front end and gldap one server that speaks all of RFC 4511:
//
//   - compare, modify DN, abandon, and all extended operations, for gldap
//     knows none of them;
//   - binds that are not simple, not version 3 or not well formed: gldap
//     closes the connection, or takes another password than was sent;
//   - critical controls, whose criticality gldap forgets, and controls whose
//     values make its parser panic;
//   - well-formed requests of an unusual shape, which it closes the connection
//     for;
//   - everything that an anonymous client asks. A bind that is refused here
//     makes the client anonymous without gldap knowing, so nothing may then
//     reach gldap under the identity that it remembers.
//
// It implements ldapserver.Supplement.
func (d *Directory) Supplement(ctx context.Context, bindDN string, m message.Message) (responses []byte, handled bool) {
	switch m.Op {
	case message.UnbindRequest:
		return nil, false
	case message.AbandonRequest:
		return nil, true // an operation here is done before the next is read
	}
	op, ok := message.ResponseTo(m.Op)
	if !ok {
		return nil, false
	}
	q := request{d: d, ctx: ctx, m: m, bindDN: bindDN}
	if err := q.decode(); err != nil {
		return q.appendError(op, err), true
	}
	if q.speakable() {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	q.ctx = ctx
	return q.perform(op), true
}

// A request is a message that Supplement looks into.
type request struct {
	d      *Directory
	ctx    context.Context
	m      message.Message
	bindDN string

	controls []control
	odd      bool // well formed, but not as gldap has it
	run      func(q *request, s session, op byte) ([]byte, error)
}

var errMalformed = result.New(result.ProtocolError, "malformed request")

// decode checks the message as RFC 4511 has it and sets run to what performs
// it.
func (q *request) decode() error {
	err := message.EachControl(q.m.Controls, func(c message.Control) bool {
		q.controls = append(q.controls, control{oid: string(c.OID), critical: c.Critical, value: c.Value, hasValue: c.Value != nil})
		return true
	})
	if err != nil {
		return result.Wrap(err, result.ProtocolError, "malformed controls")
	}
	if q.m.ID == 0 {
		return result.New(result.ProtocolError, "the message ID 0 is the server's")
	}
	switch q.m.Op {
	case message.BindRequest:
		return q.decodeBind()
	case message.SearchRequest:
		return q.decodeSearch()
	case message.AddRequest:
		return q.decodeAdd()
	case message.ModifyRequest:
		return q.decodeModify()
	case message.DelRequest:
		target := string(q.m.Body)
		q.run = plain(func(q *request, s session) error { return q.d.remove(q.ctx, s, target) })
		return nil
	case message.CompareRequest:
		return q.decodeCompare()
	case message.ModifyDNRequest:
		return q.decodeModifyDN()
	case message.ExtendedRequest:
		return q.decodeExtended()
	}
	return errMalformed
}

// speakable reports whether gldap can be given the request: it has a handler
// for it, and reads it as we do.
func (q *request) speakable() bool {
	switch q.m.Op {
	case message.BindRequest:
		return true
	case message.SearchRequest, message.AddRequest, message.ModifyRequest, message.DelRequest:
	default:
		return false
	}
	if q.bindDN == "" || q.odd || q.trailing() {
		return false
	}
	for _, c := range q.controls {
		if c.critical && c.oid != pagedOID && c.oid != manageDITOID && c.oid != proxiedOID || !harmless(c) {
			return false
		}
	}
	return true
}

// trailing reports whether the envelope holds more than RFC 4511 knows.
func (q *request) trailing() bool {
	in := &cursor{rest: q.m.Raw}
	envelope := in.inner(tagSequence)
	n := 0
	for ; !envelope.done(); n++ {
		envelope.next()
	}
	return n > 2 && q.m.Controls == nil || n > 3
}

// harmless reports whether gldap decodes a control without failing. It knows
// some controls, and does not expect them to be anything but right.
func harmless(c control) bool {
	switch c.oid {
	case pagedOID:
		_, _, err := parsePaged(c.value)
		return err == nil
	case passPolOID:
		return !c.hasValue
	case "2.16.840.1.113730.3.4.4", "2.16.840.1.113730.3.4.5": // draft-vchu; of responses
		return false
	}
	return c.oid != ""
}

// plain makes a run of an operation that answers with an LDAPResult alone.
func plain(op func(*request, session) error) func(*request, session, byte) ([]byte, error) {
	return func(q *request, s session, tag byte) ([]byte, error) {
		if err := op(q, s); err != nil {
			return nil, err
		}
		return message.AppendResult(nil, q.m.ID, tag, result.Success, "", ""), nil
	}
}

func (q *request) perform(op byte) []byte {
	known := []string{}
	if q.m.Op == message.SearchRequest {
		known = append(known, pagedOID)
	}
	s, err := q.d.authorize(q.d.sessionFor(q.bindDN), q.controls, known...)
	if err == nil {
		var out []byte
		if out, err = q.run(q, s, op); err == nil {
			return out
		}
	}
	return q.appendError(op, err)
}

func (q *request) appendError(op byte, err error) []byte {
	e := result.From(err)
	if e.Code == result.Other {
		q.d.log.Error("an operation of the embedded directory failed", "err", errors.Unwrap(e))
	}
	return message.AppendResult(nil, q.m.ID, op, e.Code, e.MatchedDN, e.Text)
}

// decodeBind refuses what is not a plain simple bind; the others are gldap's,
// for it has to know who the connection is.
func (q *request) decodeBind() error {
	b, err := message.ParseBind(q.m.Body)
	switch {
	case err != nil:
		return errMalformed
	case b.Version != 3:
		return result.New(result.ProtocolError, "only LDAP version 3 is spoken here")
	case b.Auth == message.AuthSASL:
		return result.New(result.AuthMethodNotSupported, "the embedded directory knows simple binds only")
	case b.Auth != message.AuthSimple:
		return result.New(result.AuthMethodNotSupported, "unknown authentication choice")
	case q.trailing():
		return errMalformed
	}
	for _, c := range q.controls {
		switch {
		case c.critical && c.oid != manageDITOID:
			return result.New(result.UnavailableCriticalExtension, "the critical control %s is not supported for a bind", c.oid)
		case c.oid == proxiedOID:
			return result.New(result.ProtocolError, "proxied authorization has no place on a bind")
		case !harmless(c):
			return result.New(result.ProtocolError, "the control %s is malformed", c.oid)
		}
	}
	return nil
}

func (q *request) decodeSearch() error {
	m, err := message.ParseSearch(q.m.Body)
	if err != nil {
		return errMalformed
	}
	f, err := readFilter(&cursor{rest: m.Filter}, 0)
	if err != nil {
		return err
	}
	names := &cursor{rest: m.Attributes}
	attributes := names.strings()
	if names.err != nil {
		return errMalformed
	}
	// gldap takes a ninth component for nothing, but stops short of the
	// controls if the attributes are not the eighth.
	q.odd = !f.speakable()
	q.run = func(q *request, s session, op byte) ([]byte, error) {
		req, err := q.d.searchRequest(string(m.Base), int64(m.Scope), int64(m.SizeLimit), int64(m.TimeLimit), m.TypesOnly, f, attributes)
		if err != nil {
			return nil, err
		}
		return q.search(s, req, op)
	}
	return nil
}

func (q *request) search(s session, req searchRequest, op byte) ([]byte, error) {
	for _, c := range q.controls {
		if c.oid != pagedOID {
			continue
		}
		size, cookie, err := parsePaged(c.value)
		if err != nil {
			return nil, err
		}
		if req.page, err = newPage(req.base, int64(size), cookie); err != nil {
			return nil, err
		}
	}
	var out []byte
	after, err := q.d.searchPage(q.ctx, s, req, func(e foundEntry) error {
		out = message.AppendSearchEntry(out, q.m.ID, e.DN, wireAttributes(e.Attributes))
		if len(out) > maxSupplement {
			return result.New(result.AdminLimitExceeded, "too large a result; use paged results")
		}
		return nil
	})
	if err != nil {
		return append(out, q.appendError(op, err)...), nil
	}
	if req.page == nil {
		return message.AppendResult(out, q.m.ID, op, result.Success, "", ""), nil
	}
	body := message.AppendInt(nil, tagEnumerated, 0)
	body = message.AppendElement(body, tagOctetString, "")
	body = message.AppendElement(body, tagOctetString, "")
	return message.AppendMessage(out, q.m.ID, op, body, appendPaged(nil, after)), nil
}

// maxSupplement bounds a search result that is made in one piece.
const maxSupplement = 64 << 20

func wireAttributes(in []policy.Attribute) []message.Attribute {
	out := make([]message.Attribute, len(in))
	for i, a := range in {
		out[i].Name = a.Name
		for _, v := range a.Values {
			out[i].Values = append(out[i].Values, []byte(v))
		}
	}
	return out
}

// decodeAdd reads an AddRequest (RFC 4511 4.7).
//
//	AddRequest ::= [APPLICATION 8] SEQUENCE {
//	     entry           LDAPDN,
//	     attributes      AttributeList }
func (q *request) decodeAdd() error {
	in := &cursor{rest: q.m.Body}
	e := policy.Entry{DN: in.string(tagOctetString)}
	list := in.inner(tagSequence)
	for !list.done() {
		one := list.inner(tagSequence)
		a := policy.Attribute{Name: one.string(tagOctetString)}
		values := one.inner(tagSet)
		a.Values = values.strings()
		if one.err != nil || values.err != nil {
			return errMalformed
		}
		q.odd = q.odd || len(one.rest) > 0
		e.Attributes = append(e.Attributes, a)
	}
	if in.err != nil || list.err != nil {
		return errMalformed
	}
	q.odd = q.odd || len(in.rest) > 0
	q.run = plain(func(q *request, s session) error { return q.d.add(q.ctx, s, e) })
	return nil
}

// decodeModify reads a ModifyRequest (RFC 4511 4.6).
//
//	ModifyRequest ::= [APPLICATION 6] SEQUENCE {
//	     object          LDAPDN,
//	     changes         SEQUENCE OF change SEQUENCE {
//	          operation       ENUMERATED { ... },
//	          modification    PartialAttribute } }
func (q *request) decodeModify() error {
	in := &cursor{rest: q.m.Body}
	target := in.string(tagOctetString)
	list := in.inner(tagSequence)
	var mods []modification
	for !list.done() {
		one := list.inner(tagSequence)
		m := modification{op: int64(one.integer(tagEnumerated))}
		part := one.inner(tagSequence)
		m.attribute = part.string(tagOctetString)
		values := part.inner(tagSet)
		m.values = values.strings()
		if one.err != nil || part.err != nil || values.err != nil {
			return errMalformed
		}
		q.odd = q.odd || len(one.rest)+len(part.rest) > 0
		mods = append(mods, m)
	}
	if in.err != nil || list.err != nil {
		return errMalformed
	}
	q.odd = q.odd || len(in.rest) > 0
	q.run = plain(func(q *request, s session) error { return q.d.modify(q.ctx, s, target, mods) })
	return nil
}

// decodeCompare reads a CompareRequest (RFC 4511 4.10).
//
//	CompareRequest ::= [APPLICATION 14] SEQUENCE {
//	     entry           LDAPDN,
//	     ava             AttributeValueAssertion }
func (q *request) decodeCompare() error {
	in := &cursor{rest: q.m.Body}
	target := in.string(tagOctetString)
	ava := in.inner(tagSequence)
	attribute, value := ava.string(tagOctetString), ava.string(tagOctetString)
	if in.err != nil || ava.err != nil {
		return errMalformed
	}
	q.run = func(q *request, s session, op byte) ([]byte, error) {
		same, err := q.d.compare(q.ctx, s, target, attribute, value)
		if err != nil {
			return nil, err
		}
		code := result.CompareFalse
		if same {
			code = result.CompareTrue
		}
		return message.AppendResult(nil, q.m.ID, op, code, "", ""), nil
	}
	return nil
}

// decodeModifyDN reads a ModifyDNRequest (RFC 4511 4.9).
//
//	ModifyDNRequest ::= [APPLICATION 12] SEQUENCE {
//	     entry           LDAPDN,
//	     newrdn          RelativeLDAPDN,
//	     deleteoldrdn    BOOLEAN,
//	     newSuperior     [0] LDAPDN OPTIONAL }
func (q *request) decodeModifyDN() error {
	in := &cursor{rest: q.m.Body}
	r := renaming{target: in.string(tagOctetString), newRDN: in.string(tagOctetString), deleteOldRDN: in.boolean(tagBoolean)}
	if in.peek() == 0x80 {
		r.superior, r.hasSuperior = in.string(0x80), true
	}
	if in.err != nil {
		return errMalformed
	}
	q.run = plain(func(q *request, s session) error { return q.d.rename(q.ctx, s, r) })
	return nil
}

func (q *request) decodeExtended() error {
	m, err := message.ParseExtended(q.m.Body)
	if err != nil {
		return errMalformed
	}
	switch string(m.Name) {
	case whoAmIOID:
		if m.Value != nil {
			return result.New(result.ProtocolError, "who am I has no value")
		}
		q.run = func(q *request, s session, _ byte) ([]byte, error) {
			id := []byte{}
			if !s.anonymous() {
				id = []byte("dn:" + s.dn)
			}
			return message.AppendExtendedResponse(nil, q.m.ID, message.ExtendedResult{Value: id}), nil
		}
	case passModOID:
		p, err := parsePasswordModify(m.Value)
		if err != nil {
			return err
		}
		q.run = func(q *request, s session, _ byte) ([]byte, error) {
			generated, err := q.d.modifyPassword(q.ctx, s, p)
			if err != nil {
				return nil, err
			}
			r := message.ExtendedResult{}
			if generated != nil {
				r.Value = message.AppendElement(nil, tagSequence, message.AppendElement(nil, 0x80, generated))
				clear(generated)
			}
			return message.AppendExtendedResponse(nil, q.m.ID, r), nil
		}
	case startTLSOID:
		return result.New(result.OperationsError, "TLS cannot be started here")
	default:
		return result.New(result.ProtocolError, "the extended operation %s is not supported", printable(string(m.Name)))
	}
	return nil
}

// printable keeps an OID from the network fit for a message.
func printable(s string) string {
	if len(s) > 128 || strings.Trim(s, "0123456789.") != "" {
		return "asked for"
	}
	return s
}
