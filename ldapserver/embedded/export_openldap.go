package embedded

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/ldif"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// OpenLDAPExport says how the directory is written for slapd.
type OpenLDAPExport struct {
	// Suffix is the naming context to write: slapadd loads one database at a
	// time. Empty means the only one.
	Suffix string

	// PPM is the release of slapd whose check module ppm takes what
	// slapo-ppolicy itself cannot demand: "2.5", or "2.6" for that and later
	// ones. Empty means that there is no such module.
	PPM string

	// Drop leaves out what slapd cannot hold, instead of failing.
	Drop bool
}

// OpenLDAPReport tells what the file does not hold.
type OpenLDAPReport struct {
	DefaultPolicy string   // DN to configure as olcPPolicyDefault
	Modules       []string // that slapd has to load, besides ppolicy
	Lost          []string // what slapd cannot hold, one sentence each
	Notes         []string // what means nearly the same, or has to be configured
}

// A LostError is an export that would not mean the same.
type LostError struct{ Lost []string }

func (e *LostError) Error() string {
	return fmt.Sprintf("OpenLDAP cannot hold all that is in force here: %s", strings.Join(e.Lost, "; "))
}

// ExportOpenLDAP writes a naming context as LDIF for slapadd: entries with
// their operational attributes, hashes of passwords and of earlier ones, and
// policies as entries of slapo-ppolicy below ou=policies of the suffix. An
// entry under another policy than the default one names it.
//
// Nothing is written that would mean something else: what slapd cannot hold is
// a *LostError, unless o.Drop is set.
func (d *Directory) ExportOpenLDAP(ctx context.Context, w io.Writer, o OpenLDAPExport) (OpenLDAPReport, error) {
	x := openLDAPExport{d: d, o: o, policies: make(map[string]policy.Entry), pointers: make(map[string]string), modules: make(map[string]bool)}
	if err := x.survey(ctx); err != nil {
		return OpenLDAPReport{}, err
	}
	if len(x.report.Lost) > 0 && !o.Drop {
		return OpenLDAPReport{}, &LostError{x.report.Lost}
	}
	x.report.Modules = slices.Sorted(maps.Keys(x.modules))
	return x.report, x.write(w)
}

type openLDAPExport struct {
	d        *Directory
	o        OpenLDAPExport
	suffix   dn.DN
	report   OpenLDAPReport
	policies map[string]policy.Entry // as slapd gets them, by their DN here
	standard string                  // DN here of the default policy
	pointers map[string]string       // DN of the policy here, by key of the entry
	modules  map[string]bool
}

func (x *openLDAPExport) lose(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(x.report.Lost, s) {
		x.report.Lost = append(x.report.Lost, s)
	}
}

func (x *openLDAPExport) note(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(x.report.Notes, s) {
		x.report.Notes = append(x.report.Notes, s)
	}
}

// entries calls f for the entries of the suffix, superiors first.
func (x *openLDAPExport) entries(f func(policy.Entry) error) error {
	var after treeKey
	for {
		var batch []policy.Entry
		err := x.d.store.view(func(t *txn) error {
			return t.walk(keyOf(x.suffix), wholeSubtree, after, func(k treeKey, e policy.Entry) (bool, error) {
				if len(batch) == exportStep {
					return false, nil
				}
				after = k
				batch = append(batch, e)
				return true, nil
			})
		})
		if err != nil {
			return err
		}
		for _, e := range batch {
			if err := f(e); err != nil {
				return err
			}
		}
		if len(batch) < exportStep {
			return nil
		}
	}
}

// chooseSuffix takes the naming context that is asked for.
func (x *openLDAPExport) chooseSuffix() error {
	var contexts []string
	for _, c := range x.d.namingContexts() {
		if dn.Key(c) != dn.Key("cn=config") {
			contexts = append(contexts, c)
		}
	}
	wanted := x.o.Suffix
	switch {
	case wanted != "":
		if !slices.ContainsFunc(contexts, func(c string) bool { return dn.Key(c) == dn.Key(wanted) }) {
			return fmt.Errorf("%q is no naming context of the directory; it has %q", wanted, contexts)
		}
	case len(contexts) != 1:
		return fmt.Errorf("the directory has the naming contexts %q: name one", contexts)
	default:
		wanted = contexts[0]
	}
	var err error
	x.suffix, err = dn.Parse(wanted)
	return err
}

// survey finds which policy is in force for which entry, and makes slapd's of
// them.
func (x *openLDAPExport) survey(ctx context.Context) error {
	switch x.o.PPM {
	case "", "2.5", "2.6":
	default:
		return fmt.Errorf("%q is neither 2.5 nor 2.6", x.o.PPM)
	}
	if err := x.chooseSuffix(); err != nil {
		return err
	}
	loc, err := x.d.Dialect().Locate(ctx, x.d, policy.Selection{})
	if err != nil {
		return err
	}
	x.standard = loc.Ref
	if err := x.convert(ctx, loc.Ref); err != nil {
		return err
	}
	x.report.DefaultPolicy = x.policies[x.standard].DN
	return x.entries(func(e policy.Entry) error {
		if isPolicy(e) {
			x.note("the policy %q is not written as such; those in force are below ou=policies", e.DN)
			return nil
		}
		for _, v := range e.Values(passwordAttr) {
			x.scheme(e.DN, v)
		}
		for _, v := range historyOf(e) {
			x.scheme(e.DN, v)
		}
		loc, err := x.d.Dialect().Locate(ctx, x.d, policy.Selection{Target: e.DN})
		if err != nil {
			return fmt.Errorf("the policy of %q: %w", e.DN, err)
		}
		if loc.Ref == x.standard {
			return nil
		}
		x.pointers[dn.Key(e.DN)] = loc.Ref
		return x.convert(ctx, loc.Ref)
	})
}

func isPolicy(e policy.Entry) bool {
	return e.IsA("ds-cfg-password-policy") || e.IsA("pwdPolicy")
}

// schemeModules are slapd's, by the scheme that each verifies.
var schemeModules = map[string]string{
	"SHA": "", "SSHA": "", "MD5": "", "SMD5": "", "CRYPT": "",
	"ARGON2": "argon2",
	"SHA256": "pw-sha2", "SHA384": "pw-sha2", "SHA512": "pw-sha2", "SSHA256": "pw-sha2", "SSHA384": "pw-sha2", "SSHA512": "pw-sha2",
	"PBKDF2": "pw-pbkdf2", "PBKDF2-SHA1": "pw-pbkdf2", "PBKDF2-SHA256": "pw-pbkdf2", "PBKDF2-SHA512": "pw-pbkdf2",
}

// scheme notes what slapd needs for a stored password.
func (x *openLDAPExport) scheme(entry, value string) {
	name := strings.ToUpper(pwhash.Scheme(value))
	module, ok := schemeModules[name]
	switch {
	case !ok:
		x.lose("slapd knows no scheme {%s}: whoever has such a password, such as %q, cannot bind", name, entry)
	case module != "":
		x.modules[module] = true
	}
}

// convert makes the policy of slapd that means the same as one of ours.
func (x *openLDAPExport) convert(ctx context.Context, ref string) error {
	if _, ok := x.policies[ref]; ok {
		return nil
	}
	p, err := x.d.Dialect().Load(ctx, x.d, ref)
	if err != nil {
		return fmt.Errorf("the policy %q: %w", ref, err)
	}
	if p.Blocked != "" {
		return fmt.Errorf("no password can be set under %q: %s", ref, p.Blocked)
	}
	parsed, err := dn.Parse(p.DN)
	if err != nil {
		return err
	}
	own, err := policy.Read(ctx, x.d, policy.Query{Base: p.DN})
	if err != nil {
		return err
	}
	name := parsed.RDNs[0][0].Value
	for _, other := range x.policies {
		if v, _ := other.Value("cn"); strings.EqualFold(v, name) {
			return fmt.Errorf("two policies are called %q", name)
		}
	}
	c := conversion{x: x, p: p, quality: "2"}
	if v, _ := own.Value("ds-cfg-allow-pre-encoded-passwords"); strings.EqualFold(v, "true") {
		c.quality = "1"
	}
	for _, flag := range []struct{ attribute, lost string }{
		{"ds-cfg-allow-multiple-password-values", "slapd allows one password"},
		{"ds-cfg-skip-validation-for-administrators", "at slapd, who has manage access to userPassword is not bound by policies"},
	} {
		if v, _ := own.Value(flag.attribute); strings.EqualFold(v, "true") {
			x.lose("%s of %q: %s", flag.attribute, p.DN, flag.lost)
		}
	}
	c.demands()
	e := policy.Entry{DN: "cn=" + dn.Escape(name) + ",ou=policies," + x.suffix.String()}
	add := func(name string, values ...string) {
		e.Attributes = append(e.Attributes, policy.Attribute{Name: name, Values: values})
	}
	classes := []string{"device", "pwdPolicy"}
	if c.module != nil {
		classes = append(classes, "pwdPolicyChecker")
	}
	add("objectClass", classes...)
	add("cn", name)
	add("pwdAttribute", "userPassword")
	add("pwdCheckQuality", c.quality)
	if c.min > 0 {
		add("pwdMinLength", itoa(c.min))
	}
	if c.max > 0 {
		add("pwdMaxLength", itoa(c.max))
	}
	switch {
	case p.History > maxHistory+1:
		x.lose("the history of %q counts by time, or more than slapd should compare with", p.DN)
	case p.History > 1:
		add("pwdInHistory", itoa(p.History-1))
	}
	if p.RequireCurrent {
		add("pwdSafeModify", "TRUE")
	}
	if c.module != nil {
		x.modules["ppm"] = true
		if x.o.PPM == "2.5" {
			add("pwdCheckModule", "ppm.so")
		} else {
			add("pwdUseCheckModule", "TRUE")
		}
		add("pwdCheckModuleArg", strings.Join(c.module, "\n")+"\n")
	}
	if p.Generator != nil {
		x.note("%q makes passwords by %q: configure the key generator instead, which holds for all policies", p.DN, p.GeneratorDN)
	}
	if p.MaxAge > 0 || p.MustChange {
		x.note("%q has an expiry or a forced change, which are not enforced here and not written", p.DN)
	}
	x.policies[ref] = e
	return nil
}

// A conversion is one policy on its way.
type conversion struct {
	x        *openLDAPExport
	p        *policy.Policy
	quality  string
	min, max int
	module   []string // lines of ppm's configuration; nil without
}

func (c *conversion) demands() {
	for _, d := range c.p.Demands {
		r := d.Rule
		for {
			u, ok := r.(interface{ Unwrap() rule.Rule })
			if !ok {
				break
			}
			r = u.Unwrap()
		}
		if why := c.demand(r); why != "" {
			c.x.lose("%s: %s (%s)", strings.TrimSuffix(d.Rule.Requirement().Text, "."), why, d.Source)
		}
	}
	if c.min > 0 || c.max > 0 || c.module != nil {
		c.x.note("slapd counts octets: a character beyond ASCII counts as two or more")
	}
}

// demand takes one rule, or says why it cannot.
func (c *conversion) demand(r rule.Rule) string {
	switch r := r.(type) {
	case rule.Length:
		c.min = max(c.min, r.Min)
		if r.Max > 0 && (c.max == 0 || r.Max < c.max) {
			c.max = r.Max
		}
		return ""
	case rule.CharacterSets:
		return c.characterSets(r)
	case rule.DisallowedCharacters:
		if r.Leading.Len() > 0 || r.Trailing.Len() > 0 {
			return "slapd has no such demand"
		}
		return c.forbidden(r.Anywhere)
	}
	return "slapd has no such demand"
}

const noModule = "it takes the check module ppm"

// ppmValue returns a set as a value of ppm's configuration, "" if it cannot be
// one: values are octets without blanks, and are cut where they are too long.
func (c *conversion) ppmValue(s generate.Set) string {
	room := 511
	if c.x.o.PPM == "2.5" {
		room = 127
	}
	var b strings.Builder
	for _, r := range s.Runes() {
		if r <= ' ' || r > '~' {
			return ""
		}
		b.WriteRune(r)
	}
	if b.Len() == 0 || b.Len() > room {
		return ""
	}
	return b.String()
}

func (c *conversion) forbidden(s generate.Set) string {
	value := c.ppmValue(s)
	switch {
	case c.x.o.PPM == "":
		return noModule
	case value == "":
		return "ppm cannot hold these characters"
	case slices.ContainsFunc(c.module, func(line string) bool { return strings.HasPrefix(line, "forbiddenChars") }):
		return "ppm has one list of forbidden characters"
	}
	c.useModule()
	c.module = append(c.module, "forbiddenChars "+value)
	return ""
}

// ppmDefaults are the classes that ppm has whatever its configuration says.
// They have to be given a meaning, and the one of a class that gives its point
// for so many characters as no password has.
var ppmDefaults = []string{"class-upperCase", "class-lowerCase", "class-digit", "class-special"}

const never = math.MaxInt16

// useModule writes what keeps ppm from demanding anything by itself.
func (c *conversion) useModule() {
	if c.module != nil {
		return
	}
	c.module = []string{"minQuality 0"}
	for _, name := range ppmDefaults {
		c.module = append(c.module, fmt.Sprintf("%s x 0 %d", name, never))
	}
}

// characterSets demands sets as classes. Each used set gives a point, as it
// counts toward MinSets.
func (c *conversion) characterSets(r rule.CharacterSets) string {
	const most = 30
	var all generate.Set
	var lines []string
	for i, set := range r.Sets {
		value := c.ppmValue(set.Set)
		switch {
		case c.x.o.PPM == "":
			return noModule
		case value == "":
			return "ppm cannot hold these characters"
		case all.Intersect(set.Set).Len() > 0:
			return "a character is in two sets, and ppm would count it twice"
		case i == most:
			return "there are more sets than ppm has room for"
		}
		all = all.Union(set.Set)
		name := fmt.Sprintf("class-set%d", i)
		if i < len(ppmDefaults) {
			name = ppmDefaults[i]
		}
		lines = append(lines, fmt.Sprintf("%s %s %d 1", name, value, max(set.Min, 0)))
	}
	switch {
	case len(r.Sets) == 0:
		return "there are no sets"
	case !r.AllowUnclassified:
		return "ppm cannot refuse characters that are in no set"
	case slices.ContainsFunc(c.module, func(line string) bool {
		return strings.Contains(line, "class-") && !strings.HasSuffix(line, itoa(never))
	}):
		return "ppm has one list of classes"
	}
	c.useModule()
	c.module[0] = fmt.Sprintf("minQuality %d", r.MinSets)
	copy(c.module[1:1+len(ppmDefaults)], lines)
	c.module = append(c.module, lines[min(len(lines), len(ppmDefaults)):]...)
	return ""
}

// keepsNot are attribute types that mean nothing to slapd, or that it makes
// itself.
func keepsNot(name string) bool {
	name = strings.ToLower(name)
	return name == "structuralobjectclass" || name == "pwdpolicysubentry" || strings.HasPrefix(name, "ds-pwp-") || strings.HasPrefix(name, "ds-cfg-")
}

// write writes the entries, and behind them the policies: slapadd wants
// superiors first, and nothing of pointers.
func (x *openLDAPExport) write(w io.Writer) error {
	out := ldif.NewWriter(w)
	out.Bare = true
	container := "ou=policies," + x.suffix.String()
	there := false
	err := x.entries(func(e policy.Entry) error {
		if isPolicy(e) {
			return nil
		}
		there = there || dn.Key(e.DN) == dn.Key(container)
		kept := policy.Entry{DN: e.DN}
		for _, a := range e.Attributes {
			if !keepsNot(a.Name) {
				kept.Attributes = append(kept.Attributes, a)
			}
		}
		if ref, ok := x.pointers[dn.Key(e.DN)]; ok {
			kept.Attributes = append(kept.Attributes, policy.Attribute{Name: "pwdPolicySubentry", Values: []string{x.policies[ref].DN}})
		}
		return out.Write(kept)
	})
	if err == nil && !there {
		err = out.Write(policy.Entry{DN: container, Attributes: []policy.Attribute{
			{Name: "objectClass", Values: []string{"organizationalUnit"}}, {Name: "ou", Values: []string{"policies"}},
		}})
	}
	for _, ref := range slices.Sorted(maps.Keys(x.policies)) {
		if err == nil {
			err = out.Write(x.policies[ref])
		}
	}
	if err != nil {
		return err
	}
	return out.Flush()
}
