package openldap

import (
	"context"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// integers are the numbers of a policy. slapd reads all of them, and drops
// the policy for one that it cannot.
var integers = []string{
	"pwdMinAge", "pwdMaxAge", "pwdMaxIdle", "pwdInHistory", "pwdCheckQuality", "pwdMinLength", "pwdMaxLength",
	"pwdMaxFailure", "pwdMaxRecordedFailure", "pwdGraceExpiry", "pwdGraceAuthNLimit", "pwdExpireWarning",
	"pwdFailureCountInterval", "pwdLockoutDuration", "pwdMinDelay", "pwdMaxDelay",
}

var policyAttributes = append([]string{
	"objectClass", "pwdAttribute", "pwdMustChange", "pwdSafeModify",
	"pwdCheckModule", "pwdCheckModuleArg", "pwdUseCheckModule",
}, integers...)

// contentAttributes are those that say what a password must be like: not to
// see one of them is not to know the policy.
func contentAttributes(l level) []string {
	attrs := []string{"pwdCheckQuality", "pwdMinLength", "pwdMaxLength", "pwdInHistory", "pwdCheckModuleArg"}
	if l >= level26 {
		return append(attrs, "pwdUseCheckModule")
	}
	return append(attrs, "pwdCheckModule")
}

// readPolicy reads a policy entry. Its errors are the server's.
func readPolicy(ctx context.Context, dir policy.Directory, policyDN string) (policy.Entry, error) {
	return policy.Read(ctx, dir, policy.Query{Base: policyDN, Attributes: policyAttributes, Shared: true})
}

// schemes are the names in braces that slapd, with the modules that come with
// it, takes for the start of a hash.
var schemes = []string{
	"SSHA", "SHA", "SMD5", "MD5", "CRYPT", "UNIX", "CLEARTEXT", // built in
	"ARGON2",
	"SHA256", "SSHA256", "SHA384", "SSHA384", "SHA512", "SSHA512", // pw-sha2
	"PBKDF2", "PBKDF2-SHA1", "PBKDF2-SHA256", "PBKDF2-SHA512",
	"APR1", "BSDMD5", "NS-MTA-MD5", "KERBEROS", "RADIUS", "SASL",
	"TOTP1", "TOTP256", "TOTP512", "TOTP1ANDPW", "TOTP256ANDPW", "TOTP512ANDPW",
}

// unparsable returns a number of the policy that slapd cannot read.
func unparsable(e policy.Entry) (attr, value string, found bool) {
	for _, a := range integers {
		v, ok := e.Value(a)
		if !ok {
			continue
		}
		if _, err := strconv.ParseInt(v, 10, 32); err != nil {
			return a, v, true
		}
	}
	return "", "", false
}

// A reader turns a policy entry into rules.
type reader struct {
	cfg    Config
	level  level
	module checkModule // of the overlay; counts from 2.6 on
}

func (r reader) policy(e policy.Entry) (*policy.Policy, error) {
	p := &policy.Policy{ASCIIOnly: true}
	if _, _, dropped := unparsable(e); dropped {
		return p, nil
	}
	p.DN = e.DN
	p.MustChange = isTrue(e, "pwdMustChange")
	p.RequireCurrent = isTrue(e, "pwdSafeModify")
	p.MaxAge = time.Duration(max(integer(e, "pwdMaxAge"), 0)) * time.Second
	if n := integer(e, "pwdInHistory"); n > 0 {
		p.History = n + 1
	}
	if integer(e, "pwdCheckQuality") <= 0 {
		return p, nil
	}
	demand := func(attribute string, rl rule.Rule) {
		value, _ := e.Value(attribute)
		p.Demands = append(p.Demands, policy.Demand{Rule: rl, Source: policy.Source{DN: e.DN, Attribute: attribute, Value: value}})
	}
	switch minimum := integer(e, "pwdMinLength"); {
	case minimum < 0:
		demand("pwdMinLength", impossible{"the minimum length is negative, which the directory takes for a very large number"})
	case minimum == 0:
		demand("pwdCheckQuality", rule.Length{Min: 1, Unit: rule.Bytes})
	default:
		demand("pwdMinLength", rule.Length{Min: minimum, Unit: rule.Bytes})
	}
	if maximum := integer(e, "pwdMaxLength"); maximum > 0 {
		demand("pwdMaxLength", rule.Length{Max: maximum, Unit: rule.Bytes})
	}
	demand("pwdCheckQuality", rule.StoragePrefix{Schemes: schemes})
	return p, r.checkModule(e, p)
}

// checkModule adds the demands of the policy's check module.
func (r reader) checkModule(e policy.Entry, p *policy.Policy) error {
	source, module, err := r.moduleOf(e)
	switch {
	case err != nil:
		return err
	case source == "":
		return nil
	case module == "":
		p.Blocked = "pwdUseCheckModule is TRUE, but the overlay has no check module, so that the check of every password fails"
		return nil
	case !isPPM(module):
		return result.New(result.UnwillingToPerform,
			"under the policy %q the directory checks passwords with the module %q (%s), whose demands are not known here", e.DN, module, source)
	}
	argument, ok := e.Value("pwdCheckModuleArg")
	if !ok {
		p.Blocked = "the check module ppm has no configuration (pwdCheckModuleArg), so that the check of every password fails"
		return nil
	}
	conf, err := parsePPM(argument, r.level)
	if err != nil {
		return result.Wrap(err, result.UnwillingToPerform, "pwdCheckModuleArg of %q: %v", e.DN, err)
	}
	p.Demands = append(p.Demands, conf.demands(e.DN, r.cfg.Words)...)
	return nil
}

// moduleOf returns the check module that a policy switches on and the
// attribute that does so; no attribute means no module.
func (r reader) moduleOf(e policy.Entry) (source, module string, err error) {
	if r.level < level26 {
		if module, _ = e.Value("pwdCheckModule"); module == "" {
			return "", "", nil
		}
		return "pwdCheckModule", module, nil
	}
	if !isTrue(e, "pwdUseCheckModule") || r.level >= level27 && !e.IsA("pwdPolicyChecker") {
		return "", "", nil
	}
	if !r.module.known {
		return "", "", result.New(result.InsufficientAccessRights,
			"the policy %q has passwords checked by the overlay's module (pwdUseCheckModule), but which that is is not known: grant the service account read access to olcPPolicyCheckModule in cn=config, or configure the check module", e.DN)
	}
	return "pwdUseCheckModule", r.module.path, nil
}

// subjectAttributes returns the attributes of an entry that the policy
// compares a password with.
func (r reader) subjectAttributes(e policy.Entry) []string {
	if integer(e, "pwdCheckQuality") <= 0 {
		return nil
	}
	_, module, err := r.moduleOf(e)
	argument, ok := e.Value("pwdCheckModuleArg")
	if err != nil || !ok || !isPPM(module) {
		return nil
	}
	conf, err := parsePPM(argument, r.level)
	if err != nil {
		return nil
	}
	return conf.attributes()
}

// isPPM reports whether a module is ppm by its file name: ppm, ppm.so,
// ppm.la or ppm.so.0, in whatever directory.
func isPPM(module string) bool {
	name, _, _ := strings.Cut(path.Base(module), ".")
	return name == "ppm"
}

// integer returns a number that unparsable has passed; 0 if it is absent.
func integer(e policy.Entry, attribute string) int {
	v, _ := e.Value(attribute)
	n, _ := strconv.Atoi(v)
	return n
}

func isTrue(e policy.Entry, attribute string) bool {
	v, _ := e.Value(attribute)
	return strings.EqualFold(v, "TRUE")
}
