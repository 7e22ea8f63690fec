package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

// sync watches by content synchronization, refreshAndPersist (RFC 4533 3.4).
// The entries as they are now come first and are only counted: of any that a
// search finds and synchronization does not, no change would be told.
func (s *session) sync(ctx context.Context, conn *ldap.Conn, w policy.Watch) error {
	q := policy.Query{Base: w.Base, Scope: w.Scope, Filter: w.Filter, Attributes: []string{"1.1"}}
	r := conn.Syncrepl(ctx, searchRequest(q), 0, ldap.SyncRequestModeRefreshAndPersist, nil, false)
	refreshed, seen := false, 0
	ended, err := s.follow(ctx, r, 0, func() bool {
		switch {
		case refreshed && tells(r):
			s.changed()
		case refreshed:
		case r.Entry() != nil:
			seen++
		case ends(r):
			refreshed = true
		}
		return refreshed
	})
	if err != nil {
		return err
	}
	// On the same connection, since that has to be asked from time to time
	// whether it is alive: a slapd with two threads answers nothing beside a
	// search that goes on.
	found, err := s.search(ctx, conn, q, silence)
	if errors.Is(err, errSlow) {
		return errRefused{err}
	}
	if err != nil {
		return err
	}
	if len(found) != seen {
		return errRefused{fmt.Errorf("synchronization shows %d of %d entries", seen, len(found))}
	}
	s.endWith(ended)
	return nil
}

// tells reports whether a message after the refresh is about a change: any
// but a new cookie, which servers also send for changes elsewhere.
func tells(r ldap.Response) bool {
	for _, c := range r.Controls() {
		if info, ok := c.(*ldap.ControlSyncInfo); ok && info.Value == ldap.SyncInfoNewcookie {
			return false
		}
	}
	return true
}

// ends reports whether a message ends the refresh.
func ends(r ldap.Response) bool {
	for _, c := range r.Controls() {
		info, ok := c.(*ldap.ControlSyncInfo)
		switch {
		case !ok:
		case info.Value == ldap.SyncInfoRefreshDelete && info.RefreshDelete != nil:
			return info.RefreshDelete.RefreshDone
		case info.Value == ldap.SyncInfoRefreshPresent && info.RefreshPresent != nil:
			return info.RefreshPresent.RefreshDone
		}
	}
	return false
}
