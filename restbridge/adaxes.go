package restbridge

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// Adaxes configures the API of Adaxes, a manager of Active Directory:
// Generate Password.
type Adaxes struct {
	// BasePath is the path of the API's base URL, in any case. Empty means
	// "/restApi".
	BasePath string

	// Names finds the entry that a GUID or a SID names. Required.
	Names interface {
		ResolveName(ctx context.Context, name string) (dn string, err error)
	}

	// Parameters are Adaxes' password generation parameters. The zero
	// AdaxesParameters has the documented defaults.
	Parameters AdaxesParameters
}

// AdaxesParameters are Adaxes' password generation parameters. A password
// has a character of each of LowerChars, UpperChars and NumericChars that is
// not empty, and none that is in no list.
type AdaxesParameters struct {
	// MinLength and MaxLength bound the length in characters. The policy of
	// the user or domain may demand more. 0 means 12 and 20. The length is
	// the smallest that has the entropy of MinEntropyBits.
	MinLength, MaxLength int

	// LowerChars and so on are what to draw from. All five empty means
	// letters and digits without look-alikes, and "!%#" for the special
	// ones.
	LowerChars, UpperChars, NumericChars, SpecialChars, OtherChars string

	// MinEntropyBits is the entropy that a password shall have, within
	// MaxLength. 0 means 80.
	MinEntropyBits float64
}

func (p AdaxesParameters) withDefaults() (AdaxesParameters, error) {
	if p.MinLength == 0 {
		p.MinLength = 12
	}
	if p.MaxLength == 0 {
		p.MaxLength = max(20, p.MinLength)
	}
	if p.LowerChars+p.UpperChars+p.NumericChars+p.SpecialChars+p.OtherChars == "" {
		p.LowerChars, p.UpperChars = "abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ"
		p.NumericChars, p.SpecialChars = "23456789", "!%#"
	}
	switch {
	case p.MinLength < 1 || p.MaxLength < p.MinLength || p.MaxLength > generate.MaxChars:
		return p, errors.New("restbridge: the lengths of Adaxes' parameters must be in order and from 1 to 1024")
	case !utf8.ValidString(p.LowerChars + p.UpperChars + p.NumericChars + p.SpecialChars + p.OtherChars):
		return p, errors.New("restbridge: the characters of Adaxes' parameters must be UTF-8")
	}
	return p, nil
}

// recipe states the parameters as demands.
func (p AdaxesParameters) recipe() policy.Recipe {
	var chars rule.CharacterSets
	for _, c := range []struct {
		chars string
		min   int
	}{{p.LowerChars, 1}, {p.UpperChars, 1}, {p.NumericChars, 1}, {p.SpecialChars, 0}, {p.OtherChars, 0}} {
		if c.chars != "" {
			chars.Sets = append(chars.Sets, rule.CharacterSet{Set: generate.NewSet(c.chars), Min: c.min})
		}
	}
	source := policy.Source{Attribute: "password generation parameters"}
	return policy.Recipe{
		Demands: []policy.Demand{
			{Rule: rule.Length{Min: p.MinLength}, Source: source},
			{Rule: chars, Source: source},
		},
		Config: &policy.Config{
			Length:         p.MinLength,
			MinEntropyBits: p.MinEntropyBits,
			Alphabet:       generate.NewSet(p.LowerChars + p.UpperChars + p.NumericChars + p.SpecialChars + p.OtherChars),
		},
		MaxLength: p.MaxLength,
	}
}

const (
	adaxesBase = "/restApi"
	adaxesPath = "/api/directoryObjects/passwordUtils/generate"
)

var adaxesAPI = &api{
	name:    AdaxesAPI,
	headers: []string{"Adm-Authorization", "Content-Type"},
	credentials: func(r *http.Request) (credentials, error) {
		t := r.Header.Get("Adm-Authorization")
		if t == "" {
			return credentials{}, result.New(result.InvalidCredentials, "the header Adm-Authorization is missing")
		}
		return credentials{scheme: tokenScheme, secret: t}, nil
	},
	status: adaxesStatus,
	encode: encodeAdaxesError,
}

func (s *Server) routeAdaxes() error {
	if s.cfg.Adaxes == nil {
		return nil
	}
	a := *s.cfg.Adaxes
	if a.Names == nil {
		return errors.New("restbridge: Adaxes.Names is required")
	}
	if a.BasePath == "" {
		a.BasePath = adaxesBase
	}
	a.BasePath = "/" + strings.Trim(a.BasePath, "/")
	var err error
	if a.Parameters, err = a.Parameters.withDefaults(); err != nil {
		return err
	}
	s.adaxes = &adaxes{s, a, a.Parameters.recipe()}
	s.adaxesHandler = s.handle(adaxesAPI, []string{http.MethodPost}, s.optionalBody, s.adaxes.generate)
	return nil
}

type adaxes struct {
	*Server
	Adaxes
	recipe policy.Recipe
}

// serves reports whether a path is that of the API, in any case, as its
// clients spell it.
func (a *adaxes) serves(path string) bool {
	return a != nil && strings.EqualFold(strings.TrimSuffix(path, "/"), strings.TrimSuffix(a.BasePath, "/")+adaxesPath)
}

// generate is POST ~/api/directoryObjects/passwordUtils/generate. The
// request, which may be left out:
//
//	{"directoryObject": "CN=Jo,CN=Users,DC=example,DC=com"}
//
// with the DN, GUID or SID of a user or a domain. The response is a string:
//
//	"Cj25EiQgx2QKq49J"
//
// Without an object, the parameters alone say how the password is made.
func (a *adaxes) generate(ctx context.Context, body []byte, authenticate func() (extop.Caller, error)) ([]byte, error) {
	var object *string
	if len(body) > 0 {
		if err := decodeObject(body, "the body", member{"directoryObject", &object}); err != nil {
			return nil, err
		}
	}
	caller, err := authenticate()
	if err != nil {
		return nil, err
	}
	recipe := a.recipe
	req := extop.GeneratePasswordRequest{Count: 1, Attempts: recipeAttempts, Recipe: &recipe}
	if object == nil {
		recipe.Alone = true
	} else if req.DN, err = a.find(ctx, caller, *object); err != nil {
		return nil, err
	} else {
		req.Selection = extop.SelectTargetEntry
	}
	res, err := a.cfg.Generate.Do(ctx, caller, req, nil)
	if err != nil {
		return nil, err
	}
	defer res.Wipe()
	p, err := onlyPassword(res)
	if err != nil {
		return nil, err
	}
	return append(appendString(make([]byte, 0, 3+maxEscaped*len(p)), p), '\n'), nil
}

// recipeAttempts is how many passwords are drawn for an API that cannot tell
// of one that the directory would refuse.
const recipeAttempts = 50

// onlyPassword returns the password of a result for an API that has no room
// for validation errors.
func onlyPassword(res *extop.GeneratePasswordResult) ([]byte, error) {
	if len(res.Passwords) != 1 {
		return nil, result.New(result.Other, "%d passwords were generated", len(res.Passwords))
	}
	p := res.Passwords[0]
	switch {
	case len(p.Errors) > 0:
		return nil, result.New(result.UnwillingToPerform, "no password was found that meets the policy: %s", strings.Join(p.Errors, " "))
	case !utf8.Valid(p.Password.Bytes()):
		return nil, result.New(result.Other, "the password is not UTF-8, which JSON cannot say")
	}
	return p.Password.Bytes(), nil
}

// find returns the DN of an object that the caller sees. The caller's own
// eyes come first: the service account may know of objects that are hidden
// from the caller.
func (a *adaxes) find(ctx context.Context, caller extop.Caller, object string) (string, error) {
	base, err := objectBase(object)
	if err != nil {
		return "", err
	}
	if err := caller.See(ctx, base, ""); err != nil {
		if result.Is(err, result.NoSuchObject) || result.Is(err, result.InvalidDNSyntax) && base[0] == '<' {
			return "", result.Wrap(err, result.NoSuchObject, "the directory object was not found")
		}
		return "", err
	}
	return a.Names.ResolveName(ctx, object)
}

// objectBase returns what an object is asked for by: its DN, or the extended
// forms <GUID=...> and <SID=...> (MS-ADTS 3.1.1.3.1.2.4). What has neither
// form must parse as a DN, so nothing else reaches the directory.
func objectBase(object string) (string, error) {
	switch {
	case isGUID(object):
		return "<GUID=" + strings.ToLower(object) + ">", nil
	case isSID(object):
		return "<SID=" + strings.ToUpper(object) + ">", nil
	}
	d, err := dn.Parse(object)
	if err != nil || d.IsRoot() {
		return "", result.Wrap(err, result.InvalidDNSyntax, "directoryObject is no DN, GUID or SID")
	}
	return d.String(), nil
}

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !isHex(c):
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// isSID reports whether s is S-1-authority and up to 15 subauthorities.
func isSID(s string) bool {
	if len(s) < 6 || !strings.EqualFold(s[:4], "S-1-") {
		return false
	}
	parts := strings.Split(s[4:], "-")
	if len(parts) < 2 || len(parts) > 16 {
		return false
	}
	for i, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" || len(p) > 10 && (i > 0 || len(p) > 15) {
			return false
		}
	}
	return true
}

// adaxesStatus maps result codes to the statuses of Adaxes.
// docs/rest/adaxes.md has it for readers.
func adaxesStatus(c result.Code) int {
	switch c {
	case result.UnwillingToPerform, // no user or domain, or a policy that nothing satisfies
		result.SizeLimitExceeded:
		return http.StatusBadRequest
	}
	return statusOf(c)
}

// encodeAdaxesError renders the Error object:
//
//	{"message": "...", "code": "...", "innerError": {"message": "...", "code": "..."}}
//
// innerError is there with 403 only.
func encodeAdaxesError(_ *http.Request, status int, e *result.Error) []byte {
	b := appendString([]byte(`{"message":`), e.Error())
	b = appendString(append(b, `,"code":`...), e.Code.String())
	if status == http.StatusForbidden {
		code := "accessDenied"
		var state accountError
		if errors.As(e.Cause, &state) {
			code = string(state)
		}
		b = appendString(append(b, `,"innerError":{"message":`...), e.Error())
		b = append(appendString(append(b, `,"code":`...), code), '}')
	}
	return append(b, "}\n"...)
}
