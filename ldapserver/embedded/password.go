package embedded

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
)

// A passwordChange is what a write means for the passwords of one entry.
type passwordChange struct {
	clear  []string // new passwords, in clear text
	stored []string // values that stay, or came hashed
	hashed bool     // some value came hashed
	old    []string // stored values before the change
	byself bool     // the owner does it
	proved bool     // the owner gave the current password
}

// pending stands for a password that has not been hashed yet, while the rest
// of the entry is being checked.
const pending = "{PENDING}"

// maxHistory bounds how many earlier passwords are kept, whatever a policy
// asks for: a new password is compared with each, at the cost of a hash.
const maxHistory = 50

// setPasswords applies pc to an entry that is otherwise ready, in place: the
// policy in force for the entry as it will be is enforced, and userPassword
// and its operational attributes are set. The entry must have been put.
func (c *change) setPasswords(k treeKey, e *policy.Entry, pc passwordChange) error {
	total := len(pc.clear) + len(pc.stored)
	if len(pc.clear) == 0 && !pc.hashed {
		set(e, passwordAttr, pc.stored...)
		return nil
	}
	set(e, passwordAttr, append(slices.Repeat([]string{pending}, len(pc.clear)), pc.stored...)...)
	if err := c.txn.put(k, *e); err != nil {
		return err
	}
	p, loc, err := c.policyOf(e.DN)
	if err != nil {
		return result.Wrap(err, result.UnwillingToPerform, "the password policy of %q cannot be used: %s", e.DN, result.From(err).Error())
	}
	switch {
	case p.Blocked != "":
		return result.New(result.UnwillingToPerform, "no password can be set under the policy %q: %s", p.DN, p.Blocked)
	case pc.hashed && !c.policyFlag(p, "ds-cfg-allow-pre-encoded-passwords"):
		return result.New(result.ConstraintViolation, "the policy %q does not allow passwords that are hashed already", p.DN)
	case total > 1 && !c.policyFlag(p, "ds-cfg-allow-multiple-password-values"):
		return result.New(result.ConstraintViolation, "the policy %q allows one password", p.DN)
	case pc.byself && p.RequireCurrent && !pc.proved:
		return result.New(result.UnwillingToPerform, "the policy %q demands the current password with a new one", p.DN)
	}
	skip := c.s.admin && c.policyFlag(p, "ds-cfg-skip-validation-for-administrators")
	for _, clear := range pc.clear {
		if skip {
			break
		}
		var reasons []string
		for _, d := range p.Demands {
			reasons = append(reasons, d.Rule.Check([]byte(clear), loc.Subject)...)
		}
		if len(reasons) > 0 {
			return result.New(result.ConstraintViolation, "%s", strings.Join(reasons, " "))
		}
	}
	count := min(p.History, maxHistory)
	history := historyOf(*e)
	if count > 0 && !skip {
		earlier := append(slices.Clone(pc.old), history...)
		earlier = earlier[:min(len(earlier), max(count, len(pc.old)))]
		for _, clear := range pc.clear {
			used, err := c.matching(earlier, clear)
			if err != nil {
				return err
			}
			if len(used) > 0 {
				return result.New(result.ConstraintViolation, "The password was used before.")
			}
		}
	}
	values := slices.Clone(pc.stored)
	for _, clear := range pc.clear {
		h, err := c.hash(clear)
		if err != nil {
			return err
		}
		values = append(values, h)
	}
	set(e, passwordAttr, values...)
	set(e, "pwdChangedTime", generalizedTime(c.now))
	c.setHistory(e, count, pc.old)
	return c.txn.put(k, *e)
}

// octetSyntax is the syntax that pwdHistory names (draft-behera 5.3.8).
const octetSyntax = "1.3.6.1.4.1.1466.115.121.1.40"

// setHistory keeps as many earlier passwords as the policy counts besides the
// current one, the newest first.
func (c *change) setHistory(e *policy.Entry, count int, old []string) {
	var out []string
	for _, v := range old {
		out = append(out, fmt.Sprintf("%s#%s#%d#%s", generalizedTime(c.now), octetSyntax, len(v), v))
	}
	out = append(out, e.Values(passwordHistoryAttr)...)
	set(e, passwordHistoryAttr, out[:min(len(out), max(count-1, 0))]...)
}

// historyOf returns the hashes in pwdHistory, which are
// "time#syntax#length#data".
func historyOf(e policy.Entry) []string {
	var out []string
	for _, v := range e.Values(passwordHistoryAttr) {
		if f := strings.SplitN(v, "#", 4); len(f) == 4 {
			out = append(out, f[3])
		}
	}
	return out
}

// add takes new values, telling clear text from hashes.
func (pc *passwordChange) add(values []string) error {
	for _, v := range values {
		switch {
		case v == "":
			return result.New(result.ConstraintViolation, "a password must not be empty")
		case pwhash.Known(v):
			pc.stored, pc.hashed = append(pc.stored, v), true
		case slices.Contains(pc.clear, v):
			return result.New(result.AttributeOrValueExists, "a password is given twice")
		default:
			pc.clear = append(pc.clear, v)
		}
	}
	return nil
}
