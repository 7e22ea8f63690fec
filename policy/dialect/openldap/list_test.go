package openldap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// What is listed is what an administrator's search finds in all databases, and
// each of them can be asked for by its DN.
func TestListPolicies(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 1}, {Suffix: "dc=other,dc=org", Users: 1}}})
	svc := service(t, s, s.Reader, openldap.Config{})
	names, err := svc.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{s.PolicyDN("default"), s.PolicyDN("impossible"), s.PolicyDN("overflow"), "cn=strict,ou=policies,dc=other,dc=org"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not listed", want)
		}
	}
	// The other database has the same.
	all, err := policy.SearchBelow(t.Context(), client(t, s, s.Admin), []string{s.Suffix}, policy.Query{Filter: "(objectClass=pwdPolicy)"})
	if err != nil || 2*len(all) != len(names) || !slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }) {
		t.Errorf("%d policies are listed, there are %d in each of two databases: %v", len(names), len(all), err)
	}
	for _, name := range names {
		if _, err := svc.Resolve(t.Context(), policy.Selection{PolicyDN: name}); err != nil && !strings.Contains(name, "badmodule") && !strings.Contains(name, "ppm") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = service(t, s, testenv.Account{}, openldap.Config{}).List(t.Context())
	if !result.Is(err, result.InsufficientAccessRights) {
		t.Errorf("an account that sees nothing: %v", err)
	}
}
