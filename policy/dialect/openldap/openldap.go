package openldap

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// Name is the dialect's name in configuration and output.
const Name = "openldap"

// Config tells what the directory does not. The zero Config is for a server
// whose cn=config the service account may read, or of version 2.7.
type Config struct {
	// DefaultPolicy is the DN of the policy in force for entries without a
	// policy of their own, by the suffix of the database that they are in
	// ("" for all others). An empty DN says that there is no default. It
	// counts only where cn=config does not tell.
	DefaultPolicy map[string]string

	// CheckModule is the check module that a database's ppolicy overlay is
	// configured with (olcPPolicyCheckModule, 2.6 and later), by the
	// database's suffix ("" for all others). It counts only where cn=config
	// does not tell.
	CheckModule map[string]string

	// Words are the words that the dictionary of cracklib is taken to hold,
	// for ppm's useCracklib, as cracklib-format writes them: in lower case,
	// letters and digits alone. With nil, only the form of a password is
	// checked.
	Words *rule.Words
}

// A Dialect implements policy.Dialect. It is safe for concurrent use.
type Dialect struct {
	cfg   Config
	view  atomic.Pointer[serverView]
	views atomic.Uint64 // how many there have been
}

var _ policy.Dialect = (*Dialect)(nil)

// New returns the dialect.
func New(cfg Config) *Dialect { return &Dialect{cfg: cfg} }

// Name returns "openldap".
func (*Dialect) Name() string { return Name }

// Locate implements policy.Dialect.
func (d *Dialect) Locate(ctx context.Context, dir policy.Directory, sel policy.Selection) (policy.Located, error) {
	server, err := d.server(ctx, dir)
	if err != nil {
		return policy.Located{}, err
	}
	l := locator{cfg: d.cfg, dir: dir, server: server}
	switch {
	case sel.PolicyDN != "":
		return l.policyEntry(ctx, sel.PolicyDN)
	case sel.Target != "":
		return l.target(ctx, sel.Target, sel.Entry)
	}
	return l.serverDefault(ctx)
}

// Load implements policy.Dialect.
func (d *Dialect) Load(ctx context.Context, dir policy.Directory, ref string) (*policy.Policy, error) {
	r := parseRef(ref)
	if r.policyDN == "" {
		return &policy.Policy{ASCIIOnly: true}, nil
	}
	server, err := d.server(ctx, dir)
	if err != nil {
		return nil, err
	}
	e, err := readPolicy(ctx, dir, r.policyDN)
	if err != nil {
		return nil, err
	}
	if err := proveAbsent(ctx, dir, e, contentAttributes(server.level)); err != nil {
		return nil, err
	}
	return reader{cfg: d.cfg, level: server.level, module: r.module}.policy(e)
}

// A policyRef is what Located.Ref is made of: the policy entry and, since
// slapd 2.6 keeps that apart from it, the check module of the overlay.
type policyRef struct {
	policyDN string // empty: no policy
	module   checkModule
}

// A checkModule is what is known of the module that an overlay is configured
// with.
type checkModule struct {
	known bool
	path  string // empty: none
}

// String returns the form that parseRef reads. The DN is as the directory
// spells it, which is the same however a pointer spells it.
func (r policyRef) String() string {
	if r.policyDN == "" {
		return ""
	}
	s := r.policyDN + "\x00"
	if r.module.known {
		s += "=" + r.module.path
	}
	return s
}

func parseRef(ref string) policyRef {
	policyDN, module, _ := strings.Cut(ref, "\x00")
	path, known := strings.CutPrefix(module, "=")
	return policyRef{policyDN, checkModule{known, path}}
}

// parseDN parses a DN that a caller gave.
func parseDN(s string) (dn.DN, error) {
	d, err := dn.Parse(s)
	if err != nil {
		return d, result.Wrap(err, result.InvalidDNSyntax, "%q is not a distinguished name", s)
	}
	return d, nil
}

// bySuffix returns the value of the longest suffix of name in a configured
// map.
func bySuffix(m map[string]string, name dn.DN) (value, suffix string, ok bool) {
	longest := -1
	for s, v := range m {
		base, err := dn.Parse(s)
		if err == nil && name.Under(base) && len(base.RDNs) > longest {
			value, suffix, ok, longest = v, s, true, len(base.RDNs)
		}
	}
	return value, suffix, ok
}
