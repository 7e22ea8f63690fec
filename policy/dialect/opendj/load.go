package opendj

import (
	"context"
	"math"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// The attributes by which a policy names other entries.
const (
	validatorPointer = "ds-cfg-password-validator"
	generatorPointer = "ds-cfg-password-generator"
)

// Load implements policy.Dialect.
func (d *Dialect) Load(ctx context.Context, dir policy.Directory, ref string) (*policy.Policy, error) {
	e, err := readPolicy(ctx, dir, ref)
	switch {
	case result.Is(err, result.NoSuchObject):
		return nil, result.Wrap(err, result.NoSuchObject, "there is no password policy %q", ref)
	case err != nil:
		return nil, unreadable(err, ref, configReadRights)
	}
	return d.loadEntry(ctx, dir, e)
}

// loadEntry reads the policy of an entry, with all that it names.
func (d *Dialect) loadEntry(ctx context.Context, dir policy.Directory, e policy.Entry) (*policy.Policy, error) {
	switch {
	case e.IsA(policyClass):
		return d.loadConfigPolicy(ctx, dir, e)
	case e.IsA(embeddedPolicy):
		return nil, configError("%q is a policy of PingDS (objectClass %s), whose validators cannot be checked here: no password is suggested where nobody can tell whether it would be accepted", e.DN, embeddedPolicy)
	case e.IsA(subentryPolicy) && isSubentry(e):
		return d.loadSubentryPolicy(ctx, dir, e)
	}
	return nil, result.New(result.NoSuchObject, "%q is no password policy: it has neither objectClass %s nor %s", e.DN, policyClass, subentryPolicy)
}

// loadConfigPolicy reads a ds-cfg-password-policy.
func (d *Dialect) loadConfigPolicy(ctx context.Context, dir policy.Directory, e policy.Entry) (*policy.Policy, error) {
	r := &reader{entry: e}
	onAdd := r.boolean("ds-cfg-force-change-on-add", "false")
	onReset := r.boolean("ds-cfg-force-change-on-reset", "false")
	p := &policy.Policy{
		DN:             e.DN,
		MustChange:     onAdd || onReset,
		MaxAge:         clamped(r.duration("ds-cfg-max-password-age", "0 seconds")),
		RequireCurrent: r.boolean("ds-cfg-password-change-requires-current-password", "false"),
	}
	count := r.integer("ds-cfg-password-history-count", "0", 0, maxInteger)
	if r.duration("ds-cfg-password-history-duration", "0 seconds").Sign() > 0 {
		// Every password of that time is kept, however many there are.
		p.History = math.MaxInt32
	} else {
		p.History = history(count)
	}
	d.loadValidators(ctx, dir, r, p, passwordAttributeOf(r, "ds-cfg-password-attribute"))
	d.loadGenerator(ctx, dir, r, p)
	if err := r.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// loadSubentryPolicy reads a pwdPolicy subentry. What such a subentry cannot
// say, the server takes from its default policy: of this, the generator
// matters here. The server does not enforce pwdMinLength and
// pwdCheckQuality.
func (d *Dialect) loadSubentryPolicy(ctx context.Context, dir policy.Directory, e policy.Entry) (*policy.Policy, error) {
	r := &reader{entry: e}
	p := &policy.Policy{
		DN:             e.DN,
		MustChange:     r.boolean("pwdMustChange", "false"),
		MaxAge:         time.Duration(r.integer("pwdMaxAge", "0", 0, maxInteger)) * time.Second,
		RequireCurrent: r.boolean("pwdSafeModify", "false"),
		History:        history(r.integer("pwdInHistory", "0", 0, maxInteger)),
	}
	d.loadValidators(ctx, dir, r, p, passwordAttributeOf(r, "pwdAttribute"))
	if err := r.err(); err != nil {
		return nil, err
	}

	name, err := dn.Parse(e.DN)
	if err != nil {
		return nil, configError("the server calls an entry %q, which is no DN", e.DN)
	}
	var loc policy.Located
	if err := d.locateDefault(ctx, dir, name, &loc); err != nil {
		return nil, err
	}
	def, err := readPolicy(ctx, dir, loc.Ref)
	if err != nil {
		return nil, unreadable(err, loc.Ref, configReadRights)
	}
	rd := &reader{entry: def}
	d.loadGenerator(ctx, dir, rd, p)
	if err := rd.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// history is how many passwords are refused where the server remembers
// count: the current one counts in addition.
func history(count int) int {
	if count == 0 {
		return 0
	}
	return min(count, math.MaxInt32-1) + 1
}

func passwordAttributeOf(r *reader, attribute string) string {
	value, ok := r.withDefault(attribute, "userPassword")
	if !ok {
		return ""
	}
	return value
}

// loadValidators adds the demands of all validators that the policy names,
// in its order.
func (d *Dialect) loadValidators(ctx context.Context, dir policy.Directory, r *reader, p *policy.Policy, passwordAttribute string) {
	seen := make(map[string]bool)
	for _, name := range r.entry.Values(validatorPointer) {
		if key := dn.Key(name); seen[key] {
			continue
		} else {
			seen[key] = true
		}
		e, err := referenced(ctx, dir, r.entry.DN, validatorPointer, name, validatorClass)
		if err == nil {
			var demands []policy.Demand
			if demands, err = d.readValidator(e, passwordAttribute); err == nil {
				p.Demands = append(p.Demands, demands...)
			}
		}
		if err != nil {
			r.problems = append(r.problems, err)
		}
	}
}

// loadGenerator sets the policy's generator, if it names one.
func (d *Dialect) loadGenerator(ctx context.Context, dir policy.Directory, r *reader, p *policy.Policy) {
	name, ok := r.text(generatorPointer)
	if !ok {
		return
	}
	e, err := referenced(ctx, dir, r.entry.DN, generatorPointer, name, generatorClass)
	if err == nil {
		if p.Generator, err = d.readGenerator(e); err == nil {
			p.GeneratorDN = e.DN
		}
	}
	if err != nil {
		r.problems = append(r.problems, err)
	}
}
