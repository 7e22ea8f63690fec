package activedirectory

import (
	"context"
	"regexp"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

var (
	guidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	sidForm  = regexp.MustCompile(`^S-1-\d{1,15}(-\d{1,10}){1,15}$`)
)

// identifier returns the base of a search for the object that a client
// names: a DN, a GUID or SID in text, or one of <GUID=...> and <SID=...>
// (MS-ADTS 3.1.1.3.1.2.4). What it returns is safe as a base: anything else
// is invalidDNSyntax(34).
func identifier(name string) (base string, isDN bool, err error) {
	inner := name
	if strings.HasPrefix(name, "<") && strings.HasSuffix(name, ">") {
		inner = name[1 : len(name)-1]
		kind, value, _ := strings.Cut(inner, "=")
		switch {
		case strings.EqualFold(kind, "GUID") && guidForm.MatchString(value),
			strings.EqualFold(kind, "SID") && sidForm.MatchString(strings.ToUpper(value)):
			inner = value
		default:
			return "", false, result.New(result.InvalidDNSyntax, "%q is neither <GUID=...> nor <SID=...>", name)
		}
	}
	switch {
	case guidForm.MatchString(inner):
		return "<GUID=" + strings.ToLower(inner) + ">", false, nil
	case sidForm.MatchString(strings.ToUpper(inner)):
		return "<SID=" + strings.ToUpper(inner) + ">", false, nil
	}
	d, err := dn.Parse(name)
	if err != nil || d.IsRoot() {
		return "", false, result.Wrap(err, result.InvalidDNSyntax, "%q is no DN, GUID or SID", name)
	}
	return d.String(), true, nil
}

// ResolveName implements policy.Namer: it returns the DN of the object that
// a GUID or SID names, and a DN as it is. An object that is not there is
// noSuchObject(32).
func (*Dialect) ResolveName(ctx context.Context, dir policy.Directory, name string) (string, error) {
	base, isDN, err := identifier(name)
	if err != nil || isDN {
		return base, err
	}
	e, err := policy.Read(ctx, dir, policy.Query{Base: base, Attributes: []string{"1.1"}})
	if result.Is(err, result.NoSuchObject) {
		return "", result.Wrap(err, result.NoSuchObject, "there is no object %s", base)
	}
	return e.DN, err
}
