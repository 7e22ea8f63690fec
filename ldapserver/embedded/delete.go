package embedded

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// remove performs a DelRequest (RFC 4511 4.8): leaves only.
func (d *Directory) remove(ctx context.Context, s session, target string) error {
	if err := s.mayWrite(); err != nil {
		return err
	}
	name, err := dn.Parse(target)
	if err != nil {
		return result.Wrap(err, result.InvalidDNSyntax, "malformed DN")
	}
	k := keyOf(name)
	switch k {
	case "", subschemaKey, configKey:
		return result.New(result.UnwillingToPerform, "this entry cannot be deleted")
	case d.adminKey:
		return result.New(result.UnwillingToPerform, "the administrator cannot be deleted")
	}
	return d.write(ctx, s, func(c *change) error {
		e, ok, err := c.get(k)
		switch {
		case err != nil:
			return err
		case !ok:
			return &result.Error{Code: result.NoSuchObject, MatchedDN: c.matched(k), Text: "there is no such entry"}
		case c.hasChildren(k):
			return result.New(result.NotAllowedOnNonLeaf, "the entry has subordinates")
		}
		return c.remove(k, e)
	})
}
