package extop

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A world is a directory in memory with its policies: what the service
// account sees of it (policy.Directory), a dialect that reads it, and callers
// that see a part of it.
type world struct {
	mu       sync.Mutex
	entries  map[string]policy.Entry // by dn.Key
	policies map[string]*policy.Policy
	fail     map[string]error // by dn.Key: what the service account gets
	searched []string
}

const defaultPolicyDN = "cn=default,ou=policies,dc=example,dc=com"

func newWorld() *world {
	w := &world{entries: map[string]policy.Entry{}, policies: map[string]*policy.Policy{}, fail: map[string]error{}}
	for _, d := range []string{
		"dc=example,dc=com",
		"ou=people,dc=example,dc=com",
		"ou=secret,dc=example,dc=com",
		"uid=ann,ou=people,dc=example,dc=com",
		"uid=bob,ou=secret,dc=example,dc=com",
		"ou=policies,dc=example,dc=com",
	} {
		w.add(d)
	}
	w.add("uid=eve,ou=people,dc=example,dc=com", policy.Attribute{Name: "policy", Values: []string{"cn=strict,ou=policies,dc=example,dc=com"}})
	w.policy(defaultPolicyDN)
	w.policy("cn=strict,ou=policies,dc=example,dc=com", accept{})
	return w
}

func (w *world) add(d string, attributes ...policy.Attribute) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries[dn.Key(d)] = policy.Entry{DN: d, Attributes: attributes}
}

// policy adds a policy with a generator of its own, numbering its passwords.
func (w *world) policy(d string, rules ...rule.Rule) *policy.Policy {
	w.add(d)
	p := &policy.Policy{DN: d, Generator: new(numbered)}
	for _, r := range rules {
		p.Demands = append(p.Demands, policy.Demand{Rule: r, Source: policy.Source{DN: d}})
	}
	w.policies[dn.Key(d)] = p
	return p
}

func (w *world) service() *policy.Service {
	return policy.NewService(fakeDialect{w}, w, policy.ServiceConfig{})
}

func (w *world) lookup(d string) (policy.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e, ok := w.entries[dn.Key(d)]; ok {
		return e, nil
	}
	err := result.New(result.NoSuchObject, "no such object")
	parsed, _ := dn.Parse(d)
	for sup := parsed.Parent(); !sup.IsRoot(); sup = sup.Parent() {
		if e, ok := w.entries[sup.Key()]; ok {
			err.MatchedDN = e.DN
			break
		}
	}
	return policy.Entry{}, err
}

// Search implements policy.Directory for base searches.
func (w *world) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	w.mu.Lock()
	w.searched = append(w.searched, q.Base)
	err := w.fail[dn.Key(q.Base)]
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	e, err := w.lookup(q.Base)
	if err != nil {
		return nil, err
	}
	return []policy.Entry{e}, nil
}

type fakeDialect struct{ w *world }

func (fakeDialect) Name() string { return "fake" }

func (d fakeDialect) Locate(ctx context.Context, dir policy.Directory, sel policy.Selection) (policy.Located, error) {
	switch {
	case sel.PolicyDN != "":
		if _, err := policy.Read(ctx, dir, policy.Query{Base: sel.PolicyDN, Shared: true}); err != nil {
			return policy.Located{}, err
		}
		return policy.Located{Ref: sel.PolicyDN}, nil
	case sel.Target != "":
		loc := policy.Located{Ref: defaultPolicyDN, Subject: rule.Subject{DN: sel.Target}}
		e, err := policy.Read(ctx, dir, policy.Query{Base: sel.Target})
		switch {
		case result.Is(err, result.NoSuchObject):
		case err != nil:
			return policy.Located{}, err
		default:
			loc.Exists = true
			if v, ok := e.Value("policy"); ok {
				loc.Ref = v
			}
		}
		return loc, nil
	}
	return policy.Located{Ref: defaultPolicyDN}, nil
}

func (d fakeDialect) Load(_ context.Context, _ policy.Directory, ref string) (*policy.Policy, error) {
	p, ok := d.w.policies[dn.Key(ref)]
	if !ok {
		return nil, result.New(result.NoSuchObject, "%q is no password policy", ref)
	}
	return p, nil
}

// numbered is a generator whose passwords are told apart.
type numbered struct{ n atomic.Int64 }

func (g *numbered) Append(dst []byte, _ *generate.Rand) []byte {
	return fmt.Appendf(dst, "Generated-%04d", g.n.Add(1))
}
func (*numbered) Bits() float64 { return 1 }

// accept is a rule that every password keeps.
type accept struct{}

func (accept) Check([]byte, rule.Subject) []string { return nil }
func (accept) Requirement() rule.Requirement {
	return rule.Requirement{Text: "The password must be a password.", Type: "any",
		Properties: []rule.Property{{Name: "least", Value: "1"}}}
}

// from is a rule that only candidates from the n-th on keep.
type from int

func (n from) Check(password []byte, _ rule.Subject) []string {
	if strings.TrimPrefix(string(password), "Generated-") < fmt.Sprintf("%04d", int(n)) {
		return []string{"The password is too early."}
	}
	return nil
}
func (from) Requirement() rule.Requirement {
	return rule.Requirement{Text: "The password must not be early."}
}

// A fakeCaller sees every entry of the world that is not hidden from it.
type fakeCaller struct {
	w         *world
	authzID   string
	plain     bool                // not protected
	hidden    []string            // keys of DNs that are hidden, with all below
	empty     bool                // hidden entries give an empty answer, not noSuchObject
	proxies   map[string][]string // what may be assumed, with what is hidden from it
	fault     error               // what every question ends with
	questions []string
}

func newCaller(w *world) *fakeCaller {
	return &fakeCaller{w: w, authzID: "dn:cn=helpdesk,dc=example,dc=com"}
}

func (c *fakeCaller) AuthzID() string { return c.authzID }
func (c *fakeCaller) Protected() bool { return !c.plain }

func (c *fakeCaller) See(_ context.Context, d, authzID string) error {
	c.questions = append(c.questions, strings.TrimSuffix(d+" as "+authzID, " as "))
	if c.fault != nil {
		return c.fault
	}
	hidden := c.hidden
	if authzID != "" {
		var ok bool
		if hidden, ok = c.proxies[authzID]; !ok {
			return result.New(result.AuthorizationDenied, "not authorized to assume identity")
		}
	}
	if d == "" {
		return nil
	}
	parsed, err := dn.Parse(d)
	if err != nil {
		return result.New(result.InvalidDNSyntax, "invalid DN")
	}
	if slices.ContainsFunc(hidden, func(h string) bool {
		base, _ := dn.Parse(h)
		return parsed.Under(base)
	}) {
		if c.empty {
			return result.New(result.InsufficientAccessRights, "the answer is empty")
		}
		return result.New(result.NoSuchObject, "no such object")
	}
	_, err = c.w.lookup(d)
	return err
}

// audits collects audit records.
type audits struct {
	records, pending []AuditRecord
	refuse           error // if not nil, what nobody gets past
}

func (a *audits) record(_ context.Context, r AuditRecord) error {
	if r.Pending {
		a.pending = append(a.pending, r)
	} else {
		a.records = append(a.records, r)
	}
	return a.refuse
}

func (a *audits) last(t *testing.T) AuditRecord {
	t.Helper()
	if len(a.records) == 0 {
		t.Fatal("nothing was audited")
	}
	return a.records[len(a.records)-1]
}
