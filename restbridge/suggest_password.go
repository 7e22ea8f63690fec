package restbridge

import (
	"context"
	"strconv"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// suggestPassword is POST /directory/v1/suggestPassword, PingDirectory's
// REST form of the Generate Password operation.
//
// The request, all fields optional, at most one of the DNs:
//
//	{
//	  "passwordPolicyDN": "cn=Default Password Policy,cn=Password Policies,cn=config",
//	  "targetEntryDN": "uid=jo,ou=people,dc=example,dc=com",
//	  "numberOfPasswords": 2,      // at least 1; 1 if absent
//	  "validationAttempts": 5,     // at least 0; 5 if absent
//	  "_controls": [...]
//	}
//
// The response:
//
//	{
//	  "resultCode": {"value": 0, "name": "success"},
//	  "passwordPolicyDN": "cn=Default Password Policy,cn=Password Policies,cn=config",
//	  "suggestedPasswords": [
//	    {"suggestedPassword": "...", "validationAttempted": true, "validationErrors": ["..."]}
//	  ]
//	}
func (s *Server) suggestPassword(ctx context.Context, body []byte, authenticate func() (extop.Caller, error)) ([]byte, error) {
	req, controls, err := decodeSuggestPassword(body)
	if err != nil {
		return nil, err
	}
	caller, err := authenticate()
	if err != nil {
		return nil, err
	}
	res, err := s.cfg.Generate.Do(ctx, caller, req, controls)
	if err != nil {
		return nil, err
	}
	defer res.Wipe()
	return EncodeSuggestedPasswords(res)
}

func decodeSuggestPassword(body []byte) (extop.GeneratePasswordRequest, []extop.Control, error) {
	req := extop.GeneratePasswordRequest{Count: extop.DefaultPasswordCount, Attempts: extop.DefaultValidationAttempts}
	var sel selection
	var controls []extop.Control
	err := decodeObject(body, "the body",
		member{"numberOfPasswords", &req.Count},
		member{"validationAttempts", &req.Attempts},
		member{"passwordPolicyDN", &sel.policyDN},
		member{"targetEntryDN", &sel.target},
		member{"_controls", controlsField(&controls, extop.ProxiedAuthorizationOID)})
	if err != nil {
		return req, nil, err
	}
	if req.Selection, req.DN, err = sel.of(); err != nil {
		return req, nil, err
	}
	switch {
	case req.Count < 1:
		return req, nil, badRequest("numberOfPasswords is %d; it must be at least 1", req.Count)
	case req.Attempts < 0:
		return req, nil, badRequest("validationAttempts is %d; it must be at least 0", req.Attempts)
	}
	return req, controls, nil
}

// EncodeSuggestedPasswords writes the response body in one piece of memory
// of which no copy is left behind by growing.
func EncodeSuggestedPasswords(res *extop.GeneratePasswordResult) ([]byte, error) {
	size := 128 + maxEscaped*len(res.PolicyDN)
	for _, p := range res.Passwords {
		if !utf8.Valid(p.Password.Bytes()) {
			return nil, result.New(result.Other, "a password is not UTF-8, which JSON cannot say")
		}
		size += 128 + maxEscaped*len(p.Password.Bytes())
		for _, e := range p.Errors {
			size += 3 + maxEscaped*len(e)
		}
	}
	b := append(make([]byte, 0, size), '{')
	b = appendResultCode(b, result.Success)
	b = appendString(append(b, `,"passwordPolicyDN":`...), res.PolicyDN)
	b = append(b, `,"suggestedPasswords":[`...)
	for i, p := range res.Passwords {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"suggestedPassword":`...), p.Password.Bytes())
		b = strconv.AppendBool(append(b, `,"validationAttempted":`...), p.Validated)
		if len(p.Errors) > 0 {
			b = append(b, `,"validationErrors":[`...)
			for k, e := range p.Errors {
				if k > 0 {
					b = append(b, ',')
				}
				b = appendString(b, e)
			}
			b = append(b, ']')
		}
		b = append(b, '}')
	}
	return append(b, "]}\n"...), nil
}
