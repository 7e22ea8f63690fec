package freeipa

import (
	"context"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
)

var _ policy.Historian = (*Dialect)(nil)

// History implements policy.Historian. For principals, FreeIPA compares with
// passwordHistory alone: the current password is among its values. For
// others, the directory server below compares.
func (d *Dialect) History(ctx context.Context, dir policy.Directory, loc policy.Located, p *policy.Policy) ([]string, error) {
	if strings.HasPrefix(loc.Ref, directoryRef) {
		return d.ds.History(ctx, dir, loc, p)
	}
	_, earlier, err := ds389.StoredPasswords(ctx, dir, loc.Subject.DN)
	return earlier, err
}
