package freeipa

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// Config tunes the dialect. The zero Config is ready to use.
type Config struct {
	// Words are the words of libpwquality's dictionary, for policies with
	// ipaPwdDictCheck. With nil, passwords under such a policy have 24
	// characters, which no word survives by chance.
	Words *rule.Words
}

// Dialect implements policy.Dialect.
type Dialect struct {
	cfg Config
	ds  *ds389.Dialect
}

// New returns the dialect.
func New(cfg Config) *Dialect {
	return &Dialect{cfg: cfg, ds: ds389.New(ds389.Config{Words: cfg.Words})}
}

// Name returns "freeipa".
func (*Dialect) Name() string { return "freeipa" }

// A Ref of this dialect is a kind and a DN.
const (
	kerberosRef  = "krb "  // a krbPwdPolicy entry
	directoryRef = "389 "  // a policy of the directory server below
	noRules      = "none " // a reference to nothing: the server checks nothing
)

const reference = "krbPwdPolicyReference"

// Locate implements policy.Dialect.
func (d *Dialect) Locate(ctx context.Context, dir policy.Directory, sel policy.Selection) (policy.Located, error) {
	base, realm, err := realmOf(ctx, dir)
	if err != nil {
		return policy.Located{}, err
	}
	global := "cn=global_policy," + realm
	switch {
	case sel.PolicyDN != "":
		return d.locatePolicy(ctx, dir, sel.PolicyDN)
	case sel.Entry != nil && !sel.Entry.IsA("krbPrincipalAux") && !sel.Entry.IsA("krbPrincipal"):
		return below(d.ds.Locate(ctx, dir, sel))
	case sel.Entry != nil:
		return newPrincipal(sel.Target, global), nil
	case sel.Target != "":
		return d.locateTarget(ctx, dir, base, global, sel.Target)
	}
	return policy.Located{Ref: kerberosRef + global, Steps: []policy.Step{{DN: global, Text: "The global policy is the default."}}}, nil
}

// realmOf returns the suffix and the entry of the Kerberos realm.
func realmOf(ctx context.Context, dir policy.Directory) (base, realm string, err error) {
	root, err := policy.Read(ctx, dir, policy.Query{Base: "", Attributes: []string{"defaultNamingContext", "namingContexts"}, Shared: true})
	if err != nil {
		return "", "", err
	}
	candidates := append(append([]string(nil), root.Values("defaultNamingContext")...), root.Values("namingContexts")...)
	for _, base := range candidates {
		found, err := dir.Search(ctx, policy.Query{Base: "cn=kerberos," + base, Scope: policy.SingleLevel,
			Filter: "(objectClass=krbRealmContainer)", Attributes: []string{"cn"}, Shared: true})
		if result.Is(err, result.NoSuchObject) {
			continue
		}
		if err != nil {
			return "", "", err
		}
		if len(found) == 1 {
			return base, found[0].DN, nil
		}
		if len(found) > 1 {
			return "", "", result.New(result.Other, "%d Kerberos realms below cn=kerberos,%s: which one is meant cannot be told", len(found), base)
		}
	}
	return "", "", result.New(result.InsufficientAccessRights,
		"the service account sees no Kerberos realm below cn=kerberos: give it a role with the privilege \"Password Policy Readers\"")
}

func parse(name string) (dn.DN, error) {
	d, err := dn.Parse(name)
	if err != nil || d.IsRoot() {
		return d, result.Wrap(err, result.InvalidDNSyntax, "%q is no distinguished name", name)
	}
	return d, nil
}

func (d *Dialect) locatePolicy(ctx context.Context, dir policy.Directory, name string) (policy.Located, error) {
	if _, err := parse(name); err != nil {
		return policy.Located{}, err
	}
	e, err := policy.Read(ctx, dir, policy.Query{Base: name, Attributes: []string{"objectClass"}, Shared: true})
	switch {
	case err == nil && e.IsA("krbPwdPolicy"):
		return policy.Located{Ref: kerberosRef + e.DN, Steps: []policy.Step{{DN: e.DN, Text: "The policy was asked for by its DN."}}}, nil
	case result.Is(err, result.NoSuchObject):
		return policy.Located{}, &result.Error{Code: result.NoSuchObject, MatchedDN: result.From(err).MatchedDN,
			Text: fmt.Sprintf("there is no password policy %q", name), Cause: err}
	}
	return below(d.ds.Locate(ctx, dir, policy.Selection{PolicyDN: name}))
}

// below marks what package ds389 located.
func below(loc policy.Located, err error) (policy.Located, error) {
	loc.Ref = directoryRef + loc.Ref
	return loc, err
}

func (d *Dialect) locateTarget(ctx context.Context, dir policy.Directory, base, global, target string) (policy.Located, error) {
	if _, err := parse(target); err != nil {
		return policy.Located{}, err
	}
	loc := policy.Located{Subject: rule.Subject{DN: target}}
	e, err := policy.Read(ctx, dir, policy.Query{Base: target, Attributes: []string{"objectClass", reference, "memberOf", "uid"}})
	if result.Is(err, result.NoSuchObject) {
		return newPrincipal(target, global), nil
	}
	if err != nil {
		return policy.Located{}, err
	}
	if len(e.Values("objectClass")) == 0 {
		return policy.Located{}, result.New(result.InsufficientAccessRights, "the service account may not read objectClass of %q", e.DN)
	}
	if !e.IsA("krbPrincipalAux") && !e.IsA("krbPrincipal") {
		return below(d.ds.Locate(ctx, dir, policy.Selection{Target: target}))
	}
	loc.Exists = true
	loc.Subject = rule.Subject{DN: e.DN, Attributes: map[string][]string{"uid": e.Values("uid")}}
	if ref, ok := e.Value(reference); ok {
		loc.Steps = append(loc.Steps, policy.Step{DN: e.DN, Attribute: reference, Value: ref, Text: "The directory computed that this policy applies."})
		return follow(ctx, dir, loc, ref)
	}
	ref, priority, err := byGroup(ctx, dir, base, e)
	if err != nil {
		return policy.Located{}, err
	}
	if ref != "" {
		loc.Steps = append(loc.Steps, policy.Step{DN: e.DN, Attribute: "memberOf",
			Text: fmt.Sprintf("The computed reference cannot be read; of the policies of the user's groups, this one has the lowest cosPriority (%d): %s.", priority, ref)})
		return follow(ctx, dir, loc, ref)
	}
	loc.Ref = kerberosRef + global
	loc.Steps = append(loc.Steps, policy.Step{DN: global, Text: "No group of the user has a policy: the global policy applies."})
	return loc, nil
}

// newPrincipal is the outcome for a principal that does not exist yet.
func newPrincipal(target, global string) policy.Located {
	return policy.Located{
		Ref:     kerberosRef + global,
		Subject: rule.Subject{DN: target},
		Steps:   []policy.Step{{DN: target, Text: "The entry does not exist: a new principal is in no group yet, so the global policy applies."}},
	}
}

// follow makes a reference the result. The server enforces nothing where it
// leads nowhere.
func follow(ctx context.Context, dir policy.Directory, loc policy.Located, ref string) (policy.Located, error) {
	e, err := policy.Read(ctx, dir, policy.Query{Base: ref, Attributes: []string{"objectClass"}, Shared: true})
	if result.Is(err, result.NoSuchObject) {
		loc.Ref = noRules
		loc.Steps = append(loc.Steps, policy.Step{DN: ref, Text: "There is no such entry: the server then checks earlier passwords only."})
		return loc, nil
	}
	if err != nil {
		return policy.Located{}, err
	}
	loc.Ref = kerberosRef + e.DN
	return loc, nil
}

// byGroup computes the reference that Class of Service would: of the
// templates named after the user's groups, the lowest cosPriority.
func byGroup(ctx context.Context, dir policy.Directory, base string, user policy.Entry) (string, int, error) {
	groups := make(map[string]bool)
	for _, g := range user.Values("memberOf") {
		groups[dn.Key(g)] = true
	}
	if len(groups) == 0 {
		return "", 0, nil
	}
	templates, err := dir.Search(ctx, policy.Query{Base: "cn=cosTemplates,cn=accounts," + base, Scope: policy.SingleLevel,
		Filter: "(objectClass=cosTemplate)", Attributes: []string{"cn", "cosPriority", reference}, Shared: true})
	if result.Is(err, result.NoSuchObject) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	best, lowest := "", math.MaxInt
	for _, t := range templates {
		mine := false
		for _, cn := range t.Values("cn") {
			mine = mine || groups[dn.Key(strings.Trim(cn, `"`))]
		}
		ref, ok := t.Value(reference)
		if !mine || !ok {
			continue
		}
		v, _ := t.Value("cosPriority")
		priority, err := strconv.Atoi(v)
		if err != nil {
			return "", 0, result.Wrap(err, result.Other, "cosPriority of %q is %q, which is no integer", t.DN, v)
		}
		if priority < lowest {
			best, lowest = ref, priority
		}
	}
	return best, lowest, nil
}

var policyAttributes = []string{
	"objectClass", "krbMaxPwdLife", "krbPwdMinLength", "krbPwdMinDiffChars", "krbPwdHistoryLength", "ipaPwdMaxRepeat", "ipaPwdMaxSequence",
	"ipaPwdDictCheck", "ipaPwdUserCheck", "ipaPwdDcredit", "ipaPwdUcredit", "ipaPwdLcredit", "ipaPwdOcredit",
}

// Load implements policy.Dialect.
func (d *Dialect) Load(ctx context.Context, dir policy.Directory, ref string) (*policy.Policy, error) {
	if ref == noRules {
		return &policy.Policy{}, nil
	}
	if ref, ok := strings.CutPrefix(ref, directoryRef); ok {
		return d.ds.Load(ctx, dir, ref)
	}
	name := strings.TrimPrefix(ref, kerberosRef)
	e, err := policy.Read(ctx, dir, policy.Query{Base: name, Attributes: policyAttributes, Shared: true})
	if result.Is(err, result.InsufficientAccessRights) || err == nil && !e.IsA("krbPwdPolicy") {
		return nil, result.Wrap(err, result.InsufficientAccessRights,
			"the service account may not read the password policy %q: give it a role with the privilege \"Password Policy Readers\"", name)
	}
	if err != nil {
		return nil, err
	}
	b := builder{entry: e, policy: &policy.Policy{DN: e.DN}}
	b.build(d.cfg)
	return b.policy, b.err
}

// builder turns a policy entry into rules. What is absent is zero: a group's
// policy stands alone.
type builder struct {
	entry  policy.Entry
	policy *policy.Policy
	err    error
}

func (b *builder) build(cfg Config) {
	b.policy.MaxAge = time.Duration(b.number("krbMaxPwdLife")) * time.Second
	b.policy.History = b.number("krbPwdHistoryLength") // the current one is among those
	length := b.number("krbPwdMinLength")
	credits := rule.Credits{MinLength: length, Digit: b.number("ipaPwdDcredit"), Upper: b.number("ipaPwdUcredit"),
		Lower: b.number("ipaPwdLcredit"), Other: b.number("ipaPwdOcredit")}
	repeat, sequence := b.number("ipaPwdMaxRepeat"), b.number("ipaPwdMaxSequence")
	words, user := b.flag("ipaPwdDictCheck"), b.flag("ipaPwdUserCheck")

	quality := words || user || repeat != 0 || sequence != 0 || credits != rule.Credits{MinLength: length}
	if !quality {
		if length > 0 {
			b.demand(rule.Length{Min: length}, "krbPwdMinLength")
		}
		b.categories()
		return
	}
	b.categories()
	// One option of libpwquality brings all that it always checks.
	b.demand(credits, "krbPwdMinLength")
	b.policy.Demands = append(b.policy.Demands, policy.Demand{Rule: rule.Palindrome{IgnoreCase: true},
		Source: policy.Source{DN: b.entry.DN, Attribute: "ipaPwd*", Value: "set"}})
	if repeat > 0 {
		b.demand(rule.RepeatedCharacters{Max: repeat, CaseSensitive: true, Unit: rule.Bytes}, "ipaPwdMaxRepeat")
	}
	if sequence > 0 {
		b.demand(rule.Sequence{Max: sequence}, "ipaPwdMaxSequence")
	}
	if words {
		b.demand(rule.Cracklib{Words: cfg.Words}, "ipaPwdDictCheck")
		if cfg.Words == nil {
			b.demand(rule.Length{Min: 24}, "ipaPwdDictCheck")
		}
	}
	if user {
		b.demand(rule.UserCheck{}, "ipaPwdUserCheck")
	}
}

func (b *builder) categories() {
	if n := b.number("krbPwdMinDiffChars"); n > 0 {
		b.demand(rule.KrbCategories{Min: n}, "krbPwdMinDiffChars")
	}
}

func (b *builder) demand(r rule.Rule, attribute string) {
	v, _ := b.entry.Value(attribute)
	b.policy.Demands = append(b.policy.Demands, policy.Demand{Rule: r, Source: policy.Source{DN: b.entry.DN, Attribute: attribute, Value: v}})
}

func (b *builder) number(attribute string) int {
	v, ok := b.entry.Value(attribute)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil && b.err == nil {
		b.err = result.Wrap(err, result.Other, "%s of %q is %q, which is no integer", attribute, b.entry.DN, v)
	}
	return n
}

func (b *builder) flag(attribute string) bool {
	v, ok := b.entry.Value(attribute)
	switch {
	case !ok || strings.EqualFold(v, "FALSE"):
		return false
	case !strings.EqualFold(v, "TRUE") && b.err == nil:
		b.err = result.New(result.Other, "%s of %q is %q, which is neither TRUE nor FALSE", attribute, b.entry.DN, v)
	}
	return true
}
