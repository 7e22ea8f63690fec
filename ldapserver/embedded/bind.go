package embedded

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// bind performs a simple bind (RFC 4513 5.1). Whoever does not exist takes as
// long to refuse as who gave a wrong password.
func (d *Directory) bind(ctx context.Context, name string, password []byte) (session, error) {
	parsed, err := dn.Parse(name)
	switch {
	case err != nil:
		return session{}, result.Wrap(err, result.InvalidDNSyntax, "the bind name is no DN")
	case parsed.IsRoot() && len(password) == 0:
		return session{}, nil
	case len(password) == 0:
		return session{}, result.New(result.UnwillingToPerform, "a bind with a name needs a password")
	case parsed.IsRoot():
		return session{}, result.New(result.InvalidCredentials, "invalid credentials")
	}
	var stored []string
	k := keyOf(parsed)
	err = d.store.view(func(t *txn) error {
		e, _, err := t.get(k)
		stored = e.Values(passwordAttr)
		return err
	})
	if err != nil {
		return session{}, result.From(err)
	}
	ok, err := d.hasher.Verify(ctx, stored, password)
	if err != nil {
		return session{}, result.From(err)
	}
	if !ok {
		return session{}, result.New(result.InvalidCredentials, "invalid credentials")
	}
	return d.sessionFor(name), nil
}
