package embedded

import (
	"context"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A passwordModify is the value of the Password Modify operation (RFC 3062).
//
//	PasswdModifyRequestValue ::= SEQUENCE {
//	     userIdentity    [0]  OCTET STRING OPTIONAL
//	     oldPasswd       [1]  OCTET STRING OPTIONAL
//	     newPasswd       [2]  OCTET STRING OPTIONAL }
type passwordModify struct {
	user, old, new []byte
}

func parsePasswordModify(value []byte) (passwordModify, error) {
	var p passwordModify
	if value == nil {
		return p, nil
	}
	outer := &cursor{rest: value}
	in := outer.inner(tagSequence)
	for i, f := range []*[]byte{&p.user, &p.old, &p.new} {
		if tag := byte(0x80 + i); in.peek() == tag {
			*f = in.expect(tag)
		}
	}
	if outer.err != nil || in.err != nil || len(outer.rest) > 0 || len(in.rest) > 0 {
		return p, result.New(result.ProtocolError, "malformed password modify request")
	}
	return p, nil
}

// suggestAttempts is how many candidates are drawn for a generated password.
const suggestAttempts = 100

// modifyPassword performs RFC 3062 and returns the new password if the server
// chose it.
func (d *Directory) modifyPassword(ctx context.Context, s session, p passwordModify) ([]byte, error) {
	if s.anonymous() {
		return nil, result.New(result.InsufficientAccessRights, "authentication is required")
	}
	target := s.dn
	if len(p.user) > 0 {
		var err error
		if target, err = d.resolveName(string(p.user)); err != nil {
			return nil, err
		}
	}
	name, err := dn.Parse(target)
	if err != nil {
		return nil, result.Wrap(err, result.InvalidDNSyntax, "malformed DN")
	}
	k := keyOf(name)
	own := k == s.key
	if !own {
		if err := s.mayWrite(); err != nil {
			return nil, err
		}
	}
	var generated []byte
	if len(p.new) == 0 {
		if generated, err = d.generate(ctx, target); err != nil {
			return nil, err
		}
		p.new = generated
	}
	err = d.write(ctx, s, func(c *change) error {
		before, ok, err := c.get(k)
		if err != nil {
			return err
		}
		if !ok {
			return &result.Error{Code: result.NoSuchObject, MatchedDN: c.matched(k), Text: "there is no such entry"}
		}
		pc := passwordChange{old: before.Values(passwordAttr), byself: own && !s.admin}
		if len(p.old) > 0 {
			found, err := c.matching(pc.old, string(p.old))
			if err != nil {
				return err
			}
			if len(found) == 0 {
				return result.New(result.InvalidCredentials, "the old password is wrong")
			}
			pc.proved = true
		}
		if err := pc.add([]string{string(p.new)}); err != nil {
			return err
		}
		e := clone(before)
		c.stamp(&e)
		if err := c.put(k, before, e); err != nil {
			return err
		}
		return c.setPasswords(k, &e, pc)
	})
	if err != nil {
		clear(generated)
		return nil, err
	}
	return generated, nil
}

// generate draws a password that the target's policy accepts.
func (d *Directory) generate(ctx context.Context, target string) ([]byte, error) {
	eff, err := d.Policies().Resolve(ctx, policy.Selection{Target: target})
	if err != nil {
		return nil, err
	}
	out, err := eff.Suggest(ctx, policy.SuggestOptions{Count: 1, Attempts: suggestAttempts})
	if err != nil {
		return nil, err
	}
	defer out[0].Password.Wipe()
	if len(out[0].Errors) > 0 {
		return nil, result.New(result.UnwillingToPerform, "no password that the policy accepts was found in %d attempts", suggestAttempts)
	}
	return slices.Clone(out[0].Password.Bytes()), nil
}
