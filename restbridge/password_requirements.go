package restbridge

import (
	"context"
	"strconv"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// passwordRequirements is POST /directory/v1/passwordRequirements,
// PingDirectory's REST form of the Get Password Quality Requirements
// operation.
//
// The request:
//
//	{
//	  "operationType": "add",         // or selfChange, administrativeReset
//	  "passwordPolicyDN": "cn=...",   // add only; the default policy if absent
//	  "userDN": "uid=jo,...",         // the caller if absent, which administrativeReset does not allow
//	  "_controls": [...]
//	}
//
// The response:
//
//	{
//	  "resultCode": {"value": 0, "name": "success"},
//	  "passwordRequirements": [
//	    {"description": "...", "clientSideValidationType": "length",
//	     "clientSideValidationProperties": [{"name": "minimum-length", "value": "8"}]}
//	  ],
//	  "currentPasswordRequired": true,   // selfChange only
//	  "mustChangePassword": false,
//	  "secondsUntilExpiration": 86400    // if passwords expire
//	}
func (s *Server) passwordRequirements(ctx context.Context, body []byte, authenticate func() (extop.Caller, error)) ([]byte, error) {
	req, controls, err := decodePasswordRequirements(body)
	if err != nil {
		return nil, err
	}
	caller, err := authenticate()
	if err != nil {
		return nil, err
	}
	res, err := s.cfg.Requirements.Do(ctx, caller, req, controls)
	if err != nil {
		return nil, err
	}
	return encodePasswordRequirements(res), nil
}

func decodePasswordRequirements(body []byte) (req extop.PasswordQualityRequest, controls []extop.Control, err error) {
	var operation string
	var policyDN, userDN *string
	err = decodeObject(body, "the body",
		member{"operationType", &operation},
		member{"passwordPolicyDN", &policyDN},
		member{"userDN", &userDN},
		member{"_controls", controlsField(&controls, extop.ProxiedAuthorizationOID)})
	if err != nil {
		return req, nil, err
	}
	switch operation {
	case "add":
		if userDN != nil {
			return req, nil, badRequest("userDN does not go with the operationType add")
		}
		if policyDN != nil {
			req.Use, req.DN = extop.AddWithPolicy, *policyDN
		}
		return req, controls, nil
	case "selfChange":
		req.Use = extop.SelfChange
		if userDN != nil {
			req.Use, req.DN = extop.SelfChangeOf, *userDN
		}
	case "administrativeReset":
		if userDN == nil {
			return req, nil, badRequest("the operationType administrativeReset needs a userDN")
		}
		req.Use, req.DN = extop.AdministrativeResetFor, *userDN
	case "":
		return req, nil, badRequest("operationType is missing")
	default:
		return req, nil, badRequest("operationType must be add, selfChange or administrativeReset")
	}
	if policyDN != nil {
		return req, nil, badRequest("passwordPolicyDN goes with the operationType add only")
	}
	return req, controls, nil
}

func encodePasswordRequirements(res *extop.PasswordQualityResult) []byte {
	b := appendResultCode([]byte{'{'}, result.Success)
	b = append(b, `,"passwordRequirements":[`...)
	for i, r := range res.Requirements {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"description":`...), r.Description)
		if v := r.Validation; v != nil {
			b = appendString(append(b, `,"clientSideValidationType":`...), v.Type)
			b = append(b, `,"clientSideValidationProperties":[`...)
			for k, p := range v.Properties {
				if k > 0 {
					b = append(b, ',')
				}
				b = appendString(append(b, `{"name":`...), p.Name)
				b = appendString(append(b, `,"value":`...), p.Value)
				b = append(b, '}')
			}
			b = append(b, ']')
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	if res.CurrentPasswordRequired != nil {
		b = strconv.AppendBool(append(b, `,"currentPasswordRequired":`...), *res.CurrentPasswordRequired)
	}
	if res.MustChange != nil {
		b = strconv.AppendBool(append(b, `,"mustChangePassword":`...), *res.MustChange)
	}
	if res.SecondsUntilExpiration != nil {
		b = strconv.AppendInt(append(b, `,"secondsUntilExpiration":`...), *res.SecondsUntilExpiration, 10)
	}
	return append(b, "}\n"...)
}
