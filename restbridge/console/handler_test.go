package console_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
	"github.com/ldapsuggest/ldapsuggest/restbridge/console"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A visitor is a browser without a window.
type visitor struct {
	t      *testing.T
	rig    *rig
	client *http.Client
	header http.Header // of each request
}

func visit(t *testing.T, r *rig) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *r.Client()
	c.Jar = jar
	return &visitor{t, r, &c, http.Header{}}
}

func (v *visitor) do(method, path string, f url.Values) (*http.Response, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.rig.URL+path, strings.NewReader(f.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header = v.header.Clone()
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res, string(body)
}

func (v *visitor) get(path string) (*http.Response, string) { return v.do("GET", path, nil) }

var fieldPattern = regexp.MustCompile(`name="([a-z]+)" value="([^"]*)"`)

// fields returns the hidden fields of the first form that goes to action.
func fields(t *testing.T, page, action string) url.Values {
	t.Helper()
	_, form, ok := strings.Cut(page, `action="`+action+`"`)
	if !ok {
		t.Fatalf("no form goes to %s:\n%s", action, page)
	}
	form, _, _ = strings.Cut(form, "</form>")
	out := url.Values{}
	for _, m := range fieldPattern.FindAllStringSubmatch(form, -1) {
		out.Set(m[1], strings.NewReplacer("&amp;", "&", "&#43;", "+", "&lt;", "<", "&gt;", ">", "&#39;", "'", "&#34;", `"`).Replace(m[2]))
	}
	return out
}

func (v *visitor) signIn(name, password string) (*http.Response, string) {
	v.t.Helper()
	_, page := v.get("/")
	f := fields(v.t, page, "/console/sign-in")
	f.Set("username", name)
	f.Set("password", password)
	return v.do("POST", "/console/sign-in", f)
}

func (v *visitor) cookie(name string) string {
	u, err := url.Parse(v.rig.URL)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func says(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !strings.Contains(page, s) {
			t.Errorf("it does not say %q:\n%s", s, page)
		}
	}
}

// What every answer has, whoever asks.
func TestHeaders(t *testing.T) {
	r := startEmbedded(t, nil)
	v := visit(t, r)
	check := func(path string, status int) {
		t.Helper()
		res, page := v.get(path)
		if res.StatusCode != status {
			t.Errorf("%s: status %d, want %d", path, res.StatusCode, status)
		}
		for name, want := range map[string]string{
			"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"Content-Type":            "text/html; charset=utf-8",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		// What the policy would not allow is not there.
		for _, bad := range []string{`<script>`, ` style="`, `<style`, ` onclick=`, `javascript:`, `http://`, `https://`} {
			if strings.Contains(page, bad) {
				t.Errorf("%s has %s", path, bad)
			}
		}
	}
	views := map[string]int{
		"/": 200, "/console/": 200, "/console/find?text=a": 200, personURL(r.target): 200, personURL("x"): 200,
		"/console/policies": 200, "/console/policy": 200, "/console/idle": 200, "/console/nothing": 404, "/console/reset": 405,
	}
	for path, status := range views {
		check(path, status)
	}
	v.signIn(r.helper, r.helperPassword)
	views[personURL("x")] = 400
	for path, status := range views {
		check(path, status)
	}
	_, page := v.get("/")
	for _, m := range regexp.MustCompile(`"(/console/static/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		res, _ := v.get(m[1])
		if res.StatusCode != 200 || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d, %v", m[1], res.StatusCode, res.Header)
		}
	}
	if res, _ := v.get("/console/static/console.css"); res.StatusCode != 404 {
		t.Errorf("an asset of no version: %d", res.StatusCode)
	}
}

// The APIs are where they were.
func TestOtherPaths(t *testing.T) {
	r := startEmbedded(t, nil)
	v := visit(t, r)
	for path, method := range map[string]string{"/nothing": "GET", "/console": "GET", "/index.html": "GET", "/": "POST"} {
		res, body := v.do(method, path, url.Values{})
		if path == "/console" { // to /console/
			continue
		}
		if res.StatusCode != 404 || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s %s: %d %s", method, path, res.StatusCode, body)
		}
	}
	if res, body := v.get("/openapi.yaml"); res.StatusCode != 200 || strings.Contains(body, "/console") {
		t.Errorf("the description of the APIs: %d", res.StatusCode)
	}
}

// Who can be read on the way gets no form to type a password into.
func TestUnprotected(t *testing.T) {
	r := startEmbedded(t, nil)
	for _, path := range []string{"/", personURL(r.target), "/console/sign-in"} {
		req := httptest.NewRequest("GET", path, nil)
		req.RemoteAddr = "192.0.2.1:1234"
		w := httptest.NewRecorder()
		r.Config.Handler.ServeHTTP(w, req)
		if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "<input") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		says(t, w.Body.String(), "https://")
	}
}

// A session that somebody else has begun, or made up, is nobody's.
func TestSessionFixation(t *testing.T) {
	r := startEmbedded(t, nil)
	attacker, victim := visit(t, r), visit(t, r)
	plant := func(v *visitor, value string) {
		t.Helper()
		u, err := url.Parse(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		v.client.Jar.SetCookies(u, []*http.Cookie{{Name: "ldapsuggest", Value: value, Path: "/"}})
	}
	plant(victim, "made-up")
	victim.signIn(r.helper, r.helperPassword)
	if id := victim.cookie("ldapsuggest"); id == "made-up" || len(id) < 22 {
		t.Errorf("the session is %q", id)
	}
	plant(attacker, "made-up")
	if _, page := attacker.get("/"); !strings.Contains(page, "Your session has ended") {
		t.Errorf("a session that was made up:\n%s", page)
	}

	// The attacker's own session, planted before the victim signs in.
	attacker.signIn(r.user0(t), "Jo-chose-Pw1-herself")
	own := attacker.cookie("ldapsuggest")
	victim = visit(t, r)
	_, page := victim.get("/")
	plant(victim, own)
	f := fields(t, page, "/console/sign-in")
	f.Set("username", r.helper)
	f.Set("password", r.helperPassword)
	victim.do("POST", "/console/sign-in", f)
	if victim.cookie("ldapsuggest") == own {
		t.Error("the victim goes on with the attacker's session")
	}
	if _, page := attacker.get("/"); !strings.Contains(page, "You have signed out") {
		t.Errorf("the attacker's session goes on:\n%s", page)
	}
	// Each sign-in makes another.
	before := victim.cookie("ldapsuggest")
	victim.do("POST", "/console/sign-out", fields(t, mustGet(victim, "/"), "/console/sign-out"))
	plant(attacker, before)
	if _, page := attacker.get("/"); !strings.Contains(page, "You have signed out") {
		t.Errorf("signed out:\n%s", page)
	}
	victim.signIn(r.helper, r.helperPassword)
	if victim.cookie("ldapsuggest") == before {
		t.Error("the same session again")
	}
}

func mustGet(v *visitor, path string) string {
	v.t.Helper()
	_, page := v.get(path)
	return page
}

// user0 is somebody with a password and no rights.
func (r *rig) user0(t *testing.T) string {
	t.Helper()
	admin, err := r.client.Bind(t.Context(), r.helper, []byte(r.helperPassword))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	const name = "uid=jo,ou=people,dc=example,dc=com"
	if err := admin.ResetPassword(t.Context(), 1, name, []byte("Jo-chose-Pw1-herself")); err != nil {
		t.Fatal(err)
	}
	return name
}

// A form counts if it comes from a page of the session.
func TestForgedForms(t *testing.T) {
	r := startEmbedded(t, nil)
	v, other := visit(t, r), visit(t, r)
	v.signIn(r.helper, r.helperPassword)
	other.signIn(r.helper, r.helperPassword)
	const password = "Zq7!mnbvcxzlkjhgf"
	good := func(v *visitor) url.Values {
		f := fields(t, mustGet(v, personURL(r.target)), "/console/check")
		f.Set("password", password)
		return f
	}
	bound := func() bool {
		u, err := r.client.Bind(t.Context(), r.target, []byte(password))
		if err != nil {
			return false
		}
		u.Close()
		return true
	}
	for _, tt := range []struct {
		name   string
		header []string
		change func(f url.Values)
	}{
		{"no token", nil, func(f url.Values) { f.Del("token") }},
		{"empty token", nil, func(f url.Values) { f.Set("token", "") }},
		{"another session's", nil, func(f url.Values) { f.Set("token", good(other).Get("token")) }},
		{"another origin", []string{"Origin", "https://evil.example"}, nil},
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, nil},
		{"another host of the site", []string{"Sec-Fetch-Site", "same-site"}, nil},
	} {
		f := good(v)
		if tt.change != nil {
			tt.change(f)
		}
		if tt.header != nil {
			v.header.Set(tt.header[0], tt.header[1])
		}
		for _, path := range []string{"/console/reset", "/console/confirm", "/console/check", "/console/sign-out"} {
			res, page := v.do("POST", path, f)
			if res.StatusCode != http.StatusForbidden {
				t.Errorf("%s to %s: %d", tt.name, path, res.StatusCode)
			}
			says(t, page, "This form was not sent from here")
		}
		v.header = http.Header{}
		if bound() {
			t.Fatalf("%s: the password is reset", tt.name)
		}
	}
	// Signing in: with the form of another browser, without a cookie, from
	// elsewhere.
	stranger := visit(t, r)
	f := fields(t, mustGet(stranger, "/"), "/console/sign-in")
	f.Set("username", r.helper)
	f.Set("password", r.helperPassword)
	blank := visit(t, r)
	if res, page := blank.do("POST", "/console/sign-in", f); res.StatusCode != http.StatusForbidden || blank.cookie("ldapsuggest") != "" {
		t.Errorf("the form of another browser: %d %s", res.StatusCode, page)
	}
	stranger.header.Set("Sec-Fetch-Site", "cross-site")
	if res, page := stranger.do("POST", "/console/sign-in", f); res.StatusCode != http.StatusForbidden || stranger.cookie("ldapsuggest") != "" {
		t.Errorf("from elsewhere: %d %s", res.StatusCode, page)
	}
	// Nobody who has not signed in resets anything.
	if res, page := blank.do("POST", "/console/reset", good(v)); res.StatusCode != http.StatusForbidden || !strings.Contains(page, "Sign in") || bound() {
		t.Errorf("without a session: %d %s", res.StatusCode, page)
	}
	// What is no form, or too large, is not read.
	v.header.Set("Content-Type", "text/plain")
	long := good(v)
	long.Set("x", strings.Repeat("x", 40<<10))
	if res, page := v.do("POST", "/console/check", long); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a long form: %d %s", res.StatusCode, page)
	}
	// The same form in order.
	v.header = http.Header{"Sec-Fetch-Site": {"same-origin"}}
	if res, page := v.do("POST", "/console/reset", good(v)); res.StatusCode != http.StatusOK || !bound() {
		t.Errorf("in order: %d %s", res.StatusCode, page)
	}
}

// A mark is for one person and one password of one session.
func TestSuggestedForAnother(t *testing.T) {
	r := startEmbedded(t, nil)
	v := visit(t, r)
	v.signIn(r.helper, r.helperPassword)
	f := fields(t, mustGet(v, personURL(r.target)), "/console/confirm")
	f.Set("dn", "uid=kenji,ou=people,dc=example,dc=com")
	for _, path := range []string{"/console/confirm", "/console/reset"} {
		res, page := v.do("POST", path, f)
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
		says(t, page, "was not suggested for this person")
	}
}

// What cannot be recorded is not done.
func TestAuditRefuses(t *testing.T) {
	r := startEmbedded(t, nil)
	r.refusal = result.New(result.Unavailable, "the audit cannot be written")
	v := visit(t, r)
	v.signIn(r.helper, r.helperPassword)
	f := fields(t, mustGet(v, personURL(r.target)), "/console/confirm")
	_, page := v.do("POST", "/console/reset", f)
	says(t, page, "the audit cannot be written", "is what it was")
	if u, err := r.client.Bind(t.Context(), r.target, []byte(f.Get("password"))); err == nil {
		u.Close()
		t.Error("the password is reset")
	}
}

// Over TLS, cookies keep to this host and to TLS.
func TestCookiesOverTLS(t *testing.T) {
	plain := startEmbedded(t, nil)
	secure := httptest.NewTLSServer(plain.Config.Handler)
	defer secure.Close()
	r := &rig{Server: secure, client: plain.client, helper: plain.helper, helperPassword: plain.helperPassword}
	v := visit(t, r)
	v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, _ := v.signIn(r.helper, r.helperPassword)
	found := 0
	for _, c := range res.Cookies() {
		found++
		if !strings.HasPrefix(c.Name, "__Host-ldapsuggest") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie: %+v", c)
		}
	}
	if found != 2 || res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
		t.Errorf("%d cookies, %d to %s", found, res.StatusCode, res.Header.Get("Location"))
	}
	if v.cookie("__Host-ldapsuggest") == "" {
		t.Error("nobody is signed in")
	}
}

// What is searched for is no filter.
func TestFind(t *testing.T) {
	r := startEmbedded(t, func(c *console.Config, _ *restbridge.Config) { c.Results = 2 })
	v := visit(t, r)
	v.signIn(r.helper, r.helperPassword)
	for text, want := range map[string]string{
		"amina":                     "1 person found",
		"DIALLO ami":                "1 person found",
		"amina watanabe":            "Nobody found",
		"kenji.watanabe@example.co": "1 person found",
		"uid=amina, ou=people, dc=example, dc=com": "1 person found",
		"uid=nobody,dc=example,dc=com":             "Nobody found",
		"*":                                        "Nobody found",
		"amina)(uid=*":                             "Nobody found",
		"\\":                                       "Nobody found",
		"\x00":                                     "Nobody found",
		"a":                                        "The first 2 people",
	} {
		_, page := v.get("/console/find?text=" + url.QueryEscape(text))
		if !strings.Contains(page, want) {
			t.Errorf("%q: it does not say %q:\n%s", text, want, page)
		}
	}
}

func TestLimits(t *testing.T) {
	r := startEmbedded(t, func(c *console.Config, d *restbridge.Config) {
		c.MaxSessions = 1
		d.Rate = restbridge.RateLimit{PerSecond: 0.001, Burst: 5}
	})
	v, w := visit(t, r), visit(t, r)
	if res, _ := v.signIn(r.helper, r.helperPassword); res.StatusCode != http.StatusOK {
		t.Fatalf("status %d", res.StatusCode)
	}
	res, page := w.signIn(r.helper, r.helperPassword)
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one session too many: %d", res.StatusCode)
	}
	says(t, page, "Too many people are signed in")
	for range 6 {
		res, page = v.get("/")
	}
	if res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one request too many: %d", res.StatusCode)
	}
	says(t, page, "Too many requests")
}

// A Console that takes over has the sessions of the one before.
func TestSharedSessions(t *testing.T) {
	shared := console.NewSessions()
	defer shared.Close()
	share := func(c *console.Config, _ *restbridge.Config) { c.Sessions = shared }
	first := startEmbedded(t, share)
	second := startEmbedded(t, share)
	v := visit(t, first)
	v.signIn(first.helper, first.helperPassword)
	// Cookies know no ports.
	v.rig = second
	says(t, mustGet(v, "/"), "Find a person")
}

func TestConfig(t *testing.T) {
	if _, err := console.New(console.Config{}); err == nil {
		t.Error("nothing is required")
	}
	startEmbedded(t, func(c *console.Config, _ *restbridge.Config) {
		bad := *c
		bad.Filter = "(uid=x)"
		if _, err := console.New(bad); err == nil {
			t.Error("a filter without {text}")
		}
		c.IdleTimeout = time.Minute
	})
}
