package embedded

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// The cookie of a page is the key of the last entry that was sent. It lives as
// long as the client likes and costs the server nothing; a forged one is a
// place to start from below the base, no more.

// newPage checks the values of a paged results control (RFC 2696).
func newPage(base dn.DN, size int64, cookie []byte) (*page, error) {
	p := &page{size: int(size), after: treeKey(cookie)}
	if size < 0 {
		return nil, result.New(result.ProtocolError, "a page has a negative size")
	}
	if len(cookie) > 0 && !p.after.under(keyOf(base)) {
		return nil, result.New(result.UnwillingToPerform, "the cookie is not one of this search")
	}
	return p, nil
}

// searchPage is search, but for a page of size 0, with which a client gives up
// the rest.
func (d *Directory) searchPage(ctx context.Context, s session, req searchRequest, emit func(foundEntry) error) (treeKey, error) {
	if req.page != nil && req.page.size == 0 {
		return "", nil
	}
	return d.search(ctx, s, req, emit)
}

// parsePaged reads the value of the control.
//
//	realSearchControlValue ::= SEQUENCE {
//	     size            INTEGER (0..maxInt),
//	     cookie          OCTET STRING }
func parsePaged(value []byte) (size int32, cookie []byte, err error) {
	outer := &cursor{rest: value}
	in := outer.inner(tagSequence)
	size = in.integer(tagInteger)
	cookie = in.expect(tagOctetString)
	if outer.err != nil || in.err != nil || len(outer.rest) > 0 || len(in.rest) > 0 {
		return 0, nil, result.New(result.ProtocolError, "malformed paged results control")
	}
	return size, cookie, nil
}

// appendPaged appends the response control.
func appendPaged(dst []byte, cookie treeKey) []byte {
	value := message.AppendInt(nil, tagInteger, 0)
	value = message.AppendElement(value, tagOctetString, cookie)
	return message.AppendControl(dst, pagedOID, false, message.AppendElement(nil, tagSequence, value))
}
