package opendj

import (
	"context"
	"errors"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// CheckConfig loads every policy, validator and generator below cn=config
// and the default policy. The error is a *result.Error with
// unwillingToPerform(53) whose text tells every problem. A directory that
// cannot be searched is an error with that search's code.
//
// A validator or generator that cannot be obeyed here, but that is not
// broken and that no policy names, is no problem: one that runs a script,
// say, or a dictionary whose file is not there.
func (d *Dialect) CheckConfig(ctx context.Context, dir policy.Directory) error {
	entries, err := dir.Search(ctx, policy.Query{
		Base:       configDN,
		Scope:      policy.WholeSubtree,
		Filter:     "(|(objectClass=" + policyClass + ")(objectClass=" + validatorClass + ")(objectClass=" + generatorClass + "))",
		Attributes: []string{"*"},
	})
	if err != nil {
		return unreadable(err, configDN, configReadRights)
	}
	var problems []error
	told := make(map[string]bool)
	add := func(err error, unreferenced bool) {
		for _, p := range problemsOf(err) {
			if unreferenced && errors.Is(p, errUnsupported) {
				continue
			}
			if text := result.From(p).Text; !told[text] {
				told[text] = true
				problems = append(problems, p)
			}
		}
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case e.IsA(policyClass):
			_, err := d.loadEntry(ctx, dir, e)
			add(err, false)
		case e.IsA(validatorClass):
			add(checkEnabled(e), true)
			_, err := d.readValidator(e, "userPassword")
			add(err, true)
		case e.IsA(generatorClass):
			add(checkEnabled(e), true)
			_, err := d.readGenerator(e)
			add(err, true)
		}
	}
	var loc policy.Located
	add(d.locateDefault(ctx, dir, dn.DN{}, &loc), false)
	return joined(problems)
}

func checkEnabled(e policy.Entry) error {
	r := &reader{entry: e}
	r.boolean("ds-cfg-enabled", noDefault)
	return r.err()
}
