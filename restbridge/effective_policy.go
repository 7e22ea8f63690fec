package restbridge

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// effectivePolicy is GET /directory/v1/effectivePolicy, with
// ?targetEntryDN=DN, ?passwordPolicyDN=DN or neither: which policy is in
// force, why, and what it demands. The response is a policy.Explanation with
// a resultCode.
func (s *Server) effectivePolicy(ctx context.Context, query []byte, authenticate func() (extop.Caller, error)) ([]byte, error) {
	values, err := url.ParseQuery(string(query))
	if err != nil {
		return nil, badRequest("the query is malformed")
	}
	var sel selection
	for name, v := range values {
		var to **string
		switch name {
		case "targetEntryDN":
			to = &sel.target
		case "passwordPolicyDN":
			to = &sel.policyDN
		default:
			return nil, badRequest("the query has the unknown parameter %q", short(name))
		}
		if len(v) > 1 {
			return nil, badRequest("the query has %s twice", name)
		}
		*to = &v[0]
	}
	var req extop.EffectivePolicyRequest
	if req.Selection, req.DN, err = sel.of(); err != nil {
		return nil, err
	}
	caller, err := authenticate()
	if err != nil {
		return nil, err
	}
	x, err := s.cfg.Explain.Do(ctx, caller, req, nil)
	if err != nil {
		return nil, err
	}
	return EncodeExplanation(x)
}

// EncodeExplanation returns the response body of effectivePolicy.
func EncodeExplanation(x *policy.Explanation) ([]byte, error) {
	type resultCode struct {
		Value int    `json:"value"`
		Name  string `json:"name"`
	}
	b, err := json.Marshal(struct {
		ResultCode resultCode `json:"resultCode"`
		*policy.Explanation
	}{resultCode{int(result.Success), result.Success.String()}, x})
	if err != nil {
		return nil, result.Wrap(err, result.Other, "internal error")
	}
	return append(b, '\n'), nil
}
