package freeipa

import (
	"context"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
)

var _ policy.Watcher = (*Dialect)(nil)

// Watches implements policy.Watcher: what ds389 has watched and, in the same
// contexts, the Kerberos realm, its policies and the templates that give them
// to groups.
func (*Dialect) Watches(ctx context.Context, dir policy.Directory) ([]policy.Watch, error) {
	return ds389.Watches(ctx, dir,
		[]string{"krbPwdPolicy", "krbRealmContainer", "cosTemplate"},
		slices.Concat(policyAttributes, []string{"cn", "cosPriority", reference}))
}
