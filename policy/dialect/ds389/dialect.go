package ds389

import (
	"context"
	"fmt"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

const (
	configDN  = "cn=config"
	pointer   = "pwdpolicysubentry"
	localFlag = "nsslapd-pwpolicy-local"

	// realAttributesOnly leaves out what Class of Service computes;
	// virtualAttributesOnly leaves out what is stored.
	realAttributesOnly    = "2.16.840.1.113730.3.4.17"
	virtualAttributesOnly = "2.16.840.1.113730.3.4.19"
)

// Config tunes the dialect. The zero Config is ready to use.
type Config struct {
	// Words are the words of the server's cracklib dictionary, for policies
	// with passwordDictCheck. With nil, passwords under such a policy have
	// 24 characters, which no word survives by chance.
	Words *rule.Words
}

// Dialect implements policy.Dialect.
type Dialect struct{ cfg Config }

// New returns the dialect.
func New(cfg Config) *Dialect { return &Dialect{cfg} }

// Name returns "ds389".
func (*Dialect) Name() string { return "ds389" }

// Locate implements policy.Dialect. It follows the server: no local policies
// unless nsslapd-pwpolicy-local is on; then the entry's stored pointer, then
// the one that Class of Service computes, then the global policy. A pointer
// to a missing entry means the global policy.
func (d *Dialect) Locate(ctx context.Context, dir policy.Directory, sel policy.Selection) (policy.Located, error) {
	global, err := readGlobal(ctx, dir)
	if err != nil {
		return policy.Located{}, err
	}
	switch {
	case sel.PolicyDN != "":
		return locatePolicy(ctx, dir, sel.PolicyDN)
	case sel.Target != "":
		return locateTarget(ctx, dir, global, sel)
	}
	return policy.Located{Ref: configDN, Steps: []policy.Step{globalStep("no entry was named")}}, nil
}

func globalStep(why string) policy.Step {
	return policy.Step{DN: configDN, Text: "The global policy applies: " + why + "."}
}

func readGlobal(ctx context.Context, dir policy.Directory) (policy.Entry, error) {
	e, err := policy.Read(ctx, dir, policy.Query{Base: configDN, Attributes: policyAttributes, Shared: true})
	if err != nil {
		return policy.Entry{}, unreadable(err, configDN, "the global policy and the switch for local ones are kept there")
	}
	if len(e.Values("passwordCheckSyntax")) == 0 || len(e.Values(localFlag)) == 0 {
		return policy.Entry{}, result.New(result.InsufficientAccessRights,
			"the service account may not read the password attributes of %s: grant read, search and compare on password* and nsslapd-pwpolicy-* by an ACI on that entry", configDN)
	}
	return e, nil
}

// unreadable explains a failed read of an entry that decides about policies.
// The server answers success without an entry where an ACI is missing.
func unreadable(err error, entry, why string) error {
	if result.Is(err, result.InsufficientAccessRights) {
		return result.Wrap(err, result.InsufficientAccessRights,
			"the service account may not read %q: %s; grant read, search and compare by an ACI", entry, why)
	}
	return err
}

func locatePolicy(ctx context.Context, dir policy.Directory, name string) (policy.Located, error) {
	d, err := parseDN(name)
	if err != nil {
		return policy.Located{}, err
	}
	if d.Key() == configDN {
		return policy.Located{Ref: configDN, Steps: []policy.Step{globalStep("it was asked for by its DN")}}, nil
	}
	e, err := policy.Read(ctx, dir, policy.Query{Base: name, Attributes: []string{"objectClass"}, Shared: true})
	if result.Is(err, result.NoSuchObject) {
		return policy.Located{}, &result.Error{Code: result.NoSuchObject, MatchedDN: result.From(err).MatchedDN,
			Text: fmt.Sprintf("there is no password policy %q", name), Cause: err}
	}
	if err != nil {
		return policy.Located{}, unreadable(err, name, "it was asked for as a policy")
	}
	if !e.IsA("passwordpolicy") {
		return policy.Located{}, &result.Error{Code: result.NoSuchObject, MatchedDN: e.DN,
			Text: fmt.Sprintf("%q is no password policy: it lacks the object class passwordPolicy", e.DN)}
	}
	return policy.Located{Ref: e.DN, Steps: []policy.Step{{DN: e.DN, Text: "The policy was asked for by its DN."}}}, nil
}

func parseDN(s string) (dn.DN, error) {
	d, err := dn.Parse(s)
	if err != nil || d.IsRoot() {
		return dn.DN{}, result.Wrap(err, result.InvalidDNSyntax, "%q is no distinguished name", s)
	}
	return d, nil
}

func locateTarget(ctx context.Context, dir policy.Directory, global policy.Entry, sel policy.Selection) (policy.Located, error) {
	target := sel.Target
	d, err := parseDN(target)
	if err != nil {
		return policy.Located{}, err
	}
	loc := policy.Located{Subject: rule.Subject{DN: target}}
	var shown string // the pointer that a search shows
	if sel.Entry != nil {
		takeSubject(*sel.Entry, &loc.Subject)
	} else if loc.Exists, shown, err = readSubject(ctx, dir, &loc.Subject); err != nil {
		return policy.Located{}, err
	}
	if on, err := flag(global, localFlag, false); err != nil {
		return policy.Located{}, err
	} else if !on {
		loc.Ref = configDN
		loc.Steps = append(loc.Steps, policy.Step{DN: configDN, Attribute: localFlag, Value: "off",
			Text: "Local policies are switched off: the global policy applies to everybody."})
		return loc, nil
	}
	if !loc.Exists {
		loc.Steps = append(loc.Steps, policy.Step{DN: target, Text: "The entry does not exist: the policy that a new entry there would get is used."})
		return locateNew(ctx, dir, loc, d)
	}
	// A search shows a pointer if there is one, stored or virtual. Only then it
	// is of interest which of the two it is.
	if shown != "" {
		stored, err := pointerOf(ctx, dir, target, realAttributesOnly)
		if err != nil {
			return policy.Located{}, err
		}
		if stored != "" {
			return follow(ctx, dir, loc, target, stored, "The entry's own pointer decides.")
		}
		return follow(ctx, dir, loc, target, shown, "The entry has no pointer of its own; Class of Service gives it this one.")
	}
	loc.Ref = configDN
	loc.Steps = append(loc.Steps, globalStep("the entry has no pointer to another"))
	return loc, nil
}

// locateNew does what the server does for an add: the new entry's own pointer
// does not count, and the superiors are asked for a virtual one, upwards.
func locateNew(ctx context.Context, dir policy.Directory, loc policy.Located, d dn.DN) (policy.Located, error) {
	for sup := d.Parent(); !sup.IsRoot(); sup = sup.Parent() {
		name := sup.String()
		p, err := pointerOf(ctx, dir, name, virtualAttributesOnly)
		if result.Is(err, result.NoSuchObject) {
			continue
		}
		if err != nil {
			return policy.Located{}, err
		}
		if p != "" {
			return follow(ctx, dir, loc, name, p, "The superior entry is under this subtree policy.")
		}
	}
	loc.Ref = configDN
	loc.Steps = append(loc.Steps, globalStep("no superior entry is under a subtree policy"))
	return loc, nil
}

// pointerOf returns the policy pointer of an entry, "" if it has none.
func pointerOf(ctx context.Context, dir policy.Directory, name, control string) (string, error) {
	q := policy.Query{Base: name, Attributes: []string{pointer}}
	if control != "" {
		q.Controls = []policy.Control{{OID: control, Critical: true}}
	}
	e, err := policy.Read(ctx, dir, q)
	if err != nil {
		return "", unreadable(err, name, "its "+pointer+" tells which policy applies")
	}
	v, _ := e.Value(pointer)
	return v, nil
}

func follow(ctx context.Context, dir policy.Directory, loc policy.Located, from, to, why string) (policy.Located, error) {
	loc.Steps = append(loc.Steps, policy.Step{DN: from, Attribute: pointer, Value: to, Text: why})
	e, err := policy.Read(ctx, dir, policy.Query{Base: to, Attributes: []string{"objectClass"}, Shared: true})
	if result.Is(err, result.NoSuchObject) {
		loc.Ref = configDN
		loc.Steps = append(loc.Steps, globalStep("the pointer names an entry that does not exist"))
		return loc, nil
	}
	if err != nil {
		return policy.Located{}, unreadable(err, to, "it is the policy of "+from)
	}
	// As the server spells it: the stored text may quote where the entry
	// escapes.
	loc.Ref = e.DN
	return loc, nil
}

// namingAttributes are the ones whose values the server always searches a
// password for.
var namingAttributes = []string{"uid", "cn", "sn", "givenName", "ou", "mail"}

// readSubject reads what the token rule compares with, and reports whether
// the entry exists and which pointer the server shows for it, "" for none.
func readSubject(ctx context.Context, dir policy.Directory, s *rule.Subject) (exists bool, shown string, err error) {
	// All user attributes: which ones count besides these, the policy says.
	e, err := policy.Read(ctx, dir, policy.Query{Base: s.DN, Attributes: []string{"*", pointer}})
	if result.Is(err, result.NoSuchObject) {
		return false, "", nil
	}
	if err != nil {
		return false, "", unreadable(err, s.DN, "its naming attributes must not occur in the password")
	}
	if len(e.Values("objectClass")) == 0 || e.IsA("person") && len(e.Values("cn")) == 0 {
		return false, "", result.New(result.InsufficientAccessRights,
			"the service account may not read the naming attributes of %q, which must not occur in its password; grant read on objectClass, %s", s.DN, strings.Join(namingAttributes, ", "))
	}
	takeSubject(e, s)
	shown, _ = e.Value(pointer)
	return true, shown, nil
}

// takeSubject makes e the subject.
func takeSubject(e policy.Entry, s *rule.Subject) {
	s.DN = e.DN
	s.Attributes = make(map[string][]string)
	for _, a := range e.Attributes {
		if !strings.EqualFold(a.Name, "objectClass") && !strings.EqualFold(a.Name, "userPassword") && !strings.EqualFold(a.Name, pointer) {
			s.Attributes[strings.ToLower(a.Name)] = a.Values
		}
	}
}
