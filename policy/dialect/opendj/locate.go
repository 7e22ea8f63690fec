package opendj

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// The attributes and object classes that policies are found by.
const (
	configDN         = "cn=config"
	pointer          = "ds-pwp-password-policy-dn"
	effectivePolicy  = "pwdPolicySubentry"
	defaultPolicy    = "ds-cfg-default-password-policy"
	subtreeAttribute = "subtreeSpecification"

	policyClass      = "ds-cfg-password-policy"
	authPolicyClass  = "ds-cfg-authentication-policy"
	subentryPolicy   = "pwdPolicy"
	embeddedPolicy   = "ds-pwp-password-policy"
	collectiveClass  = "collectiveAttributeSubentry"
	validatorClass   = "ds-cfg-password-validator"
	generatorClass   = "ds-cfg-password-generator"
	configReadRights = "the config-read privilege, and access rights to read and search it"
)

// Locate implements policy.Dialect.
func (d *Dialect) Locate(ctx context.Context, dir policy.Directory, sel policy.Selection) (policy.Located, error) {
	switch {
	case sel.PolicyDN != "":
		return locateNamed(ctx, dir, sel.PolicyDN)
	case sel.Target != "":
		return d.locateTarget(ctx, dir, sel.Target, sel.Entry)
	}
	var loc policy.Located
	err := d.locateDefault(ctx, dir, dn.DN{}, &loc)
	return loc, err
}

// locateNamed finds a policy that the request itself names.
func locateNamed(ctx context.Context, dir policy.Directory, name string) (policy.Located, error) {
	d, err := dn.Parse(name)
	if err != nil || d.IsRoot() {
		return policy.Located{}, result.Wrap(err, result.InvalidDNSyntax, "%q is not the DN of a password policy", name)
	}
	e, err := readPolicy(ctx, dir, name)
	switch {
	case result.Is(err, result.NoSuchObject):
		return policy.Located{}, &result.Error{
			Code:      result.NoSuchObject,
			MatchedDN: matched(ctx, dir, d, err),
			Text:      fmt.Sprintf("there is no password policy %q", name),
			Cause:     err,
		}
	case err != nil:
		return policy.Located{}, unreadable(err, name, configReadRights)
	case !isPolicy(e):
		return policy.Located{}, &result.Error{
			Code:      result.NoSuchObject,
			MatchedDN: e.DN,
			Text:      fmt.Sprintf("%q is no password policy: it has neither objectClass %s nor %s", name, policyClass, subentryPolicy),
		}
	}
	return policy.Located{Ref: e.DN, Steps: []policy.Step{{DN: e.DN, Text: "The request names this policy."}}}, nil
}

// matched returns the DN of the nearest existing superior of d: what the
// server said, or what can be found out.
func matched(ctx context.Context, dir policy.Directory, d dn.DN, err error) string {
	if e := result.From(err); e.MatchedDN != "" {
		return e.MatchedDN
	}
	for d = d.Parent(); !d.IsRoot(); d = d.Parent() {
		e, err := policy.Read(ctx, dir, policy.Query{Base: d.String(), Attributes: []string{"1.1"}, Shared: true})
		if err == nil {
			return e.DN
		}
		if !result.Is(err, result.NoSuchObject) {
			return ""
		}
	}
	return ""
}

// locateTarget finds the policy of an entry, or of the entry that there would
// be. added is an entry that is about to be added there, nil if none is.
func (d *Dialect) locateTarget(ctx context.Context, dir policy.Directory, target string, added *policy.Entry) (policy.Located, error) {
	name, err := dn.Parse(target)
	if err != nil || name.IsRoot() {
		return policy.Located{}, result.Wrap(err, result.InvalidDNSyntax, "%q is not the DN of an entry", target)
	}
	loc := policy.Located{Subject: rule.Subject{DN: target}}
	attributes := []string{"*", pointer}
	if !d.cfg.OwnResolution {
		attributes = append(attributes, effectivePolicy)
	}
	var e policy.Entry
	if added == nil {
		e, err = policy.Read(ctx, dir, policy.Query{Base: target, Attributes: attributes})
	}
	switch {
	case added != nil:
		loc.Subject = subject(*added)
		loc.Steps = append(loc.Steps, policy.Step{DN: target, Text: "The entry is about to be added: this is the policy that it will get."})
		if value, ok := firstValue(*added, pointer); ok {
			// Of the attributes that tell a policy, the one that may be written.
			e = policy.Entry{DN: target, Attributes: []policy.Attribute{{Name: pointer, Values: []string{value}}}}
		}
	case result.Is(err, result.NoSuchObject):
		loc.Subject.Attributes = namingAttributes(name)
		loc.Steps = append(loc.Steps, policy.Step{DN: target, Text: "There is no such entry: this is the policy that it would get."})
	case err != nil:
		return policy.Located{}, unreadable(err, target, "access rights to search it and to read all its attributes")
	case len(e.Values("objectClass")) == 0:
		return policy.Located{}, result.New(result.InsufficientAccessRights,
			"the service account may not read the attributes of %q: it needs access rights to search it and to read all its user attributes and %s", target, pointer)
	default:
		loc.Exists = true
		loc.Subject = subject(e)
	}

	found, err := d.byPointer(ctx, dir, e, &loc)
	if !found && err == nil {
		found, err = d.bySubentry(ctx, dir, name, &loc)
	}
	if !found && err == nil {
		err = d.locateDefault(ctx, dir, name, &loc)
	}
	if err != nil {
		return policy.Located{}, err
	}
	return loc, nil
}

// byPointer takes the policy that the entry names, or that the server says
// is in force for it.
func (d *Dialect) byPointer(ctx context.Context, dir policy.Directory, e policy.Entry, loc *policy.Located) (bool, error) {
	for _, attribute := range []string{pointer, effectivePolicy} {
		value, ok := firstValue(e, attribute)
		if !ok || attribute == effectivePolicy && d.cfg.OwnResolution {
			continue
		}
		text := "The entry names its policy."
		dangles := fmt.Sprintf("%[1]q names a policy in %[3]s that does not exist or that the service account may not see, %[2]q: the directory lets nobody authenticate with such an entry, so no password is suggested for it", e.DN, value, attribute)
		if attribute == effectivePolicy {
			text = "The server says which policy is in force."
		}
		return true, follow(ctx, dir, loc, policy.Step{DN: e.DN, Attribute: attribute, Value: value, Text: text}, dangles)
	}
	return false, nil
}

// follow completes loc with the policy that step.Value points to. A pointer
// that leads nowhere is an error: the servers fall back to nothing either.
func follow(ctx context.Context, dir policy.Directory, loc *policy.Located, step policy.Step, dangles string) error {
	to, err := dn.Parse(step.Value)
	if err != nil || to.IsRoot() {
		switch step.Attribute {
		case "":
			return result.Wrap(err, result.UnwillingToPerform, "the configured default policy is not the DN of a password policy: %q", step.Value)
		case defaultPolicy:
			return result.Wrap(err, result.UnwillingToPerform, "%s of %q is not the DN of a password policy: %q", step.Attribute, step.DN, step.Value)
		}
		return result.Wrap(err, result.InvalidDNSyntax, "%s of %q is not the DN of a password policy: %q", step.Attribute, step.DN, step.Value)
	}
	e, err := readPolicy(ctx, dir, step.Value)
	switch {
	case result.Is(err, result.NoSuchObject):
		return result.Wrap(err, result.UnwillingToPerform, "%s", dangles)
	case err != nil:
		return unreadable(err, step.Value, configReadRights)
	case !isPolicy(e) && e.IsA(authPolicyClass):
		return configError("%q, which %s of %q names, is an authentication policy of another kind: the directory behind it keeps the password", e.DN, step.Attribute, step.DN)
	case !isPolicy(e):
		return configError("%q, which %s of %q names, is no password policy: it has neither objectClass %s nor %s", e.DN, step.Attribute, step.DN, policyClass, subentryPolicy)
	}
	loc.Ref = e.DN
	loc.Steps = append(loc.Steps, step, policy.Step{DN: e.DN, Text: "This policy is in force."})
	return nil
}

// locateDefault takes the server's default policy. name is the entry that
// asks for it, the root for none.
func (d *Dialect) locateDefault(ctx context.Context, dir policy.Directory, name dn.DN, loc *policy.Located) error {
	e, err := policy.Read(ctx, dir, policy.Query{Base: configDN, Attributes: []string{defaultPolicy}, Shared: true})
	if err == nil {
		if value, ok := firstValue(e, defaultPolicy); ok {
			return follow(ctx, dir, loc,
				policy.Step{DN: e.DN, Attribute: defaultPolicy, Value: value, Text: "No policy of its own applies: the server's default does."},
				fmt.Sprintf("the default password policy %q, which %s names, does not exist or the service account may not see it", value, configDN))
		}
		err = result.New(result.InsufficientAccessRights,
			"the service account sees no %s in %q: it needs %s, or the configuration must tell the default policy", defaultPolicy, configDN, configReadRights)
	} else if result.Is(err, result.NoSuchObject) || result.Is(err, result.InsufficientAccessRights) {
		err = result.Wrap(err, result.InsufficientAccessRights,
			"the service account may not read %q: it needs %s, or the configuration must tell the default policy", configDN, configReadRights)
	} else {
		return unreadable(err, configDN, configReadRights)
	}
	value, ok := d.configuredDefault(name)
	if !ok {
		return err
	}
	return follow(ctx, dir, loc,
		policy.Step{Value: value, Text: "The directory does not tell its default policy: the configuration does."},
		fmt.Sprintf("the default password policy %q, which the configuration names, does not exist or the service account may not see it", value))
}

// configuredDefault returns Config.DefaultPolicy for the longest suffix of
// name.
func (d *Dialect) configuredDefault(name dn.DN) (string, bool) {
	best, value, ok := -1, "", false
	for suffix, policyDN := range d.cfg.DefaultPolicy {
		s, err := dn.Parse(suffix)
		if err == nil && len(s.RDNs) > best && name.Under(s) {
			best, value, ok = len(s.RDNs), policyDN, true
		}
	}
	return value, ok
}

// readPolicy reads a policy entry, wherever it is.
func readPolicy(ctx context.Context, dir policy.Directory, name string) (policy.Entry, error) {
	return policy.Read(ctx, dir, policy.Query{Base: name, Attributes: []string{"*", subtreeAttribute}, Shared: true})
}

func isPolicy(e policy.Entry) bool {
	return e.IsA(policyClass) || e.IsA(embeddedPolicy) || e.IsA(subentryPolicy) && isSubentry(e)
}

func isSubentry(e policy.Entry) bool { return e.IsA("subentry") || e.IsA("ldapSubentry") }

// unreadable says what an entry that could not be read means, and which
// rights would help. The code stays the directory's.
func unreadable(err error, name, rights string) error {
	e := result.From(err)
	switch e.Code {
	case result.InsufficientAccessRights:
		return result.Wrap(err, e.Code, "the service account may not read %q: it needs %s", name, rights)
	case result.Canceled, result.TimeLimitExceeded:
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return result.Wrap(err, e.Code, "reading %q failed: %s", name, e.Text)
}

// firstValue returns the first value of an attribute, with or without
// options: a collective attribute may carry one.
func firstValue(e policy.Entry, attribute string) (string, bool) {
	for _, a := range e.Attributes {
		if strings.EqualFold(withoutOptions(a.Name), attribute) && len(a.Values) > 0 {
			return a.Values[0], true
		}
	}
	return "", false
}

func withoutOptions(description string) string {
	name, _, _ := strings.Cut(description, ";")
	return name
}

// subject returns what rules compare a password with: the user attributes,
// without the password itself, values that are no text, and the object
// classes, which these servers do not count among them.
func subject(e policy.Entry) rule.Subject {
	s := rule.Subject{DN: e.DN, Attributes: make(map[string][]string, len(e.Attributes))}
	for _, a := range e.Attributes {
		name := strings.ToLower(withoutOptions(a.Name))
		switch name {
		case "userpassword", "authpassword", "objectclass", pointer, strings.ToLower(effectivePolicy):
			continue
		}
		for _, v := range a.Values {
			if isText(v) {
				s.Attributes[name] = append(s.Attributes[name], v)
			}
		}
	}
	return s
}

// isText reports whether a value is one that people could have typed.
func isText(v string) bool {
	return v != "" && utf8.ValidString(v) && !strings.ContainsFunc(v, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r'
	})
}

// namingAttributes returns the attributes that an entry has for its name
// alone.
func namingAttributes(d dn.DN) map[string][]string {
	attributes := make(map[string][]string)
	for _, a := range d.RDNs[0] {
		if !a.Hex && isText(a.Value) {
			name := strings.ToLower(a.Type)
			attributes[name] = append(attributes[name], a.Value)
		}
	}
	return attributes
}
