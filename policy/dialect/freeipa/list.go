package freeipa

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

var _ policy.Lister = (*Dialect)(nil)

// Policies implements policy.Lister: the Kerberos policies of users, services
// and hosts, and the policies of the directory server below, which govern
// entries that are no principals.
func (d *Dialect) Policies(ctx context.Context, dir policy.Directory) ([]string, error) {
	base, _, err := realmOf(ctx, dir)
	if err != nil {
		return nil, err
	}
	found, err := policy.SearchBelow(ctx, dir, []string{base}, policy.Query{
		Filter: "(objectClass=krbPwdPolicy)", Attributes: []string{"1.1"}, Shared: true,
	})
	if err != nil {
		return nil, err
	}
	names := policy.NamesOf(found)
	below, err := d.ds.Policies(ctx, dir)
	if result.Is(err, result.InsufficientAccessRights) {
		// The privilege to read password policies does not reach there. That
		// is said of the policy.
		return append(names, "cn=config"), nil
	}
	return append(names, below...), err
}
