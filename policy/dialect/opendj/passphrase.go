package opendj

import (
	"errors"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// maxPassphrase bounds the minima of a passphrase generator.
const maxPassphrase = 1024

// passphraseGenerator reads a passphrase generator: words without a
// separator until both minima hold.
func (d *Dialect) passphraseGenerator(r *reader) generate.Generator {
	const file = "ds-cfg-dictionary-file"
	o := phraseOptions{
		minWords:   r.integer("ds-cfg-minimum-password-words", "4", 1, maxPassphrase),
		minChars:   r.integer("ds-cfg-minimum-password-characters", "20", 0, maxPassphrase),
		capitalize: r.boolean("ds-cfg-capitalize-words", "true"),
	}
	name, ok := r.required(file)
	if !ok || len(r.problems) > 0 {
		return nil
	}
	l, err := d.lists.get(name)
	switch {
	case errors.Is(err, errUnsupported):
		r.unsupported(file, "%v", err)
		return nil
	case err != nil:
		r.fail(file, "%v", err)
		return nil
	}
	g, err := l.passphrase(o)
	if err != nil {
		r.fail(file, "%v", err)
		return nil
	}
	return g
}
