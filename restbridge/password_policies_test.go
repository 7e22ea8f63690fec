package restbridge

import (
	"context"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// A lister answers a caller as told.
type lister struct {
	list  []extop.ListedPolicy
	err   error
	calls []string
}

func (l *lister) Do(_ context.Context, caller extop.Caller) ([]extop.ListedPolicy, error) {
	l.calls = append(l.calls, caller.AuthzID()+" all")
	return l.list, l.err
}

func TestPasswordPolicies(t *testing.T) {
	op := &lister{list: []extop.ListedPolicy{
		{DN: "cn=p", Explanation: &policy.Explanation{
			Dialect: "fake", PolicyDN: "cn=p", Satisfiable: true, Resolution: []policy.ExplainedStep{{Text: "So."}}, Rules: []policy.ExplainedRule{},
		}},
		{DN: `cn="q"`, Err: &result.Error{Code: result.InsufficientAccessRights, Text: "may not read it"}},
	}}
	b := start(t, nil, func(c *Config) { c.List = op })
	const path = "/directory/v1/passwordPolicies"
	exchangeAll(t, b, "GET", path, &op.calls, []exchange{
		{"all", "", "all", 200, `{"resultCode":{"value":0,"name":"success"},"passwordPolicies":[{"resultCode":{"value":0,"name":"success"},"dialect":"fake","passwordPolicyDN":"cn=p",` +
			`"resolution":[{"text":"So."}],"rules":[],"satisfiable":true,"mustChangeAfterReset":false,"currentPasswordRequired":false},` +
			`{"resultCode":{"value":50,"name":"insufficientAccessRights"},"diagnosticMessage":"may not read it","passwordPolicyDN":"cn=\"q\""}]}`},
		{"parameters", "targetEntryDN=x", "", 400, "there are none"},
	})
	op.list = nil
	if res, text := b.do(t, "GET", path, ""); res.StatusCode != 200 || text != `{"resultCode":{"value":0,"name":"success"},"passwordPolicies":[]}`+"\n" {
		t.Errorf("none: %d %s", res.StatusCode, text)
	}
	op.err = result.New(result.SizeLimitExceeded, "too many")
	if res, text := b.do(t, "GET", path, ""); res.StatusCode != 422 {
		t.Errorf("too many: %d %s", res.StatusCode, text)
	}
	if res, _ := b.do(t, "POST", path, "{}"); res.StatusCode != 405 {
		t.Errorf("POST: %d", res.StatusCode)
	}
}
