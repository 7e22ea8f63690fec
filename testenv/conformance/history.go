package conformance

import (
	"context"
	"slices"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A User is a directory of one entry, which shows what is asked for by name.
type User struct {
	Attributes []policy.Attribute
	Err        error // of every search
}

// Search implements policy.Directory.
func (u User) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	if u.Err != nil {
		return nil, u.Err
	}
	e := policy.Entry{DN: q.Base}
	for _, a := range u.Attributes {
		if slices.Contains(q.Attributes, a.Name) {
			e.Attributes = append(e.Attributes, a)
		}
	}
	return []policy.Entry{e}, nil
}

// A HistoryCase is what a dialect reads of a user's earlier passwords.
type HistoryCase struct {
	Name string
	Ref  string // policy.Located.Ref; empty for that of History
	Keep int    // policy.Policy.History
	User User
	Want []string
	Code result.Code // of the error; 0 if there is none
}

// History has a dialect read the history under the policy ref: in the cases
// given, and in those that all dialects have in common.
func History(t *testing.T, dialect policy.Historian, ref string, cases ...HistoryCase) {
	t.Helper()
	failing := func(c result.Code) User { return User{Err: result.New(c, "no")} }
	for _, tc := range append(cases,
		HistoryCase{Name: "nothing to read", Keep: 3},
		HistoryCase{Name: "gone", Keep: 3, User: failing(result.NoSuchObject)},
		HistoryCase{Name: "forbidden", Keep: 3, User: failing(result.InsufficientAccessRights)},
		HistoryCase{Name: "down", Keep: 3, User: failing(result.Unavailable), Code: result.Unavailable},
	) {
		if tc.Ref == "" {
			tc.Ref = ref
		}
		t.Run(tc.Name, func(t *testing.T) {
			loc := policy.Located{Ref: tc.Ref, Exists: true, Subject: rule.Subject{DN: "uid=jo"}}
			got, err := dialect.History(t.Context(), tc.User, loc, &policy.Policy{History: tc.Keep})
			if !slices.Equal(got, tc.Want) || tc.Code == 0 && err != nil || tc.Code != 0 && !result.Is(err, tc.Code) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
