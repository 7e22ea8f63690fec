package openldap

import (
	"context"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// slapd evaluates (a=*) to Undefined, not to false, where the account has no
// search access to a, and (!(a=*)) is then Undefined too (RFC 4511
// 4.5.1.7). So an entry that matches (!(a=*)) certainly lacks a, and one that
// matches neither has an a that the account may not see.

// absent is the filter that only an entry without any of attrs matches, read
// by an account that may search for all of them.
func absent(attrs ...string) string {
	var b strings.Builder
	b.WriteString("(&")
	for _, a := range attrs {
		b.WriteString("(!(" + a + "=*))")
	}
	b.WriteString(")")
	return b.String()
}

// searchable is the filter that an entry matches if the account may search
// for attr in it, whether or not it has one.
func searchable(attr string) string {
	return "(|(" + attr + "=*)(!(" + attr + "=*)))"
}

// proveAbsent returns an error unless each attribute of attrs that e, as it
// was read, does not show is truly not there.
func proveAbsent(ctx context.Context, dir policy.Directory, e policy.Entry, attrs []string) error {
	var missing []string
	for _, a := range attrs {
		if len(e.Values(a)) == 0 {
			missing = append(missing, a)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	lacks := func(attrs ...string) (bool, error) {
		found, err := dir.Search(ctx, policy.Query{Base: e.DN, Filter: absent(attrs...), Attributes: []string{"1.1"}, Shared: true})
		return len(found) == 1, err
	}
	ok, err := lacks(missing...)
	if ok || err != nil {
		return err
	}
	// Something is hidden. Say what: it is the right to grant.
	var hidden []string
	for _, a := range missing {
		ok, err := lacks(a)
		if err != nil {
			return err
		}
		if !ok {
			hidden = append(hidden, a)
		}
	}
	return result.New(result.InsufficientAccessRights,
		"the service account may not read %s of %q: grant it read access", strings.Join(hidden, ", "), e.DN)
}

// missing reports whether err is slapd's word that an entry does not exist.
// It answers noSuchObject too for an entry that the account may not know of,
// but names the superior that does exist only in the other case.
func missing(err error) bool {
	e := result.From(err)
	return e != nil && e.Code == result.NoSuchObject && e.MatchedDN != ""
}

// hidden reports whether err may be about rights.
func hidden(err error) bool {
	return result.Is(err, result.NoSuchObject) || result.Is(err, result.InsufficientAccessRights)
}
