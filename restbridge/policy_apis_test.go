package restbridge

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// An asked operation notes what it was asked, as text, and answers as told.
type asked[Request, Result any] struct {
	answer Result
	err    error
	note   func(Request) string

	mu    sync.Mutex
	calls []string
}

func (a *asked[Request, Result]) Do(_ context.Context, c extop.Caller, r Request, controls []extop.Control) (Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	call := c.AuthzID() + " " + a.note(r)
	for _, c := range controls {
		call += " " + c.OID
	}
	a.calls = append(a.calls, call)
	return a.answer, a.err
}

// An exchange is a request and what becomes of it.
type exchange struct {
	name, body string // the body, or the query
	call       string // what the operation is asked; empty if it is not
	status     int
	answer     string // what the response body contains
}

func exchangeAll(t *testing.T, b *bridge, method, path string, calls *[]string, all []exchange) {
	t.Helper()
	for _, x := range all {
		*calls = nil
		url, body := path, x.body
		if method == http.MethodGet {
			url, body = path+"?"+x.body, ""
		}
		res, text := b.do(t, method, url, body)
		if res.StatusCode != x.status || !strings.Contains(text, x.answer) {
			t.Errorf("%s: %d %s", x.name, res.StatusCode, text)
		}
		var want []string
		if x.call != "" {
			want = []string{"dn:uid=jo,dc=example,dc=com " + x.call}
		}
		if diff := cmp.Diff(want, *calls); diff != "" {
			t.Errorf("%s: %s", x.name, diff)
		}
	}
}

func TestValidatePassword(t *testing.T) {
	op := &asked[extop.ValidatePasswordRequest, *extop.ValidatePasswordResult]{
		answer: &extop.ValidatePasswordResult{PolicyDN: "cn=p", Errors: []string{"too short", `no "quotes"`}},
		note: func(r extop.ValidatePasswordRequest) string {
			return string('0'+rune(r.Selection)) + " " + r.DN + " " + string(r.Password.Bytes())
		},
	}
	b := start(t, nil, func(c *Config) { c.Validate = op })
	const path = "/directory/v1/validatePassword"
	exchangeAll(t, b, "POST", path, &op.calls, []exchange{
		{"default", `{"password":"s3cret\u00e9"}`, "0  s3creté", 200,
			`{"resultCode":{"value":0,"name":"success"},"passwordPolicyDN":"cn=p","valid":false,"validationErrors":["too short","no \"quotes\""]}`},
		{"target", `{"targetEntryDN":"uid=a","password":"x"}`, "2 uid=a x", 200, `"valid":false`},
		{"policy", `{"passwordPolicyDN":"cn=q","password":"x"}`, "1 cn=q x", 200, `"valid":false`},
		{"control", `{"password":"x","_controls":[{"oid":"2.16.840.1.113730.3.4.18","criticality":true,"value-json":{"authorization-id":"dn:uid=b"}}]}`,
			"0  x 2.16.840.1.113730.3.4.18", 200, `"valid":false`},
		{"both", `{"targetEntryDN":"uid=a","passwordPolicyDN":"cn=q","password":"x"}`, "", 400, "exclude each other"},
		{"no password", `{"targetEntryDN":"uid=a"}`, "", 400, "password is missing"},
		{"a number", `{"password":31337}`, "", 400, "password must be a string"},
		{"null", `{"password":null}`, "", 400, "password must be a string"},
		{"twice", `{"password":"tr0ub4dor","password":"tr0ub4dor"}`, "", 400, "twice"},
		{"unknown field", `{"password":"tr0ub4dor","passwd":"tr0ub4dor"}`, "", 400, "unknown field"},
		{"surrogate", `{"password":"tr0ub4dor\ud800"}`, "", 400, "malformed"},
		{"no object", `["tr0ub4dor"]`, "", 400, "no JSON object"},
		{"something behind", `{"password":"tr0ub4dor"} x`, "", 400, "followed"},
	})
	op.answer = &extop.ValidatePasswordResult{}
	if _, text := b.do(t, "POST", path, `{"password":"x"}`); text != `{"resultCode":{"value":0,"name":"success"},"passwordPolicyDN":"","valid":true,"validationErrors":[]}`+"\n" {
		t.Errorf("accepted: %s", text)
	}
	op.err = result.New(result.Busy, "too many requests")
	if res, text := b.do(t, "POST", path, `{"password":"x"}`); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("busy: %d %s", res.StatusCode, text)
	}
	if res, _ := b.do(t, "GET", path, ""); res.StatusCode != 405 || res.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d %s", res.StatusCode, res.Header.Get("Allow"))
	}
	for _, secret := range []string{"tr0ub4dor", "s3cret\u00e9", "31337"} {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("the log has a password:\n%s", b.log)
		}
	}
}

func TestEffectivePolicy(t *testing.T) {
	op := &asked[extop.EffectivePolicyRequest, *policy.Explanation]{
		answer: &policy.Explanation{
			Dialect: "fake", PolicyDN: "cn=p", Satisfiable: true, Resolution: []policy.ExplainedStep{}, Rules: []policy.ExplainedRule{},
		},
		note: func(r extop.EffectivePolicyRequest) string { return string('0'+rune(r.Selection)) + " " + r.DN },
	}
	b := start(t, nil, func(c *Config) { c.Explain = op })
	const path = "/directory/v1/effectivePolicy"
	exchangeAll(t, b, "GET", path, &op.calls, []exchange{
		{"default", "", "0 ", 200, `{"resultCode":{"value":0,"name":"success"},"dialect":"fake","passwordPolicyDN":"cn=p",`},
		{"target", "targetEntryDN=" + url.QueryEscape("uid=a+b,dc=x"), "2 uid=a+b,dc=x", 200, `"satisfiable":true`},
		{"policy", "passwordPolicyDN=cn%3Dq", "1 cn=q", 200, `"satisfiable":true`},
		{"both", "passwordPolicyDN=cn%3Dq&targetEntryDN=x", "", 400, "exclude each other"},
		{"twice", "targetEntryDN=x&targetEntryDN=y", "", 400, "twice"},
		{"unknown", "target=x", "", 400, `unknown parameter \"target\"`},
		{"malformed", "targetEntryDN=%zz", "", 400, "malformed"},
	})
	if res, _ := b.do(t, "POST", path, "{}"); res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %s", res.StatusCode, res.Header.Get("Allow"))
	}
	if res, text := b.do(t, "HEAD", path, ""); res.StatusCode != 200 || text != "" {
		t.Errorf("HEAD: %d %s", res.StatusCode, text)
	}
	if res, _ := b.do(t, "GET", path, "", "Authorization", ""); res.StatusCode != 401 {
		t.Errorf("no credentials: %d", res.StatusCode)
	}
}

func TestPasswordRequirements(t *testing.T) {
	yes, seconds := true, int64(86400)
	op := &asked[extop.PasswordQualityRequest, *extop.PasswordQualityResult]{
		answer: &extop.PasswordQualityResult{
			Requirements: []extop.PasswordRequirement{
				{Description: "At least 8."},
				{Description: "At most 9.", Validation: &extop.ClientSideValidation{Type: "length"}},
			},
			CurrentPasswordRequired: &yes, MustChange: &yes, SecondsUntilExpiration: &seconds,
		},
		note: func(r extop.PasswordQualityRequest) string { return string('0'+rune(r.Use)) + " " + r.DN },
	}
	b := start(t, nil, func(c *Config) { c.Requirements = op })
	exchangeAll(t, b, "POST", "/directory/v1/passwordRequirements", &op.calls, []exchange{
		{"add", `{"operationType":"add"}`, "0 ", 200,
			`{"resultCode":{"value":0,"name":"success"},"passwordRequirements":[{"description":"At least 8."},{"description":"At most 9.","clientSideValidationType":"length","clientSideValidationProperties":[]}],"currentPasswordRequired":true,"mustChangePassword":true,"secondsUntilExpiration":86400}`},
		{"add under a policy", `{"operationType":"add","passwordPolicyDN":"cn=q"}`, "1 cn=q", 200, ""},
		{"of one's own", `{"operationType":"selfChange"}`, "2 ", 200, ""},
		{"of a user", `{"operationType":"selfChange","userDN":"uid=a"}`, "3 uid=a", 200, ""},
		{"reset", `{"operationType":"administrativeReset","userDN":"uid=a"}`, "4 uid=a", 200, ""},
		{"reset of nobody", `{"operationType":"administrativeReset"}`, "", 400, "needs a userDN"},
		{"add for a user", `{"operationType":"add","userDN":"uid=a"}`, "", 400, "userDN does not go"},
		{"self change under a policy", `{"operationType":"selfChange","passwordPolicyDN":"cn=q"}`, "", 400, "add only"},
		{"nothing", `{}`, "", 400, "operationType is missing"},
		{"something else", `{"operationType":"modify"}`, "", 400, "operationType must be"},
	})
}

func TestOperationsThatAreNotConfigured(t *testing.T) {
	b := start(t, nil, nil)
	for _, path := range []string{"validatePassword", "effectivePolicy", "passwordRequirements"} {
		if res, _ := b.do(t, "POST", "/directory/v1/"+path, "{}"); res.StatusCode != 404 {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}
