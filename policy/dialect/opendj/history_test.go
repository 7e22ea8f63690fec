package opendj_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/opendj"
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
	const oid = "#1.3.6.1.4.1.26027.1.3.1#"
	attributes := []policy.Attribute{
		{Name: "userPassword", Values: []string{"{SSHA}now"}},
		{Name: "pwdHistory", Values: []string{"20261120220749.125Z" + oid + "{SSHA}old", "20261120220749.126Z" + oid + "{SSHA}later"}},
	}
	for _, tc := range []struct {
		name string
		ref  string
		keep int // policy.Policy.History
		user user
		want []string
		code result.Code
	}{
		{"all", "cn=p", 3, user{attributes: attributes}, []string{"{SSHA}now", "{SSHA}later", "{SSHA}old"}, 0},
		{"more than count", "cn=p", 2, user{attributes: attributes}, []string{"{SSHA}now", "{SSHA}later"}, 0},
		{"counted by time", "cn=p", math.MaxInt32, user{attributes: attributes}, []string{"{SSHA}now", "{SSHA}later", "{SSHA}old"}, 0},
		{"the current one hidden", "cn=p", 3, user{attributes: attributes[1:]}, []string{"{SSHA}later", "{SSHA}old"}, 0},
		{"nothing to read", "cn=p", 3, user{}, nil, 0},
		{"gone", "cn=p", 3, user{err: result.New(result.NoSuchObject, "gone")}, nil, 0},
		{"forbidden", "cn=p", 3, user{err: result.New(result.InsufficientAccessRights, "no")}, nil, 0},
		{"down", "cn=p", 3, user{err: result.New(result.Unavailable, "down")}, nil, result.Unavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			loc := policy.Located{Ref: tc.ref, Exists: true, Subject: rule.Subject{DN: "uid=jo"}}
			got, err := opendj.New(opendj.Config{}).History(t.Context(), tc.user, loc, &policy.Policy{History: tc.keep})
			if !slices.Equal(got, tc.want) || tc.code == 0 && err != nil || tc.code != 0 && !result.Is(err, tc.code) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
