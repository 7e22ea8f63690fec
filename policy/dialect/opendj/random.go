package opendj

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// randomGenerator reads a random generator: a format such as
// "alpha:3,numeric:2" over named sets of characters. The parts stand in the
// format's order, and a character that a set names twice is drawn twice as
// often, as the servers do it.
func (d *Dialect) randomGenerator(r *reader) generate.Generator {
	const sets, format = "ds-cfg-password-character-set", "ds-cfg-password-format"
	if !r.has(sets) {
		r.fail(sets, "it is missing and has no default")
	}
	named := make(map[string]string)
	for _, value := range r.values(sets) {
		name, chars, err := parseNamedSet(value)
		if err != nil {
			r.fail(sets, "%v", err)
			continue
		}
		if _, ok := named[name]; ok {
			r.fail(sets, "there are two sets %q", name)
		}
		named[name] = chars
	}
	value, ok := r.required(format)
	if !ok || len(r.problems) > 0 {
		return nil
	}
	parts, err := parseFormat(value, named)
	if err != nil {
		r.fail(format, "%v", err)
		return nil
	}
	t, err := generate.NewTemplate(parts)
	if err != nil {
		r.fail(format, "%v", err)
		return nil
	}
	return t
}

// parseNamedSet reads "name:characters": no ranges, no escapes, and the
// characters may hold colons.
func parseNamedSet(value string) (name, chars string, err error) {
	name, chars, ok := strings.Cut(value, ":")
	switch {
	case !ok:
		return "", "", fmt.Errorf("%q has no colon", value)
	case name == "":
		return "", "", fmt.Errorf("%q has no name before the colon", value)
	case chars == "":
		return "", "", fmt.Errorf("%q has no characters behind the colon", value)
	case span(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != name:
		return "", "", fmt.Errorf("in %q, the name is not made of ASCII letters", value)
	}
	return name, chars, nil
}

// parseFormat reads "name:count,name:count". The servers accept spaces for
// commas.
func parseFormat(value string, named map[string]string) ([]generate.TemplatePart, error) {
	var parts []generate.TemplatePart
	total := 0
	for _, token := range strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' }) {
		name, count, ok := strings.Cut(token, ":")
		if !ok {
			return nil, fmt.Errorf("in %q, %q has no colon", value, token)
		}
		chars, ok := named[name]
		if !ok {
			return nil, fmt.Errorf("in %q, there is no set %q", value, name)
		}
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("in %q, the count %q is not a number of at least 1", value, count)
		}
		if n > generate.MaxChars || total+n > generate.MaxChars {
			return nil, fmt.Errorf("%q asks for more than %d characters", value, generate.MaxChars)
		}
		total += n
		parts = append(parts, generate.TemplatePart{Characters: chars, Count: n})
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("%q is empty", value)
	}
	return parts, nil
}
