package console

import (
	"net/http"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// ResetName names a reset in audit records. Directories see a Password Modify
// or a modify operation.
const ResetName = "passwordReset"

// confirmView asks whether a password is to be reset to this one.
type confirmView struct {
	Person    person
	Password  shownPassword
	Mark      string   // empty if the helper has typed it
	Errors    []string // why it will be refused, as far as the policy tells
	MustGuess bool     // whether the policy could not be asked
}

func (v confirmView) stay() string { return personPath(v.Person.DN) }

// chosen reads what a form says about whose password becomes which: one that
// was suggested to this session for this entry, or one that was typed.
func (c *Console) chosen(x *exchange) (person, error) {
	e, err := c.entry(x, x.form.text("dn"))
	if err != nil {
		return person{}, err
	}
	password, mark := x.form.secret("password"), x.form.secret("mark")
	switch {
	case len(password) == 0:
		return person{}, result.New(result.ProtocolError, "no password was chosen")
	case len(mark) > 0 && !x.session.isMark(e.DN, password, mark):
		return person{}, result.New(result.ProtocolError, "the password was not suggested for this person in this session")
	case len(password) > extop.MaxValidatedOctets:
		return person{}, result.New(result.UnwillingToPerform, "the password has more than %d octets", extop.MaxValidatedOctets)
	}
	return personOf(e), nil
}

// confirm is POST /console/confirm.
func (c *Console) confirm(x *exchange) error {
	p, err := c.chosen(x)
	if err != nil {
		return err
	}
	v := confirmView{Person: p, Password: showPassword(x.form.secret("password")), Mark: x.form.text("mark")}
	if v.Password.Binary {
		return result.New(result.ConstraintViolation, "the password is not UTF-8")
	}
	res, err := c.cfg.Validate.Do(x.ctx, c.caller(x), extop.ValidatePasswordRequest{
		Selection: extop.SelectTargetEntry, DN: p.DN, Password: policy.NewPassword(x.form.secret("password")),
	}, nil)
	switch {
	case err == nil:
		v.Errors = res.Errors
	case x.session.conn.Closed():
		return err
	default:
		v.MustGuess = true
	}
	c.render(x.w, x.r, x.session, http.StatusOK, "confirm", "Reset the password of "+p.Name+"?", v)
	return nil
}

// outcomeView is what the directory said to a reset.
type outcomeView struct {
	Person     person
	Password   shownPassword
	Mark       string
	Refused    *problem // nil if the password is reset
	MustChange bool
}

func (v outcomeView) stay() string { return personPath(v.Person.DN) }

// reset is POST /console/reset: as the helper, so that the directory decides.
func (c *Console) reset(x *exchange) error {
	p, err := c.chosen(x)
	if err != nil {
		return err
	}
	v := outcomeView{Person: p, Password: showPassword(x.form.secret("password")), Mark: x.form.text("mark")}
	if err := c.write(x, p.DN); err != nil {
		if x.session.conn.Closed() {
			return err
		}
		refused := refusal(err)
		c.door.Note(x.w, refused.code)
		v.Refused = &refused
		c.render(x.w, x.r, x.session, refused.status, "outcome", refused.Title, v)
		return nil
	}
	c.door.PasswordChanged(p.DN)
	if found, err := c.cfg.Explain.Do(x.ctx, c.caller(x), extop.EffectivePolicyRequest{Selection: extop.SelectTargetEntry, DN: p.DN}, nil); err == nil {
		v.MustChange = found.MustChange
	}
	c.render(x.w, x.r, x.session, http.StatusOK, "outcome", "The password of "+p.Name+" is reset", v)
	return nil
}

// write has the directory reset a password. An auditor that cannot record it
// is asked before.
func (c *Console) write(x *exchange, entry string) error {
	rec := extop.AuditRecord{
		Question: extop.Question{OID: ResetName, Caller: c.caller(x), AuthzID: x.session.authzID, Target: entry},
		AskedBy:  x.session.authzID, Time: time.Now(), Pending: true,
	}
	if c.cfg.Audit != nil {
		if err := c.cfg.Audit(x.ctx, rec); err != nil {
			return err
		}
	}
	err := c.cfg.Reset(x.ctx, x.session.conn, entry, x.form.secret("password"))
	rec.Pending, rec.Write, rec.Duration, rec.Err = false, extop.Answered, time.Since(rec.Time), result.From(err)
	if err != nil && x.session.conn.Closed() {
		rec.Write = extop.Unanswered
	}
	if c.cfg.Audit != nil {
		_ = c.cfg.Audit(x.ctx, rec) // the directory has performed it
	}
	return err
}

// refusal puts into words why the directory did not reset a password.
func refusal(err error) problem {
	p := problemOf(err)
	switch p.code {
	case result.InsufficientAccessRights:
		p.Title = "You may not reset this password"
		p.Text = "The directory's access control does not let you write it. Its administrators can give you the right."
	case result.ConstraintViolation:
		p.Title = "The directory refuses this password"
		p.Text = "It breaks the directory's policy, or was used before. Choose another one."
	case result.UnwillingToPerform:
		p.Title = "The directory refuses this password"
		p.Text = "Choose another one. If every one is refused, what the directory says below is for its administrators."
	}
	return p
}
