package restbridge

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// What is told of slapd's policies keeps to the OpenAPI document, whatever is
// wrong with them.
func TestExplanationsOfSlapd(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20}}})
	dir, err := directory.New(directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	policies := policy.NewService(openldap.New(openldap.Config{}), dir, policy.ServiceConfig{})
	b := start(t, nil, func(c *Config) {
		c.Explain = extop.NewEffectivePolicy(extop.EffectivePolicyConfig{Policies: policies, Limit: unlimited})
		c.List = extop.NewListPolicies(extop.ListPoliciesConfig{Policies: policies, Limit: unlimited})
	})
	type explanation struct {
		ResultCode struct{ Value int }
		PolicyDN   string `json:"passwordPolicyDN"`
	}
	var list struct{ PasswordPolicies []explanation }
	res, text := b.do(t, "GET", "/directory/v1/passwordPolicies", "")
	if err := json.Unmarshal([]byte(text), &list); res.StatusCode != 200 || err != nil || len(list.PasswordPolicies) < 10 {
		t.Fatalf("%d %s", res.StatusCode, text)
	}
	unreadable := 0
	for _, p := range list.PasswordPolicies {
		res, text := b.do(t, "GET", "/directory/v1/effectivePolicy?passwordPolicyDN="+url.QueryEscape(p.PolicyDN), "")
		if p.ResultCode.Value != 0 {
			unreadable++
		}
		if (res.StatusCode == 200) != (p.ResultCode.Value == 0) {
			t.Errorf("%s: %d in the list, and alone %s", p.PolicyDN, p.ResultCode.Value, text)
		}
	}
	if unreadable == 0 || unreadable == len(list.PasswordPolicies) {
		t.Errorf("%d of %d policies cannot be read", unreadable, len(list.PasswordPolicies))
	}
	found := 0
	for n := range 20 {
		if res, text := b.do(t, "GET", "/directory/v1/effectivePolicy?targetEntryDN="+url.QueryEscape(s.UserDN(n)), ""); res.StatusCode == 200 && strings.Contains(text, `"targetEntryExists":true`) {
			found++
		}
	}
	if found < 10 {
		t.Errorf("only %d of 20 users have a policy", found)
	}
}

func unlimited(extop.Question) error { return nil }
