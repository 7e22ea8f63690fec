package ds389

import (
	"context"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

var _ policy.Watcher = (*Dialect)(nil)

// Watches implements policy.Watcher: the global policy, the local ones of
// every naming context, and the server's version. The pointers that Class of
// Service computes are read with each user, so its definitions and templates
// need not be watched.
func (*Dialect) Watches(ctx context.Context, dir policy.Directory) ([]policy.Watch, error) {
	return Watches(ctx, dir, nil, nil)
}

// Watches is Dialect.Watches for a dialect that keeps further policies in the
// naming contexts, in entries of the given object classes and with the given
// attributes.
func Watches(ctx context.Context, dir policy.Directory, classes, attributes []string) ([]policy.Watch, error) {
	rootAttributes := []string{"vendorVersion", "namingContexts", "defaultNamingContext"}
	root, err := policy.Read(ctx, dir, policy.Query{Attributes: rootAttributes})
	if err != nil {
		return nil, err
	}
	watches := []policy.Watch{
		{Attributes: rootAttributes},
		{Base: configDN, Attributes: policyAttributes},
	}
	// Without the first term, the server leaves out subentries.
	classes = append([]string{"ldapsubentry", "passwordpolicy"}, classes...)
	filter := "(|(objectClass=" + strings.Join(classes, ")(objectClass=") + "))"
	for _, c := range root.Values("namingContexts") {
		if dn.Key(c) == changelogDN {
			continue // large, and without policies
		}
		watches = append(watches, policy.Watch{
			Base: c, Scope: policy.WholeSubtree, Filter: filter, Attributes: slices.Concat(policyAttributes, attributes),
		})
	}
	return watches, nil
}

// changelogDN is where the retro changelog plugin keeps its entries.
const changelogDN = "cn=changelog"
