package opendj

import (
	"context"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

var _ policy.Watcher = (*Dialect)(nil)

// Watches implements policy.Watcher: what cn=config says about passwords. It
// is compared: not every server of the family sends notice of changes there.
// Subentries are left out.
func (*Dialect) Watches(context.Context, policy.Directory) ([]policy.Watch, error) {
	classes := []string{policyClass, authPolicyClass, validatorClass, generatorClass}
	return []policy.Watch{{
		Base: configDN, Scope: policy.WholeSubtree,
		Filter: "(|(" + defaultPolicy + "=*)(objectClass=" + strings.Join(classes, ")(objectClass=") + "))",
		Poll:   true,
	}}, nil
}
