package embedded

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/ldif"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/schema"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// add performs an AddRequest (RFC 4511 4.7). Attributes that the schema does
// not know are welcome.
func (d *Directory) add(ctx context.Context, s session, e policy.Entry) error {
	if err := s.mayWrite(); err != nil {
		return err
	}
	name, err := dn.Parse(e.DN)
	switch {
	case err != nil:
		return result.Wrap(err, result.InvalidDNSyntax, "malformed DN")
	case name.IsRoot():
		return result.New(result.EntryAlreadyExists, "the root DSE is there already")
	}
	e, err = d.normalizeEntry(e, name)
	if err != nil {
		return err
	}
	for _, a := range e.Attributes {
		if t := d.schema.Type(a.Name); t.NoUserMod {
			return result.New(result.ConstraintViolation, "%s is maintained by the server", t.Name)
		}
	}
	k := keyOf(name)
	return d.write(ctx, s, func(c *change) error {
		switch {
		case c.exists(k) || k == subschemaKey:
			return result.New(result.EntryAlreadyExists, "the entry is there already")
		case k.parent() == "":
			return result.New(result.NoSuchObject, "no naming context holds this name")
		case !c.exists(k.parent()):
			return &result.Error{Code: result.NoSuchObject, MatchedDN: c.matched(k), Text: "the superior entry is not there"}
		}
		e := clone(e)
		var pc passwordChange
		if err := pc.add(e.Values(passwordAttr)); err != nil {
			return err
		}
		c.d.create(c, &e)
		if err := c.put(k, policy.Entry{}, e); err != nil {
			return err
		}
		if err := c.setPasswords(k, &e, pc); err != nil {
			return err
		}
		return c.txn.put(k, e)
	})
}

// normalizeEntry checks what makes an entry an entry and adds the values of
// its RDN that it lacks.
func (d *Directory) normalizeEntry(e policy.Entry, name dn.DN) (policy.Entry, error) {
	e = clone(e)
	for i, a := range e.Attributes {
		if !ldif.ValidDescription(a.Name) {
			return e, result.New(result.UndefinedAttributeType, "an attribute description is malformed")
		}
		for _, b := range e.Attributes[:i] {
			if d.schema.Same(a.Name, b.Name) {
				return e, result.New(result.AttributeOrValueExists, "%s is given twice", a.Name)
			}
		}
		if err := d.checkValues(a); err != nil {
			return e, err
		}
	}
	if len(e.Values("objectClass")) == 0 {
		return e, result.New(result.ObjectClassViolation, "the entry has no objectClass")
	}
	for _, ava := range name.RDNs[0] {
		if ava.Hex {
			continue
		}
		if err := d.ensureValue(&e, ava); err != nil {
			return e, err
		}
	}
	return e, nil
}

func (d *Directory) ensureValue(e *policy.Entry, ava dn.AVA) error {
	for i, a := range e.Attributes {
		if !d.schema.Same(a.Name, ava.Type) {
			continue
		}
		t := d.schema.Type(a.Name)
		for _, v := range a.Values {
			if sameNaming(t, v, ava.Value) {
				return nil
			}
		}
		if t.SingleValue {
			return result.New(result.NamingViolation, "%s has another value than the name of the entry", a.Name)
		}
		e.Attributes[i].Values = append(e.Attributes[i].Values, ava.Value)
		return nil
	}
	e.Attributes = append(e.Attributes, policy.Attribute{Name: ava.Type, Values: []string{ava.Value}})
	return nil
}

// sameNaming compares as names do, without regard to case, besides the
// attribute's own rule.
func sameNaming(t *schema.Type, a, b string) bool {
	return t.Equality.Equal(a, b) || schema.CaseIgnore.Equal(a, b)
}

// checkValues checks what the schema says about one attribute.
func (d *Directory) checkValues(a policy.Attribute) error {
	t := d.schema.Type(a.Name)
	if len(a.Values) == 0 {
		return result.New(result.ProtocolError, "%s has no value", a.Name)
	}
	if t.SingleValue && len(a.Values) > 1 {
		return result.New(result.ConstraintViolation, "%s has a single value", a.Name)
	}
	forms := make([]string, len(a.Values))
	for i, v := range a.Values {
		form, ok := t.Equality.Normalize(v)
		if !ok && t.Known() {
			return result.New(result.InvalidAttributeSyntax, "a value of %s has the wrong syntax", a.Name)
		}
		forms[i] = form
	}
	slices.Sort(forms)
	if len(slices.Compact(forms)) < len(a.Values) {
		return result.New(result.AttributeOrValueExists, "%s has a value twice", a.Name)
	}
	return nil
}

// create sets the operational attributes of a new entry, as far as it does
// not bring them along.
func (d *Directory) create(c *change, e *policy.Entry) {
	lacking := func(name string, value func() string) {
		if len(e.Values(name)) == 0 {
			if v := value(); v != "" {
				set(e, name, v)
			}
		}
	}
	now := generalizedTime(c.now)
	lacking("structuralObjectClass", func() string { return d.schema.Structural(e.Values("objectClass")) })
	lacking("entryUUID", newUUID)
	lacking("creatorsName", c.modifier)
	lacking("createTimestamp", func() string { return now })
	lacking("modifiersName", c.modifier)
	lacking("modifyTimestamp", func() string { return now })
	lacking("entryCSN", func() string { return d.nextCSN(c.now) })
}

// newUUID returns a random UUID (RFC 9562 5.4).
func newUUID() string {
	var u [16]byte
	rand.Read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
