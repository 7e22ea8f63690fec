package restbridge

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/breach"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
	"github.com/ldapsuggest/ldapsuggest/restbridge/token"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

const joDN = "uid=jo,dc=example,dc=com"

// policies is one policy for everybody, and knows of some entries.
type policies struct {
	compiled *policy.Compiled
}

func (p policies) Resolve(_ context.Context, sel policy.Selection) (*policy.Effective, error) {
	if sel.PolicyDN != "" && sel.PolicyDN != p.compiled.Policy.DN {
		return nil, result.New(result.NoSuchObject, "no such policy")
	}
	return &policy.Effective{Compiled: p.compiled, Located: policy.Located{Exists: true}}, nil
}

func (policies) Exists(context.Context, string) (bool, error) { return true, nil }

func (policies) Dialect() string { return "test" }

func (p policies) List(context.Context) ([]string, error) { return []string{p.compiled.Policy.DN}, nil }

func (policies) ResolveName(_ context.Context, name string) (string, error) {
	if _, err := dn.Parse(name); err != nil {
		return "uid=found,dc=example,dc=com", nil
	}
	return name, nil
}

// tree is a directory with a few entries, and those that some may not see.
type tree struct {
	entries map[string][]policy.Attribute
	hidden  map[string]bool // from whom is proxied
	proxied bool            // whether it lists the control
	refuse  bool            // whether it refuses the control all the same
}

func (d *tree) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	if q.Base == "" {
		var controls []string
		if d.proxied {
			controls = []string{"1.2.3", extop.ProxiedAuthorizationOID}
		}
		return []policy.Entry{{Attributes: []policy.Attribute{{Name: "supportedControl", Values: controls}}}}, nil
	}
	if len(q.Controls) > 0 {
		switch c := q.Controls[0]; {
		case d.refuse:
			return nil, result.New(result.AuthorizationDenied, "not allowed")
		case c.OID != extop.ProxiedAuthorizationOID || !c.Critical || string(c.Value) != "dn:"+joDN:
			return nil, result.New(result.UnavailableCriticalExtension, "another control")
		case d.hidden[q.Base]:
			return nil, result.New(result.NoSuchObject, "no such entry")
		}
	}
	e, ok := d.entries[q.Base]
	if !ok {
		return nil, result.New(result.NoSuchObject, "no such entry")
	}
	return []policy.Entry{{DN: q.Base, Attributes: e}}, nil
}

func people3() *tree {
	return &tree{
		entries: map[string][]policy.Attribute{joDN: nil, "uid=kim,dc=example,dc=com": nil, "uid=boss,dc=example,dc=com": nil, "dc=example,dc=com": nil, "uid=found,dc=example,dc=com": nil,
			"<GUID=7a4267ce-d354-44e7-8bd6-c681f1284a41>": nil, "<SID=S-1-5-21-1-2-3-1104>": nil},
		hidden:  map[string]bool{"uid=boss,dc=example,dc=com": true},
		proxied: true,
	}
}

// full is what a fullServer is made of.
type full struct {
	demands []policy.Demand
	tree    *tree
	change  func(ctx context.Context, dn string, current, new []byte) error
	store   *token.Store
	config  func(*Config)
	log     io.Writer
}

// testList is an exact list of two breached passwords, built once.
var testList = sync.OnceValues(func() (*breach.List, error) {
	dir, err := os.MkdirTemp("", "breach")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // the list stays mapped
	var hashes []string
	for _, p := range []string{"password", "123456"} {
		h := sha1.Sum([]byte(p))
		hashes = append(hashes, strings.ToUpper(hex.EncodeToString(h[:]))+":3\n")
	}
	slices.Sort(hashes)
	path := filepath.Join(dir, "exact.list")
	source := breach.NewSource(strings.NewReader(strings.Join(hashes, "")), "test", 0)
	if _, err := breach.Build(context.Background(), source, path, breach.BuildOptions{Exact: true}); err != nil {
		return nil, err
	}
	return breach.Open(path)
})

// fullServer serves all APIs with the real operations.
func fullServer(t testing.TB, f *full) *Server {
	t.Helper()
	if f == nil {
		f = &full{}
	}
	if f.tree == nil {
		f.tree = people3()
	}
	if f.store == nil {
		f.store = token.Open(filepath.Join(t.TempDir(), "tokens.json"))
	}
	if f.change == nil {
		f.change = func(context.Context, string, []byte, []byte) error { return nil }
	}
	if f.log == nil {
		f.log = io.Discard
	}
	list, err := testList()
	if err != nil {
		t.Fatal(err)
	}
	p := policies{policy.Compile(&policy.Policy{DN: "cn=policy", Demands: f.demands}, policy.Config{})}
	cfg := Config{
		Generate:     extop.NewGeneratePassword(extop.GeneratePasswordConfig{Policies: p}),
		Validate:     extop.NewValidatePassword(extop.ValidatePasswordConfig{Policies: p}),
		Explain:      extop.NewEffectivePolicy(extop.EffectivePolicyConfig{Policies: p}),
		List:         extop.NewListPolicies(extop.ListPoliciesConfig{Policies: p}),
		Requirements: extop.NewPasswordQuality(extop.PasswordQualityConfig{Policies: p}),
		Authenticate: &people{},
		Tokens:       Tokens{Store: f.store, Delegate: &Delegate{Directory: f.tree}},
		Adaxes:       &Adaxes{Names: p},
		ECGrid:       &ECGrid{ChangePassword: f.change},
		Nextcloud:    &Nextcloud{Breaches: list},
		Log:          slog.New(slog.NewTextHandler(f.log, nil)),
	}
	if f.config != nil {
		f.config(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A client speaks to a fullServer with a token for all APIs.
type client struct {
	*bridge
	secret string
}

func dial(t *testing.T, f *full) *client {
	t.Helper()
	if f == nil {
		f = &full{}
	}
	f.store = token.Open(filepath.Join(t.TempDir(), "tokens.json"))
	_, secret, err := f.store.Create(token.Token{Entry: joDN, APIs: APIs(), Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{&bridge{people: &people{}, log: new(testenv.Output)}, secret}
	f.log = c.log
	c.Server = httptest.NewServer(fullServer(t, f))
	t.Cleanup(func() {
		c.Server.Close()
		if strings.Contains(c.log.String(), secret) {
			t.Error("the token is in the log")
		}
	})
	return c
}

func (c *client) adaxes(t *testing.T, body string) (*http.Response, string) {
	t.Helper()
	return c.do(t, "POST", "/restApi"+adaxesPath, body, "Authorization", "", "Adm-Authorization", c.secret)
}

func TestAdaxes(t *testing.T) {
	c := dial(t, &full{demands: []policy.Demand{{Rule: rule.Length{Min: 24}}}})
	alone := regexp.MustCompile(`^"[a-km-zA-HJ-NP-Z2-9!%#]{12,20}"\n$`)
	under := regexp.MustCompile(`^"[a-km-zA-HJ-NP-Z2-9!%#]{24}"\n$`)
	tests := []struct {
		name, path, body string
		header           []string
		status           int
		want             *regexp.Regexp
	}{
		{"no body", "/restApi", "", []string{"Content-Type", ""}, 200, alone},
		{"no body with a type", "/restApi", "", nil, 200, alone},
		{"empty object", "/restApi", "{}", nil, 200, alone},
		{"DN", "/restApi", `{"directoryObject": "uid=kim,dc=example,dc=com"}`, nil, 200, under},
		{"domain", "/RESTAPI", `{"directoryObject": "dc=example,dc=com"}`, nil, 200, under},
		{"GUID", "/restapi", `{"directoryObject": "7A4267CE-d354-44e7-8bd6-c681f1284a41"}`, nil, 200, under},
		{"SID", "/restapi", `{"directoryObject": "s-1-5-21-1-2-3-1104"}`, nil, 200, under},
		{"unknown DN", "/restApi", `{"directoryObject": "uid=nobody,dc=example,dc=com"}`, nil, 404, regexp.MustCompile(`"code":"noSuchObject"`)},
		{"unknown GUID", "/restApi", `{"directoryObject": "00000000-d354-44e7-8bd6-c681f1284a41"}`, nil, 404, regexp.MustCompile(`"message":"the directory object was not found"`)},
		{"hidden", "/restApi", `{"directoryObject": "uid=boss,dc=example,dc=com"}`, nil, 404, regexp.MustCompile(`"message":"the directory object was not found"`)},
		{"no DN", "/restApi", `{"directoryObject": "kim"}`, nil, 400, regexp.MustCompile(`^{"message":"directoryObject is no DN, GUID or SID","code":"invalidDNSyntax"}\n$`)},
		{"empty", "/restApi", `{"directoryObject": ""}`, nil, 400, regexp.MustCompile(`invalidDNSyntax`)},
		{"extended form", "/restApi", `{"directoryObject": "<SID=S-1-5-21-1-2-3-1104>"}`, nil, 400, regexp.MustCompile(`invalidDNSyntax`)},
		{"null", "/restApi", `{"directoryObject": null}`, nil, 400, regexp.MustCompile(`directoryObject must be a string`)},
		{"unknown field", "/restApi", `{"x": 1}`, nil, 400, regexp.MustCompile(`unknown field`)},
		{"another type", "/restApi", `{}`, []string{"Content-Type", "text/plain"}, 415, regexp.MustCompile(`"code":"protocolError"`)},
		{"no token", "/restApi", "", []string{"Adm-Authorization", ""}, 401, regexp.MustCompile(`"code":"invalidCredentials"`)},
		{"wrong token", "/restApi", "", []string{"Adm-Authorization", "lst_a_b"}, 401, regexp.MustCompile(`the token is unknown`)},
		{"another path", "/restApi2", "", nil, 404, regexp.MustCompile(`there is no such resource`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, body := c.do(t, "POST", tt.path+adaxesPath, tt.body, append([]string{"Authorization", "", "Adm-Authorization", c.secret}, tt.header...)...)
			if res.StatusCode != tt.status || !tt.want.MatchString(body) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
		})
	}
	if res, _ := c.do(t, "POST", "/restapi"+strings.ToUpper(adaxesPath)+"/", "", "Adm-Authorization", c.secret); res.StatusCode != 200 {
		t.Errorf("in capitals: %d", res.StatusCode)
	}
	if res, _ := c.do(t, "GET", "/restApi"+adaxesPath, "", "Adm-Authorization", c.secret); res.StatusCode != 405 || res.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d", res.StatusCode)
	}
}

// The length is between the bounds, the greater of both minimums, and the
// characters are those of the parameters and no others.
func TestAdaxesParameters(t *testing.T) {
	tests := []struct {
		name       string
		parameters AdaxesParameters
		demands    []policy.Demand
		want       string
	}{
		{"the longest of little entropy", AdaxesParameters{MinLength: 8, MaxLength: 12, LowerChars: "ab", UpperChars: "AB", NumericChars: "12"}, nil, `^[abAB12]{12}$`},
		{"the shortest of enough", AdaxesParameters{MinLength: 8, MaxLength: 12, LowerChars: "ab", UpperChars: "AB", NumericChars: "12", MinEntropyBits: 5}, nil, `^[abAB12]{8}$`},
		{"beyond ASCII", AdaxesParameters{MinLength: 10, MaxLength: 10, OtherChars: "тÜé"}, nil, `^[тÜé]{10}$`},
		{"a policy above the maximum", AdaxesParameters{MinLength: 8, MaxLength: 12}, []policy.Demand{{Rule: rule.Length{Min: 30}}}, `^.{30}$`},
		{"a policy between the bounds", AdaxesParameters{MinLength: 8, MaxLength: 12, MinEntropyBits: 1}, []policy.Demand{{Rule: rule.Length{Min: 10}}}, `^.{10}$`},
		{"a policy below the minimum", AdaxesParameters{MinLength: 15, MaxLength: 15}, []policy.Demand{{Rule: rule.Length{Min: 10}}}, `^.{15}$`},
		{"lists that the policy does not take", AdaxesParameters{LowerChars: "abcdef"}, []policy.Demand{{Rule: rule.ClassMinimums{Digits: 1}}}, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, &full{demands: tt.demands, config: func(c *Config) { c.Adaxes.Parameters = tt.parameters }})
			res, body := c.adaxes(t, `{"directoryObject":"`+joDN+`"}`)
			var got string
			if tt.want == "" {
				if res.StatusCode != 400 || !strings.Contains(body, "exclude each other") {
					t.Errorf("%d %s", res.StatusCode, body)
				}
			} else if err := json.Unmarshal([]byte(body), &got); err != nil || !regexp.MustCompile(tt.want).MatchString(got) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
		})
	}
	for _, p := range []AdaxesParameters{{MinLength: 9, MaxLength: 8}, {MinLength: -1}, {MaxLength: 5000}, {LowerChars: "\xff"}} {
		if _, err := New(Config{Generate: &operation{}, Authenticate: &people{}, Adaxes: &Adaxes{Names: policies{}, Parameters: p}}); err == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
}

func TestECGridGenerate(t *testing.T) {
	c := dial(t, nil)
	tests := []struct {
		name, body string
		header     []string
		status     int
		length     int
		want       string
	}{
		{"no body", "", []string{"Content-Type", ""}, 200, 12, ""},
		{"default", "{}", nil, 200, 12, ""},
		{"length", `{"length": 16}`, nil, 200, 16, ""},
		{"shortest", `{"length": 4}`, nil, 200, 4, ""},
		{"longest", `{"length": 256}`, nil, 200, 256, ""},
		{"bearer", `{"length": 16}`, []string{"X-API-Key", "", "Authorization", "Bearer " + c.secret}, 200, 16, ""},
		{"too short", `{"length": 3}`, nil, 400, 0, "InvalidParameter"},
		{"too long", `{"length": 257}`, nil, 400, 0, "InvalidParameter"},
		{"no integer", `{"length": "16"}`, nil, 400, 0, "InvalidParameter"},
		{"fraction", `{"length": 16.5}`, nil, 400, 0, "InvalidParameter"},
		{"null", `{"length": null}`, nil, 400, 0, "InvalidParameter"},
		{"no object", `[]`, nil, 400, 0, "InvalidParameter"},
		{"no key", "{}", []string{"X-API-Key", ""}, 401, 0, "InvalidAPIKey"},
		{"wrong key", "{}", []string{"X-API-Key", "abc"}, 401, 0, "InvalidAPIKey"},
		{"wrong session", "{}", []string{"X-API-Key", "", "Authorization", "Bearer abc"}, 401, 0, "InvalidSession"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, body := c.do(t, "POST", ecgridGeneratePath, tt.body, append([]string{"Authorization", "", "X-API-Key", c.secret}, tt.header...)...)
			var got struct {
				Success         bool
				Data, ErrorCode string
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != tt.status || got.ErrorCode != tt.want || got.Success != (tt.status == 200) {
				t.Fatalf("%d %s", res.StatusCode, body)
			}
			if tt.status == 200 && (len(got.Data) != tt.length || !meetsECGridPattern([]byte(got.Data))) {
				t.Errorf("the password is %q", got.Data)
			}
		})
	}
	// The policy comes first.
	long := dial(t, &full{demands: []policy.Demand{{Rule: rule.Length{Min: 20}}}})
	_, body := long.do(t, "POST", ecgridGeneratePath, "", "X-API-Key", long.secret)
	var got struct{ Data string }
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Data) != 20 {
		t.Errorf("under a policy of 20: %s", body)
	}
}

func TestECGridChange(t *testing.T) {
	var who, from, to string
	var answer error
	c := dial(t, &full{
		demands: []policy.Demand{{Rule: rule.Length{Min: 10}}},
		change: func(_ context.Context, dn string, current, new []byte) error {
			who, from, to = dn, string(current), string(new)
			return answer
		},
	})
	const done = `{"success":true,"data":null,"errorCode":"","message":"Password updated successfully."}` + "\n"
	const good = `{ "currentPassword": "Old\u0050@ss \"1", "newPassword": "NewP@ssword2!" }`
	tests := []struct {
		name, body string
		answer     error
		status     int
		want       string
		asked      bool
	}{
		{"changed", good, nil, 200, done, true},
		{"current is wrong", good, result.New(result.InvalidCredentials, ""), 400, `"errorCode":"InvalidParameter","message":"currentPassword is wrong"`, true},
		{"refused", good, result.New(result.ConstraintViolation, "Password is in history of old passwords"), 400, "refuses the new password: Password is in history of old passwords", true},
		{"refused for its form", `{"currentPassword":"x","newPassword":"Ab1!"}`, result.New(result.UnwillingToPerform, "0000052D: SvcErr"), 400, "refuses the new password: 0000052D: SvcErr. The password is shorter than 10 characters.", true},
		{"no right", good, result.New(result.InsufficientAccessRights, "no"), 403, `"errorCode":"AccessDenied"`, true},
		{"down", good, result.New(result.Unavailable, "no"), 500, `"errorCode":"InternalError"`, true},
		{"no capital", `{"currentPassword":"x","newPassword":"newp@ssword2!"}`, nil, 400, "at least one lowercase letter", false},
		{"special beyond ASCII", `{"currentPassword":"x","newPassword":"Newpassword2é"}`, nil, 200, done, true},
		{"no current", `{"newPassword":"NewP@ssword2!"}`, nil, 400, "currentPassword is missing", false},
		{"no new", `{"currentPassword":"x"}`, nil, 400, "newPassword is missing", false},
		{"number", `{"currentPassword":1,"newPassword":"NewP@ssword2!"}`, nil, 400, "currentPassword must be a string", false},
		{"unknown", `{"currentPassword":"x","newPassword":"NewP@ssword2!","user":"kim"}`, nil, 400, "unknown field", false},
		{"twice", `{"currentPassword":"x","newPassword":"NewP@ssword2!","newPassword":"NewP@ssword3!"}`, nil, 400, "twice", false},
		{"nothing", ``, nil, 400, "InvalidParameter", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			who, from, to, answer = "", "", "", tt.answer
			res, body := c.do(t, "PUT", ecgridChangePath, tt.body, "Authorization", "", "X-API-Key", c.secret)
			if res.StatusCode != tt.status || !strings.Contains(body, tt.want) || (who == joDN) != tt.asked {
				t.Errorf("%d %s (asked as %q)", res.StatusCode, body, who)
			}
			if tt.body == good && (from != `OldP@ss "1` || to != "NewP@ssword2!") {
				t.Errorf("asked to change %q to %q", from, to)
			}
			if strings.Contains(c.log.String(), "ssword2") || strings.Contains(body, "NewP@") {
				t.Error("a password got out")
			}
		})
	}
	if res, _ := c.do(t, "POST", ecgridChangePath, good, "X-API-Key", c.secret); res.StatusCode != 405 || res.Header.Get("Allow") != "PUT" {
		t.Errorf("POST: %d", res.StatusCode)
	}
}

type nextcloudAnswer struct {
	Password         string
	Words            []string
	Strength         int
	Numbers, Special bool
}

func TestNextcloudPassword(t *testing.T) {
	c := dial(t, nil)
	digits := func(s string) (n int) {
		for _, r := range s {
			if unicode.IsDigit(r) {
				n++
			}
		}
		return n
	}
	specials := func(s string) (n int) {
		for i := range len(s) {
			if !isWord(s[i]) {
				n++
			}
		}
		return n
	}
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	tests := []struct {
		method, query, body string
		header              []string
		want                settings
	}{
		{"GET", "", "", nil, settings{1, false, false}},
		{"POST", "", "", nil, settings{1, false, false}},
		{"POST", "", "{}", nil, settings{1, false, false}},
		{"POST", "", `{"strength":0}`, nil, settings{0, false, false}},
		{"POST", "", `{"strength":0,"numbers":true,"special":true}`, nil, settings{0, true, true}},
		{"POST", "", `{"strength":2,"numbers":true}`, nil, settings{2, true, false}},
		{"POST", "", `{"strength":3,"special":true}`, nil, settings{3, false, true}},
		{"POST", "", `{"strength":4,"numbers":true,"special":true}`, nil, settings{4, true, true}},
		{"POST", "", `{"strength":-1}`, nil, settings{1, false, false}},
		{"POST", "", `{"strength":5}`, nil, settings{4, false, false}},
		{"POST", "", `{"strength":null,"numbers":null,"special":null,"other":[1]}`, nil, settings{1, false, false}},
		{"POST", "", `strength=2&numbers=true`, form, settings{2, true, false}},
		{"GET", "?strength=3&special=1", "", nil, settings{3, false, true}},
	}
	for _, base := range nextcloudPaths {
		for _, tt := range tests {
			for range 10 {
				res, body := c.do(t, tt.method, base+"/password"+tt.query, tt.body, tt.header...)
				var got nextcloudAnswer
				if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != 200 {
					t.Fatalf("%+v: %d %s", tt, res.StatusCode, body)
				}
				if (settings{got.Strength, got.Numbers, got.Special}) != tt.want {
					t.Errorf("%+v: %s", tt, body)
				}
				joined := strings.Join(got.Words, "")
				if len(got.Words) <= tt.want.strength || len(joined) < 16+4*tt.want.strength || len(got.Password) < len(joined) {
					t.Errorf("%+v: too few words: %s", tt, body)
				}
				if !tt.want.numbers && !tt.want.special && got.Password != joined {
					t.Errorf("%+v: the words are not those of the password: %s", tt, body)
				}
				if n := digits(got.Password); tt.want.numbers && n < tt.want.strength+1 || !tt.want.numbers && n > 0 {
					t.Errorf("%+v: %d digits: %s", tt, n, body)
				}
				if n := specials(got.Password); tt.want.special && n < tt.want.strength+1 || !tt.want.special && n > 0 {
					t.Errorf("%+v: %d special characters: %s", tt, n, body)
				}
			}
		}
	}
	for _, body := range []string{`{"strength":"x"}`, `{"strength":1.5}`, `{"numbers":"maybe"}`, `[`, `3`} {
		if res, text := c.do(t, "POST", nextcloudPaths[1]+"/password", body); res.StatusCode != 400 || !strings.Contains(text, `"status":"error"`) {
			t.Errorf("%s: %d %s", body, res.StatusCode, text)
		}
	}
	if res, text := c.do(t, "GET", nextcloudPaths[1]+"/password", "", "Authorization", "Basic eDp5"); res.StatusCode != 401 {
		t.Errorf("wrong password: %d %s", res.StatusCode, text)
	}
	if res, text := c.do(t, "GET", nextcloudPaths[1]+"/password", "", "X-Forwarded-Proto", "http"); res.StatusCode != 400 ||
		text != `{"status":"error","id":"6304571a","message":"HTTPS required"}`+"\n" {
		t.Errorf("without TLS: %d %s", res.StatusCode, text)
	}
}

// A policy that takes no words gets what it takes, and the answer tells so.
func TestNextcloudUnderPolicy(t *testing.T) {
	demand := func(r rule.Rule) []policy.Demand { return []policy.Demand{{Rule: r}} }
	ask := func(t *testing.T, demands []policy.Demand) (int, string, nextcloudAnswer) {
		t.Helper()
		c := dial(t, &full{demands: demands})
		res, body := c.do(t, "GET", nextcloudPaths[0]+"/password", "")
		var got nextcloudAnswer
		_ = json.Unmarshal([]byte(body), &got)
		return res.StatusCode, body, got
	}
	if status, body, got := ask(t, demand(rule.ClassMinimums{Digits: 2, Specials: 2})); status != 200 || !got.Numbers || !got.Special || len(got.Words) == 0 || got.Strength != 1 {
		t.Errorf("digits demanded: %d %s", status, body)
	}
	if status, body, got := ask(t, demand(rule.Length{Min: 32})); status != 200 || got.Strength != 4 || len(got.Words) == 0 {
		t.Errorf("32 characters demanded: %d %s", status, body)
	}
	if status, body, got := ask(t, demand(rule.Length{Max: 14})); status != 200 || len(got.Words) != 0 || len(got.Password) != 14 {
		t.Errorf("14 characters allowed: %d %s", status, body)
	}
	if status, body, _ := ask(t, []policy.Demand{{Rule: rule.Length{Max: 3}}, {Rule: rule.ClassMinimums{Digits: 4}}}); status != 503 ||
		body != `{"status":"error","id":"74b8fcb3","message":"Unable to generate password"}`+"\n" {
		t.Errorf("nothing allowed: %d %s", status, body)
	}
	if status, body, _ := ask(t, demand(never{})); status != 502 || body != `{"status":"error","id":"43486931","message":"Internal Words API Error"}`+"\n" {
		t.Errorf("all refused: %d %s", status, body)
	}
}

// never is a rule that no password keeps, and that no shape tells.
type never struct{}

func (never) Check([]byte, rule.Subject) []string { return []string{"No."} }
func (never) Requirement() rule.Requirement       { return rule.Requirement{} }

// allBreached is a list that everything is in.
type allBreached struct{ err error }

func (a allBreached) Password([]byte) (bool, error)  { return a.err == nil, a.err }
func (allBreached) Exact() bool                      { return false }
func (a allBreached) Range(string) ([]string, error) { return nil, a.err }

func TestNextcloudBreaches(t *testing.T) {
	for _, cause := range []error{nil, errors.New("damaged")} {
		c := dial(t, &full{config: func(c *Config) { c.Nextcloud.Breaches = allBreached{cause} }})
		if res, body := c.do(t, "GET", nextcloudPaths[0]+"/password", ""); res.StatusCode != 503 || !strings.Contains(body, "74b8fcb3") {
			t.Errorf("%v: %d %s", cause, res.StatusCode, body)
		}
		if res, _ := c.do(t, "GET", nextcloudPaths[0]+"/hashes/5baa6", ""); res.StatusCode != 404 {
			t.Errorf("hashes of a filter: %d", res.StatusCode)
		}
	}
	c := dial(t, nil)
	for _, method := range []string{"GET", "POST"} {
		for prefix, want := range map[string]string{
			"5baa6": `["5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"]`,
			"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8": `["5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"]`,
			"00000": `[]`,
			"5baa":  `{"status":"error","id":"49f5c936","message":"Invalid range"}`,
			"5baaz": `{"status":"error","id":"49f5c936","message":"Invalid range"}`,
		} {
			res, body := c.do(t, method, nextcloudPaths[1]+"/hashes/"+prefix, "")
			status := map[byte]int{'"': 200, ']': 404, 's': 400}[want[1]]
			if want[1] == '"' && want[0] == '{' {
				status = 400
			}
			if res.StatusCode != status || body != want+"\n" {
				t.Errorf("%s: %d %s", prefix, res.StatusCode, body)
			}
		}
	}
	if res, _ := c.do(t, "GET", nextcloudPaths[1]+"/hashes/5baa6", "", "Authorization", ""); res.StatusCode != 401 {
		t.Errorf("without credentials: %d", res.StatusCode)
	}
}

// IDs as Nextcloud Passwords computes them.
func TestErrorID(t *testing.T) {
	for message, want := range map[string]string{
		nextcloudUnable: "74b8fcb3", nextcloudNoWords: "43486931", nextcloudHTTPS: "6304571a",
		"Authorized session required": "4ad27488", nextcloudRange: "49f5c936",
	} {
		if got := errorID(message); got != want {
			t.Errorf("%s: %s", message, got)
		}
	}
}

// A token acts for its entry and for the APIs that it was made for, while
// both are in force.
func TestTokens(t *testing.T) {
	store := token.Open(filepath.Join(t.TempDir(), "tokens.json"))
	d := people3()
	tokens := Tokens{Store: store, Delegate: &Delegate{Directory: d}}
	_, secret, err := store.Create(token.Token{Entry: joDN, APIs: []string{AdaxesAPI}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := tokens.AuthenticateToken(t.Context(), AdaxesAPI, []byte(secret))
	if err != nil || s.AuthzID() != "dn:"+joDN {
		t.Fatal(s, err)
	}
	for _, tt := range []struct {
		dn, as string
		code   result.Code
	}{
		{"uid=kim,dc=example,dc=com", "", result.Success},
		{"uid=boss,dc=example,dc=com", "", result.NoSuchObject},
		{"uid=nobody,dc=example,dc=com", "", result.NoSuchObject},
		{"uid=kim,dc=example,dc=com", "dn:uid=boss,dc=example,dc=com", result.AuthorizationDenied},
	} {
		if err := s.See(t.Context(), tt.dn, tt.as); (err == nil) != (tt.code == 0) || err != nil && !result.Is(err, tt.code) {
			t.Errorf("%s as %q: %v", tt.dn, tt.as, err)
		}
	}
	if _, err := tokens.AuthenticateToken(t.Context(), ECGridAPI, []byte(secret)); !result.Is(err, result.InvalidCredentials) {
		t.Errorf("for another API: %v", err)
	}

	// What the directory refuses is not asked in another way.
	d.refuse = true
	if err := s.See(t.Context(), "uid=kim,dc=example,dc=com", ""); !result.Is(err, result.AuthorizationDenied) {
		t.Errorf("refused: %v", err)
	}
	// Without the control it is what the service account sees, as
	// configured.
	d.refuse, d.proxied = false, false
	s, err = (&Delegate{Directory: d}).Session(t.Context(), joDN)
	if err != nil || s.See(t.Context(), "uid=boss,dc=example,dc=com", "") != nil {
		t.Errorf("as the service account: %v", err)
	}
	s, err = (&Delegate{Directory: d, Act: ActProxied}).Session(t.Context(), joDN)
	if err != nil || !result.Is(s.See(t.Context(), "uid=boss,dc=example,dc=com", ""), result.NoSuchObject) {
		t.Errorf("proxied although it is not listed: %v", err)
	}
	delete(d.entries, joDN)
	if _, err := tokens.AuthenticateToken(t.Context(), AdaxesAPI, []byte(secret)); !result.Is(err, result.InvalidCredentials) {
		t.Errorf("of an entry that is gone: %v", err)
	}
}

func TestAccountState(t *testing.T) {
	now := time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)
	tests := []struct {
		name, value string
		want        accountError
	}{
		{"userAccountControl", "512", ""},
		{"userAccountControl", "514", accountDisabled},
		{"userAccountControl", "x", accountDisabled},
		{"msDS-User-Account-Control-Computed", "0", ""},
		{"msDS-User-Account-Control-Computed", "16", accountLocked},
		{"accountExpires", "0", ""},
		{"accountExpires", "9223372036854775807", ""},
		{"accountExpires", "set below", ""},
		{"accountExpires", "x", accountExpired},
		{"nsAccountLock", "true", accountDisabled},
		{"nsAccountLock", "FALSE", ""},
		{"ds-pwp-account-disabled", "true", accountDisabled},
		{"pwdAccountLockedTime", "000001010000Z", accountLocked},
		{"pwdAccountLockedTime", "20261121015900Z", ""},
		{"pwdEndTime", "20261121015959Z", accountExpired},
		{"pwdEndTime", "20261121020001Z", ""},
		{"ds-pwp-account-expiration-time", "20261121015959.123Z", accountExpired},
		{"ds-pwp-account-expiration-time", "20261121020001.000Z", ""},
		{"pwdEndTime", "nonsense", accountExpired},
	}
	ticks := func(at time.Time) string { return strconv.FormatInt(at.Unix()*10_000_000+116444736000000000, 10) }
	tests[7].value = ticks(now.Add(time.Second))
	tests = append(tests, struct {
		name, value string
		want        accountError
	}{"accountExpires", ticks(now), accountExpired})
	for _, tt := range tests {
		err := accountState(policy.Entry{Attributes: []policy.Attribute{{Name: tt.name, Values: []string{tt.value}}}}, now)
		var got accountError
		errors.As(err, &got)
		if got != tt.want || (err != nil) != (tt.want != "") || err != nil && !result.Is(err, result.AuthorizationDenied) {
			t.Errorf("%s: %s: %v", tt.name, tt.value, err)
		}
	}
	d := people3()
	d.entries[joDN] = []policy.Attribute{{Name: "userAccountControl", Values: []string{"514"}}}
	c := dial(t, &full{tree: d})
	if res, body := c.adaxes(t, ""); res.StatusCode != 403 || !strings.Contains(body, `"innerError":{"message":`) || !strings.Contains(body, `"code":"accountIsDisabled"}}`) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// Who asks too often is told when to come back, in the form of each API.
func TestRateLimit(t *testing.T) {
	limited := func(c *Config) { c.Rate = RateLimit{PerSecond: 0.01, Burst: 2} }
	ask := map[string]func(c *client) (*http.Response, string){
		"directory": func(c *client) (*http.Response, string) { return c.do(t, "POST", path, "{}") },
		"adaxes":    func(c *client) (*http.Response, string) { return c.adaxes(t, "") },
		"ecgrid": func(c *client) (*http.Response, string) {
			return c.do(t, "POST", ecgridGeneratePath, "{}", "X-API-Key", c.secret)
		},
		"nextcloud": func(c *client) (*http.Response, string) { return c.do(t, "GET", nextcloudPaths[0]+"/password", "") },
	}
	want := map[string]string{"directory": `"name":"busy"`, "adaxes": `"code":"busy"`, "ecgrid": `"errorCode":"RateLimitExceeded"`, "nextcloud": `"status":"error"`}
	for name, ask := range ask {
		c := dial(t, &full{config: limited})
		for i := range 3 {
			res, body := ask(c)
			if i < 2 {
				if res.StatusCode != 200 {
					t.Errorf("%s: %d %s", name, res.StatusCode, body)
				}
				continue
			}
			seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
			if res.StatusCode != 429 || err != nil || seconds < 90 || seconds > 100 || !strings.Contains(body, want[name]) {
				t.Errorf("%s: %d, Retry-After %q, %s", name, res.StatusCode, res.Header.Get("Retry-After"), body)
			}
		}
	}
}

func TestLimiterBounds(t *testing.T) {
	l := newLimiter(RateLimit{PerSecond: 0.001, Burst: 1, MaxCallers: 3})
	for _, id := range []string{"dn:uid=a", "dn:uid=b", "dn:UID = a", "dn:uid=c", "dn:uid=d"} {
		err := l.take(id)
		if (err != nil) != (id == "dn:UID = a") {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := l.take("dn:uid=b"); err != nil {
		t.Errorf("who was forgotten: %v", err)
	}
	if newLimiter(RateLimit{}).take("x") != nil {
		t.Error("no limit is one")
	}
}

// All who come from one address share its limit, before anybody is asked who
// they are.
func TestAddressLimit(t *testing.T) {
	c := dial(t, &full{config: func(c *Config) { c.AddressRate = RateLimit{PerSecond: 0.01, Burst: 3} }})
	for i, want := range []int{200, 401, 200, 429, 429} {
		header := []string{"Authorization", "Basic am86eA=="}
		if want == 200 {
			header = nil
		}
		res, body := c.do(t, "POST", path, "{}", header...)
		if res.StatusCode != want || (want == 429) != (res.Header.Get("Retry-After") != "") {
			t.Errorf("request %d: %d %s", i, res.StatusCode, body)
		}
	}
}

func TestNetworks(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1", "[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80": "fe80::/64", "@": "", "": "",
	} {
		if got := networkOf(remote); got != want {
			t.Errorf("%s: %q, want %q", remote, got, want)
		}
	}
	l := newLimiter(RateLimit{PerSecond: 0.001, Burst: 1})
	for _, remote := range []string{"@", "@", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1"} {
		if err := l.admit(remote); err != nil {
			t.Errorf("%s: %v", remote, err)
		}
	}
	if err := l.admit("[2001:db8::2]:1"); err == nil {
		t.Error("a network has as many shares as addresses")
	}
}

// Failed attempts are counted by address.
func TestFailureLimit(t *testing.T) {
	c := dial(t, &full{config: func(c *Config) { c.Rate = RateLimit{PerSecond: 1000} }})
	last := 0
	for range failuresBurst + 50 {
		res, _ := c.do(t, "POST", path, "{}", "Authorization", "Basic am86eA==")
		last = res.StatusCode
		if last == 429 {
			break
		}
	}
	if last != 429 {
		t.Errorf("the last status is %d", last)
	}
}

// Each API can be switched off.
func TestSwitches(t *testing.T) {
	c := dial(t, &full{config: func(c *Config) { c.WithoutDirectory, c.Adaxes, c.ECGrid, c.Nextcloud = true, nil, nil, nil }})
	for _, p := range []string{path, "/restApi" + adaxesPath, ecgridGeneratePath, ecgridChangePath, nextcloudPaths[0] + "/password", nextcloudPaths[1] + "/hashes/5baa6"} {
		if res, body := c.do(t, "POST", p, "{}"); res.StatusCode != 404 || !strings.Contains(body, "there is no such resource") {
			t.Errorf("%s: %d %s", p, res.StatusCode, body)
		}
	}
}

// The tables in the documentation are those of the program.
func TestDocumentedStatuses(t *testing.T) {
	for page, status := range map[string]func(result.Code) int{"adaxes": adaxesStatus, "ecgrid": ecgridStatus, "nextcloud": nextcloudStatus} {
		f, err := os.Open("../docs/rest/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		documented := map[result.Code]int{}
		other := 0
		for in := bufio.NewScanner(f); in.Scan(); {
			row := regexp.MustCompile(`^\| (any other|[a-zA-Z]+ \(.*\)) \| (\d{3})`).FindStringSubmatch(in.Text())
			if row == nil {
				continue
			}
			n, _ := strconv.Atoi(row[2])
			if row[1] == "any other" {
				other = n
			}
			for _, code := range regexp.MustCompile(`([a-zA-Z]+) \((\d+)\)`).FindAllStringSubmatch(row[1], -1) {
				c, _ := strconv.Atoi(code[2])
				if result.Code(c).String() != code[1] {
					t.Errorf("%s: %s is not %d", page, code[1], c)
				}
				documented[result.Code(c)] = n
			}
		}
		if len(documented) < 5 || other == 0 {
			t.Fatalf("%s: only %d codes are documented", page, len(documented))
		}
		for c := range result.Code(200) {
			want, ok := documented[c]
			if !ok {
				want = other
			}
			if got := status(c); got != want {
				t.Errorf("%s: %v: status %d, documented %d", page, c, got, want)
			}
		}
	}
}

func FuzzAdaxesObject(f *testing.F) {
	for _, s := range []string{"", "CN=Jo,DC=a", "7a4267ce-d354-44e7-8bd6-c681f1284a41", "S-1-5-21-1-2-3-1104", "S-1-5", "<GUID=x>", "{7a4267ce-d354-44e7-8bd6-c681f1284a41}", "\xff=a"} {
		f.Add(s)
	}
	extended := regexp.MustCompile(`^<(GUID=[0-9a-f-]{36}|SID=S-1-[0-9]{1,15}(-[0-9]{1,10}){1,15})>$`)
	f.Fuzz(func(t *testing.T, s string) {
		base, err := objectBase(s)
		if err != nil {
			if !result.Is(err, result.InvalidDNSyntax) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if d, err := dn.Parse(base); (err != nil || d.IsRoot()) && !extended.MatchString(base) {
			t.Errorf("%q became %q", s, base)
		}
	})
}

func FuzzNextcloudSettings(f *testing.F) {
	for _, s := range []string{"", "{}", `{"strength":9,"numbers":"1","special":null}`, `{"strength":-9}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := settings{strength: 1}
		if err := s.decode(bytes.Clone(body)); err == nil && (s.strength < 0 || s.strength > nextcloudMaxStrength) {
			t.Errorf("%q: %+v", body, s)
		}
	})
}
