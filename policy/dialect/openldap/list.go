package openldap

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

var _ policy.Lister = (*Dialect)(nil)

// Policies implements policy.Lister: the entries of object class pwdPolicy in
// every database, but for logs of changes.
func (d *Dialect) Policies(ctx context.Context, dir policy.Directory) ([]string, error) {
	server, err := d.server(ctx, dir)
	if err != nil || server.level == noPPolicy {
		return nil, err
	}
	var bases []string
	for _, c := range server.contexts {
		isLog, err := isChangeLog(ctx, dir, c.String())
		if err != nil {
			return nil, err
		}
		if !isLog {
			bases = append(bases, c.String())
		}
	}
	found, err := policy.SearchBelow(ctx, dir, bases, policy.Query{Filter: "(objectClass=pwdPolicy)", Attributes: []string{"1.1"}, Shared: true})
	return policy.NamesOf(found), err
}

// isChangeLog reports whether a naming context is a log of changes (the
// accesslog overlay): large, and without policies.
func isChangeLog(ctx context.Context, dir policy.Directory, base string) (bool, error) {
	found, err := dir.Search(ctx, policy.Query{Base: base, Attributes: []string{"objectClass"}, Shared: true, Unwatched: true})
	if err != nil && !hidden(err) {
		return false, err
	}
	return len(found) == 1 && found[0].IsA("auditContainer"), nil
}
