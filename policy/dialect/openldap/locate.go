package openldap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// pointer is the attribute of an entry that names its policy. Up to 2.6 it
// is there only if it was stored; 2.7 shows the policy that is in force,
// unless the search carries the ManageDsaIT control, which none here does.
const pointer = "pwdPolicySubentry"

// A locator finds the policy for one selection.
type locator struct {
	cfg    Config
	dir    policy.Directory
	server *serverView
	steps  []policy.Step
}

func (l *locator) step(entry, attribute, value, format string, args ...any) {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	l.steps = append(l.steps, policy.Step{DN: entry, Attribute: attribute, Value: value, Text: format})
}

// policyEntry locates a policy that was asked for by name.
func (l *locator) policyEntry(ctx context.Context, policyDN string) (policy.Located, error) {
	name, err := parseDN(policyDN)
	if err != nil {
		return policy.Located{}, err
	}
	e, err := readPolicy(ctx, l.dir, policyDN)
	if err != nil {
		return policy.Located{}, err
	}
	if !e.IsA("pwdPolicy") {
		return policy.Located{}, result.New(result.NoSuchObject, "the entry %q is not a password policy (object class pwdPolicy)", e.DN)
	}
	l.step(e.DN, "", "", "The policy was asked for by name.")
	var o *overlay
	if db := l.server.database(name); db != nil {
		o = db.overlay
	}
	ref, err := l.inForce(ctx, e, name, o)
	return policy.Located{Ref: ref, Steps: l.steps}, err
}

// target locates the policy of an entry, or of the entry that there would be.
// added is an entry that is about to be added there, nil if none is.
func (l *locator) target(ctx context.Context, target string, added *policy.Entry) (policy.Located, error) {
	name, err := parseDN(target)
	if err != nil {
		return policy.Located{}, err
	}
	if _, ok := l.server.context(name); !ok {
		return policy.Located{}, result.New(result.NoSuchObject, "no database of the directory holds %q", target)
	}
	loc := policy.Located{Subject: rule.Subject{DN: target}}
	if l.server.level == noPPolicy {
		l.step("", "", "", "The server's schema has no pwdPolicy: the ppolicy module is not loaded and no password is checked.")
		if added == nil {
			loc.Exists, err = l.exists(ctx, target)
		}
		loc.Steps = l.steps
		return loc, err
	}
	var e policy.Entry
	exists := false
	if added != nil {
		e = *added
	} else if e, exists, err = l.user(ctx, target); err != nil {
		return policy.Located{}, err
	}
	loc.Exists = exists
	if exists {
		loc.Subject.DN = e.DN
	}
	var named namedPolicy
	if named.dn, named.ok = e.Value(pointer); named.ok {
		l.step(e.DN, pointer, named.dn, "The entry names its policy.")
	} else if exists {
		l.step(e.DN, pointer, "", "The entry names no policy.")
	} else {
		l.step(name.String(), "", "", "The entry does not exist: what counts is the policy that it would get.")
	}
	o, err := l.outcome(ctx, name, named, exists)
	if err != nil {
		return policy.Located{}, err
	}
	loc.Ref = o.ref
	loc.Steps = append(l.steps, o.steps...)
	if err := l.readSubject(ctx, &loc, o.attributes); err != nil {
		return policy.Located{}, err
	}
	return loc, nil
}

// A namedPolicy is what the pointer of an entry says.
type namedPolicy struct {
	dn string
	ok bool // there is a pointer
}

// A choice is the policy that the server applies, before that is read.
type choice struct {
	policyDN   string   // empty: none
	overlay    *overlay // nil where cn=config does not show it
	configured bool     // it was our configuration that named the policy
}

// An outcome is all about the policy of an entry that is not about the entry
// itself.
type outcome struct {
	ref        string
	steps      []policy.Step
	attributes []string // of existing entries, to compare passwords with
}

// An outcomeKey is what an outcome depends on, besides shared reads.
type outcomeKey struct {
	view     uint64
	db       *database // that holds the entry
	suffix   string    // of the naming context that does
	fallback string    // the suffix that our configuration has for it
	named    namedPolicy
	exists   bool
}

// outcome finds the policy that an entry of this name names, or else its
// database's default.
func (l *locator) outcome(ctx context.Context, name dn.DN, named namedPolicy, exists bool) (outcome, error) {
	suffix, _ := l.server.context(name)
	key := outcomeKey{view: l.server.serial, db: l.server.database(name), suffix: suffix.String(), named: named, exists: exists}
	_, key.fallback, _ = bySuffix(l.cfg.DefaultPolicy, name)
	return policy.Recall(l.dir, key, func(dir policy.Directory) (outcome, error) {
		within := locator{cfg: l.cfg, dir: dir, server: l.server}
		return within.findOutcome(ctx, name, named, exists)
	})
}

func (l *locator) findOutcome(ctx context.Context, name dn.DN, named namedPolicy, exists bool) (outcome, error) {
	c := choice{policyDN: named.dn}
	if !named.ok {
		var err error
		if c, err = l.defaultFor(ctx, name, exists); err != nil {
			return outcome{}, err
		}
	} else if db := l.server.database(name); db != nil {
		c.overlay = db.overlay
	}
	var o outcome
	switch {
	case c.overlay != nil && c.overlay.disableWrite:
		l.step(c.overlay.dn, "olcPPolicyDisableWrite", "TRUE", "The overlay ignores modifications: no password is checked.")
	case c.policyDN != "":
		e, ref, err := l.follow(ctx, c)
		if err != nil {
			return outcome{}, err
		}
		if o.ref = ref; ref == "" || !exists {
			break
		}
		if o.attributes, err = l.subjectAttributes(ctx, ref, e); err != nil {
			return outcome{}, err
		}
	}
	o.steps = l.steps
	return o, nil
}

// serverDefault locates the default policy of a server that has just one.
func (l *locator) serverDefault(ctx context.Context) (policy.Located, error) {
	if l.server.level == noPPolicy {
		l.step("", "", "", "The server's schema has no pwdPolicy: the ppolicy module is not loaded and no password is checked.")
		return policy.Located{Steps: l.steps}, nil
	}
	type candidate struct {
		choice
		context dn.DN
		steps   []policy.Step
	}
	// Where only the configuration tells, it need not tell of databases that
	// hold no users.
	configured := func(c dn.DN) bool {
		_, _, ok := bySuffix(l.cfg.DefaultPolicy, c)
		return ok
	}
	contexts := l.server.contexts
	if !l.server.readable && slices.ContainsFunc(contexts, configured) {
		contexts = slices.DeleteFunc(slices.Clone(contexts), func(c dn.DN) bool { return !configured(c) })
	}
	var found []candidate
	for _, c := range contexts {
		// Databases without the overlay, such as a log of accesses, have no
		// say in what the default is.
		if db := l.server.database(c); db != nil && db.overlay == nil && l.server.anyOverlay() {
			continue
		}
		each := locator{cfg: l.cfg, dir: l.dir, server: l.server}
		chosen, err := each.defaultFor(ctx, c, true)
		if err != nil {
			return policy.Located{}, err
		}
		same := func(f candidate) bool {
			return dn.Key(f.policyDN) == dn.Key(chosen.policyDN) && checkModuleOf(f.overlay) == checkModuleOf(chosen.overlay)
		}
		if !slices.ContainsFunc(found, same) {
			found = append(found, candidate{chosen, c, each.steps})
		}
	}
	if len(found) > 1 {
		var texts []string
		for _, f := range found {
			texts = append(texts, fmt.Sprintf("%q for %q", f.policyDN, f.context))
		}
		return policy.Located{}, result.New(result.UnwillingToPerform,
			"the directory has more than one default policy (%s): name an entry or a policy", strings.Join(texts, ", "))
	}
	if len(found) == 0 {
		l.step("", "", "", "No database has the ppolicy overlay: no password is checked.")
		return policy.Located{Steps: l.steps}, nil
	}
	f := found[0]
	l.steps = f.steps
	loc := policy.Located{}
	if f.policyDN != "" && (f.overlay == nil || !f.overlay.disableWrite) {
		var err error
		if _, loc.Ref, err = l.follow(ctx, f.choice); err != nil {
			return policy.Located{}, err
		}
	}
	loc.Steps = l.steps
	return loc, nil
}

// user reads the target entry. One search does it if the entry shows its
// pointer; an entry without one is looked at once more from the cache, so
// that a pointer that may be searched for but not read is not overlooked.
func (l *locator) user(ctx context.Context, target string) (policy.Entry, bool, error) {
	found, err := l.dir.Search(ctx, policy.Query{Base: target, Filter: searchable(pointer), Attributes: []string{pointer}})
	switch {
	case missing(err):
		return policy.Entry{}, false, nil
	case hidden(err):
		return policy.Entry{}, false, result.Wrap(err, result.InsufficientAccessRights,
			"the service account may not read %q or, if there is no such entry, the one above it: grant it read access", target)
	case err != nil:
		return policy.Entry{}, false, err
	case len(found) == 1 && len(found[0].Values(pointer)) > 0:
		return found[0], true, nil
	case len(found) == 1:
		stored, err := l.dir.Search(ctx, policy.Query{
			Base: target, Filter: "(" + pointer + "=*)", Attributes: []string{"1.1"}, Shared: true, Unwatched: true,
		})
		if err != nil && !missing(err) {
			return policy.Entry{}, false, err
		}
		if len(stored) == 0 {
			return found[0], true, nil
		}
	}
	return policy.Entry{}, false, result.New(result.InsufficientAccessRights,
		"the service account may not read %s of %q: grant it read access", pointer, target)
}

func (l *locator) exists(ctx context.Context, target string) (bool, error) {
	found, err := l.dir.Search(ctx, policy.Query{Base: target, Attributes: []string{"1.1"}})
	if result.Is(err, result.NoSuchObject) {
		return false, nil
	}
	return len(found) > 0, err
}

// defaultFor returns the default policy of the database that holds name. Not
// to know it is an error.
func (l *locator) defaultFor(ctx context.Context, name dn.DN, exists bool) (choice, error) {
	suffix, _ := l.server.context(name)
	db := l.server.database(name)
	var unknown string // why cn=config does not tell
	switch {
	case !l.server.readable:
		unknown = "the service account may not read cn=config"
	case db == nil:
		unknown = "cn=config does not show the service account that database"
	case db.overlay != nil:
		o := db.overlay
		if o.rules > 0 && !exists {
			return choice{}, result.New(result.UnwillingToPerform,
				"which policy %q would get depends on the rules of %q, which need the entry: name a policy", name, o.dn)
		}
		if o.defaultPolicy != "" {
			l.step(o.dn, "olcPPolicyDefault", o.defaultPolicy, "The database of %q has this default policy.", db.suffixes[0])
			return choice{policyDN: o.defaultPolicy, overlay: o}, nil
		}
		lacks, err := l.lacks(ctx, o.dn, "olcPPolicyDefault")
		if err != nil {
			return choice{}, err
		}
		if lacks {
			l.step(o.dn, "olcPPolicyDefault", "", "The database of %q has no default policy: no password is checked.", db.suffixes[0])
			return choice{overlay: o}, nil
		}
		unknown = fmt.Sprintf("the service account may not read olcPPolicyDefault of %q", o.dn)
	case slices.Contains(proxies, db.kind):
		unknown = fmt.Sprintf("the entries of %q are another server's (back-%s)", db.dn, db.kind)
	case l.server.anyOverlay():
		l.step(db.dn, "", "", "The database of %q has no ppolicy overlay: no password is checked.", db.suffixes[0])
		return choice{}, nil
	default:
		unknown = "cn=config does not show the service account any ppolicy overlay"
	}
	policyDN, configured, ok := bySuffix(l.cfg.DefaultPolicy, name)
	if !ok {
		return choice{}, result.New(result.InsufficientAccessRights,
			"the default policy of the database of %q is not known: %s; grant it read access to olcSuffix and olcPPolicyDefault there, or configure the default policy of this suffix",
			suffix, unknown)
	}
	if policyDN == "" {
		l.step("", "", "", "The configuration says that there is no default policy below %q.", configured)
	} else {
		l.step("", "", policyDN, "The configuration gives this default policy for %q, since %s.", configured, unknown)
	}
	c := choice{policyDN: policyDN, configured: true}
	if db != nil {
		c.overlay = db.overlay
	}
	return c, nil
}

// follow reads the policy entry that a pointer or a default names. Its ref is
// empty where the server then applies no policy.
func (l *locator) follow(ctx context.Context, c choice) (policy.Entry, string, error) {
	policyDN := c.policyDN
	name, err := dn.Parse(policyDN)
	if err != nil {
		return policy.Entry{}, "", result.Wrap(err, result.Other, "the directory names the policy %q, which is no distinguished name", policyDN)
	}
	e, err := readPolicy(ctx, l.dir, policyDN)
	_, inside := l.server.context(name)
	switch {
	case err == nil:
		ref, err := l.inForce(ctx, e, name, c.overlay)
		return e, ref, err
	case result.Is(err, result.NoSuchObject) && c.configured:
		return e, "", result.Wrap(err, result.NoSuchObject, "the configured default policy %q does not exist, or the service account may not read it", policyDN)
	case missing(err), result.Is(err, result.NoSuchObject) && !inside:
		l.step(policyDN, "", "", "There is no such entry: the server then applies no policy at all, not even the default.")
		return e, "", nil
	case hidden(err):
		return e, "", result.Wrap(err, result.InsufficientAccessRights,
			"the service account may not read the policy %q: grant it read access to the entry and its attributes", policyDN)
	}
	return e, "", err
}

// inForce returns the ref of a policy entry as the server reads it, empty if
// that drops it as a whole.
func (l *locator) inForce(ctx context.Context, e policy.Entry, name dn.DN, o *overlay) (string, error) {
	if l.server.level >= level27 && !e.IsA("pwdPolicy") {
		l.step(e.DN, "objectClass", "", "The entry is not of object class pwdPolicy: the server applies no policy.")
		return "", nil
	}
	if attr, value, ok := unparsable(e); ok {
		l.step(e.DN, attr, value, "The value is no number that fits an int: the server drops the whole policy.")
		return "", nil
	}
	ref := policyRef{policyDN: e.DN}
	if l.server.level >= level26 && isTrue(e, "pwdUseCheckModule") {
		var err error
		if ref.module, err = l.module(ctx, name, o); err != nil {
			return "", err
		}
	}
	l.step(e.DN, "", "", "This policy is in force.")
	return ref.String(), nil
}

// module returns what is known of the check module of an overlay.
func (l *locator) module(ctx context.Context, name dn.DN, o *overlay) (checkModule, error) {
	if m := checkModuleOf(o); m.known {
		return m, nil
	}
	if o != nil {
		lacks, err := l.lacks(ctx, o.dn, "olcPPolicyCheckModule")
		if err != nil || lacks {
			return checkModule{known: lacks}, err
		}
	}
	path, _, ok := bySuffix(l.cfg.CheckModule, name)
	return checkModule{known: ok, path: path}, nil
}

// lacks reports whether an entry of cn=config certainly has no such
// attribute.
func (l *locator) lacks(ctx context.Context, entry, attribute string) (bool, error) {
	found, err := l.dir.Search(ctx, policy.Query{Base: entry, Filter: absent(attribute), Attributes: []string{"1.1"}, Shared: true})
	return len(found) == 1, err
}

func checkModuleOf(o *overlay) checkModule {
	if o == nil || o.checkModule == "" {
		return checkModule{}
	}
	return checkModule{known: true, path: o.checkModule}
}

// subjectAttributes returns the attributes of an entry that the policy's check
// module compares passwords with.
func (l *locator) subjectAttributes(ctx context.Context, ref string, e policy.Entry) ([]string, error) {
	if l.server.level < level26 {
		return nil, nil
	}
	attrs := reader{cfg: l.cfg, level: l.server.level, module: parseRef(ref).module}.subjectAttributes(e)
	if len(attrs) == 0 {
		return nil, nil
	}
	return l.spelledAsInSchema(ctx, attrs)
}

// readSubject reads attributes of the target entry.
func (l *locator) readSubject(ctx context.Context, loc *policy.Located, attrs []string) error {
	if len(attrs) == 0 {
		return nil
	}
	u, err := policy.Read(ctx, l.dir, policy.Query{Base: loc.Subject.DN, Attributes: attrs})
	if err != nil {
		return err
	}
	if err := proveAbsent(ctx, l.dir, u, attrs); err != nil {
		return err
	}
	loc.Subject.Attributes = make(map[string][]string, len(attrs))
	for _, a := range attrs {
		loc.Subject.Attributes[strings.ToLower(a)] = u.Values(a)
	}
	return nil
}

// spelledAsInSchema returns those of attrs that are the first name of an
// attribute type, letter by letter: ppm passes over all others.
func (l *locator) spelledAsInSchema(ctx context.Context, attrs []string) ([]string, error) {
	schema, err := policy.Read(ctx, l.dir, policy.Query{Base: l.server.schemaDN, Attributes: []string{"attributeTypes"}, Shared: true})
	if err != nil {
		return nil, err
	}
	types := schema.Values("attributeTypes")
	if len(types) == 0 {
		return nil, result.New(result.InsufficientAccessRights, "the service account may not read attributeTypes of %q: grant it read access", schema.DN)
	}
	return slices.DeleteFunc(slices.Clone(attrs), func(a string) bool {
		return !slices.ContainsFunc(types, func(def string) bool {
			return strings.Contains(def, " NAME '"+a+"' ") || strings.Contains(def, " NAME ( '"+a+"' ")
		})
	}), nil
}
