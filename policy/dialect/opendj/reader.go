package opendj

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// A reader takes the values of one configuration entry and remembers
// everything that is wrong with them, so that all of it can be told at once.
type reader struct {
	entry    policy.Entry
	problems []error
}

// fail notes a problem with an attribute of the entry.
func (r *reader) fail(attribute, format string, args ...any) {
	r.problems = append(r.problems, configError("%q: %s: %s", r.entry.DN, attribute, fmt.Sprintf(format, args...)))
}

// errUnsupported is the cause of an error about an entry that is not wrong,
// but that this package cannot obey: a problem only if a policy refers to it.
var errUnsupported = errors.New("not supported")

// unsupported notes a problem whose cause is errUnsupported.
func (r *reader) unsupported(attribute, format string, args ...any) {
	r.problems = append(r.problems, result.Wrap(errUnsupported, result.UnwillingToPerform,
		"%q: %s: %s", r.entry.DN, attribute, fmt.Sprintf(format, args...)))
}

// err joins what was wrong; nil if nothing was.
func (r *reader) err() error { return joined(r.problems) }

// has reports whether the entry holds any of the attributes.
func (r *reader) has(attributes ...string) bool {
	for _, a := range attributes {
		if len(r.entry.Values(a)) > 0 {
			return true
		}
	}
	return false
}

// text returns the value of a single-valued attribute.
func (r *reader) text(attribute string) (value string, ok bool) {
	values := r.entry.Values(attribute)
	switch len(values) {
	case 0:
		return "", false
	case 1:
		values = r.values(attribute)
		return strings.Join(values, ""), len(values) == 1
	}
	r.fail(attribute, "it has %d values, only one is allowed", len(values))
	return "", false
}

// values returns the values of an attribute that are text.
func (r *reader) values(attribute string) []string {
	values := r.entry.Values(attribute)
	for _, v := range values {
		if !utf8.ValidString(v) {
			r.fail(attribute, "a value is not UTF-8")
			return nil
		}
	}
	return values
}

// required is text for an attribute that must be there.
func (r *reader) required(attribute string) (value string, ok bool) {
	if !r.has(attribute) {
		r.fail(attribute, "it is missing and has no default")
		return "", false
	}
	return r.text(attribute)
}

// noDefault makes integer and boolean demand that the attribute is there.
const noDefault = "\x00"

// integer returns a number between lowest and highest; def, in the same
// notation, is for an attribute that is absent.
func (r *reader) integer(attribute, def string, lowest, highest int) int {
	value, ok := r.withDefault(attribute, def)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(value))
	switch {
	case errors.Is(err, strconv.ErrRange):
		r.fail(attribute, "%q is out of range", value)
	case err != nil:
		r.fail(attribute, "%q is not an integer", value)
	case n < lowest:
		r.fail(attribute, "%d is below %d", n, lowest)
	case n > highest:
		r.fail(attribute, "%d is above %d", n, highest)
	default:
		return n
	}
	return 0
}

// maxInteger is the largest value of the integer properties in these
// servers.
const maxInteger = 1<<31 - 1

// boolean returns a truth value in any case.
func (r *reader) boolean(attribute, def string) bool {
	value, ok := r.withDefault(attribute, def)
	if !ok {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true":
		return true
	case "false":
		return false
	}
	r.fail(attribute, "%q is neither true nor false", value)
	return false
}

func (r *reader) withDefault(attribute, def string) (string, bool) {
	if r.has(attribute) {
		return r.text(attribute)
	}
	if def == noDefault {
		return r.required(attribute)
	}
	return def, true
}

// source names attributes of the entry as the origin of a rule. Of those
// that are there, the values are told; if none is, the first stands for a
// default.
func (r *reader) source(attributes ...string) policy.Source {
	s := policy.Source{DN: r.entry.DN, Attribute: attributes[0]}
	for _, a := range attributes {
		if values := r.entry.Values(a); len(values) > 0 {
			s.Attribute, s.Value = a, strings.Join(values, ", ")
			break
		}
	}
	return s
}

// configError is what this package returns for a configuration that it
// cannot obey. It is not about the target, so it must not look to a client
// like a missing one.
func configError(format string, args ...any) *result.Error {
	return result.New(result.UnwillingToPerform, format, args...)
}

// joined makes one *result.Error of several, with a text that tells all;
// nil of none. The code is that of the first.
func joined(errs []error) error {
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = result.From(err).Text
	}
	return result.Wrap(errors.Join(errs...), result.From(errs[0]).Code, "%s", strings.Join(texts, "; "))
}

// problemsOf takes apart what joined put together.
func problemsOf(err error) []error {
	if err == nil {
		return nil
	}
	if many, ok := errors.Unwrap(err).(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range many.Unwrap() {
			all = append(all, problemsOf(e)...)
		}
		return all
	}
	return []error{err}
}
