package freeipa_test

import (
	"slices"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/freeipa"
)

// The policies of the realm are listed, and the global one of the server
// below, even where the privilege to read the former does not reach.
func TestListPolicies(t *testing.T) {
	for _, hide := range []bool{false, true} {
		s := open(t)
		if hide {
			s.hidden["cn=config"] = result.New(result.InsufficientAccessRights, "not for you")
		}
		service := policy.NewService(freeipa.New(freeipa.Config{}), s, policy.ServiceConfig{TTL: -1})
		names, err := service.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"cn=global_policy," + realmDN, "cn=ops," + realmDN, "cn=config"} {
			if !slices.Contains(names, want) {
				t.Errorf("%s is not among %q", want, names)
			}
		}
		if slices.Contains(names, "cn=gone,"+realmDN) {
			t.Error("a policy that is but referred to is listed")
		}
		for _, name := range names {
			_, err := service.Resolve(t.Context(), policy.Selection{PolicyDN: name})
			if want := hide && name == "cn=config"; result.Is(err, result.InsufficientAccessRights) != want {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
