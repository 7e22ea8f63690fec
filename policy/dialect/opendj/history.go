package opendj

import (
	"context"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
)

var _ policy.Historian = (*Dialect)(nil)

// historyAttributes are where the servers keep earlier passwords.
var historyAttributes = []string{"pwdHistory", "ds-pwp-password-history"}

// History implements policy.Historian: the current passwords and, of the
// earlier ones, as many as the policy counts. Where it counts by time, those
// that are too old are among them until the server drops them.
func (*Dialect) History(ctx context.Context, dir policy.Directory, loc policy.Located, p *policy.Policy) ([]string, error) {
	e, err := policy.Read(ctx, dir, policy.Query{Base: loc.Subject.DN, Attributes: append([]string{"userPassword"}, historyAttributes...)})
	if result.Is(err, result.NoSuchObject) || result.Is(err, result.InsufficientAccessRights) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var values []string
	for _, a := range historyAttributes {
		values = append(values, e.Values(a)...)
	}
	earlier := pwhash.History(values)
	return slices.Concat(e.Values("userPassword"), earlier[:min(len(earlier), p.History-1)]), nil
}
