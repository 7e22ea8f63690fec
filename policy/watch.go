package policy

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A Watch describes entries in the terms of a search: those whose changes
// can change what Query.Shared reads below Base return.
type Watch struct {
	Base  string
	Scope Scope

	// Filter finds every entry in scope that a shared read may depend on,
	// and as few others as possible. Empty means (objectClass=*).
	Filter string

	// Attributes are those to compare where the server sends no notice of
	// changes. None means all user attributes.
	Attributes []string

	// Poll asks for a comparison even from a server that could send
	// notices: they do not reach these entries.
	Poll bool
}

// A Watcher is a Dialect that can say which entries decide about policies.
// What it leaves out is read again as often as without notices, so that an
// incomplete list costs speed, not truth.
type Watcher interface {
	// Watches returns what to watch on the server behind dir. It depends on
	// nothing but what it reads, and its errors are those of Locate.
	Watches(ctx context.Context, dir Directory) ([]Watch, error)
}

// Watches returns what the dialect wants watched on the server behind dir,
// nothing if it has no wishes.
func (s *Service) Watches(ctx context.Context, dir Directory) ([]Watch, error) {
	if w, ok := s.dialect.(Watcher); ok {
		return w.Watches(ctx, dir)
	}
	return nil, nil
}

// Notified tells that from now on every change to the watched entries is
// followed by a call of Invalidate. What is read of them may then be used for
// ServiceConfig.NotifiedTTL. Without watches, notices have ceased:
// ServiceConfig.TTL is in force again at once, for what is kept too. Either
// way, everything is read again.
func (s *Service) Notified(watches []Watch) {
	var r regions
	for _, w := range watches {
		if base, err := dn.Parse(w.Base); err == nil {
			r = append(r, region{base, w.Scope})
		}
	}
	s.dir.invalidate(func() {
		s.dir.watched = r
		s.epoch.Add(1)
	})
}

// regions are the parts of the tree that are watched.
type regions []region

type region struct {
	base  dn.DN
	scope Scope
}

// cover reports whether everything that q may return is watched. Which
// entries a filter leaves out is between the dialect's reads and its
// watches.
func (rs regions) cover(q Query) bool {
	if len(rs) == 0 || q.Unwatched {
		return false
	}
	base, err := dn.Parse(q.Base)
	if err != nil {
		return false
	}
	for _, r := range rs {
		depth := len(base.RDNs) - len(r.base.RDNs)
		switch {
		case depth < 0 || !base.Under(r.base):
		case r.base.IsRoot() && depth > 0:
			// The root DSE is no superior of anything.
		case depth == 0 && q.Scope <= r.scope && !(r.scope == SingleLevel && q.Scope == BaseObject):
			return true
		case depth == 1 && r.scope == SingleLevel && q.Scope == BaseObject:
			return true
		case depth > 0 && r.scope == WholeSubtree:
			return true
		}
	}
	return false
}
