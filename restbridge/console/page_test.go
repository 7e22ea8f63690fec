package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/restbridge"
	"github.com/ldapsuggest/ldapsuggest/restbridge/console"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// TestPage uses the page in a real Chromium, in front of a real slapd and of
// the embedded directory.
func TestPage(t *testing.T) {
	t.Parallel()
	browser := chromium(t)
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 60}}})
	slapd, embedded := startSlapd(t, s, nil), startEmbedded(t, nil)
	slapd.user, slapd.userPassword = s.Reader.DN, s.Reader.Password // sees everybody
	embedded.user, embedded.userPassword = "uid=jo,ou=people,dc=example,dc=com", "Jo-chose-Pw1-herself"
	admin, err := embedded.client.Bind(t.Context(), embedded.helper, []byte(embedded.helperPassword))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.ResetPassword(t.Context(), 1, embedded.user, []byte(embedded.userPassword)); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*rig{"slapd": slapd, "embedded": embedded} {
		t.Run("help desk, "+name, func(t *testing.T) { helpDesk(t, browser, r, name, look{}) })
		t.Run("without JavaScript, "+name, func(t *testing.T) { helpDesk(t, browser, r, name+"-no-js", look{noJS: true}) })
		t.Run("copy, "+name, func(t *testing.T) { copies(t, browser, r) })
		t.Run("own password, "+name, func(t *testing.T) { ownPassword(t, browser, r, name) })
		t.Run("refused, "+name, func(t *testing.T) { refused(t, browser, r, name) })
	}
	t.Run("local checks", func(t *testing.T) { localChecks(t, browser, embedded) })
	t.Run("policies that fail", func(t *testing.T) { failingPolicies(t, browser, slapd, s) })
	t.Run("sign in", func(t *testing.T) { signInErrors(t, browser, slapd, s) })
	t.Run("too many failures", func(t *testing.T) { tooMany(t, browser, s) })
	t.Run("directory down", func(t *testing.T) { directoryDown(t, browser) })
	t.Run("connection lost", func(t *testing.T) { connectionLost(t, browser) })
	t.Run("idle", func(t *testing.T) { idles(t, browser, s) })
	t.Run("idle without JavaScript", func(t *testing.T) { idlesWithoutJS(t, browser, s) })
	t.Run("keyboard", func(t *testing.T) { keyboard(t, browser, slapd) })
	t.Run("forgery", func(t *testing.T) { forgery(t, browser, slapd) })
	t.Run("link", func(t *testing.T) { link(t, browser, slapd) })
	t.Run("accessibility", func(t *testing.T) {
		badPage(t, browser)
		looks := map[string]look{"light": {}, "narrow-dark": {width: 360, height: 740, dark: true}}
		if os.Getenv("LDAPSUGGEST_SCREENSHOTS") != "" { // to be looked at, too
			looks["dark"], looks["narrow"] = look{dark: true}, look{width: 360, height: 740}
		}
		for kind, l := range looks {
			t.Run(kind, func(t *testing.T) { everyView(t, browser, slapd, kind, l) })
		}
	})
}

// helpDesk is a call at the help desk: find the person, see the policy,
// suggest, reset.
func helpDesk(t *testing.T, browser context.Context, r *rig, kind string, l look) {
	b := open(t, browser, r, kind, l)
	b.open("/")
	b.shows("Sign in")
	b.picture("sign-in")
	b.signIn(r.helper, "not the password")
	b.shows("The name or the password is wrong", "invalidCredentials (49)")
	b.picture("wrong-password")
	b.signIn(r.helper, r.helperPassword)
	b.shows("Find a person")

	text := strings.TrimPrefix(strings.Split(r.target, ",")[0], "uid=")
	b.do(chromedp.SetValue("#text", text, chromedp.ByQuery))
	b.button("Find")
	b.shows("1 person found", r.target)
	b.picture("found")
	b.load(chromedp.Click(".people a", chromedp.ByQuery))
	b.shows("Suggested passwords", "bits of entropy each", "Which policy, and why", "This policy is in force.", "must contain at least")
	b.picture("person")
	suggestions := func() []string {
		return eval[[]string](b, "[...document.querySelectorAll('.suggestions .password')].map((x) => x.textContent)")
	}
	first := suggestions()
	if len(first) != 5 || slices.Contains(first, "") {
		t.Fatalf("suggestions: %q", first)
	}
	b.button("Other suggestions")
	others := suggestions()
	if len(others) != 5 || slices.ContainsFunc(others, func(s string) bool { return slices.Contains(first, s) }) {
		t.Fatalf("other suggestions: %q after %q", others, first)
	}
	chosen := others[2]
	b.load(chromedp.Click(".suggestions li:nth-child(3) button:not([type=button])", chromedp.ByQuery))
	b.shows("Reset the password of", "It was suggested by the policy", r.target)
	b.picture("confirm")
	if got := eval[string](b, "document.querySelector('#pw').textContent"); got != chosen {
		t.Fatalf("%q is to be confirmed, not %q", got, chosen)
	}
	if u, err := r.client.Bind(t.Context(), r.target, []byte(chosen)); err == nil {
		u.Close()
		t.Fatal("the password is reset before that is confirmed")
	}
	b.button("Reset the password")
	b.shows("is reset", "success (0)", "Back to")
	b.picture("outcome")
	u, err := r.client.Bind(t.Context(), r.target, []byte(chosen))
	if err != nil {
		t.Fatalf("the new password does not bind: %v", err)
	}
	u.Close()
	for _, req := range b.sent() {
		if strings.Contains(req, url.QueryEscape(chosen)) || strings.Contains(req, url.PathEscape(chosen)) {
			t.Errorf("the password is in a URL: %s", req)
		}
	}
	if strings.Contains(r.log.String(), chosen) {
		t.Error("the password is in the log")
	}
	r.mu.Lock()
	last := r.audits[len(r.audits)-1]
	before := r.audits[len(r.audits)-2]
	r.mu.Unlock()
	if last.OID != console.ResetName || last.Target != r.target || last.AskedBy != "dn:"+r.helper || last.Err != nil || last.Pending || !before.Pending {
		t.Errorf("audited: %+v after %+v", last, before)
	}

	b.open("/console/policies")
	b.shows("policies that you may see", "Satisfiable")
	b.picture("policies")
	b.load(chromedp.Click("tbody tr:last-child a", chromedp.ByQuery))
	b.shows("What a password has to be like", "How it was found")
	b.picture("policy")
	b.open("/console/policy")
	b.shows("the default policy")

	b.load(chromedp.Click("form[action='/console/sign-out'] button", chromedp.ByQuery))
	b.shows("You have signed out.")
	b.picture("signed-out")
	b.open(personURL(r.target))
	b.shows("Sign in")
	// Signing in goes on where one was.
	b.signIn(r.helper, r.helperPassword)
	b.shows("Suggested passwords")
}

// paste presses Control V in a field and returns what it then holds.
func (b *tab) paste(field string) string {
	b.t.Helper()
	b.clear(field)
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		return input.DispatchKeyEvent(input.KeyRawDown).WithKey("v").WithCode("KeyV").WithModifiers(input.ModifierCtrl).WithCommands([]string{"paste"}).Do(ctx)
	}))
	return eval[string](b, fmt.Sprintf("document.querySelector(%q).value", field))
}

// clear empties a field and puts the cursor there.
func (b *tab) clear(field string) {
	b.t.Helper()
	eval[int](b, fmt.Sprintf("{ const e = document.querySelector(%q); e.value = ''; e.focus(); 1 }", field))
}

// copies copies by the clipboard API and without it, and tells screen
// readers.
func copies(t *testing.T, browser context.Context, r *rig) {
	b := open(t, browser, r, "copy", look{})
	b.open(personURL(r.target))
	b.signIn(r.helper, r.helperPassword)
	for i, without := range []string{"", "navigator.clipboard.writeText = () => Promise.reject(new Error('no right')); 1"} {
		if without != "" {
			eval[int](b, without)
		}
		item := fmt.Sprintf(".suggestions li:nth-child(%d) ", i+1)
		want := eval[string](b, fmt.Sprintf("document.querySelector(%q).textContent", item+".password"))
		eval[string](b, "document.getElementById('status').textContent = ''")
		b.do(chromedp.Click(item+"[data-copy]", chromedp.ByQuery),
			chromedp.Poll("document.getElementById('status').textContent === 'The password was copied.'", nil),
			chromedp.Poll(fmt.Sprintf("document.querySelector(%q).firstChild.textContent === 'Copied'", item+"[data-copy]"), nil))
		if got := b.paste("#own"); got != want {
			t.Errorf("%q is in the clipboard, not %q", got, want)
		}
	}
	eval[int](b, "document.execCommand = () => false; 1")
	b.do(chromedp.Click(".suggestions li:nth-child(3) [data-copy]", chromedp.ByQuery),
		chromedp.Poll("document.getElementById('status').textContent.includes('Control C')", nil))
	if got, want := eval[string](b, "getSelection().toString()"), eval[string](b, "document.querySelector('.suggestions li:nth-child(3) .password').textContent"); got != want {
		t.Errorf("%q is selected, not %q", got, want)
	}
}

// ownPassword types a password: it is judged in the browser, and sent only
// when that is asked for.
func ownPassword(t *testing.T, browser context.Context, r *rig, kind string) {
	b := open(t, browser, r, kind, look{})
	b.open(personURL(r.target))
	b.signIn(r.helper, r.helperPassword)
	b.sent()
	states := func(class string) int {
		return eval[int](b, fmt.Sprintf("document.querySelectorAll('.requirements li.%s').length", class))
	}
	b.do(chromedp.SendKeys("#own", "sh0rt", chromedp.ByQuery),
		chromedp.Poll("document.getElementById('live').textContent.includes('not met')", nil))
	if states("broken") == 0 || states("later") == 0 {
		t.Errorf("%d broken, %d for the server", states("broken"), states("later"))
	}
	b.picture("typing")
	const good = "Vbn7!qwertzuiopLKJ"
	b.clear("#own")
	b.do(chromedp.SendKeys("#own", good, chromedp.ByQuery),
		chromedp.Poll("!document.getElementById('live').textContent.includes('not met') && document.getElementById('live').textContent.includes('met')", nil))
	if states("broken") != 0 || states("met") == 0 {
		t.Errorf("%d broken, %d met", states("broken"), states("met"))
	}
	b.do(chromedp.Click("[data-show=own]", chromedp.ByQuery))
	if eval[string](b, "document.getElementById('own').type") != "text" {
		t.Error("what was typed is not shown")
	}
	// The browser fetches the icon when it likes.
	sent := slices.DeleteFunc(b.sent(), func(s string) bool { return strings.HasPrefix(s, "GET "+r.URL+"/console/static/") })
	if len(sent) > 0 {
		t.Fatalf("sent while typing: %q", sent)
	}
	b.button("Check by the policy")
	b.shows("The password is fine", "accepts it")
	if sent = b.sent(); len(sent) == 0 || sent[0] != "POST "+r.URL+"/console/check" {
		t.Errorf("sent: %q", sent)
	}
	b.picture("check-fine")
	if states("met") == 0 || states("broken") != 0 {
		t.Errorf("%d met, %d broken", states("met"), states("broken"))
	}
	b.button("Reset to this…")
	b.shows("You have typed it.")
	b.button("Cancel")
	b.do(chromedp.SendKeys("#own", "aaa", chromedp.ByQuery))
	b.button("Check by the policy")
	b.shows("The password would be refused")
	b.picture("check-refused")
	if states("broken") == 0 {
		t.Error("no requirement is broken")
	}
	b.button("Reset to this…")
	b.shows("The directory will refuse it")
	b.picture("confirm-refused")
	b.button("Reset the password")
	// The administrator of the embedded directory is bound by policies, too.
	b.shows("The directory refuses this password", "constraintViolation (19)", "is what it was")
	b.picture("refused-policy")
}

// refused is somebody without the right to reset a password.
func refused(t *testing.T, browser context.Context, r *rig, kind string) {
	b := open(t, browser, r, kind, look{})
	b.open(personURL(r.user))
	b.signIn(r.user, r.userPassword)
	b.shows("Suggested passwords")
	b.open(personURL(r.target))
	b.load(chromedp.Click(".suggestions li button:not([type=button])", chromedp.ByQuery))
	b.button("Reset the password")
	b.shows("You may not reset this password", "insufficientAccessRights (50)", "The directory says", "is what it was")
	b.picture("refused-rights")
}

func failingPolicies(t *testing.T, browser context.Context, r *rig, s *testenv.Slapd) {
	b := open(t, browser, r, "policy", look{})
	b.open(personURL(s.UserDN(4)))
	b.signIn(r.helper, r.helperPassword)
	b.shows("No password can satisfy this policy", "exclude each other", "pwdMinLength: 20", "pwdMaxLength: 10")
	b.picture("impossible")
	b.open(personURL(s.UserDN(5)))
	b.shows("No password can be suggested", "no-such-module.so", "What the policy demands cannot be told")
	b.picture("unknown-module")
	b.open("/console/policies")
	b.shows("impossible", "These clash:", "Cannot be read", "None can satisfy it")
	b.picture("all")
	b.open("/console/policy?dn=" + url.QueryEscape(s.PolicyDN("impossible")))
	b.shows("exclude each other")
	b.open("/console/policy?dn=" + url.QueryEscape(s.PolicyDN("nothing")))
	b.shows("There is no such entry", "noSuchObject (32)")
	b.open(personURL("uid=nobody,ou=people," + s.Suffix))
	b.shows("There is no such entry")
	b.picture("nobody")
	b.open(personURL("no DN"))
	b.shows("That is no distinguished name")
	// slapd wants the current password of users of this policy from everybody
	// who may not manage passwords.
	b.open(personURL(s.UserDN(1)))
	b.load(chromedp.Click(".suggestions li button:not([type=button])", chromedp.ByQuery))
	b.button("Reset the password")
	b.shows("Must supply old password")
}

func signInErrors(t *testing.T, browser context.Context, r *rig, s *testenv.Slapd) {
	b := open(t, browser, r, "sign-in", look{})
	b.open("/")
	b.signIn("nobody-there", "x")
	b.shows("The name or the password is wrong")
	if got := eval[string](b, "document.getElementById('username').value"); got != "nobody-there" {
		t.Errorf("the name is %q", got)
	}
	if got := eval[string](b, "document.activeElement.id"); got != "password" {
		t.Errorf("%q has the focus", got)
	}
	lock := ldap.NewModifyRequest(s.UserDN(25), nil)
	lock.Replace("pwdAccountLockedTime", []string{"000001010000Z"})
	if err := s.Dial(t, s.Admin).Modify(lock); err != nil {
		t.Fatal(err)
	}
	b.signIn("user025", testenv.UserPassword)
	b.shows("account that is locked")
	b.picture("locked")
	b.signIn("user026", testenv.UserPassword)
	b.shows("Find a person", "user026")
	// What the directory does not show is not there.
	b.open(personURL(r.target))
	b.shows("There is no such entry", "noSuchObject (32)")
}

func tooMany(t *testing.T, browser context.Context, s *testenv.Slapd) {
	r := startSlapd(t, s, func(_ *console.Config, d *restbridge.Config) { d.CredentialCache = time.Minute })
	// The failures come through the API: both doors count them together.
	fail := func(n int) {
		for range n {
			req, err := http.NewRequestWithContext(t.Context(), "POST", r.URL+"/directory/v1/suggestPassword", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.SetBasicAuth("nobody", "x")
			res, err := r.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
	}
	b := open(t, browser, r, "sign-in", look{})
	b.open("/")
	fail(100)
	// One more is let through every second, however slow this is.
	for range 100 {
		fail(5)
		b.signIn("nobody", "x")
		if strings.Contains(b.text(), "Too many") {
			break
		}
	}
	b.shows("Too many failed attempts", "wait a moment")
	b.picture("too-many")
}

func directoryDown(t *testing.T, browser context.Context) {
	dir, err := os.MkdirTemp("", "slapd")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s, err := testenv.NewSlapd(t.Context(), dir, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	r := startSlapd(t, s, nil)
	s.Stop()
	b := open(t, browser, r, "sign-in", look{})
	b.open("/")
	b.signIn(r.helper, r.helperPassword)
	b.shows("The directory cannot be reached")
	b.picture("down")
}

func connectionLost(t *testing.T, browser context.Context) {
	dir, err := os.MkdirTemp("", "slapd")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s, err := testenv.NewSlapd(t.Context(), dir, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	r := startSlapd(t, s, nil)
	b := open(t, browser, r, "lost", look{})
	b.open(personURL(s.UserDN(0)))
	b.signIn(r.helper, r.helperPassword)
	b.shows("Suggested passwords")
	s.Stop()
	b.load(chromedp.Click(".suggestions li button:not([type=button])", chromedp.ByQuery))
	b.shows("The connection to the directory was lost", "Sign in")
	b.picture("connection")
	if next := eval[string](b, "document.querySelector('[name=next]').value"); next != personURL(s.UserDN(0)) {
		t.Errorf("it goes on at %q", next)
	}
}

// hurry makes timers of a page run a thousand times as fast until it warns
// that the session is about to end. From then on there is time.
const hurry = `(() => {
  const now = Date.now.bind(Date), later = setTimeout.bind(window);
  let ahead = 0;
  Date.now = () => now() + ahead;
  window.setTimeout = (f, ms) => {
    const box = document.getElementById("idle");
    if (!box || box.firstChild || !(ms > 1000)) return later(f, ms);
    return later(() => { ahead += ms - ms / 1000; f(); }, ms / 1000);
  };
})()`

// idles leaves a page alone: it warns, goes away, and says why.
func idles(t *testing.T, browser context.Context, s *testenv.Slapd) {
	r := startSlapd(t, s, nil)
	b := open(t, browser, r, "idle", look{})
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(hurry).Do(ctx)
		return err
	}))
	b.open(personURL(r.target))
	b.signIn(r.helper, r.helperPassword)
	b.shows("signed out after 10 minutes")
	b.do(chromedp.WaitVisible("#idle .button", chromedp.ByQuery))
	b.shows("You will be signed out in a minute.", "Stay signed in")
	b.picture("warning")
	b.load(chromedp.Click("#idle .button", chromedp.ByQuery))
	b.shows("Suggested passwords")

	r = startSlapd(t, s, func(c *console.Config, _ *restbridge.Config) { c.IdleTimeout = 3 * time.Second })
	b = open(t, browser, r, "idle", look{})
	b.open(personURL(r.target))
	b.signIn(r.helper, r.helperPassword)
	b.do(chromedp.WaitVisible("#username", chromedp.ByQuery))
	b.shows("You were signed out because nothing was done for 3 seconds")
	b.picture("signed-out")
	if next := eval[string](b, "document.querySelector('[name=next]').value"); next != personURL(r.target) {
		t.Errorf("it goes on at %q", next)
	}
}

func idlesWithoutJS(t *testing.T, browser context.Context, s *testenv.Slapd) {
	r := startSlapd(t, s, func(c *console.Config, _ *restbridge.Config) { c.IdleTimeout = 2 * time.Second })
	b := open(t, browser, r, "idle", look{noJS: true})
	b.open(personURL(r.target))
	b.signIn(r.helper, r.helperPassword)
	b.do(chromedp.WaitVisible("#username", chromedp.ByQuery))
	b.shows("You were signed out because nothing was done")
}

// keyboard goes through a reset without a mouse.
func keyboard(t *testing.T, browser context.Context, r *rig) {
	b := open(t, browser, r, "keyboard", look{})
	b.open("/")
	b.do(chromedp.Poll("document.activeElement.id === 'username'", nil), chromedp.KeyEvent(r.helper), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(r.helperPassword))
	b.load(chromedp.KeyEvent(kb.Enter))
	b.do(chromedp.Poll("document.activeElement.id === 'text'", nil), chromedp.KeyEvent("user030"))
	b.load(chromedp.KeyEvent(kb.Enter))
	b.do(chromedp.Poll("document.activeElement.id === 'found'", nil), chromedp.KeyEvent(kb.Tab))
	b.load(chromedp.KeyEvent(kb.Enter))
	b.shows("Suggested passwords")
	b.do(chromedp.KeyEvent(kb.Tab))
	if got := eval[string](b, "document.activeElement.textContent"); got != "Skip to the content" {
		t.Fatalf("%q is first", got)
	}
	b.picture("skip")
	b.do(chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab))
	if got := eval[string](b, "document.activeElement.textContent"); got != "Reset to this… suggestion 1" {
		t.Fatalf("%q is third behind the heading", got)
	}
	b.load(chromedp.KeyEvent(kb.Enter))
	b.do(chromedp.Poll("document.activeElement.tagName === 'H1'", nil), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab))
	b.load(chromedp.KeyEvent(kb.Enter))
	b.shows("success (0)")
}

// forgery has a page of another site send the form of a reset, as the
// browser of a helper who is signed in.
func forgery(t *testing.T, browser context.Context, r *rig) {
	b := open(t, browser, r, "forgery", look{})
	b.open(personURL(r.target))
	b.signIn(r.helper, r.helperPassword)
	token := eval[string](b, "document.querySelector('[name=token]').value")
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<form method=post action=%q><input name=token value=%q><input name=dn value=%q><input name=password value="Evil-chose-th1s!"><button>Win</button></form>`,
			r.URL+"/console/reset", token, r.target)
	}))
	defer evil.Close()
	// Another port is the same site: the cookie is sent, the origin differs.
	b.load(chromedp.Navigate(evil.URL))
	b.load(chromedp.Click("button", chromedp.ByQuery))
	b.shows("This form was not sent from here")
	b.picture("refused")
	if u, err := r.client.Bind(t.Context(), r.target, []byte("Evil-chose-th1s!")); err == nil {
		u.Close()
		t.Error("the password is reset")
	}
	var cookies []*network.Cookie
	b.open("/")
	b.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		cookies, err = network.GetCookies().Do(ctx)
		return err
	}))
	if len(cookies) != 1 {
		t.Errorf("%d cookies", len(cookies))
	}
	for _, c := range cookies {
		if !c.HTTPOnly || c.SameSite != network.CookieSameSiteStrict || !c.Session {
			t.Errorf("cookie: %+v", c)
		}
	}
	b.mu.Lock()
	b.requests = slices.DeleteFunc(b.requests, func(s string) bool { return strings.Contains(s, evil.URL) })
	b.mu.Unlock()
}

// link follows a link of another site, such as a ticket's: who is signed in
// needs not do so again.
func link(t *testing.T, browser context.Context, r *rig) {
	ticket := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<a href=%q>Jo cannot sign in</a>", r.URL+personURL(r.target))
	}))
	defer ticket.Close()
	elsewhere := strings.Replace(ticket.URL, "127.0.0.1", "localhost", 1) // is another site
	b := open(t, browser, r, "link", look{})
	b.load(chromedp.Navigate(elsewhere))
	b.load(chromedp.Click("a", chromedp.ByQuery))
	b.do(chromedp.WaitVisible("#username", chromedp.ByQuery))
	b.signIn(r.helper, r.helperPassword)
	b.shows("Suggested passwords")
	b.load(chromedp.Navigate(elsewhere))
	b.load(chromedp.Click("a", chromedp.ByQuery))
	b.do(chromedp.WaitVisible("#suggestions", chromedp.ByQuery))
	b.mu.Lock()
	b.requests = slices.DeleteFunc(b.requests, func(s string) bool { return strings.Contains(s, elsewhere) })
	b.mu.Unlock()
}

// badPage proves that the rules for accessibility find what they are for.
func badPage(t *testing.T, browser context.Context) {
	bytes, err := os.ReadFile("testdata/inaccessible.html")
	if err != nil {
		t.Fatal(err)
	}
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(bytes)
	}))
	defer bad.Close()
	b := open(t, browser, &rig{Server: bad}, "bad", look{})
	b.open("/")
	found := make(map[string]bool)
	for _, f := range b.findings() {
		rule, _, _ := strings.Cut(f, ":")
		found[rule] = true
	}
	for _, rule := range []string{
		"language", "title", "zoom", "duplicate-id", "reference", "one-main", "outside-landmarks", "landmark-name", "one-h1", "heading-order",
		"empty-heading", "skip-link", "name", "label-in-name", "alt", "same-name", "autocomplete", "list", "table", "role", "aria-attribute",
		"inline-handler", "tab-order", "hidden-focus", "visible-focus", "target-size", "contrast", "field-contrast",
	} {
		if !found[rule] {
			t.Errorf("the rule %s finds nothing on the bad page", rule)
		}
	}
}

func (b *tab) findings() []string {
	b.t.Helper()
	rules, err := os.ReadFile("testdata/accessibility.js")
	if err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.KeyEvent(kb.Tab)) // or focus would not be shown
	return eval[[]string](b, string(rules))
}

// accessible wants no finding on a page, and nothing to scroll sideways for.
func (b *tab) accessible(name string) {
	b.t.Helper()
	b.picture(name)
	for _, f := range b.findings() {
		b.t.Errorf("%s: %s", name, f)
	}
	if w := eval[[]int](b, "[document.documentElement.scrollWidth, innerWidth]"); w[0] > w[1] {
		b.t.Errorf("%s is %d wide in a window of %d", name, w[0], w[1])
	}
}

// everyView looks at each view in one look.
func everyView(t *testing.T, browser context.Context, r *rig, kind string, l look) {
	b := open(t, browser, r, "view-"+kind, l)
	b.open("/")
	b.accessible("sign-in")
	b.signIn(r.helper, "wrong")
	b.accessible("wrong")
	b.signIn(r.helper, r.helperPassword)
	b.accessible("find")
	b.open("/console/find?text=user")
	b.shows("The first 50 people", "There are more")
	b.accessible("found")
	b.open("/console/find?text=nobody-there")
	b.shows("Nobody found")
	b.accessible("nobody")
	b.open(personURL(r.target))
	eval[int](b, "document.querySelectorAll('details').forEach((d) => { d.open = true; }); 1")
	b.accessible("person")
	b.do(chromedp.SendKeys("#own", "short", chromedp.ByQuery), chromedp.Poll("document.getElementById('live').textContent !== ''", nil))
	b.accessible("typing")
	b.button("Check by the policy")
	b.accessible("check-refused")
	b.button("Back to")
	b.do(chromedp.SendKeys("#own", "Xcv8-asdfghjkQWE"+kind, chromedp.ByQuery))
	b.button("Check by the policy")
	b.accessible("check-fine")
	b.button("Reset to this…")
	b.accessible("confirm")
	b.button("Reset the password")
	b.shows("success (0)")
	b.accessible("outcome")
	b.open(personURL(r.target))
	b.do(chromedp.SendKeys("#own", "x", chromedp.ByQuery))
	b.button("Reset to this…")
	b.button("Reset the password")
	b.accessible("outcome-refused")
	b.open(personURL("uid=user004,ou=people,dc=example,dc=com"))
	b.accessible("impossible")
	b.open("/console/policies")
	b.accessible("policies")
	b.open("/console/policy?dn=" + url.QueryEscape("cn=strict,ou=policies,dc=example,dc=com"))
	b.accessible("policy")
	b.open("/console/policy?dn=" + url.QueryEscape("cn=impossible,ou=policies,dc=example,dc=com"))
	b.accessible("policy-impossible")
	b.open("/console/nothing")
	b.accessible("no-page")
	b.open("/console/idle?next=" + url.QueryEscape(personURL(r.target)))
	b.shows("This page was cleared")
	b.accessible("idle")
	b.open("/")
	eval[int](b, "const e = document.getElementById('idle'); e.innerHTML = '<span>You will be signed out in a minute.</span><a class=\"button main\" href=\"/x\">Stay signed in</a>'; 1")
	b.accessible("warning")
}
