package console

import (
	"net/http"

	"github.com/ldapsuggest/ldapsuggest/extop"
)

// policyView is one policy.
type policyView struct {
	Asked     string // DN that was asked for; empty for the default policy
	Explained explained
}

// policy is GET /console/policy?dn=..., without dn for the default policy.
func (c *Console) policy(x *exchange) error {
	v := policyView{Asked: x.r.URL.Query().Get("dn")}
	req := extop.EffectivePolicyRequest{DN: v.Asked}
	if v.Asked != "" {
		req.Selection = extop.SelectPolicyDN
	}
	found, err := c.cfg.Explain.Do(x.ctx, c.caller(x), req, nil)
	if err != nil {
		return err
	}
	v.Explained = explain(found)
	title := v.Explained.Name
	switch {
	case v.Explained.DN == "":
		title = "No policy"
	case v.Asked == "":
		title += ", the default policy"
	}
	c.render(x.w, x.r, x.session, http.StatusOK, "policy", title, v)
	return nil
}

// policiesView is all policies that the helper may see.
type policiesView struct {
	Policies []listed
	Problem  *problem // why there is no list
	Broken   int      // policies that nothing can be suggested under
}

// listed is one of them.
type listed struct {
	Explained explained
	Idle      bool     // the directory takes no notice of it
	Problem   *problem // why it could not be read
}

// policies is GET /console/policies.
func (c *Console) policies(x *exchange) error {
	var v policiesView
	all, err := c.cfg.List.Do(x.ctx, c.caller(x))
	switch {
	case err == nil:
	case x.session.conn.Closed():
		return err
	default:
		p := problemOf(err)
		v.Problem = &p
	}
	for _, one := range all {
		l := listed{Explained: explained{DN: one.DN, Name: nameOf(one.DN)}}
		if one.Err != nil {
			p := problemOf(one.Err)
			l.Problem = &p
		} else {
			l.Explained = explain(one.Explanation)
			// An entry that says nothing which the directory would enforce is no
			// policy to it.
			l.Explained.DN, l.Explained.Name, l.Idle = one.DN, nameOf(one.DN), one.Explanation.PolicyDN == ""
			for i := range l.Explained.Conflict {
				if at := &l.Explained.Conflict[i]; at.DN == one.DN && at.Attribute != "" {
					at.DN = "" // the row says it
				}
			}
		}
		if l.Problem != nil || l.Explained.Reason != "" {
			v.Broken++
		}
		v.Policies = append(v.Policies, l)
	}
	c.render(x.w, x.r, x.session, http.StatusOK, "policies", "Policies", v)
	return nil
}

func (c *Console) hasPolicies() bool { return c.cfg.List != nil }
