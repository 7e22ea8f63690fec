package behera

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

var _ policy.Lister = (*Dialect)(nil)

// subentriesControl makes subentries visible, and only them (RFC 3672
// section 3). It is not critical: a server that does not know it may keep
// policies as ordinary entries.
func subentriesControl() policy.Control {
	return policy.Control{OID: "1.3.6.1.4.1.4203.1.10.1", Value: []byte{0x01, 0x01, 0xFF}}
}

// Policies implements policy.Lister: the policies for userPassword, subentries
// or not, in every naming context.
func (*Dialect) Policies(ctx context.Context, dir policy.Directory) ([]string, error) {
	root, err := policy.Read(ctx, dir, policy.Query{Attributes: []string{"namingContexts"}, Shared: true})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, controls := range [][]policy.Control{nil, {subentriesControl()}} {
		found, err := policy.SearchBelow(ctx, dir, root.Values("namingContexts"), policy.Query{
			Filter: "(objectClass=pwdPolicy)", Attributes: []string{"pwdAttribute"}, Controls: controls, Shared: true,
		})
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			// What may not be read is listed: its error then tells the right
			// to grant.
			if len(e.Values("pwdAttribute")) == 0 || forUserPassword(e) {
				names = append(names, e.DN)
			}
		}
	}
	return names, nil
}
