package restbridge

import (
	"github.com/ldapsuggest/ldapsuggest/extop"
)

// A selection reads the fields passwordPolicyDN and targetEntryDN, of which
// at most one may be given.
type selection struct{ policyDN, target *string }

func (s *selection) of() (extop.SelectionType, string, error) {
	switch {
	case s.policyDN != nil && s.target != nil:
		return 0, "", badRequest("passwordPolicyDN and targetEntryDN exclude each other")
	case s.policyDN != nil:
		return extop.SelectPolicyDN, *s.policyDN, nil
	case s.target != nil:
		return extop.SelectTargetEntry, *s.target, nil
	}
	return extop.SelectDefaultPolicy, "", nil
}
