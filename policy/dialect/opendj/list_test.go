package opendj

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

const listedLDIF = `dn: dc=example,dc=com
objectClass: domain

dn: cn=PINs,dc=example,dc=com
objectClass: top
objectClass: subentry
objectClass: pwdPolicy
cn: PINs
pwdAttribute: userPassword
subtreeSpecification: {}

dn: cn=Collective,dc=example,dc=com
objectClass: top
objectClass: subentry
objectClass: collectiveAttributeSubentry
cn: Collective
subtreeSpecification: {}

dn: cn=Example,cn=Password Policies,cn=config
objectClass: top
objectClass: ds-cfg-authentication-policy
objectClass: ds-cfg-ldap-pass-through-authentication-policy
cn: Example
`

func TestListPolicies(t *testing.T) {
	dir := newMemory(t, readFile(t, "testdata/base.ldif"), listedLDIF)
	dir.put(policy.Entry{Attributes: []policy.Attribute{{Name: "namingContexts", Values: []string{"dc=example,dc=com", "dc=hidden"}}}})
	service := policy.NewService(New(Config{}), dir, policy.ServiceConfig{TTL: -1})
	names, err := service.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, e := range dir.entries {
		if e.IsA(policyClass) || e.IsA(subentryPolicy) {
			want = append(want, e.DN)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, names); diff != "" || len(want) < 3 {
		t.Error(diff)
	}
	for _, name := range names {
		if _, err := New(Config{}).Locate(t.Context(), dir, policy.Selection{PolicyDN: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir.deny = map[string]error{"cn=config": result.New(result.NoSuchObject, "no such entry")}
	if _, err := service.List(t.Context()); !result.Is(err, result.InsufficientAccessRights) {
		t.Errorf("cn=config is hidden: %v", err)
	}
}
