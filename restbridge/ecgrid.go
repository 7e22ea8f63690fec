package restbridge

import (
	"context"
	"net/http"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// ECGrid configures the API of ECGrid: Generate Password and Change Password.
type ECGrid struct {
	// PolicyDN is the policy that generated passwords meet besides ECGrid's
	// own pattern. Empty means the directory's default policy.
	PolicyDN string

	// ChangePassword changes the password of the entry at dn in the
	// directory, as that entry. Nil means that Change Password is not served.
	//
	// Errors: *result.Error with invalidCredentials(49) if current is wrong,
	// otherwise what the directory answers.
	ChangePassword func(ctx context.Context, dn string, current, new []byte) error
}

const (
	ecgridGeneratePath = "/v2/users/generate-password"
	ecgridChangePath   = "/v2/auth/password"
)

var ecgridAPI = &api{
	name:    ECGridAPI,
	headers: []string{ecgridKeyHeader, "Authorization", "Content-Type"},
	credentials: func(r *http.Request) (credentials, error) {
		if key := r.Header.Get(ecgridKeyHeader); key != "" {
			return credentials{scheme: tokenScheme, secret: key}, nil
		}
		if c, ok := bearer(r); ok {
			return c, nil
		}
		return credentials{}, result.New(result.InvalidCredentials, "the header X-API-Key or a Bearer token is required")
	},
	challenge: `Bearer realm="ldapsuggest"`,
	status:    ecgridStatus,
	encode:    encodeECGridError,
}

const ecgridKeyHeader = "X-API-Key"

func (s *Server) routeECGrid() error {
	if s.cfg.ECGrid == nil {
		return nil
	}
	e := &ecgrid{s, *s.cfg.ECGrid}
	s.mux.Handle(ecgridGeneratePath, s.handle(ecgridAPI, []string{http.MethodPost}, s.optionalBody, e.generate))
	if e.ChangePassword != nil {
		s.mux.Handle(ecgridChangePath, s.handle(ecgridAPI, []string{http.MethodPut}, s.body, e.change))
	}
	return nil
}

type ecgrid struct {
	*Server
	ECGrid
}

// The lengths that generate-password takes. The pattern needs four
// characters.
const (
	ecgridDefaultLength = 12
	ecgridMinLength     = 4
	ecgridMaxLength     = 256
)

// ecgridPattern is ^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^a-zA-Z0-9]).+$ as a
// rule, with the special characters of ASCII and no space.
func ecgridPattern() rule.Rule {
	return rule.CharacterSets{Sets: []rule.CharacterSet{
		{Set: generate.Lower, Min: 1}, {Set: generate.Upper, Min: 1}, {Set: generate.Digits, Min: 1}, {Set: generate.Symbols, Min: 1},
	}}
}

// generate is POST /v2/users/generate-password. The request, which may be
// left out:
//
//	{"length": 16}
//
// The response:
//
//	{"success": true, "data": "Xk7#mQpL2rNv!dYw"}
//
// The length is what is wanted: a policy that demands more, or allows only
// fewer, comes first.
func (e *ecgrid) generate(ctx context.Context, body []byte, authenticate func() (extop.Caller, error)) ([]byte, error) {
	length := ecgridDefaultLength
	if len(body) > 0 {
		if err := decodeObject(body, "the body", member{"length", &length}); err != nil {
			return nil, err
		}
	}
	if length < ecgridMinLength || length > ecgridMaxLength {
		return nil, badRequest("length is %d; it must be from %d to %d", length, ecgridMinLength, ecgridMaxLength)
	}
	caller, err := authenticate()
	if err != nil {
		return nil, err
	}
	req := extop.GeneratePasswordRequest{Count: 1, Attempts: recipeAttempts, Recipe: &policy.Recipe{
		Demands: []policy.Demand{{Rule: ecgridPattern(), Source: policy.Source{Attribute: "complexity pattern"}}},
		// The client says how long; no entropy target makes it longer.
		Config: &policy.Config{Length: length, MinEntropyBits: 1},
	}}
	if e.PolicyDN != "" {
		req.Selection, req.DN = extop.SelectPolicyDN, e.PolicyDN
	}
	res, err := e.cfg.Generate.Do(ctx, caller, req, nil)
	if err != nil {
		return nil, err
	}
	defer res.Wipe()
	p, err := onlyPassword(res)
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, 64+maxEscaped*len(p)), `{"success":true,"data":`...)
	return append(appendString(b, p), "}\n"...), nil
}

// change is PUT /v2/auth/password. The request:
//
//	{"currentPassword": "OldP@ssword1", "newPassword": "NewP@ssword2!"}
//
// The response:
//
//	{"success": true, "data": null, "errorCode": "", "message": "Password updated successfully."}
//
// The token says whose password it is. The current password is for the
// directory to judge, and so is the new one.
func (e *ecgrid) change(ctx context.Context, body []byte, authenticate func() (extop.Caller, error)) ([]byte, error) {
	defer clear(body)
	current, haveCurrent, ok := takeSecret(body, "currentPassword")
	defer clear(current)
	if !ok {
		return nil, badRequest("the body is no JSON object, or malformed")
	}
	wanted, haveNew, ok := takeSecret(body, "newPassword")
	defer clear(wanted)
	if !ok {
		return nil, badRequest("the body is no JSON object, or malformed")
	}
	// Both secrets are out of the body by now.
	taken := func(name string, found bool) field {
		return func(value []byte) error {
			if !found || value[0] != '"' {
				return badRequest("%s must be a string", name)
			}
			return nil
		}
	}
	err := decodeObject(body, "the body",
		member{"currentPassword", taken("currentPassword", haveCurrent)},
		member{"newPassword", taken("newPassword", haveNew)})
	switch {
	case err != nil:
		return nil, err
	case !haveCurrent || len(current) == 0:
		return nil, badRequest("currentPassword is missing")
	case !haveNew || len(wanted) == 0:
		return nil, badRequest("newPassword is missing")
	case !meetsECGridPattern(wanted):
		return nil, badRequest("newPassword must contain at least one lowercase letter, one uppercase letter, one digit, and one special character")
	}
	caller, err := authenticate()
	if err != nil {
		return nil, err
	}
	dn, ok := strings.CutPrefix(caller.AuthzID(), "dn:")
	if !ok || dn == "" {
		return nil, result.New(result.InsufficientAccessRights, "the caller is no entry of the directory")
	}
	if err := e.ChangePassword(ctx, dn, current, wanted); err != nil {
		return nil, e.refusal(ctx, caller, dn, wanted, err)
	}
	e.credentials.forget(dn)
	return []byte(`{"success":true,"data":null,"errorCode":"","message":"Password updated successfully."}` + "\n"), nil
}

// meetsECGridPattern matches the pattern. A special character is anything
// but an ASCII letter or digit.
func meetsECGridPattern(p []byte) bool {
	var lower, upper, digit, special bool
	for _, c := range p {
		switch {
		case 'a' <= c && c <= 'z':
			lower = true
		case 'A' <= c && c <= 'Z':
			upper = true
		case '0' <= c && c <= '9':
			digit = true
		case c == '\n' || c == '\r': // "." in the pattern
			return false
		default:
			special = true
		}
	}
	return lower && upper && digit && special
}

// refusal explains why the directory did not change the password. Where it
// says no more than that its policy forbids it, the rules that are broken are
// named.
func (e *ecgrid) refusal(ctx context.Context, caller extop.Caller, dn string, wanted []byte, err error) error {
	res := result.From(err)
	switch res.Code {
	case result.InvalidCredentials:
		// The key is right: this is not about who calls.
		return result.Wrap(err, result.ConstraintViolation, "currentPassword is wrong")
	case result.ConstraintViolation, result.UnwillingToPerform:
	default:
		return res
	}
	text := "the directory refuses the new password"
	if res.Text != "" {
		text += ": " + res.Text
	}
	if e.cfg.Validate != nil {
		v, verr := e.cfg.Validate.Do(ctx, caller, extop.ValidatePasswordRequest{
			Selection: extop.SelectTargetEntry, DN: dn, Password: policy.NewPassword(wanted),
		}, nil)
		if verr == nil && !v.Valid() {
			text = strings.TrimSuffix(text, ".") + ". " + strings.Join(v.Errors, " ")
		}
	}
	return result.Wrap(err, result.ConstraintViolation, "%s", text)
}

// ecgridStatus maps result codes to the statuses of ECGrid, whose table knows
// 400, 401, 403, 404, 429 and 500. docs/rest/ecgrid.md has it for readers.
func ecgridStatus(c result.Code) int {
	switch status := statusOf(c); {
	case status == http.StatusUnprocessableEntity:
		return http.StatusBadRequest
	case status > http.StatusInternalServerError:
		return http.StatusInternalServerError
	default:
		return status
	}
}

// encodeECGridError renders the envelope of a failure:
//
//	{"success": false, "errorCode": "InvalidParameter", "message": "...", "data": null}
func encodeECGridError(r *http.Request, status int, e *result.Error) []byte {
	var code string
	switch status {
	case http.StatusUnauthorized:
		code = "InvalidAPIKey"
		if r.Header.Get(ecgridKeyHeader) == "" && r.Header.Get("Authorization") != "" {
			code = "InvalidSession"
		}
	case http.StatusForbidden:
		code = "AccessDenied"
	case http.StatusNotFound:
		code = "ObjectNotFound"
	case http.StatusTooManyRequests:
		code = "RateLimitExceeded"
	default:
		code = "InternalError"
		if status < 500 {
			code = "InvalidParameter"
		}
	}
	b := appendString([]byte(`{"success":false,"errorCode":`), code)
	b = appendString(append(b, `,"message":`...), e.Error())
	return append(b, `,"data":null}`+"\n"...)
}
