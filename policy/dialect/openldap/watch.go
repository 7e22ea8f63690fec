package openldap

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

var _ policy.Watcher = (*Dialect)(nil)

// Watches implements policy.Watcher: the policies of every naming context,
// which the syncprov overlay tells of; cn=config, the root DSE and whether the
// schema knows policies, of which nobody does. A change of the server's
// version breaks the connection. An attribute type that is added while the
// server runs is not among them.
func (d *Dialect) Watches(ctx context.Context, dir policy.Directory) ([]policy.Watch, error) {
	root, err := policy.Read(ctx, dir, policy.Query{Attributes: rootDSEAttributes})
	if err != nil {
		return nil, err
	}
	watches := []policy.Watch{{Attributes: rootDSEAttributes}}
	if configDN, ok := root.Value("configContext"); ok {
		watches = append(watches, policy.Watch{
			Base: configDN, Scope: policy.WholeSubtree, Filter: configFilter, Attributes: configAttributes, Poll: true,
		})
	}
	subschema, ok := root.Value("subschemaSubentry")
	if !ok {
		subschema = "cn=Subschema"
	}
	watches = append(watches, policy.Watch{Base: subschema, Filter: "(objectClasses=pwdPolicy)", Attributes: []string{"1.1"}, Poll: true})
	for _, c := range root.Values("namingContexts") {
		base, err := dir.Search(ctx, policy.Query{Base: c, Attributes: []string{"objectClass"}})
		if err != nil && !hidden(err) {
			return nil, err
		}
		// Nothing is seen there, or it is a log of changes: large, and
		// without policies.
		if len(base) == 0 || base[0].IsA("auditContainer") {
			continue
		}
		watches = append(watches, policy.Watch{
			Base: c, Scope: policy.WholeSubtree, Filter: "(objectClass=pwdPolicy)",
			Attributes: append([]string{"entryCSN"}, policyAttributes...),
		})
	}
	return watches, nil
}
