package activedirectory_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// The domain and every settings object are listed. One that the service
// account may not read is not left out: its error says so.
func TestListPolicies(t *testing.T) {
	s := testenv.StartSamba(t)
	admin, err := serviceAs(t, s, s.Admin).List(t.Context())
	if err != nil || len(admin) < 3 {
		t.Fatalf("%q, %v", admin, err)
	}
	service := serviceAs(t, s, s.Reader)
	names, err := service.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(admin, names); diff != "" {
		t.Error(diff)
	}
	domain := false
	for _, name := range names {
		eff, err := service.Resolve(t.Context(), policy.Selection{PolicyDN: name})
		if err != nil || eff.Policy.DN != name {
			t.Errorf("%s: %v", name, err)
		}
		domain = domain || name == s.Suffix
	}
	if !domain {
		t.Errorf("the domain is not among %q", names)
	}
	stranger := serviceAs(t, s, s.Stranger)
	if names, err = stranger.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(admin, names); diff != "" {
		t.Errorf("an account without rights: %s", diff)
	}
	for _, name := range names {
		_, err := stranger.Resolve(t.Context(), policy.Selection{PolicyDN: name})
		if (name != s.Suffix) != result.Is(err, result.InsufficientAccessRights) {
			t.Errorf("an account without rights: %s: %v", name, err)
		}
	}
}
