package console

import (
	"net/http"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// A problem is a failure in words.
type problem struct {
	Title  string
	Text   string // what to do about it
	Code   string // as in "insufficientAccessRights (50)"; empty if no directory or operation said so
	Detail string // what the directory or the operation said

	status int
	code   result.Code
}

// problemOf puts an error into words.
func problemOf(err error) problem {
	e := result.From(err)
	p := problem{Code: codeText(e.Code), Detail: e.Text, code: e.Code}
	switch e.Code {
	case result.InsufficientAccessRights, result.AuthorizationDenied:
		p.status = http.StatusForbidden
		p.Title = "You may not do that"
		p.Text = "The directory decides by its access control what you see and change. Its administrators can give you the right."
	case result.InvalidCredentials:
		p.status = http.StatusForbidden
		p.Title = "The name or the password is wrong"
	case result.NoSuchObject:
		p.status = http.StatusNotFound
		p.Title = "There is no such entry"
		p.Text = "It may have been removed or renamed. Search for it again."
	case result.InvalidDNSyntax:
		p.status = http.StatusBadRequest
		p.Title = "That is no distinguished name"
		p.Text = "Search for the person instead."
	case result.ConstraintViolation, result.UnwillingToPerform, result.InvalidAttributeSyntax:
		p.status = http.StatusUnprocessableEntity
		p.Title = "The directory is not willing to do that"
	case result.ConfidentialityRequired, result.StrongerAuthRequired:
		p.status = http.StatusForbidden
		p.Title = "A protected connection is needed"
		p.Text = "Open this page with https:// at the beginning of its address."
	case result.Busy:
		p.status = http.StatusTooManyRequests
		p.Title = "Too many requests"
		p.Text = "Please wait a moment and try again."
	case result.Unavailable, result.TimeLimitExceeded, result.AdminLimitExceeded, result.Canceled:
		p.status = http.StatusServiceUnavailable
		p.Title = "The directory does not answer"
		p.Text = "Please try again in a moment."
	case result.ProtocolError:
		p.status = http.StatusBadRequest
		p.Title = "The request makes no sense"
		p.Text = "Begin again from the start."
	default:
		p.status = http.StatusInternalServerError
		p.Title = "Something went wrong"
		p.Text = "Please try again. If it happens again, tell the administrators what is said here."
	}
	return p
}

func codeText(c result.Code) string {
	if name := c.String(); c != result.Success {
		return name + " (" + itoa(int(c)) + ")"
	}
	return "success (0)"
}

// problem renders an error.
func (c *Console) problem(w http.ResponseWriter, r *http.Request, s *session, err error) {
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError {
		e := result.From(err)
		c.cfg.Log.WarnContext(r.Context(), "a page failed", "path", r.URL.Path, "result", e.Code.String(), "text", e.Text, "cause", e.Cause)
	}
	c.door.Note(w, p.code)
	c.problemPage(w, r, s, p.status, p)
}

func (c *Console) problemPage(w http.ResponseWriter, r *http.Request, s *session, status int, p problem) {
	c.render(w, r, s, status, "problem", p.Title, p)
}

// forged refuses a form that no page of this session holds.
func (c *Console) forged(w http.ResponseWriter, r *http.Request, s *session) {
	c.door.Note(w, result.UnwillingToPerform)
	c.problemPage(w, r, s, http.StatusForbidden, problem{
		Title: "This form was not sent from here",
		Text:  "It came from another site, or from a page that was open before you signed in. Nothing was done. Begin again from the start.",
	})
}
