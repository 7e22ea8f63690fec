package opendj

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

var _ policy.Lister = (*Dialect)(nil)

// Policies implements policy.Lister: the policies of cn=config and the
// subentries that are policies. Authentication policies of other kinds are
// none.
func (*Dialect) Policies(ctx context.Context, dir policy.Directory) ([]string, error) {
	configured, err := dir.Search(ctx, policy.Query{
		Base: configDN, Scope: policy.WholeSubtree, Filter: "(objectClass=" + policyClass + ")", Attributes: []string{"1.1"}, Shared: true,
	})
	switch {
	case result.Is(err, result.NoSuchObject), result.Is(err, result.InsufficientAccessRights):
		return nil, result.Wrap(err, result.InsufficientAccessRights, "the service account may not search %q: it needs %s", configDN, configReadRights)
	case err != nil:
		return nil, unreadable(err, configDN, configReadRights)
	}
	root, err := policy.Read(ctx, dir, policy.Query{Attributes: []string{"namingContexts"}, Shared: true})
	if err != nil {
		return nil, unreadable(err, "", "access rights to read the root DSE")
	}
	placed, err := policy.SearchBelow(ctx, dir, root.Values("namingContexts"), policy.Query{
		Filter:     "(&(|(objectClass=subentry)(objectClass=ldapSubentry))(|(objectClass=" + subentryPolicy + ")(objectClass=" + embeddedPolicy + ")))",
		Attributes: []string{"1.1"},
		Controls:   []policy.Control{subentriesControl()},
		Shared:     true,
	})
	return append(policy.NamesOf(configured), policy.NamesOf(placed)...), err
}
