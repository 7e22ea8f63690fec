package activedirectory

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// Config tunes the dialect. The zero Config is ready to use.
type Config struct{}

// Dialect implements policy.Dialect and policy.Namer.
type Dialect struct{}

// New returns the dialect.
func New(Config) *Dialect { return &Dialect{} }

// Name returns "activedirectory".
func (*Dialect) Name() string { return "activedirectory" }

// maxLength is the most UTF-16 code units of a password (MS-SAMR 3.1.1.7).
const maxLength = 256

// Flags of userAccountControl and of pwdProperties.
const (
	normalAccount = 0x200
	domainComplex = 1
)

const settingsContainer = "CN=Password Settings Container,CN=System,"

// Locate implements policy.Dialect. A PolicyDN is a domain or a password
// settings object; a Target is a user or a domain, named as ResolveName
// allows. An account that does not exist yet is under the domain's policy:
// the directory judges its first password by it.
func (*Dialect) Locate(ctx context.Context, dir policy.Directory, sel policy.Selection) (policy.Located, error) {
	domain, err := domainDN(ctx, dir)
	if err != nil {
		return policy.Located{}, err
	}
	switch {
	case sel.PolicyDN != "":
		return locatePolicy(ctx, dir, sel.PolicyDN)
	case sel.Entry != nil:
		return underDomain(policy.Located{Subject: rule.Subject{DN: sel.Target}}, domain, "a new object's first password is judged by it"), nil
	case sel.Target != "":
		return locateTarget(ctx, dir, domain, sel.Target)
	}
	return underDomain(policy.Located{}, domain, "no object was named"), nil
}

func underDomain(loc policy.Located, domain, why string) policy.Located {
	loc.Ref = domain
	loc.Steps = append(loc.Steps, policy.Step{DN: domain, Text: "The domain's policy applies: " + why + "."})
	return loc
}

func domainDN(ctx context.Context, dir policy.Directory) (string, error) {
	root, err := policy.Read(ctx, dir, policy.Query{Base: "", Attributes: []string{"defaultNamingContext"}, Shared: true})
	if err != nil {
		return "", err
	}
	v, ok := root.Value("defaultNamingContext")
	if !ok {
		return "", result.New(result.Other, "the root DSE has no defaultNamingContext: is this a domain controller?")
	}
	return v, nil
}

func locatePolicy(ctx context.Context, dir policy.Directory, name string) (policy.Located, error) {
	base, _, err := identifier(name)
	if err != nil {
		return policy.Located{}, err
	}
	e, err := policy.Read(ctx, dir, policy.Query{Base: base, Attributes: []string{"objectClass"}, Shared: true})
	if result.Is(err, result.NoSuchObject) {
		return policy.Located{}, &result.Error{Code: result.NoSuchObject, MatchedDN: result.From(err).MatchedDN,
			Text: fmt.Sprintf("there is no password policy %q", name), Cause: err}
	}
	if err != nil {
		return policy.Located{}, err
	}
	switch {
	case e.IsA("domainDNS"), e.IsA("msDS-PasswordSettings"):
	case len(e.Values("objectClass")) == 0:
		return policy.Located{}, hidden(e.DN)
	default:
		return policy.Located{}, &result.Error{Code: result.NoSuchObject, MatchedDN: e.DN,
			Text: fmt.Sprintf("%q is no password policy: it is neither a domain nor a password settings object", e.DN)}
	}
	return policy.Located{Ref: e.DN, Steps: []policy.Step{{DN: e.DN, Text: "The policy was asked for by its name."}}}, nil
}

// hidden is the error for a settings object that shows no attributes.
func hidden(pso string) error {
	container := pso
	if i := strings.Index(strings.ToLower(pso), strings.ToLower(settingsContainer)); i >= 0 {
		container = pso[i:]
	}
	return result.New(result.InsufficientAccessRights,
		"the service account may not read the password settings object %q, so its demands are unknown: grant it read on %q and below "+
			`(Windows: dsacls "%[2]s" /I:T /G "DOMAIN\account:GR"; Samba: samba-tool dsacl set --objectdn="%[2]s" --sddl="(A;CI;RPLCRCLO;;;SID of the account)")`,
		pso, container)
}

// targetAttributes are read of the target. msDS-ResultantPSO is constructed:
// neither * nor + returns it.
var targetAttributes = []string{"objectClass", "userAccountControl", "sAMAccountName", "displayName", "msDS-ResultantPSO", "objectSid", "msDS-SecondaryKrbTgtNumber"}

func locateTarget(ctx context.Context, dir policy.Directory, domain, target string) (policy.Located, error) {
	base, isDN, err := identifier(target)
	if err != nil {
		return policy.Located{}, err
	}
	loc := policy.Located{Subject: rule.Subject{DN: base}}
	e, err := policy.Read(ctx, dir, policy.Query{Base: base, Attributes: targetAttributes})
	if result.Is(err, result.NoSuchObject) {
		if !isDN {
			return policy.Located{}, result.Wrap(err, result.NoSuchObject, "there is no object %s", base)
		}
		return underDomain(loc, domain, "the object does not exist, and a new one's first password is judged by it"), nil
	}
	if err != nil {
		return policy.Located{}, err
	}
	loc.Exists = true
	loc.Subject = rule.Subject{DN: e.DN, Attributes: map[string][]string{}}
	for _, name := range []string{"sAMAccountName", "displayName"} {
		if v := e.Values(name); len(v) > 0 {
			loc.Subject.Attributes[strings.ToLower(name)] = v
		}
	}
	if e.IsA("domainDNS") {
		return underDomain(loc, e.DN, "it is the object that was named"), nil
	}
	if len(e.Values("objectClass")) == 0 || e.IsA("user") && (len(e.Values("userAccountControl")) == 0 || len(e.Values("sAMAccountName")) == 0) {
		return policy.Located{}, result.New(result.InsufficientAccessRights,
			"the service account may not read objectClass, userAccountControl and sAMAccountName of %q", e.DN)
	}
	account, _ := e.Value("userAccountControl")
	flags, err := strconv.ParseInt(account, 10, 64)
	if !e.IsA("user") || e.IsA("computer") || err != nil || flags&normalAccount == 0 || ticketGranting(e) {
		return policy.Located{}, result.New(result.UnwillingToPerform, "%q is neither a user nor a domain: no password policy governs it", e.DN)
	}
	pso, ok := e.Value("msDS-ResultantPSO")
	if !ok {
		return underDomain(loc, domain, "the directory names no password settings object for this user"), nil
	}
	loc.Ref = pso
	loc.Steps = append(loc.Steps, policy.Step{DN: e.DN, Attribute: "msDS-ResultantPSO", Value: pso,
		Text: "The directory computed that this password settings object applies to the user. It replaces the domain's policy whole."})
	return loc, nil
}

// ticketGranting reports whether an account is one of Kerberos's own, whose
// passwords the directory makes: krbtgt, which has the relative identifier
// 502, or that of a read-only controller.
func ticketGranting(e policy.Entry) bool {
	const krbtgt = "\xf6\x01\x00\x00"
	sid, _ := e.Value("objectSid")
	return strings.HasSuffix(sid, krbtgt) || len(e.Values("msDS-SecondaryKrbTgtNumber")) > 0
}

// attributes are the names of one policy's settings: the two kinds of policy
// call the same thing differently.
type attributes struct{ length, complexity, history, maxAge string }

var (
	domainAttributes   = attributes{"minPwdLength", "pwdProperties", "pwdHistoryLength", "maxPwdAge"}
	settingsAttributes = attributes{"msDS-MinimumPasswordLength", "msDS-PasswordComplexityEnabled", "msDS-PasswordHistoryLength", "msDS-MaximumPasswordAge"}
)

// Load implements policy.Dialect.
func (*Dialect) Load(ctx context.Context, dir policy.Directory, ref string) (*policy.Policy, error) {
	d, s := domainAttributes, settingsAttributes
	e, err := policy.Read(ctx, dir, policy.Query{Base: ref, Shared: true, Attributes: []string{"objectClass",
		d.length, d.complexity, d.history, d.maxAge, s.length, s.complexity, s.history, s.maxAge}})
	if err != nil {
		return nil, err
	}
	if e.IsA("domainDNS") {
		return load(e, d, func(v string) (bool, error) {
			flags, err := strconv.ParseInt(v, 10, 64)
			return flags&domainComplex != 0, err
		})
	}
	return load(e, s, func(v string) (bool, error) {
		switch strings.ToUpper(v) {
		case "TRUE":
			return true, nil
		case "FALSE":
			return false, nil
		}
		return false, strconv.ErrSyntax
	})
}

func load(e policy.Entry, names attributes, parseComplex func(string) (bool, error)) (*policy.Policy, error) {
	for _, name := range []string{names.length, names.complexity, names.history} {
		if len(e.Values(name)) == 0 {
			return nil, hidden(e.DN)
		}
	}
	source := func(name string) policy.Source {
		v, _ := e.Value(name)
		return policy.Source{DN: e.DN, Attribute: name, Value: v}
	}
	unparsable := func(name string, err error) error {
		return result.Wrap(err, result.Other, "%s of %q is %q, which does not parse", name, e.DN, source(name).Value)
	}
	// Code units and characters are the same in ASCII.
	p := &policy.Policy{DN: e.DN, ASCIIOnly: true}
	length, err := strconv.Atoi(source(names.length).Value)
	if err != nil {
		return nil, unparsable(names.length, err)
	}
	if p.History, err = strconv.Atoi(source(names.history).Value); err != nil {
		return nil, unparsable(names.history, err)
	}
	wantsComplexity, err := parseComplex(source(names.complexity).Value)
	if err != nil {
		return nil, unparsable(names.complexity, err)
	}
	if v := source(names.maxAge).Value; v != "" {
		if p.MaxAge, err = age(v); err != nil {
			return nil, unparsable(names.maxAge, err)
		}
	}
	// An empty password is for no one, whatever the policy says.
	p.Demands = append(p.Demands,
		policy.Demand{Rule: rule.Length{Min: max(1, length), Unit: rule.UTF16}, Source: source(names.length)},
		policy.Demand{Rule: rule.Length{Max: maxLength, Unit: rule.UTF16}, Source: policy.Source{Attribute: "unicodePwd", Value: strconv.Itoa(maxLength) + " code units"}})
	if wantsComplexity {
		p.Demands = append(p.Demands,
			policy.Demand{Rule: rule.ADComplexity{}, Source: source(names.complexity)},
			policy.Demand{Rule: rule.ADNames{}, Source: source(names.complexity)})
	}
	return p, nil
}

// age converts a negative number of 100 ns; the smallest means never.
func age(v string) (time.Duration, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	const ticks = int64(100)
	if err != nil || n == -1<<63 || n < -(1<<63-1)/ticks {
		return 0, err
	}
	return time.Duration(-n * ticks), nil
}
