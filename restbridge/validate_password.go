package restbridge

import (
	"context"
	"strconv"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// validatePassword is POST /directory/v1/validatePassword: would the
// directory accept this password?
//
// The request, with at most one of the DNs:
//
//	{
//	  "targetEntryDN": "uid=jo,ou=people,dc=example,dc=com",
//	  "passwordPolicyDN": "cn=Secure Password Policy,cn=Password Policies,cn=config",
//	  "password": "...",
//	  "_controls": [...]
//	}
//
// The response:
//
//	{
//	  "resultCode": {"value": 0, "name": "success"},
//	  "passwordPolicyDN": "cn=Secure Password Policy,cn=Password Policies,cn=config",
//	  "valid": false,
//	  "validationErrors": ["..."]
//	}
func (s *Server) validatePassword(ctx context.Context, body []byte, authenticate func() (extop.Caller, error)) ([]byte, error) {
	defer clear(body)
	secret, found, ok := takeSecret(body, "password")
	defer clear(secret)
	if !ok {
		return nil, badRequest("the body is no JSON object, or malformed")
	}
	var sel selection
	var controls []extop.Control
	err := decodeObject(body, "the body",
		member{"password", field(func(value []byte) error {
			if !found || value[0] != '"' {
				return badRequest("password must be a string")
			}
			return nil
		})},
		member{"passwordPolicyDN", &sel.policyDN},
		member{"targetEntryDN", &sel.target},
		member{"_controls", controlsField(&controls, extop.ProxiedAuthorizationOID)})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, badRequest("password is missing")
	}
	req := extop.ValidatePasswordRequest{Password: policy.NewPassword(secret)}
	if req.Selection, req.DN, err = sel.of(); err != nil {
		return nil, err
	}
	caller, err := authenticate()
	if err != nil {
		return nil, err
	}
	res, err := s.cfg.Validate.Do(ctx, caller, req, controls)
	if err != nil {
		return nil, err
	}
	return EncodeValidation(res), nil
}

// EncodeValidation returns the response body of validatePassword.
func EncodeValidation(res *extop.ValidatePasswordResult) []byte {
	b := appendResultCode([]byte{'{'}, result.Success)
	b = appendString(append(b, `,"passwordPolicyDN":`...), res.PolicyDN)
	b = strconv.AppendBool(append(b, `,"valid":`...), res.Valid())
	b = append(b, `,"validationErrors":[`...)
	for i, e := range res.Errors {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, e)
	}
	return append(b, "]}\n"...)
}
