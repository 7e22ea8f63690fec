package activedirectory

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

var _ policy.Watcher = (*Dialect)(nil)

// Watches implements policy.Watcher: the domain's settings and the settings
// objects. Which of these is in force is read with each user. They are
// compared, which every server allows; the change notification control
// (1.2.840.113556.1.4.528) is not used.
func (*Dialect) Watches(ctx context.Context, dir policy.Directory) ([]policy.Watch, error) {
	domain, err := domainDN(ctx, dir)
	if err != nil {
		return nil, err
	}
	d, s := domainAttributes, settingsAttributes
	return []policy.Watch{
		{Attributes: []string{"defaultNamingContext"}},
		{Base: domain, Attributes: []string{"objectClass", d.length, d.complexity, d.history, d.maxAge}, Poll: true},
		{
			Base: settingsContainer + domain, Scope: policy.SingleLevel,
			Attributes: []string{"objectClass", "uSNChanged", s.length, s.complexity, s.history, s.maxAge}, Poll: true,
		},
	}, nil
}
