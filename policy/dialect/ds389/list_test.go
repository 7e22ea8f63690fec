package ds389_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// The global policy is listed with those of users and subtrees, whose DNs
// quote others; the templates beside them are not.
func TestListPolicies(t *testing.T) {
	t.Parallel()
	j := newJudge(t, testenv.DS389Options{Users: 3})
	names, err := j.service.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"cn=config",
		"cn=user001-policy,cn=nsPwPolicyContainer,ou=people," + j.Suffix,
		"cn=user002-policy,cn=nsPwPolicyContainer,ou=people," + j.Suffix,
	} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not listed", want)
		}
	}
	// Three subtrees, and the policies of three users of their own besides.
	own, subtree := 0, 0
	for _, name := range names {
		if strings.Contains(name, "nsPwTemplateEntry") {
			t.Errorf("%s is no policy", name)
		}
		switch {
		case strings.Contains(name, "nsPwPolicyEntry_subtree"):
			subtree++
		case strings.Contains(name, "nsPwPolicyEntry_user"):
			own++
		}
		eff, err := j.service.Resolve(t.Context(), policy.Selection{PolicyDN: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if eff.Policy.DN != name {
			t.Errorf("%s stands for %s", name, eff.Policy.DN)
		}
	}
	if own != 2 || subtree != 3 || len(names) != 8 {
		t.Errorf("%d own and %d subtree policies of %q", own, subtree, names)
	}
}
