package restbridge

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// operation is a Generate Password operation that answers as told and notes
// what it was asked.
type operation struct {
	answer func(ctx context.Context) (*extop.GeneratePasswordResult, error)

	mu       sync.Mutex
	calls    int
	caller   string
	secure   bool
	request  extop.GeneratePasswordRequest
	controls []extop.Control
}

func (o *operation) Do(ctx context.Context, c extop.Caller, r extop.GeneratePasswordRequest, controls []extop.Control) (*extop.GeneratePasswordResult, error) {
	o.mu.Lock()
	o.calls++
	o.caller, o.secure, o.request, o.controls = c.AuthzID(), c.Protected(), r, controls
	o.mu.Unlock()
	return o.answer(ctx)
}

func returns(dn string, passwords ...extop.GeneratedPassword) func(context.Context) (*extop.GeneratePasswordResult, error) {
	return func(context.Context) (*extop.GeneratePasswordResult, error) {
		return &extop.GeneratePasswordResult{PolicyDN: dn, Passwords: passwords}, nil
	}
}

func fails(err error) func(context.Context) (*extop.GeneratePasswordResult, error) {
	return func(context.Context) (*extop.GeneratePasswordResult, error) { return nil, err }
}

func password(s string) policy.Password { return policy.NewPassword([]byte(s)) }

// people authenticates jo and counts the sessions that are open.
type people struct {
	mu   sync.Mutex
	open int
}

func (p *people) Authenticate(_ context.Context, username string, secret []byte) (Session, error) {
	if username != "jo" || string(secret) != "s3cret:Pw" {
		return nil, errCredentials(nil)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open++
	return &session{p}, nil
}

type session struct{ p *people }

func (*session) AuthzID() string                           { return "dn:uid=jo,dc=example,dc=com" }
func (*session) See(context.Context, string, string) error { return nil }
func (s *session) Close() error                            { s.p.mu.Lock(); defer s.p.mu.Unlock(); s.p.open--; return nil }

type bridge struct {
	*httptest.Server
	op     *operation
	people *people
	log    *testenv.Output
}

// start serves a bridge until the test ends.
func start(t *testing.T, answer func(context.Context) (*extop.GeneratePasswordResult, error), change func(*Config)) *bridge {
	t.Helper()
	b := &bridge{op: &operation{answer: answer}, people: &people{}, log: new(testenv.Output)}
	cfg := Config{Generate: b.op, Authenticate: b.people, Log: slog.New(slog.NewTextHandler(b.log, nil))}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		b.Server.Close()
		b.people.mu.Lock()
		defer b.people.mu.Unlock()
		if b.people.open != 0 {
			t.Errorf("%d sessions are open", b.people.open)
		}
		for _, secret := range []string{"s3cret", "am86czNjcmV0", "Authorization"} {
			if strings.Contains(b.log.String(), secret) {
				t.Errorf("the log has %q:\n%s", secret, b.log)
			}
		}
	})
	return b
}

const path = "/directory/v1/suggestPassword"

// do sends a request as jo, and checks what every answer has in common.
func (b *bridge) do(t *testing.T, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("jo", "s3cret:Pw")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		if header[i+1] == "" {
			req.Header.Del(header[i])
		} else {
			req.Header.Set(header[i], header[i+1])
		}
	}
	res, err := b.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	checkContract(t, method, path, req.Header, body, res, text)
	want := map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
	if strings.HasPrefix(path, "/directory/") {
		want["Vary"] = "Accept"
	}
	for name, want := range want {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if method != http.MethodHead && !json.Valid(text) {
		t.Errorf("the body is no JSON: %s", text)
	}
	return res, string(text)
}

// The example of the API's page: the fields, their order and their types.
func TestDocumentedExample(t *testing.T) {
	const request = `{
"passwordPolicyDN": "cn=Default Password Policy,cn=Password Policies,cn=config",
"numberOfPasswords": 2,
"validationAttempts": 5
}`
	b := start(t, returns("cn=Default Password Policy,cn=Password Policies,cn=config",
		extop.GeneratedPassword{Password: password("GarnishHayekElixirNortheastern")},
		extop.GeneratedPassword{Password: password("CrawdadMechanicApotheosisEnvironment")}), nil)
	res, body := b.do(t, "POST", path, request)
	want := `{"resultCode":{"value":0,"name":"success"},"passwordPolicyDN":"cn=Default Password Policy,cn=Password Policies,cn=config",` +
		`"suggestedPasswords":[{"suggestedPassword":"GarnishHayekElixirNortheastern","validationAttempted":false},` +
		`{"suggestedPassword":"CrawdadMechanicApotheosisEnvironment","validationAttempted":false}]}` + "\n"
	if res.StatusCode != 200 || body != want {
		t.Errorf("status %d\n%s", res.StatusCode, cmp.Diff(want, body))
	}
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	wantRequest := extop.GeneratePasswordRequest{Selection: extop.SelectPolicyDN,
		DN: "cn=Default Password Policy,cn=Password Policies,cn=config", Count: 2, Attempts: 5}
	if b.op.request != wantRequest || b.op.caller != "dn:uid=jo,dc=example,dc=com" || !b.op.secure {
		t.Errorf("the operation was asked %+v by %q", b.op.request, b.op.caller)
	}
	if strings.Contains(b.log.String(), "Garnish") {
		t.Error("a password is in the log")
	}
}

func TestValidationErrors(t *testing.T) {
	b := start(t, returns("", extop.GeneratedPassword{
		Password: password("\"\\\u0001<&>\u2028é😀\x7f"), Validated: true, Errors: []string{"too short", "no digit"},
	}), nil)
	res, body := b.do(t, "POST", path, `{}`)
	want := `{"resultCode":{"value":0,"name":"success"},"passwordPolicyDN":"","suggestedPasswords":[{"suggestedPassword":` +
		`"\"\\\u0001\u003c\u0026\u003e\u2028é😀\u007f","validationAttempted":true,"validationErrors":["too short","no digit"]}]}` + "\n"
	if res.StatusCode != 200 || body != want {
		t.Errorf("status %d\n%s", res.StatusCode, cmp.Diff(want, body))
	}
}

// What JSON cannot say is an error, not a password that differs from the
// one that was checked.
func TestPasswordNotUTF8(t *testing.T) {
	b := start(t, returns("", extop.GeneratedPassword{Password: password("ab\xffcd")}), nil)
	res, body := b.do(t, "POST", path, `{}`)
	if res.StatusCode != 500 || !strings.Contains(body, `"name":"other"`) || strings.Contains(body, "ab") {
		t.Errorf("status %d: %s", res.StatusCode, body)
	}
}

func TestRequests(t *testing.T) {
	authz := extop.Control{OID: extop.ProxiedAuthorizationOID, Critical: true, Value: []byte("u:kim")}
	tests := []struct {
		name, body string
		want       extop.GeneratePasswordRequest
		controls   []extop.Control
	}{
		{"nothing", `{}`, extop.GeneratePasswordRequest{Count: 1, Attempts: 5}, nil},
		{"spaces", " \n{ }\t", extop.GeneratePasswordRequest{Count: 1, Attempts: 5}, nil},
		{"target", `{"targetEntryDN":"uid=a"}`, extop.GeneratePasswordRequest{Selection: extop.SelectTargetEntry, DN: "uid=a", Count: 1, Attempts: 5}, nil},
		{"empty target", `{"targetEntryDN":""}`, extop.GeneratePasswordRequest{Selection: extop.SelectTargetEntry, Count: 1, Attempts: 5}, nil},
		{"escapes", `{"passwordPolicyDN":"cn=\u00e9"}`, extop.GeneratePasswordRequest{Selection: extop.SelectPolicyDN, DN: "cn=é", Count: 1, Attempts: 5}, nil},
		{"numbers", `{"numberOfPasswords":7,"validationAttempts":0}`, extop.GeneratePasswordRequest{Count: 7}, nil},
		{"largest numbers", `{"numberOfPasswords":2147483647,"validationAttempts":2147483647}`, extop.GeneratePasswordRequest{Count: 1<<31 - 1, Attempts: 1<<31 - 1}, nil},
		{"no controls", `{"_controls":[]}`, extop.GeneratePasswordRequest{Count: 1, Attempts: 5}, nil},
		{"control in JSON", `{"_controls":[{"oid":"2.16.840.1.113730.3.4.18","control-name":"x","criticality":true,"value-json":{"authorization-id":"u:kim"}}]}`,
			extop.GeneratePasswordRequest{Count: 1, Attempts: 5}, []extop.Control{authz}},
		{"control in base64", `{"_controls":[{"oid":"2.16.840.1.113730.3.4.18","criticality":true,"value-base64":"dTpraW0="}]}`,
			extop.GeneratePasswordRequest{Count: 1, Attempts: 5}, []extop.Control{authz}},
		{"unknown controls", `{"_controls":[{"oid":"1.2.3","criticality":false,"value-json":{"a":1}},{"oid":"1.2.4","criticality":true,"value-json":{}}]}`,
			extop.GeneratePasswordRequest{Count: 1, Attempts: 5}, []extop.Control{{OID: "1.2.4", Critical: true}}},
	}
	b := start(t, returns("", extop.GeneratedPassword{Password: password("x")}), nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, body := b.do(t, "POST", path, tt.body, "Content-Type", "application/json; charset=UTF-8")
			if res.StatusCode != 200 {
				t.Fatalf("status %d: %s", res.StatusCode, body)
			}
			if diff := cmp.Diff(tt.want, b.op.request); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.controls, b.op.controls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// badBodies reads testdata/bad-bodies.txt: a body on one line, what the
// answer must say on the next, blank lines between.
func badBodies(t testing.TB) (bodies, messages []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "bad-bodies.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		body, message, ok := strings.Cut(pair, "\n")
		if !ok {
			t.Fatalf("no message for %q", pair)
		}
		body = strings.NewReplacer(`\xff`, "\xff", `\n`, "\n", `(nothing)`, "").Replace(body)
		bodies, messages = append(bodies, body), append(messages, message)
	}
	if len(bodies) < 20 {
		t.Fatalf("only %d bodies", len(bodies))
	}
	return bodies, messages
}

func TestBadBodies(t *testing.T) {
	b := start(t, returns(""), nil)
	bodies, messages := badBodies(t)
	for i, body := range bodies {
		res, answer := b.do(t, "POST", path, body)
		var got struct {
			ResultCode struct {
				Value int
				Name  string
			}
			DiagnosticMessage string
		}
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 400 || got.ResultCode.Value != 2 || got.ResultCode.Name != "protocolError" || got.DiagnosticMessage != messages[i] {
			t.Errorf("%q: status %d, %s\nwant %q", body, res.StatusCode, answer, messages[i])
		}
	}
	if b.op.calls != 0 {
		t.Errorf("the operation was asked %d times", b.op.calls)
	}
}

func TestHTTPErrors(t *testing.T) {
	b := start(t, returns(""), func(c *Config) { c.MaxBody = 1000 })
	tests := []struct {
		name, method, path, body string
		header                   []string
		status                   int
		wantHeader, wantValue    string
		text                     string
	}{
		{"unknown path", "POST", "/directory/v1/nothing", `{}`, nil, 404, "", "", "there is no such resource"},
		{"root", "POST", "/", `{}`, nil, 404, "", "", "there is no such resource"},
		{"GET", "GET", path, ``, nil, 405, "Allow", "POST", "the method must be POST"},
		{"HEAD", "HEAD", path, ``, nil, 405, "Allow", "POST", ""},
		{"PUT", "PUT", path, `{}`, nil, 405, "Allow", "POST", "the method must be POST"},
		{"OPTIONS", "OPTIONS", path, ``, nil, 405, "Allow", "POST", "the method must be POST"},
		{"form", "POST", path, `{}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "Accept", "application/json", "the Content-Type must be application/json"},
		{"no type", "POST", path, `{}`, []string{"Content-Type", ""}, 415, "Accept", "application/json", "the Content-Type must be application/json"},
		{"latin 1", "POST", path, `{}`, []string{"Content-Type", "application/json; charset=iso-8859-1"}, 415, "", "", "the Content-Type must be application/json"},
		{"gzip", "POST", path, `{}`, []string{"Content-Encoding", "gzip"}, 415, "", "", "the body must come without Content-Encoding"},
		{"too large", "POST", path, `{"targetEntryDN":"` + strings.Repeat("x", 1000) + `"}`, nil, 413, "", "", "the body is larger than 1000 octets"},
		{"no credentials", "POST", path, `{}`, []string{"Authorization", ""}, 401, "WWW-Authenticate", `Basic realm="ldapsuggest", charset="UTF-8"`, "credentials are required, by HTTP Basic authentication"},
		{"token", "POST", path, `{}`, []string{"Authorization", "Bearer abc"}, 401, "WWW-Authenticate", `Bearer realm="ldapsuggest", error="invalid_token"`, "the token is unknown, expired or revoked, or not for this API"},
		{"no base64", "POST", path, `{}`, []string{"Authorization", "Basic ???"}, 401, "", "", "credentials are required, by HTTP Basic authentication"},
		{"wrong password", "POST", path, `{}`, []string{"Authorization", "Basic am86eA=="}, 401, "WWW-Authenticate", `Basic realm="ldapsuggest", charset="UTF-8"`, "the name or the password is wrong"},
		{"proxy without TLS", "POST", path, `{}`, []string{"X-Forwarded-Proto", "http"}, 403, "", "", "the request must come over TLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, body := b.do(t, tt.method, tt.path, tt.body, tt.header...)
			if res.StatusCode != tt.status || tt.text != "" && !strings.Contains(body, tt.text) || tt.text != "" && !strings.Contains(body, `{"resultCode":{"value":`) {
				t.Errorf("status %d: %s", res.StatusCode, body)
			}
			if tt.wantHeader != "" && res.Header.Get(tt.wantHeader) != tt.wantValue {
				t.Errorf("%s: %q", tt.wantHeader, res.Header.Get(tt.wantHeader))
			}
		})
	}
	if b.op.calls != 0 {
		t.Errorf("the operation was asked %d times", b.op.calls)
	}
}

func TestResultCodes(t *testing.T) {
	tests := []struct {
		err    error
		status int
		body   string
	}{
		{result.New(result.ProtocolError, "p"), 400, `{"resultCode":{"value":2,"name":"protocolError"},"diagnosticMessage":"p"}`},
		{result.New(result.InvalidDNSyntax, "bad DN"), 400, `{"resultCode":{"value":34,"name":"invalidDNSyntax"},"diagnosticMessage":"bad DN"}`},
		{result.New(result.UnavailableCriticalExtension, "c"), 400, `{"resultCode":{"value":12,"name":"unavailableCriticalExtension"},"diagnosticMessage":"c"}`},
		{result.New(result.ConstraintViolation, "c"), 400, `{"resultCode":{"value":19,"name":"constraintViolation"},"diagnosticMessage":"c"}`},
		{result.New(result.InvalidCredentials, "c"), 401, `{"resultCode":{"value":49,"name":"invalidCredentials"},"diagnosticMessage":"c"}`},
		{result.New(result.InsufficientAccessRights, "no"), 403, `{"resultCode":{"value":50,"name":"insufficientAccessRights"},"diagnosticMessage":"no"}`},
		{result.New(result.ConfidentialityRequired, "no"), 403, `{"resultCode":{"value":13,"name":"confidentialityRequired"},"diagnosticMessage":"no"}`},
		{result.New(result.AuthorizationDenied, "no"), 403, `{"resultCode":{"value":123,"name":"authorizationDenied"},"diagnosticMessage":"no"}`},
		{&result.Error{Code: result.NoSuchObject, MatchedDN: `dc="x"`, Text: "none"}, 404, `{"resultCode":{"value":32,"name":"noSuchObject"},"matchedDN":"dc=\"x\"","diagnosticMessage":"none"}`},
		{result.New(result.UnwillingToPerform, "u"), 422, `{"resultCode":{"value":53,"name":"unwillingToPerform"},"diagnosticMessage":"u"}`},
		{result.New(result.Busy, ""), 503, `{"resultCode":{"value":51,"name":"busy"}}`},
		{result.New(result.Unavailable, "d"), 503, `{"resultCode":{"value":52,"name":"unavailable"},"diagnosticMessage":"d"}`},
		{result.New(result.AdminLimitExceeded, "d"), 503, `{"resultCode":{"value":11,"name":"adminLimitExceeded"},"diagnosticMessage":"d"}`},
		{context.DeadlineExceeded, 503, `{"resultCode":{"value":3,"name":"timeLimitExceeded"},"diagnosticMessage":"the operation did not finish in time"}`},
		{result.New(result.OperationsError, "o"), 500, `{"resultCode":{"value":1,"name":"operationsError"},"diagnosticMessage":"o"}`},
		{errors.New("private"), 500, `{"resultCode":{"value":80,"name":"other"},"diagnosticMessage":"internal error"}`},
		{result.New(4242, "vendor"), 500, `{"resultCode":{"value":4242,"name":"4242"},"diagnosticMessage":"vendor"}`},
	}
	for _, tt := range tests {
		b := start(t, fails(tt.err), nil)
		res, body := b.do(t, "POST", path, `{}`)
		if res.StatusCode != tt.status || body != tt.body+"\n" {
			t.Errorf("%v: status %d, %s", tt.err, res.StatusCode, body)
		}
		if got := res.Header.Get("Retry-After"); (got != "") != (tt.status == 503) {
			t.Errorf("%v: Retry-After %q", tt.err, got)
		}
		if got := res.Header.Get("WWW-Authenticate"); (got != "") != (tt.status == 401) {
			t.Errorf("%v: WWW-Authenticate %q", tt.err, got)
		}
	}
}

// The table in the documentation is that of the program.
func TestDocumentedStatus(t *testing.T) {
	text, err := os.ReadFile("../docs/rest/suggest-password.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[result.Code]int{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-zA-Z]+ \(.*\)) \| (\d{3})`).FindAllStringSubmatch(string(text), -1) {
		for _, code := range regexp.MustCompile(`([a-zA-Z]+) \((\d+)\)`).FindAllStringSubmatch(row[1], -1) {
			n, _ := strconv.Atoi(code[2])
			if result.Code(n).String() != code[1] {
				t.Errorf("%s is not %d", code[1], n)
			}
			documented[result.Code(n)], _ = strconv.Atoi(row[2])
		}
	}
	if len(documented) < 15 {
		t.Fatalf("only %d codes are documented", len(documented))
	}
	for c := range result.Code(200) {
		want, ok := documented[c]
		if !ok {
			want = http.StatusInternalServerError
		}
		if got := statusOf(c); got != want {
			t.Errorf("%v: status %d, documented %d", c, got, want)
		}
	}
}

func TestMediaType(t *testing.T) {
	b := start(t, returns("", extop.GeneratedPassword{Password: password("x")}), nil)
	for accept, want := range map[string]string{
		"":                                      "application/json",
		"*/*":                                   "application/json",
		"application/json":                      "application/json",
		"application/hal+json":                  "application/hal+json",
		"text/html, application/hal+json;q=0.5": "application/hal+json",
		"application/hal+json;q=0":              "application/json",
		"application/hal+json; q=0.0, application/*": "application/json",
	} {
		res, _ := b.do(t, "POST", path, `{}`, "Accept", accept)
		if got := res.Header.Get("Content-Type"); got != want {
			t.Errorf("Accept: %s: %s", accept, got)
		}
	}
}

func TestPanic(t *testing.T) {
	b := start(t, func(context.Context) (*extop.GeneratePasswordResult, error) { panic("Pa55word") }, nil)
	for range 2 {
		res, body := b.do(t, "POST", path, `{}`)
		if res.StatusCode != 500 || body != `{"resultCode":{"value":80,"name":"other"},"diagnosticMessage":"internal error"}`+"\n" {
			t.Errorf("status %d: %s", res.StatusCode, body)
		}
	}
	if log := b.log.String(); !strings.Contains(log, "panic") || strings.Contains(log, "Pa55word") {
		t.Errorf("log: %s", log)
	}
}

func TestBusyAndTimeout(t *testing.T) {
	entered := make(chan struct{})
	b := start(t, func(ctx context.Context) (*extop.GeneratePasswordResult, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}, func(c *Config) { c.MaxRequests = 1; c.Timeout = 300 * time.Millisecond })
	var wg sync.WaitGroup
	wg.Go(func() {
		if res, body := b.do(t, "POST", path, `{}`); res.StatusCode != 503 || !strings.Contains(body, "timeLimitExceeded") {
			t.Errorf("status %d: %s", res.StatusCode, body)
		}
	})
	<-entered
	if res, body := b.do(t, "POST", path, `{}`); res.StatusCode != 503 || !strings.Contains(body, `"name":"busy"`) {
		t.Errorf("status %d: %s", res.StatusCode, body)
	}
	wg.Wait()
}

func TestWipesPasswords(t *testing.T) {
	secret := []byte("GarnishHayek")
	b := start(t, returns("", extop.GeneratedPassword{Password: policy.NewPassword(secret)}), nil)
	if _, body := b.do(t, "POST", path, `{}`); !strings.Contains(body, "GarnishHayek") {
		t.Fatal(body)
	}
	if !bytes.Equal(secret, make([]byte, len(secret))) {
		t.Error("the password is still in memory")
	}
}

// The response is written into one piece of memory, for what growing leaves
// behind is never wiped.
func TestResponseBufferNeverGrows(t *testing.T) {
	for _, p := range []string{"", "abc", strings.Repeat("\x01", 300), strings.Repeat("<", 5000), strings.Repeat("\u2028", 50)} {
		for n := range 12 {
			res := &extop.GeneratePasswordResult{PolicyDN: p}
			for range n {
				res.Passwords = append(res.Passwords, extop.GeneratedPassword{Password: password(p), Errors: []string{p, p}})
			}
			want := 128 + maxEscaped*len(p) + n*(128+maxEscaped*len(p)+2*(3+maxEscaped*len(p)))
			b, err := EncodeSuggestedPasswords(res)
			if err != nil || !json.Valid(b) {
				t.Fatal(err, string(b))
			}
			if len(b) > want {
				t.Fatalf("%d octets, room for %d", len(b), want)
			}
		}
	}
}

// serve serves a Server until the test ends, and returns its URL.
func serve(t *testing.T, cfg Config) string {
	t.Helper()
	cfg.Generate = &operation{answer: returns("", extop.GeneratedPassword{Password: password("x")})}
	cfg.Authenticate = &people{}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	run, url := s.Serve, "http://"+l.Addr().String()
	if cfg.TLSConfig != nil {
		run, url = s.ServeTLS, "https://"+l.Addr().String()
	}
	done := make(chan error, 1)
	go func() { done <- run(l) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return url
}

func post(t *testing.T, client *http.Client, url string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", url+path, strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("jo", "s3cret:Pw")
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 200 {
		t.Errorf("status %d: %s (%v)", res.StatusCode, body, err)
	}
}

func TestServe(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	post(t, client, serve(t, Config{}))
	if _, err := New(Config{}); err == nil {
		t.Error("an empty Config was accepted")
	}
}

func TestServeTLS(t *testing.T) {
	lender := httptest.NewTLSServer(http.NotFoundHandler()) // of a certificate
	defer lender.Close()
	client := lender.Client()
	defer client.CloseIdleConnections()
	post(t, client, serve(t, Config{TLSConfig: &tls.Config{Certificates: lender.TLS.Certificates}}))

	s, err := New(Config{Generate: &operation{}, Authenticate: &people{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ServeTLS(nil); err == nil {
		t.Error("TLS was served without a certificate")
	}
}

// A connection above the maximum waits until another one ends.
func TestMaxConnections(t *testing.T) {
	url := serve(t, Config{MaxConnections: 1})
	idle, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		post(t, client, url)
		select {
		case <-ended:
		default:
			t.Error("a second connection was served beside the first")
		}
	})
	time.Sleep(50 * time.Millisecond) // time in which it could go wrong
	close(ended)
	idle.Close()
	wg.Wait()
}

func TestIsProtected(t *testing.T) {
	tests := []struct {
		local, remote string
		tls           bool
		forwarded     string
		want          bool
	}{
		{"127.0.0.1:8080", "127.0.0.1:1234", false, "", true},
		{"[::1]:8080", "[::1]:1234", false, "", true},
		{"[::ffff:127.0.0.1]:8080", "127.0.0.1:1234", false, "", true},
		{"192.0.2.1:8080", "192.0.2.2:1234", false, "", false},
		{"192.0.2.1:8080", "127.0.0.1:1234", false, "", false},
		{"192.0.2.1:8080", "192.0.2.2:1234", true, "", true},
		{"192.0.2.1:8080", "192.0.2.2:1234", false, "https", false},
		{"127.0.0.1:8080", "127.0.0.1:1234", false, "https", true},
		{"127.0.0.1:8080", "127.0.0.1:1234", false, "http", false},
		{"127.0.0.1:8080", "127.0.0.1:1234", true, "http", false},
		{"127.0.0.1:8080", "nonsense", false, "", false},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("POST", "/", nil)
		addr, err := net.ResolveTCPAddr("tcp", tt.local)
		if err != nil {
			t.Fatal(err)
		}
		r = r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(addr)))
		r.RemoteAddr = tt.remote
		if tt.tls {
			r.TLS = new(tls.ConnectionState)
		}
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-Proto", tt.forwarded)
		}
		if got := isProtected(r); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// entries is a directory that finds by filter.
type entries map[string][]string

func (e entries) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	if q.Base == "" {
		return []policy.Entry{{Attributes: []policy.Attribute{{Name: "namingContexts", Values: []string{"dc=a", "dc=b"}}}}}, nil
	}
	if q.Base == "dc=b" {
		return nil, result.New(result.NoSuchObject, "")
	}
	var out []policy.Entry
	for _, dn := range e[q.Filter] {
		out = append(out, policy.Entry{DN: dn})
	}
	return out, nil
}

func TestBinder(t *testing.T) {
	var bound string
	b, err := NewBinder(Binder{
		Directory: entries{"(uid=jo)": {"uid=jo,dc=a"}, "(uid=twice)": {"uid=x,dc=a", "uid=y,dc=a"}, `(uid=\2a)`: {"uid=star,dc=a"}, `(uid=\c3\a9\28\29\5c)`: {"uid=odd,dc=a"}},
		Bind: func(_ context.Context, dn string, secret []byte) (Session, error) {
			bound = dn
			switch string(secret) {
			case "right":
				return &session{&people{}}, nil
			case "locked":
				return nil, result.New(result.UnwillingToPerform, "the account is locked")
			}
			return nil, result.New(result.InvalidCredentials, "")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		username, password string
		bound              string
		code               result.Code
	}{
		{"jo", "right", "uid=jo,dc=a", result.Success},
		{"UID=Jo, dc=a", "right", "UID=Jo, dc=a", result.Success},
		{"*", "right", "uid=star,dc=a", result.Success},
		{`é()\`, "right", "uid=odd,dc=a", result.Success},
		{"jo", "wrong", "uid=jo,dc=a", result.InvalidCredentials},
		{"jo", "locked", "uid=jo,dc=a", result.UnwillingToPerform},
		{"nobody", "right", "", result.InvalidCredentials},
		{"twice", "right", "", result.InvalidCredentials},
		{"", "right", "", result.InvalidCredentials},
		{"jo", "", "", result.InvalidCredentials},
	}
	var messages []string
	for _, tt := range tests {
		bound = ""
		s, err := b.Authenticate(t.Context(), tt.username, []byte(tt.password))
		if bound != tt.bound || (err == nil) != (s != nil) || err == nil && tt.code != result.Success || err != nil && !result.Is(err, tt.code) {
			t.Errorf("%q: bound as %q, %v", tt.username, bound, err)
		}
		if result.Is(err, result.InvalidCredentials) {
			messages = append(messages, err.Error())
		}
	}
	for _, m := range messages {
		if m != messages[0] {
			t.Errorf("the answers %q and %q tell which of name and password is wrong", messages[0], m)
		}
	}
	if _, err := NewBinder(Binder{Bind: b.Bind, Filter: "(uid=x)"}); err == nil {
		t.Error("a filter without {username} was accepted")
	}
}

func FuzzDecodeSuggestPassword(f *testing.F) {
	bodies, _ := badBodies(f)
	for _, b := range append(bodies, `{}`, `{"targetEntryDN":"uid=a","numberOfPasswords":1,"_controls":[{"oid":"1","criticality":true,"value-base64":"YQ=="}]}`) {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, _, err := decodeSuggestPassword(body)
		if err != nil {
			if !result.Is(err, result.ProtocolError) {
				t.Errorf("error %#v", err)
			}
			return
		}
		if !json.Valid(body) || req.Count < 1 || req.Attempts < 0 {
			t.Errorf("accepted %q as %+v", body, req)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "abc", "\"\\\x00\x1f\x7f", "é\u2028\u2029😀", "\xff\xc3", "\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := appendString(nil, s)
		var got string
		if err := json.Unmarshal(b, &got); err != nil || got != string([]rune(s)) {
			t.Errorf("%q became %s, which reads %q (%v)", s, b, got, err)
		}
		if !bytes.Equal(b, appendString(nil, []byte(s))) || len(b) > 2+maxEscaped*len(s) {
			t.Errorf("%q became %s", s, b)
		}
	})
}

// What the door itself costs: an operation and a directory that answer at
// once.
func BenchmarkSuggestPassword(b *testing.B) {
	s, err := New(Config{
		Generate:     &operation{answer: returns("cn=p", extop.GeneratedPassword{Password: password("GarnishHayekElixirNortheastern")})},
		Authenticate: &people{},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.WithValue(b.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(ctx, "POST", path, strings.NewReader(`{"targetEntryDN":"uid=jo,ou=people,dc=example,dc=com","numberOfPasswords":1}`))
		r.RemoteAddr = "127.0.0.1:2"
		r.SetBasicAuth("jo", "s3cret:Pw")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
