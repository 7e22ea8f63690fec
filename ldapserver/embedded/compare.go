package embedded

import (
	"context"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/ldif"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// compare performs a CompareRequest (RFC 4511 4.10). userPassword is compared
// by verifying, which is why it is answered to the administrator alone: to
// anyone else it would be a way to guess that no bind policy sees.
func (d *Directory) compare(ctx context.Context, s session, target, attribute, value string) (bool, error) {
	name, err := dn.Parse(target)
	if err != nil {
		return false, result.Wrap(err, result.InvalidDNSyntax, "malformed DN")
	}
	if !ldif.ValidDescription(attribute) {
		return false, result.New(result.UndefinedAttributeType, "an attribute description is malformed")
	}
	k := keyOf(name)
	e, err := d.readable(s, k)
	if err != nil {
		return false, err
	}
	t := d.schema.Type(attribute)
	if s.hides(t) {
		return false, result.New(result.InsufficientAccessRights, "%s may not be compared", t.Name)
	}
	var values []string
	found := false
	for _, a := range e.Attributes {
		if d.schema.Describes(attribute, a.Name) {
			found = true
			values = append(values, a.Values...)
		}
	}
	if !found {
		return false, result.New(result.NoSuchAttribute, "the entry has no %s", attribute)
	}
	if strings.EqualFold(t.Name, passwordAttr) {
		ok, err := d.hasher.Verify(ctx, values, []byte(value))
		if err != nil {
			return false, result.From(err)
		}
		return ok, nil
	}
	want, ok := t.Equality.Normalize(value)
	if !ok && t.Known() {
		return false, result.New(result.InvalidAttributeSyntax, "the value has the wrong syntax for %s", t.Name)
	}
	for _, v := range values {
		if got, _ := t.Equality.Normalize(v); got == want {
			return true, nil
		}
	}
	return false, nil
}

// readable returns the entry at k with its virtual attributes, if s may read
// it.
func (d *Directory) readable(s session, k treeKey) (policy.Entry, error) {
	switch k {
	case "":
		return d.rootDSE(), nil
	case subschemaKey:
		return d.subschema(), nil
	}
	if s.anonymous() {
		return policy.Entry{}, result.New(result.InsufficientAccessRights, "authentication is required")
	}
	var e policy.Entry
	err := d.store.view(func(t *txn) error {
		var ok bool
		var err error
		e, ok, err = t.get(k)
		switch {
		case err != nil:
			return err
		case !ok:
			return &result.Error{Code: result.NoSuchObject, MatchedDN: t.matched(k), Text: "there is no such entry"}
		case !s.mayRead(k):
			return result.New(result.InsufficientAccessRights, "the entry may not be read")
		}
		e = d.withVirtual(t, k, e)
		return nil
	})
	return e, err
}
