package behera

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

var policyAttributes = []string{
	"objectClass", "pwdAttribute", "pwdCheckQuality", "pwdMinLength", "pwdMaxLength", "pwdInHistory",
	"pwdMaxAge", "pwdMustChange", "pwdSafeModify", "pwdCheckModule", "pwdUseCheckModule",
}

// readPolicy reads a policy entry. What is no policy is noSuchObject.
// pwdAttribute, which every policy has, stands for all attributes: an account
// that may not read it may not read the policy.
func readPolicy(ctx context.Context, dir policy.Directory, policyDN string) (policy.Entry, error) {
	e, err := policy.Read(ctx, dir, policy.Query{Base: policyDN, Attributes: policyAttributes, Shared: true})
	switch {
	case result.Is(err, result.InsufficientAccessRights):
		return e, unreadable(err, policyDN)
	case err != nil:
		return e, err
	case len(e.Values("objectClass")) == 0:
		return e, unreadable(nil, e.DN)
	case !e.IsA("pwdPolicy"):
		return e, result.New(result.NoSuchObject, "the entry %q is no password policy (object class pwdPolicy)", e.DN)
	case len(e.Values("pwdAttribute")) == 0:
		return e, unreadable(nil, e.DN)
	}
	return e, nil
}

func unreadable(cause error, policyDN string) error {
	return result.Wrap(cause, result.InsufficientAccessRights,
		"the service account may not read the policy %q: grant it read access to the entry and all its attributes, pwdAttribute and objectClass included", policyDN)
}

func forUserPassword(e policy.Entry) bool {
	for _, v := range e.Values("pwdAttribute") {
		if strings.EqualFold(v, "userPassword") || v == "2.5.4.35" {
			return true
		}
	}
	return false
}

// Load implements policy.Dialect.
func (d *Dialect) Load(ctx context.Context, dir policy.Directory, ref string) (*policy.Policy, error) {
	// The draft counts characters. A server that counts octets comes to the
	// same for ASCII.
	p := &policy.Policy{ASCIIOnly: true}
	if ref == noPolicy {
		return p, nil
	}
	e, err := readPolicy(ctx, dir, ref)
	if err != nil {
		return nil, err
	}
	r := reader{entry: e}
	r.read(p)
	return p, r.err
}

// A reader turns a policy entry into rules and keeps the first error.
type reader struct {
	entry policy.Entry
	err   error
}

func (r *reader) read(p *policy.Policy) {
	p.DN = r.entry.DN
	p.MustChange = r.flag("pwdMustChange")
	p.RequireCurrent = r.flag("pwdSafeModify")
	p.MaxAge = time.Duration(r.number("pwdMaxAge")) * time.Second
	if n := r.number("pwdInHistory"); n > 0 {
		p.History = n + 1 // the current password counts in addition
	}
	quality, least, most := r.number("pwdCheckQuality"), r.number("pwdMinLength"), r.number("pwdMaxLength")
	if r.err != nil || quality == 0 {
		return // neither length nor anything else is checked
	}
	if quality > 2 {
		r.fail("pwdCheckQuality", "the draft gives it no meaning")
		return
	}
	if module, _ := r.entry.Value("pwdCheckModule"); module != "" {
		r.fail("pwdCheckModule", "what a module demands is not known here")
		return
	}
	if r.flag("pwdUseCheckModule") {
		r.fail("pwdUseCheckModule", "what a module demands is not known here")
		return
	}
	if least > 0 {
		r.demand(p, "pwdMinLength", rule.Length{Min: least})
	} else {
		r.demand(p, "pwdCheckQuality", rule.Length{Min: 1})
	}
	if most > 0 {
		r.demand(p, "pwdMaxLength", rule.Length{Max: most})
	}
	r.demand(p, "pwdCheckQuality", rule.StoragePrefix{})
}

func (r *reader) demand(p *policy.Policy, attribute string, rl rule.Rule) {
	value, _ := r.entry.Value(attribute)
	p.Demands = append(p.Demands, policy.Demand{Rule: rl, Source: policy.Source{DN: r.entry.DN, Attribute: attribute, Value: value}})
}

func (r *reader) fail(attribute, why string) {
	if r.err == nil {
		value, _ := r.entry.Value(attribute)
		r.err = result.New(result.UnwillingToPerform, "%s of %q is %q: %s", attribute, r.entry.DN, value, why)
	}
}

// number returns an integer that is not negative; 0 if it is absent, as the
// draft has it.
func (r *reader) number(attribute string) int {
	v, ok := r.entry.Value(attribute)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > math.MaxInt32 {
		r.fail(attribute, "a number from 0 to 2147483647 was expected")
		return 0
	}
	return n
}

func (r *reader) flag(attribute string) bool {
	v, ok := r.entry.Value(attribute)
	switch {
	case !ok || strings.EqualFold(v, "FALSE"):
		return false
	case !strings.EqualFold(v, "TRUE"):
		r.fail(attribute, "TRUE or FALSE was expected")
	}
	return true
}
