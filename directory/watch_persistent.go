package directory

import (
	"context"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

// persistentSearchOID is the request control of
// draft-ietf-ldapext-psearch-03.
const persistentSearchOID = "2.16.840.1.113730.3.4.3"

// persistentSearchValue asks for changes of every kind, without the entries
// as they are now and without a control on each.
//
//	PersistentSearch ::= SEQUENCE {
//	     changeTypes INTEGER,  -- add 1, delete 2, modify 4, modDN 8
//	     changesOnly BOOLEAN,
//	     returnECs   BOOLEAN }
var persistentSearchValue = []byte{0x30, 0x09, 0x02, 0x01, 0x0f, 0x01, 0x01, 0xff, 0x01, 0x01, 0x00}

// persistentSearch watches by a search that does not end. The server says
// nothing until something changes, nor when it begins to look.
func (s *session) persistentSearch(ctx context.Context, conn *ldap.Conn, w policy.Watch) error {
	q := policy.Query{Base: w.Base, Scope: w.Scope, Filter: w.Filter, Attributes: []string{"1.1"}}
	q.Controls = []policy.Control{{OID: persistentSearchOID, Critical: true, Value: persistentSearchValue}}
	r := conn.SearchAsync(ctx, searchRequest(q), 0)
	ended, err := s.follow(ctx, r, settleTime, func() bool {
		s.changed()
		return false // 389 Directory Server sends cn=config once before it begins
	})
	if err == nil {
		s.endWith(ended)
	}
	return err
}
