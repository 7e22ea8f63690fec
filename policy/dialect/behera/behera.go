package behera

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// Name is the dialect's name in configuration and output.
const Name = "behera"

// Config tells what the directory does not. The zero Config relies on the
// directory alone.
type Config struct {
	// DefaultPolicy is the DN of the policy for entries that show no
	// pwdPolicySubentry, and for those that do not exist yet, by the suffix
	// that they are under ("" for all others, and for requests without an
	// entry). An empty DN says that no policy is in force.
	DefaultPolicy map[string]string
}

// A Dialect implements policy.Dialect. It is safe for concurrent use.
type Dialect struct{ cfg Config }

var _ policy.Dialect = (*Dialect)(nil)

// New returns the dialect.
func New(cfg Config) *Dialect { return &Dialect{cfg} }

// Name returns "behera".
func (*Dialect) Name() string { return Name }

const (
	pointer = "pwdPolicySubentry"
	scope   = "subtreeSpecification" // of a policy that is a subentry (RFC 3672)
)

// noPolicy is the Ref where no policy is in force.
const noPolicy = ""

// Locate implements policy.Dialect.
func (d *Dialect) Locate(ctx context.Context, dir policy.Directory, sel policy.Selection) (policy.Located, error) {
	l := &locator{cfg: d.cfg, dir: dir}
	var err error
	switch {
	case sel.PolicyDN != "":
		err = l.named(ctx, sel.PolicyDN)
	case sel.Target != "":
		err = l.target(ctx, sel.Target)
	default:
		err = l.configured(ctx, dn.DN{}, "the draft knows no default policy: name an entry or a policy")
	}
	return l.loc, err
}

// A locator finds the policy for one selection.
type locator struct {
	cfg Config
	dir policy.Directory
	loc policy.Located
}

func (l *locator) step(entry, attribute, value, format string, args ...any) {
	l.loc.Steps = append(l.loc.Steps, policy.Step{DN: entry, Attribute: attribute, Value: value, Text: fmt.Sprintf(format, args...)})
}

func parseDN(s string) (dn.DN, error) {
	d, err := dn.Parse(s)
	if err != nil || d.IsRoot() {
		return d, result.Wrap(err, result.InvalidDNSyntax, "%q is no distinguished name of an entry", s)
	}
	return d, nil
}

func (l *locator) named(ctx context.Context, name string) error {
	if _, err := parseDN(name); err != nil {
		return err
	}
	e, err := readPolicy(ctx, l.dir, name)
	if err != nil {
		return err
	}
	if !forUserPassword(e) {
		return otherAttribute(e)
	}
	l.step(e.DN, "", "", "The policy was asked for by name.")
	l.loc.Ref = e.DN
	return nil
}

func (l *locator) target(ctx context.Context, target string) error {
	name, err := parseDN(target)
	if err != nil {
		return err
	}
	l.loc.Subject = rule.Subject{DN: target}
	e, err := policy.Read(ctx, l.dir, policy.Query{Base: target, Attributes: []string{"objectClass", pointer}})
	switch {
	case result.Is(err, result.NoSuchObject):
		return l.missing(ctx, name)
	case err != nil:
		return err
	}
	l.loc.Exists, l.loc.Subject = true, rule.Subject{DN: e.DN}
	if pointers := e.Values(pointer); len(pointers) > 0 {
		return l.follow(ctx, e.DN, pointers)
	}
	return l.configured(ctx, name, fmt.Sprintf(
		"%q shows no %s: either no policy is in force for it, or the service account may not read that attribute; grant it read access", e.DN, pointer))
}

// missing finds the policy of an entry that there would be: that of its
// nearest existing superior, if the policy's scope is a plain subtree.
func (l *locator) missing(ctx context.Context, name dn.DN) error {
	unknown := fmt.Sprintf("which policy a new entry %q would get is not known", name)
	for sup := name.Parent(); !sup.IsRoot(); sup = sup.Parent() {
		e, err := policy.Read(ctx, l.dir, policy.Query{Base: sup.String(), Attributes: []string{"objectClass", pointer}})
		if result.Is(err, result.NoSuchObject) {
			continue
		}
		if err != nil {
			return err
		}
		pointers := e.Values(pointer)
		if len(pointers) == 0 {
			break
		}
		if err := l.follow(ctx, e.DN, pointers); err != nil {
			return err
		}
		policyDN := l.loc.Ref
		covers, err := l.covers(ctx, policyDN, name)
		if err != nil {
			return err
		}
		if covers {
			l.step(policyDN, scope, "", "The entry does not exist: as the policy is for a whole subtree, it would get that of its superior.")
			return nil
		}
		l.loc.Ref, l.loc.Steps = "", nil
		unknown += fmt.Sprintf(": %s of %q does not say that it is for everything below %q", scope, policyDN, e.DN)
		break
	}
	return l.configured(ctx, name, unknown)
}

// wholeSubtree matches a subtree specification that leaves nothing out below
// its base: {} or { base "..." }.
var wholeSubtree = regexp.MustCompile(`^\{\s*(?:base\s+"((?:[^"]|"")*)")?\s*\}$`)

// covers reports whether the subtree of a policy's subentry holds name for
// certain.
func (l *locator) covers(ctx context.Context, policyDN string, name dn.DN) (bool, error) {
	e, err := policy.Read(ctx, l.dir, policy.Query{Base: policyDN, Attributes: []string{scope}, Shared: true})
	if err != nil {
		return false, err
	}
	own, err := dn.Parse(e.DN)
	if err != nil {
		return false, result.Wrap(err, result.Other, "the directory calls an entry %q, which is no distinguished name", e.DN)
	}
	for _, v := range e.Values(scope) {
		m := wholeSubtree.FindStringSubmatch(strings.TrimSpace(v))
		if m == nil {
			continue
		}
		base := own.Parent()
		if local := strings.ReplaceAll(m[1], `""`, `"`); local != "" {
			if base, err = dn.Parse(local + "," + base.String()); err != nil {
				continue
			}
		}
		if name.Under(base) {
			return true, nil
		}
	}
	return false, nil
}

// follow makes the policy that an entry points to the result: of several, the
// one for userPassword.
func (l *locator) follow(ctx context.Context, entry string, pointers []string) error {
	var found []string
	for _, p := range pointers {
		e, err := readPolicy(ctx, l.dir, p)
		if result.Is(err, result.NoSuchObject) {
			return result.Wrap(err, result.InsufficientAccessRights,
				"%s of %q names %q, which is not there or may not be read: what the directory then enforces is not known", pointer, entry, p)
		}
		if err != nil {
			return err
		}
		if !forUserPassword(e) {
			l.step(entry, pointer, p, "This policy is for another attribute than userPassword.")
			continue
		}
		l.step(entry, pointer, p, "The directory computed that this policy applies.")
		found = append(found, e.DN)
	}
	switch len(found) {
	case 0:
		return result.New(result.UnwillingToPerform, "none of the policies of %q is for userPassword", entry)
	case 1:
		l.loc.Ref = found[0]
		return nil
	}
	return result.New(result.UnwillingToPerform, "several policies are for userPassword of %q, and the draft does not say which one counts: %s", entry, strings.Join(found, "; "))
}

// configured takes the configured policy, because of what unknown says.
func (l *locator) configured(ctx context.Context, name dn.DN, unknown string) error {
	policyDN, suffix, ok := bySuffix(l.cfg.DefaultPolicy, name)
	if !ok {
		return result.New(result.InsufficientAccessRights, "%s, or configure the default policy (directory.defaultPolicy)", unknown)
	}
	if policyDN == "" {
		l.step("", "", "", "The configuration says that no policy is in force below %q.", suffix)
		l.loc.Ref = noPolicy
		return nil
	}
	e, err := readPolicy(ctx, l.dir, policyDN)
	if err != nil {
		return err
	}
	if !forUserPassword(e) {
		return otherAttribute(e)
	}
	l.step("", "", policyDN, "The configuration gives this policy for %q: %s.", suffix, unknown)
	l.loc.Ref = e.DN
	return nil
}

func otherAttribute(e policy.Entry) error {
	return result.New(result.UnwillingToPerform, "the policy %q is not for userPassword", e.DN)
}

// bySuffix returns the value of the longest suffix of name in a configured
// map.
func bySuffix(m map[string]string, name dn.DN) (value, suffix string, ok bool) {
	longest := -1
	for s, v := range m {
		base, err := dn.Parse(s)
		if err == nil && name.Under(base) && len(base.RDNs) > longest {
			value, suffix, ok, longest = v, s, true, len(base.RDNs)
		}
	}
	return value, suffix, ok
}
