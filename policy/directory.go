package policy

import (
	"context"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// A Directory is all that a dialect sees of the directory. Failures are
// *result.Error with the server's result code, so that result.Is(err,
// result.NoSuchObject) tells a missing base entry.
type Directory interface {
	// Search returns the entries that q finds, in the server's order.
	// Search references are left out. An incomplete result (a size limit,
	// a connection lost midway) is an error, never a short list.
	Search(ctx context.Context, q Query) ([]Entry, error)
}

// A Scope says how far below its base a search reaches (RFC 4511 4.5.1.2).
type Scope int

// The search scopes.
const (
	BaseObject Scope = iota
	SingleLevel
	WholeSubtree
)

// A Query is a search request. The zero Filter is (objectClass=*).
type Query struct {
	Base       string
	Scope      Scope
	Filter     string
	Attributes []string
	Controls   []Control

	// Shared marks a read of policy or server configuration, which is not
	// about one user: it may be answered from a cache. Below the base of a
	// Watch of the dialect's, the answer must depend only on entries that
	// the watch finds, unless it is marked Unwatched.
	Shared bool

	// Unwatched marks a shared read that also depends on entries that no
	// Watch finds. It is kept for ServiceConfig.TTL, whatever is watched.
	Unwatched bool
}

// A Control is a request control (RFC 4511 4.1.11).
type Control struct {
	OID      string
	Critical bool
	Value    []byte // nil: absent
}

// An Entry is one entry as a search returned it.
type Entry struct {
	DN         string
	Attributes []Attribute
}

// An Attribute is an attribute description with its values.
type Attribute struct {
	Name   string
	Values []string
}

// Values returns the values of an attribute, whatever the case of its name;
// nil if the entry does not hold it (or the reader may not see it).
func (e Entry) Values(name string) []string {
	for _, a := range e.Attributes {
		if strings.EqualFold(a.Name, name) {
			return a.Values
		}
	}
	return nil
}

// Value returns the first value of an attribute and whether there is one.
func (e Entry) Value(name string) (string, bool) {
	if v := e.Values(name); len(v) > 0 {
		return v[0], true
	}
	return "", false
}

// IsA reports whether the entry has an object class, whatever its case.
func (e Entry) IsA(objectClass string) bool {
	for _, c := range e.Values("objectClass") {
		if strings.EqualFold(c, objectClass) {
			return true
		}
	}
	return false
}

// Read reads the entry at dn. A search that succeeds without an entry, as
// some servers answer a reader without rights, is insufficientAccessRights.
func Read(ctx context.Context, dir Directory, q Query) (Entry, error) {
	q.Scope = BaseObject
	entries, err := dir.Search(ctx, q)
	if err != nil {
		return Entry{}, err
	}
	if len(entries) != 1 {
		return Entry{}, result.New(result.InsufficientAccessRights, "the service account may not read %q", q.Base)
	}
	return entries[0], nil
}
