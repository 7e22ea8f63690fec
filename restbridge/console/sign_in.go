package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

// signInView is the form for signing in.
type signInView struct {
	Token    string // of the form
	Next     string // where to go then
	Username string
	Notice   string   // why it is asked
	Problem  *problem // why it was refused
}

// signInPage asks for a name and a password.
func (c *Console) signInPage(w http.ResponseWriter, r *http.Request, status int, v signInView) {
	cookie := c.cookie(r, formCookieName)
	if cookie == "" {
		cookie = newID()
		c.setCookie(w, r, formCookieName, cookie)
	}
	v.Token = c.sessions.forms.token(cookie)
	c.render(w, r, nil, status, "sign-in", "Sign in", v)
}

// askToSignIn says why nobody is signed in, and comes back to where they
// were.
func (c *Console) askToSignIn(w http.ResponseWriter, r *http.Request, f form, why ending) {
	next := ""
	switch {
	case r.Method != http.MethodPost:
		next = r.URL.RequestURI()
	case f.text("dn") != "":
		next = personPath(f.text("dn"))
	}
	if next := safeNext(next); next != "" && c.fromElsewhere(r) {
		c.render(w, r, nil, http.StatusOK, "onward", "One moment", onwardView{next})
		return
	}
	v := signInView{Next: safeNext(next), Notice: c.notice(why)}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		status = http.StatusForbidden
	}
	c.signInPage(w, r, status, v)
}

// onwardView is a page that goes to another one at once.
type onwardView struct{ Next string }

// refresh makes the page go there.
func (v onwardView) refresh() string { return "0;url=" + v.Next }

// fromElsewhere reports whether a link of another site was followed to a page:
// the browser then sends no cookies, whoever is signed in. It does once it goes
// there from a page of ours.
func (c *Console) fromElsewhere(r *http.Request) bool {
	h := r.Header
	return r.Method == http.MethodGet && h.Get("Sec-Fetch-Site") == "cross-site" && h.Get("Sec-Fetch-Mode") == "navigate" &&
		h.Get("Sec-Fetch-Dest") == "document" && c.sessionCookie(r) == ""
}

// notice tells why a session ended.
func (c *Console) notice(why ending) string {
	switch why {
	case endedUnknown:
		return "Your session has ended. Please sign in again."
	case endedSignOut:
		return "You have signed out."
	case endedIdle:
		return "You were signed out because nothing was done for " + inWords(c.cfg.IdleTimeout) + ". What you had typed was not kept."
	case endedAge:
		return "You were signed out because a session lasts for " + inWords(c.cfg.Lifetime) + " at most."
	case endedLost:
		return "The connection to the directory was lost, and your session with it. Please sign in again."
	case endedCrowded:
		return "You were signed out here because you have signed in at too many other places."
	}
	return ""
}

// safeNext returns where to go after signing in if that is a page of ours,
// empty otherwise.
func safeNext(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || u.Path != u.EscapedPath() {
		return ""
	}
	if name, ok := strings.CutPrefix(u.Path, restbridge.ConsolePrefix); !ok || strings.Contains(name, "/") {
		return ""
	}
	return u.Path + query(u.RawQuery)
}

func query(raw string) string {
	if raw == "" {
		return ""
	}
	return "?" + raw
}

// signIn is POST /console/sign-in.
func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if err := c.origins.Check(r); err != nil {
		c.forged(w, r, nil)
		return
	}
	f, err := readForm(w, r)
	if err != nil {
		c.problem(w, r, nil, err)
		return
	}
	defer f.wipe()
	v := signInView{Next: safeNext(f.text("next")), Username: f.text("username")}
	if !c.sessions.forms.made(c.cookie(r, formCookieName), f.secret("token")) {
		v.Problem = &problem{
			Title: "Please try once more", Text: "The form was too old, or your browser keeps no cookies for this page. It needs them to stay signed in.",
		}
		c.signInPage(w, r, http.StatusForbidden, v)
		return
	}
	id, err := c.admit(r, v.Username, f.secret("password"))
	if err != nil {
		p := signInProblem(err)
		c.door.Note(w, p.code)
		v.Problem = &p
		if p.status == http.StatusTooManyRequests || p.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "5")
		}
		c.signInPage(w, r, p.status, v)
		return
	}
	// Whatever the browser had before ends here: nobody goes on with a session
	// that somebody else has begun.
	if old, _ := c.sessions.look(c.sessionCookie(r)); old != nil {
		c.sessions.end(old, endedSignOut)
	}
	c.setCookie(w, r, formCookieName, "")
	c.setCookie(w, r, sessionCookieName, id)
	next := v.Next
	if next == "" {
		next = "/"
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// admit signs in and returns the ID of the new session.
func (c *Console) admit(r *http.Request, username string, password []byte) (string, error) {
	ctx, cancel := context.WithTimeout(r.Context(), c.cfg.Timeout)
	defer cancel()
	s, err := c.door.SignIn(ctx, r, strings.TrimSpace(username), password)
	if err != nil {
		return "", err
	}
	conn, ok := s.(Conn)
	if !ok {
		return "", errors.Join(errors.New("console: the session cannot search"), s.Close())
	}
	return c.sessions.begin(conn)
}

// signInProblem says why somebody could not sign in.
func signInProblem(err error) problem {
	if errors.Is(err, errFull) {
		return problem{
			Title: "Too many people are signed in", Text: "Please try again in a few minutes.",
			status: http.StatusServiceUnavailable, code: result.Busy,
		}
	}
	p := problemOf(err)
	switch p.code {
	case result.InvalidCredentials:
		p.Title = "The name or the password is wrong"
		p.Text = "Check both and try again. Many directories say the same of an account that is locked."
		p.Detail = ""
	case result.Busy:
		p.Title = "Too many failed attempts"
		p.Text = "Please wait a moment before you try again."
		p.status = http.StatusTooManyRequests
	case result.Unavailable, result.TimeLimitExceeded:
		p.Title = "The directory cannot be reached"
		p.Text = "Nobody can sign in until it answers again. Please try later, or tell its administrators."
	default:
		p.Title = "The directory refuses to sign you in"
		p.Text = "The account may be locked, disabled or expired."
	}
	return p
}

// signOut is POST /console/sign-out.
func (c *Console) signOut(x *exchange) error {
	c.sessions.end(x.session, endedSignOut)
	http.Redirect(x.w, x.r, "/", http.StatusSeeOther)
	return nil
}

// idleView is what a page that was left alone is replaced with.
type idleView struct{ Next string }

// idle is GET /console/idle, where pages go by themselves after the idle
// timeout. It uses no session: two pages that nobody looks at must not keep
// each other alive.
func (c *Console) idle(w http.ResponseWriter, r *http.Request) {
	next := safeNext(r.URL.Query().Get("next"))
	s, why := c.sessions.look(c.sessionCookie(r))
	if s == nil {
		c.signInPage(w, r, http.StatusOK, signInView{Next: next, Notice: c.notice(why)})
		return
	}
	if next == "" {
		next = "/"
	}
	c.render(w, r, nil, http.StatusOK, "idle", "This page was cleared", idleView{next})
}
