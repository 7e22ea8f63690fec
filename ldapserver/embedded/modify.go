package embedded

import (
	"context"
	"math/big"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/ldif"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// The kinds of modification (RFC 4511 4.6, RFC 4525).
const (
	modAdd       = 0
	modDelete    = 1
	modReplace   = 2
	modIncrement = 3
)

// A modification is one change of a ModifyRequest.
type modification struct {
	op        int64
	attribute string
	values    []string
}

// modify performs a ModifyRequest: all modifications or none. Passwords are
// compared by verification, so that the owner of one can replace it by
// deleting the old and adding the new.
func (d *Directory) modify(ctx context.Context, s session, target string, mods []modification) error {
	name, err := dn.Parse(target)
	if err != nil {
		return result.Wrap(err, result.InvalidDNSyntax, "malformed DN")
	}
	k := keyOf(name)
	own := !s.anonymous() && s.key == k
	if !own || !onlyPassword(mods) {
		if err := s.mayWrite(); err != nil {
			return err
		}
	}
	if k == "" || k == subschemaKey {
		return result.New(result.UnwillingToPerform, "this entry is maintained by the server")
	}
	return d.write(ctx, s, func(c *change) error {
		before, ok, err := c.get(k)
		if err != nil {
			return err
		}
		if !ok {
			return &result.Error{Code: result.NoSuchObject, MatchedDN: c.matched(k), Text: "there is no such entry"}
		}
		e := clone(before)
		pc := passwordChange{stored: slices.Clone(before.Values(passwordAttr)), old: before.Values(passwordAttr), byself: own && !s.admin}
		for _, m := range mods {
			if err := c.apply(&e, &pc, m); err != nil {
				return err
			}
		}
		if err := d.checkModified(e, name); err != nil {
			return err
		}
		if classes := e.Values("objectClass"); !slices.Equal(classes, before.Values("objectClass")) {
			if class := d.schema.Structural(classes); class != "" {
				set(&e, "structuralObjectClass", class)
			}
		}
		c.stamp(&e)
		if err := c.put(k, before, e); err != nil {
			return err
		}
		if err := c.setPasswords(k, &e, pc); err != nil {
			return err
		}
		if k == d.adminKey && len(e.Values(passwordAttr)) == 0 {
			return result.New(result.UnwillingToPerform, "the administrator must have a password")
		}
		return c.txn.put(k, e)
	})
}

func onlyPassword(mods []modification) bool {
	for _, m := range mods {
		if !strings.EqualFold(m.attribute, passwordAttr) {
			return false
		}
	}
	return len(mods) > 0
}

// apply performs one modification on e, or on pc for passwords.
func (c *change) apply(e *policy.Entry, pc *passwordChange, m modification) error {
	if !ldif.ValidDescription(m.attribute) {
		return result.New(result.UndefinedAttributeType, "an attribute description is malformed")
	}
	t := c.d.schema.Type(m.attribute)
	if t.NoUserMod {
		return result.New(result.ConstraintViolation, "%s is maintained by the server", t.Name)
	}
	if len(m.values) == 0 && (m.op == modAdd || m.op == modIncrement) {
		return result.New(result.ProtocolError, "a value of %s is missing", m.attribute)
	}
	if strings.EqualFold(t.Name, passwordAttr) && !strings.Contains(m.attribute, ";") {
		return c.applyPassword(pc, m)
	}
	at := slices.IndexFunc(e.Attributes, func(a policy.Attribute) bool { return c.d.schema.Same(a.Name, m.attribute) })
	switch m.op {
	case modAdd:
		if at < 0 {
			e.Attributes = append(e.Attributes, policy.Attribute{Name: m.attribute, Values: slices.Clone(m.values)})
			break
		}
		e.Attributes[at].Values = append(e.Attributes[at].Values, m.values...)
	case modReplace:
		switch {
		case len(m.values) == 0 && at >= 0:
			e.Attributes = slices.Delete(e.Attributes, at, at+1)
			return nil
		case len(m.values) == 0:
			return nil
		case at < 0:
			e.Attributes = append(e.Attributes, policy.Attribute{Name: m.attribute, Values: slices.Clone(m.values)})
		default:
			e.Attributes[at].Values = slices.Clone(m.values)
		}
	case modDelete:
		if at < 0 {
			return result.New(result.NoSuchAttribute, "the entry has no %s", m.attribute)
		}
		if len(m.values) == 0 {
			e.Attributes = slices.Delete(e.Attributes, at, at+1)
			return nil
		}
		left := slices.Clone(e.Attributes[at].Values)
		for _, v := range m.values {
			i := slices.IndexFunc(left, func(have string) bool { return t.Equality.Equal(have, v) })
			if i < 0 {
				return result.New(result.NoSuchAttribute, "%s does not have a value that is to be deleted", m.attribute)
			}
			left = slices.Delete(left, i, i+1)
		}
		if len(left) == 0 {
			e.Attributes = slices.Delete(e.Attributes, at, at+1)
			return nil
		}
		e.Attributes[at].Values = left
		return nil
	case modIncrement:
		return increment(e, at, m)
	default:
		return result.New(result.ProtocolError, "unknown kind of modification")
	}
	for _, a := range e.Attributes {
		if c.d.schema.Same(a.Name, m.attribute) {
			if t.SingleValue && len(a.Values) > 1 {
				return nil // a value may yet be deleted; checkModified has the last word
			}
			return c.d.checkValues(a)
		}
	}
	return nil
}

func increment(e *policy.Entry, at int, m modification) error {
	if at < 0 {
		return result.New(result.NoSuchAttribute, "the entry has no %s", m.attribute)
	}
	by, ok := new(big.Int).SetString(m.values[0], 10)
	if !ok || len(m.values) != 1 {
		return result.New(result.ProtocolError, "an increment is one integer")
	}
	values := slices.Clone(e.Attributes[at].Values)
	for i, v := range values {
		n, ok := new(big.Int).SetString(v, 10)
		if !ok {
			return result.New(result.ConstraintViolation, "%s is no integer", m.attribute)
		}
		values[i] = n.Add(n, by).String()
	}
	e.Attributes[at].Values = values
	return nil
}

// applyPassword is apply for userPassword.
func (c *change) applyPassword(pc *passwordChange, m modification) error {
	switch m.op {
	case modAdd:
		return pc.add(m.values)
	case modReplace:
		pc.clear, pc.stored, pc.hashed = nil, nil, false
		return pc.add(m.values)
	case modDelete:
		if len(pc.stored)+len(pc.clear) == 0 {
			return result.New(result.NoSuchAttribute, "the entry has no %s", m.attribute)
		}
		if len(m.values) == 0 {
			pc.clear, pc.stored, pc.hashed = nil, nil, false
			return nil
		}
		for _, v := range m.values {
			i := slices.Index(pc.stored, v)
			if i < 0 || pc.byself {
				// Knowing the hash is no proof of knowing the password.
				i = -1
				found, err := c.matching(pc.stored, v)
				if err != nil {
					return err
				}
				if len(found) > 0 {
					i = slices.Index(pc.stored, found[0])
					pc.proved = true
				}
			}
			if i < 0 {
				return result.New(result.NoSuchAttribute, "%s does not have a value that is to be deleted", m.attribute)
			}
			pc.stored = slices.Delete(pc.stored, i, i+1)
		}
		return nil
	case modIncrement:
		return result.New(result.ConstraintViolation, "%s is no integer", m.attribute)
	}
	return result.New(result.ProtocolError, "unknown kind of modification")
}

// checkModified checks an entry after all modifications.
func (d *Directory) checkModified(e policy.Entry, name dn.DN) error {
	if len(e.Values("objectClass")) == 0 {
		return result.New(result.ObjectClassViolation, "the entry would have no objectClass")
	}
	for _, a := range e.Attributes {
		if t := d.schema.Type(a.Name); t.SingleValue && len(a.Values) > 1 {
			return result.New(result.ConstraintViolation, "%s has a single value", a.Name)
		}
	}
	for _, ava := range name.RDNs[0] {
		if !ava.Hex && !d.hasValue(e, ava) {
			return result.New(result.NotAllowedOnRDN, "the value of %s is part of the entry's name", ava.Type)
		}
	}
	return nil
}

func (d *Directory) hasValue(e policy.Entry, ava dn.AVA) bool {
	t := d.schema.Type(ava.Type)
	for _, a := range e.Attributes {
		if !d.schema.Same(a.Name, ava.Type) {
			continue
		}
		for _, v := range a.Values {
			if sameNaming(t, v, ava.Value) {
				return true
			}
		}
	}
	return false
}
