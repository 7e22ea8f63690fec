package restbridge

import (
	"bytes"
	"context"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// passwordPolicies is GET /directory/v1/passwordPolicies: every policy that
// the caller can see, each as effectivePolicy has it.
func (s *Server) passwordPolicies(ctx context.Context, query []byte, authenticate func() (extop.Caller, error)) ([]byte, error) {
	if len(query) > 0 {
		return nil, badRequest("the query has parameters, and there are none")
	}
	caller, err := authenticate()
	if err != nil {
		return nil, err
	}
	list, err := s.cfg.List.Do(ctx, caller)
	if err != nil {
		return nil, err
	}
	return EncodePolicies(list)
}

// EncodePolicies returns the response body of passwordPolicies. A policy that
// could not be read has the result code that says why, and else just its DN.
// That the directory ignores a policy is told by its resolution.
func EncodePolicies(list []extop.ListedPolicy) ([]byte, error) {
	b := append(appendResultCode([]byte{'{'}, result.Success), `,"passwordPolicies":[`...)
	for i, p := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if p.Err != nil {
			b = appendOutcome(appendResultCode(append(b, '{'), p.Err.Code), p.Err.MatchedDN, p.Err.Text)
			b = append(appendString(append(b, `,"passwordPolicyDN":`...), p.DN), '}')
			continue
		}
		x := *p.Explanation
		x.PolicyDN = p.DN // of a policy that the directory ignores, too
		one, err := EncodeExplanation(&x)
		if err != nil {
			return nil, err
		}
		b = append(b, bytes.TrimSuffix(one, []byte("\n"))...)
	}
	return append(b, "]}\n"...), nil
}
