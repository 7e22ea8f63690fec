package openldap

import (
	"context"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
)

var _ policy.Historian = (*Dialect)(nil)

// History implements policy.Historian. With pwdInHistory above zero, slapd
// compares with the current password and with as many values of pwdHistory;
// those of a longer history stay until the next change, but count no more.
// Neither attribute is shown without the right to read it.
func (*Dialect) History(ctx context.Context, dir policy.Directory, loc policy.Located, p *policy.Policy) ([]string, error) {
	found, err := dir.Search(ctx, policy.Query{Base: loc.Subject.DN, Attributes: []string{"userPassword", "pwdHistory"}})
	if hidden(err) || err == nil && len(found) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	earlier := pwhash.History(found[0].Values("pwdHistory"))
	return slices.Concat(found[0].Values("userPassword"), earlier[:min(len(earlier), p.History-1)]), nil
}
