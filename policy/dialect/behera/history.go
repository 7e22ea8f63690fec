package behera

import (
	"context"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
)

var _ policy.Historian = (*Dialect)(nil)

// History implements policy.Historian: the current password, and those of
// pwdHistory (draft-behera 5.3.8).
func (*Dialect) History(ctx context.Context, dir policy.Directory, loc policy.Located, _ *policy.Policy) ([]string, error) {
	e, err := policy.Read(ctx, dir, policy.Query{Base: loc.Subject.DN, Attributes: []string{"userPassword", "pwdHistory"}})
	if result.Is(err, result.NoSuchObject) || result.Is(err, result.InsufficientAccessRights) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return slices.Concat(e.Values("userPassword"), pwhash.History(e.Values("pwdHistory"))), nil
}
