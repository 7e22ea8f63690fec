package behera_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/behera"
)

// A tree answers the searches of a list as a server does that shows
// subentries only to who asks for them.
type tree struct {
	*memory
	fault error // what searches of the naming context end with
}

func (d tree) Search(ctx context.Context, q policy.Query) ([]policy.Entry, error) {
	switch {
	case q.Base == "":
		return []policy.Entry{{Attributes: []policy.Attribute{{Name: "namingContexts", Values: []string{"dc=example,dc=com"}}}}}, nil
	case q.Scope == policy.BaseObject:
		return d.memory.Search(ctx, q)
	case d.fault != nil:
		return nil, d.fault
	}
	var out []policy.Entry
	for _, e := range d.entries {
		if e.IsA("pwdPolicy") && e.IsA("subentry") == (len(q.Controls) > 0) {
			out = append(out, e)
		}
	}
	return out, nil
}

func TestListPolicies(t *testing.T) {
	d := tree{memory: load(t)}
	d.entries["cn=plain,dc=example,dc=com"] = policy.Entry{DN: "cn=plain,dc=example,dc=com", Attributes: []policy.Attribute{
		{Name: "objectClass", Values: []string{"pwdPolicy"}}, {Name: "pwdAttribute", Values: []string{"userPassword"}},
	}}
	var want []string
	for _, e := range d.entries {
		forIt := slices.ContainsFunc(e.Values("pwdAttribute"), func(v string) bool { return strings.EqualFold(v, "userPassword") || v == "2.5.4.35" })
		if e.IsA("pwdPolicy") && (forIt || len(e.Values("pwdAttribute")) == 0) {
			want = append(want, e.DN)
		}
	}
	service := policy.NewService(behera.New(behera.Config{}), d, policy.ServiceConfig{TTL: -1})
	names, err := service.List(t.Context())
	if err != nil || len(names) < 4 {
		t.Fatalf("%q, %v", names, err)
	}

	if diff := cmp.Diff(want, names, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Error(diff)
	}
	d.fault = result.New(result.NoSuchObject, "no such object")
	if _, err := policy.NewService(behera.New(behera.Config{}), d, policy.ServiceConfig{TTL: -1}).List(t.Context()); !result.Is(err, result.InsufficientAccessRights) {
		t.Errorf("nothing may be searched: %v", err)
	}
}
