package freeipa_test

import (
	"context"
	"slices"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/freeipa"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A user is a directory of one entry, which shows what is asked for by name.
type user struct {
	attributes []policy.Attribute
	err        error
}

func (u user) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	if u.err != nil {
		return nil, u.err
	}
	e := policy.Entry{DN: q.Base}
	for _, a := range u.attributes {
		if slices.Contains(q.Attributes, a.Name) {
			e.Attributes = append(e.Attributes, a)
		}
	}
	return []policy.Entry{e}, nil
}

func TestHistory(t *testing.T) {
	attributes := []policy.Attribute{
		{Name: "userPassword", Values: []string{"{PBKDF2_SHA256}now"}},
		{Name: "passwordHistory", Values: []string{"20261120221743Z{SHA512}old", "20261120221744Z{SHA512}now"}},
	}
	for _, tc := range []struct {
		name string
		ref  string
		keep int // policy.Policy.History
		user user
		want []string
		code result.Code
	}{
		// Of principals, the current one is in the history, or does not count.
		{"principal", "krb cn=global_policy", 2, user{attributes: attributes}, []string{"{SHA512}now", "{SHA512}old"}, 0},
		{"other entry", "389 cn=config", 3, user{attributes: attributes}, []string{"{PBKDF2_SHA256}now", "{SHA512}now", "{SHA512}old"}, 0},
		{"nothing to read", "krb cn=global_policy", 3, user{}, nil, 0},
		{"gone", "krb cn=global_policy", 3, user{err: result.New(result.NoSuchObject, "gone")}, nil, 0},
		{"forbidden", "krb cn=global_policy", 3, user{err: result.New(result.InsufficientAccessRights, "no")}, nil, 0},
		{"down", "krb cn=global_policy", 3, user{err: result.New(result.Unavailable, "down")}, nil, result.Unavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			loc := policy.Located{Ref: tc.ref, Exists: true, Subject: rule.Subject{DN: "uid=jo"}}
			got, err := freeipa.New(freeipa.Config{}).History(t.Context(), tc.user, loc, &policy.Policy{History: tc.keep})
			if !slices.Equal(got, tc.want) || tc.code == 0 && err != nil || tc.code != 0 && !result.Is(err, tc.code) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
