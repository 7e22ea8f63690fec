package opendj

import (
	"context"
	"fmt"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// subentriesControl (RFC 3672 section 3) makes subentries visible, and only
// them. It is not critical: OpenDJ also shows them to a search for their
// object class.
func subentriesControl() policy.Control {
	return policy.Control{OID: "1.3.6.1.4.1.4203.1.10.1", Value: []byte{0x01, 0x01, 0xFF}}
}

// A candidate is a subentry that assigns a policy to the entries of its
// subtree.
type candidate struct {
	entry policy.Entry
	scope subtree
}

// bySubentry takes the nearest subentry that assigns a policy to name: first
// those that give ds-pwp-password-policy-dn to a whole subtree, for an entry
// that is not there to show it, then those that are policies themselves.
func (d *Dialect) bySubentry(ctx context.Context, dir policy.Directory, name dn.DN, loc *policy.Located) (bool, error) {
	all, err := subentries(ctx, dir, name)
	if err != nil {
		return false, err
	}
	var collective, policies []policy.Entry
	for _, e := range all {
		if _, ok := firstValue(e, pointer); ok && e.IsA(collectiveClass) {
			collective = append(collective, e)
		}
		if isPolicy(e) {
			policies = append(policies, e)
		}
	}
	if !loc.Exists {
		e, ok, err := nearest(ctx, dir, name, loc.Exists, collective)
		if err != nil {
			return false, err
		}
		if ok {
			value, _ := firstValue(e, pointer)
			return true, follow(ctx, dir, loc,
				policy.Step{DN: e.DN, Attribute: pointer, Value: value, Text: "This subentry gives its policy to every entry there."},
				fmt.Sprintf("the subentry %[1]q names a policy in %[3]s that does not exist or that the service account may not see, %[2]q: the directory would let nobody authenticate with such an entry, so no password is suggested for it", e.DN, value, pointer))
		}
	}
	e, ok, err := nearest(ctx, dir, name, loc.Exists, policies)
	if err != nil || !ok {
		return false, err
	}
	value, _ := e.Value(subtreeAttribute)
	loc.Ref = e.DN
	loc.Steps = append(loc.Steps, policy.Step{DN: e.DN, Attribute: subtreeAttribute, Value: value, Text: "This subentry is the policy of every entry in its subtree."})
	return true, nil
}

// subentries returns all subentries that may assign a policy, in the part of
// the tree that name is in.
func subentries(ctx context.Context, dir policy.Directory, name dn.DN) ([]policy.Entry, error) {
	classes := []string{subentryPolicy, embeddedPolicy, collectiveClass}
	filter := "(&(|(objectClass=subentry)(objectClass=ldapSubentry))(|(objectClass=" + strings.Join(classes, ")(objectClass=") + ")))"
	// The topmost superior that exists is the suffix: everything that can
	// govern name is at or below it.
	for n := len(name.RDNs) - 1; n >= 0; n-- {
		found, err := dir.Search(ctx, policy.Query{
			Base:       dn.DN{RDNs: name.RDNs[n:]}.String(),
			Scope:      policy.WholeSubtree,
			Filter:     filter,
			Attributes: []string{"*", subtreeAttribute},
			Controls:   []policy.Control{subentriesControl()},
			Shared:     true,
		})
		if result.Is(err, result.NoSuchObject) {
			continue
		}
		if err != nil {
			return nil, unreadable(err, dn.DN{RDNs: name.RDNs[n:]}.String(), "access rights to search it for subentries and to read them")
		}
		return found, nil
	}
	return nil, nil
}

// nearest returns the subentry whose subtree holds name and has the deepest
// base.
func nearest(ctx context.Context, dir policy.Directory, name dn.DN, exists bool, all []policy.Entry) (policy.Entry, bool, error) {
	var best []candidate
	for _, e := range all {
		scope, err := scopeOf(e)
		if err != nil {
			return policy.Entry{}, false, err
		}
		if !scope.contains(name) {
			continue
		}
		if len(best) > 0 && len(scope.base.RDNs) < len(best[0].scope.base.RDNs) {
			continue
		}
		if scope.filter != "" {
			ok, err := passes(ctx, dir, name, exists, e, scope.filter)
			if err != nil {
				return policy.Entry{}, false, err
			}
			if !ok {
				continue
			}
		}
		if len(best) > 0 && len(scope.base.RDNs) > len(best[0].scope.base.RDNs) {
			best = best[:0]
		}
		best = append(best, candidate{e, scope})
	}
	switch len(best) {
	case 0:
		return policy.Entry{}, false, nil
	case 1:
		return best[0].entry, true, nil
	}
	return policy.Entry{}, false, configError("two subentries claim %q equally, %q and %q: which one holds is up to chance", name, best[0].entry.DN, best[1].entry.DN)
}

// scopeOf reads the subtree of a subentry, relative to the entry above it.
func scopeOf(e policy.Entry) (subtree, error) {
	r := &reader{entry: e}
	name, err := dn.Parse(e.DN)
	if err != nil || name.IsRoot() {
		return subtree{}, configError("the server calls a subentry %q, which is no DN", e.DN)
	}
	value, ok := r.text(subtreeAttribute)
	if len(r.problems) > 0 {
		return subtree{}, r.err()
	}
	if !ok {
		return subtree{}, result.New(result.InsufficientAccessRights,
			"the service account may not read %s of the subentry %q: it needs access rights to read that attribute", subtreeAttribute, e.DN)
	}
	scope, err := parseSubtree(value, name.Parent())
	if err != nil {
		r.fail(subtreeAttribute, "%v", err)
	}
	return scope, r.err()
}

// passes asks the directory whether an entry passes a subentry's filter: it
// knows its schema and its operational attributes.
func passes(ctx context.Context, dir policy.Directory, name dn.DN, exists bool, e policy.Entry, filter string) (bool, error) {
	if !exists {
		return false, configError("the subentry %q gives its policy to entries that match %s: whether %q will be one of them cannot be told before it exists", e.DN, filter, name)
	}
	found, err := dir.Search(ctx, policy.Query{Base: name.String(), Filter: filter, Attributes: []string{"1.1"}})
	if err != nil {
		cause := result.From(err)
		code := cause.Code
		switch code {
		case result.ProtocolError, result.InappropriateMatching, result.UndefinedAttributeType, result.NoSuchObject, result.Other:
			code = result.UnwillingToPerform // not the client's fault
		}
		return false, result.Wrap(err, code, "evaluating %s of the subentry %q for %q failed: %s", subtreeAttribute, e.DN, name, cause.Text)
	}
	return len(found) > 0, nil
}
