package opendj

import (
	"errors"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// passphraseGenerator reads a passphrase generator: words without a
// separator until both minima hold.
func (d *Dialect) passphraseGenerator(r *reader) generate.Generator {
	const file = "ds-cfg-dictionary-file"
	o := phraseOptions{
		minWords:   r.integer("ds-cfg-minimum-password-words", "4", 1, generate.MaxChars),
		minChars:   r.integer("ds-cfg-minimum-password-characters", "20", 0, generate.MaxChars),
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
