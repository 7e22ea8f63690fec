package openldap

import (
	"context"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
)

var _ policy.Historian = (*Dialect)(nil)

// History implements policy.Historian. With pwdInHistory above zero, slapd
// compares with the current password and with all values of pwdHistory, even
// those that a shorter history will drop. Neither attribute is shown without
// the right to read it.
func (*Dialect) History(ctx context.Context, dir policy.Directory, loc policy.Located, _ *policy.Policy) ([]string, error) {
	found, err := dir.Search(ctx, policy.Query{Base: loc.Subject.DN, Attributes: []string{"userPassword", "pwdHistory"}})
	if hidden(err) || err == nil && len(found) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return slices.Concat(found[0].Values("userPassword"), pwhash.History(found[0].Values("pwdHistory"))), nil
}
