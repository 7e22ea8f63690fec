package ds389

import (
	"context"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
)

var _ policy.Historian = (*Dialect)(nil)

// History implements policy.Historian: the current password, and all that
// passwordHistory holds. That attribute is operational, and sent only if it
// is asked for by name.
func (*Dialect) History(ctx context.Context, dir policy.Directory, loc policy.Located, _ *policy.Policy) ([]string, error) {
	current, earlier, err := StoredPasswords(ctx, dir, loc.Subject.DN)
	return slices.Concat(current, earlier), err
}

// StoredPasswords returns the current and the earlier passwords of an entry,
// as far as the service account may read them, the newest first.
func StoredPasswords(ctx context.Context, dir policy.Directory, name string) (current, earlier []string, err error) {
	e, err := policy.Read(ctx, dir, policy.Query{Base: name, Attributes: []string{"userPassword", "passwordHistory"}})
	if result.Is(err, result.NoSuchObject) || result.Is(err, result.InsufficientAccessRights) {
		return nil, nil, nil
	}
	return e.Values("userPassword"), pwhash.History(e.Values("passwordHistory")), err
}
