package policy

import (
	"context"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// MaxListed is the largest number of policies that Service.List returns.
const MaxListed = 1000

// A Lister is a Dialect that can tell which policies a directory has.
type Lister interface {
	// Policies returns the DNs of the policies that the service account
	// sees, in force for somebody or not, each as Selection.PolicyDN takes
	// it. The order is of no account, and one may be there twice.
	//
	// Its errors are those of Locate: insufficientAccessRights(50) where the
	// account may not search where policies are kept.
	Policies(ctx context.Context, dir Directory) ([]string, error)
}

// List returns the DNs of all policies, in alphabetical order. More than
// MaxListed are sizeLimitExceeded(4), never a part of them; a dialect that
// cannot tell is unwillingToPerform(53).
func (s *Service) List(ctx context.Context) ([]string, error) {
	l, ok := s.dialect.(Lister)
	if !ok {
		return nil, result.New(result.UnwillingToPerform, "the dialect %s cannot list policies", s.dialect.Name())
	}
	names, err := l.Policies(ctx, s.dir)
	if err != nil {
		return nil, err
	}
	names = distinct(names)
	if len(names) > MaxListed {
		return nil, result.New(result.SizeLimitExceeded, "the directory has %d policies, and %d are listed at most", len(names), MaxListed)
	}
	return names, nil
}

// distinct returns names in order, each but once, however it is spelled.
func distinct(names []string) []string {
	names = slices.Clone(names)
	slices.SortFunc(names, func(a, b string) int {
		if c := strings.Compare(strings.ToLower(a), strings.ToLower(b)); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	seen := make(map[string]bool, len(names))
	return slices.DeleteFunc(names, func(name string) bool {
		key := dn.Key(name)
		twice := seen[key]
		seen[key] = true
		return twice
	})
}

// SearchBelow returns what q finds in the subtrees of bases together. A base
// that the service account cannot see counts as empty, unless it can see none:
// then there may well be something.
func SearchBelow(ctx context.Context, dir Directory, bases []string, q Query) ([]Entry, error) {
	var found []Entry
	var unseen error
	seen := len(bases) == 0
	q.Scope = WholeSubtree
	for _, base := range bases {
		q.Base = base
		entries, err := dir.Search(ctx, q)
		switch {
		case err == nil:
			seen = true
			found = append(found, entries...)
		case result.Is(err, result.NoSuchObject), result.Is(err, result.InsufficientAccessRights):
			unseen = err
		default:
			return nil, err
		}
	}
	if !seen {
		return nil, result.Wrap(unseen, result.InsufficientAccessRights,
			"the service account may not search below %q: grant it read and search access where the policies are", strings.Join(bases, `", "`))
	}
	return found, nil
}

// NamesOf returns the DNs of entries.
func NamesOf(entries []Entry) []string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.DN
	}
	return names
}
