package opendj

import (
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// readGenerator turns a generator entry into a generator, whether it is
// enabled or not.
func (d *Dialect) readGenerator(e policy.Entry) (generate.Generator, error) {
	isRandom := e.IsA("ds-cfg-random-password-generator")
	isPassphrase := e.IsA("ds-cfg-passphrase-password-generator")
	r := &reader{entry: e}
	var g generate.Generator
	switch {
	case isRandom && isPassphrase:
		return nil, configError("%q is of several generator types at once: %s", e.DN, typesOf(e))
	case isRandom:
		g = d.randomGenerator(r)
	case isPassphrase:
		g = d.passphraseGenerator(r)
	default:
		return nil, result.Wrap(errUnsupported, result.UnwillingToPerform,
			"%q is a generator of a type that cannot be run here (%s)", e.DN, typesOf(e))
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return g, nil
}
