package ds389

import (
	"context"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

var _ policy.Lister = (*Dialect)(nil)

// Policies implements policy.Lister: the global policy and the local ones of
// every naming context, which are in force only where nsslapd-pwpolicy-local
// is on.
func (*Dialect) Policies(ctx context.Context, dir policy.Directory) ([]string, error) {
	if _, err := readGlobal(ctx, dir); err != nil {
		return nil, err
	}
	root, err := policy.Read(ctx, dir, policy.Query{Attributes: []string{"namingContexts"}, Shared: true})
	if err != nil {
		return nil, err
	}
	bases := slices.DeleteFunc(slices.Clone(root.Values("namingContexts")), func(c string) bool { return dn.Key(c) == changelogDN })
	found, err := policy.SearchBelow(ctx, dir, bases, policy.Query{
		// Without the first term, the server leaves out subentries.
		Filter:     "(|(&(objectClass=ldapsubentry)(objectClass=passwordpolicy))(objectClass=passwordpolicy))",
		Attributes: []string{"1.1"},
		Shared:     true,
	})
	return append(policy.NamesOf(found), configDN), err
}
