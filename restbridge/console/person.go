package console

import (
	"net/http"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// attempts is how many candidates are drawn for a suggestion until one
// passes validation.
const attempts = 20

// personView is a person with the policy that governs them.
type personView struct {
	Person      person
	Explained   *explained
	Unexplained *problem // why there is no Explained
	Suggestions []suggestion
	Unsuggested *problem // why there are none
}

// A suggestion is a password that was made for a person.
type suggestion struct {
	Password shownPassword
	Mark     string
	Errors   []string // why the directory would refuse it
}

// person is GET /console/person?dn=...
func (c *Console) person(x *exchange) error {
	e, err := c.entry(x, x.r.URL.Query().Get("dn"))
	if err != nil {
		return err
	}
	v := personView{Person: personOf(e)}
	switch found, err := c.cfg.Explain.Do(x.ctx, c.caller(x), extop.EffectivePolicyRequest{Selection: extop.SelectTargetEntry, DN: e.DN}, nil); {
	case err == nil:
		words := explain(found)
		v.Explained = &words
	case x.session.conn.Closed():
		return err
	default:
		p := problemOf(err)
		p.Title, p.Text = "What the policy demands cannot be told", ""
		v.Unexplained = &p
	}
	res, err := c.cfg.Generate.Do(x.ctx, c.caller(x), extop.GeneratePasswordRequest{
		Selection: extop.SelectTargetEntry, DN: e.DN, Count: c.cfg.Suggestions, Attempts: attempts,
	}, nil)
	switch {
	case err == nil:
		defer res.Wipe()
		for _, s := range res.Passwords {
			v.Suggestions = append(v.Suggestions, suggestion{showPassword(s.Password.Bytes()), x.session.mark(e.DN, s.Password.Bytes()), s.Errors})
		}
	case x.session.conn.Closed():
		return err
	default:
		p := problemOf(err)
		p.Title, p.Text = "No password can be suggested", ""
		v.Unsuggested = &p
		if x := v.Unexplained; x != nil && x.Code == p.Code && x.Detail == p.Detail {
			x.Code, x.Detail = "", "" // it is said once
		}
	}
	c.render(x.w, x.r, x.session, http.StatusOK, "person", v.Person.Name, v)
	return nil
}

// checkView is what a password that somebody typed is worth.
type checkView struct {
	Person       *person // nil if it is about a policy alone
	PolicyDN     string
	Password     shownPassword
	Valid        bool
	Requirements []requirement
	Errors       []string // what no requirement says
}

func (v checkView) stay() string {
	if v.Person != nil {
		return personPath(v.Person.DN)
	}
	return policyPath(v.PolicyDN)
}

// check is POST /console/check: a password that somebody typed, by the policy
// of a person (dn), or by a policy (policy) or the default one.
func (c *Console) check(x *exchange) error {
	var v checkView
	req := extop.ValidatePasswordRequest{Details: true, Password: policy.NewPassword(x.form.secret("password"))}
	switch name := x.form.text("policy"); {
	case x.form.text("dn") != "":
		e, err := c.entry(x, x.form.text("dn"))
		if err != nil {
			return err
		}
		p := personOf(e)
		v.Person, req.Selection, req.DN = &p, extop.SelectTargetEntry, e.DN
	case name != "":
		v.PolicyDN, req.Selection, req.DN = name, extop.SelectPolicyDN, name
	}
	if len(x.form.secret("password")) == 0 {
		c.problemPage(x.w, x.r, x.session, http.StatusUnprocessableEntity, problem{
			Title: "There is nothing to check", Text: "Type a password first.",
		})
		return nil
	}
	res, err := c.cfg.Validate.Do(x.ctx, c.caller(x), req, nil)
	if err != nil {
		return err
	}
	if v.Person == nil {
		v.PolicyDN = res.PolicyDN
	}
	v.Valid = res.Valid()
	v.Password = showPassword(x.form.secret("password"))
	v.Requirements, v.Errors = judged(res)
	title := "The password is fine"
	if !v.Valid {
		title = "The password would be refused"
	}
	c.render(x.w, x.r, x.session, http.StatusOK, "check", title, v)
	return nil
}

// judged sorts a verdict by requirements, and returns with them the reasons
// that belong to none.
func judged(res *extop.ValidatePasswordResult) (list []requirement, others []string) {
	said := make(map[string]int)
	for _, v := range res.Verdicts {
		list = append(list, requirement{Text: v.Requirement.Text, Judged: true, Reasons: v.Reasons})
		for _, r := range v.Reasons {
			said[r]++
		}
	}
	for _, e := range res.Errors {
		if said[e] > 0 {
			said[e]--
			continue
		}
		others = append(others, e)
	}
	return list, others
}
