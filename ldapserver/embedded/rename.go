package embedded

import (
	"context"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A renaming is a ModifyDNRequest (RFC 4511 4.9).
type renaming struct {
	target       string
	newRDN       string
	deleteOldRDN bool
	superior     string
	hasSuperior  bool
}

// rename moves an entry with all below it, in one transaction.
func (d *Directory) rename(ctx context.Context, s session, r renaming) error {
	if err := s.mayWrite(); err != nil {
		return err
	}
	old, err1 := dn.Parse(r.target)
	rdn, err2 := dn.Parse(r.newRDN)
	superior, err3 := dn.Parse(r.superior)
	if err1 != nil || err2 != nil || err3 != nil || len(rdn.RDNs) != 1 {
		return result.New(result.InvalidDNSyntax, "malformed DN")
	}
	oldKey := keyOf(old)
	if !r.hasSuperior {
		superior = old.Parent()
	}
	renamed := dn.DN{RDNs: append([]dn.RDN{rdn.RDNs[0]}, superior.RDNs...)}
	newKey := keyOf(renamed)
	switch {
	case oldKey == "" || oldKey == subschemaKey || oldKey.parent() == "":
		return result.New(result.UnwillingToPerform, "this entry cannot be renamed")
	case d.adminKey.under(oldKey):
		return result.New(result.UnwillingToPerform, "the administrator cannot be moved")
	case newKey != oldKey && newKey.under(oldKey):
		return result.New(result.UnwillingToPerform, "an entry cannot be moved below itself")
	}
	return d.write(ctx, s, func(c *change) error {
		before, ok, err := c.get(oldKey)
		switch {
		case err != nil:
			return err
		case !ok:
			return &result.Error{Code: result.NoSuchObject, MatchedDN: c.matched(oldKey), Text: "there is no such entry"}
		case newKey != oldKey && c.exists(newKey):
			return result.New(result.EntryAlreadyExists, "there is an entry of the new name")
		case !c.exists(newKey.parent()):
			return &result.Error{Code: result.NoSuchObject, MatchedDN: c.matched(newKey), Text: "the new superior is not there"}
		case oldKey.under(configKey) != newKey.under(configKey):
			return result.New(result.AffectsMultipleDSAs, "an entry cannot be moved into or out of cn=config")
		}
		parent, _, err := c.get(newKey.parent())
		if err != nil {
			return err
		}
		after := clone(before)
		after.DN = rdn.RDNs[0].String() + "," + parent.DN
		if r.deleteOldRDN {
			d.dropValues(&after, old.RDNs[0], rdn.RDNs[0])
		}
		for _, ava := range rdn.RDNs[0] {
			if ava.Hex {
				continue
			}
			if err := d.ensureValue(&after, ava); err != nil {
				return err
			}
		}
		if err := d.checkModified(after, renamed); err != nil {
			return err
		}
		c.stamp(&after)
		c.retarget = true
		return c.move(oldKey, newKey, before, after)
	})
}

// dropValues removes the values of the old RDN that are not in the new one.
func (d *Directory) dropValues(e *policy.Entry, old, keep dn.RDN) {
	for _, ava := range old {
		t := d.schema.Type(ava.Type)
		if slices.ContainsFunc(keep, func(k dn.AVA) bool { return d.schema.Same(k.Type, ava.Type) && sameNaming(t, k.Value, ava.Value) }) {
			continue
		}
		for i := range e.Attributes {
			a := &e.Attributes[i]
			if d.schema.Same(a.Name, ava.Type) {
				a.Values = slices.DeleteFunc(a.Values, func(v string) bool { return sameNaming(t, v, ava.Value) })
			}
		}
	}
	e.Attributes = slices.DeleteFunc(e.Attributes, func(a policy.Attribute) bool { return len(a.Values) == 0 })
}

// move puts an entry and its subtree at a new place.
func (c *change) move(from, to treeKey, before, after policy.Entry) error {
	type item struct {
		k treeKey
		e policy.Entry
	}
	var below []item
	err := c.walk(from, wholeSubtree, "", func(k treeKey, e policy.Entry) (bool, error) {
		if k != from {
			below = append(below, item{k, e})
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if err := c.remove(from, before); err != nil {
		return err
	}
	if err := c.put(to, policy.Entry{}, after); err != nil {
		return err
	}
	for _, b := range below {
		name, err := dn.Parse(b.e.DN)
		if err != nil {
			return err
		}
		depth := strings.Count(string(b.k[len(from):]), sep)
		moved := b.e
		moved.DN = dn.DN{RDNs: name.RDNs[:depth]}.String() + "," + after.DN
		if err := c.remove(b.k, b.e); err != nil {
			return err
		}
		if err := c.put(to+b.k[len(from):], policy.Entry{}, moved); err != nil {
			return err
		}
	}
	return nil
}
