package activedirectory

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

var _ policy.Lister = (*Dialect)(nil)

// Policies implements policy.Lister: the domain and its password settings
// objects.
func (*Dialect) Policies(ctx context.Context, dir policy.Directory) ([]string, error) {
	domain, err := domainDN(ctx, dir)
	if err != nil {
		return nil, err
	}
	names := []string{domain}
	found, err := dir.Search(ctx, policy.Query{
		Base: settingsContainer + domain, Scope: policy.SingleLevel, Attributes: []string{"objectClass"}, Shared: true,
	})
	if result.Is(err, result.NoSuchObject) {
		// The container came with Windows Server 2008.
		return names, nil
	}
	for _, e := range found {
		// One that shows nothing of itself is listed: its error tells the
		// right to grant.
		if e.IsA("msDS-PasswordSettings") || len(e.Values("objectClass")) == 0 {
			names = append(names, e.DN)
		}
	}
	return names, err
}
