package embedded

import (
	"context"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/schema"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

const (
	baseObject   = policy.BaseObject
	singleLevel  = policy.SingleLevel
	wholeSubtree = policy.WholeSubtree
)

// A search runs in steps, each in a transaction of its own, and nothing is
// sent while one is open: a client that does not read must not keep the
// store from reusing its pages, nor a writer from growing the file.
const (
	stepVisits  = 4096
	stepMatches = 256
)

// searchRequest is a SearchRequest (RFC 4511 4.5.1). Aliases do not exist.
type searchRequest struct {
	base      dn.DN
	scope     policy.Scope
	sizeLimit int // 0: none
	timeLimit time.Duration
	typesOnly bool
	filter    *filter
	selection selection
	page      *page
}

// A page is what RFC 2696 asks for.
type page struct {
	size  int
	after treeKey // from the cookie; "" for the first page
}

// A foundEntry is an entry as it is returned.
type foundEntry struct {
	policy.Entry
}

// search calls emit for each entry that s may see. The second result is the
// key to continue behind when a page is full, "" otherwise.
func (d *Directory) search(ctx context.Context, s session, req searchRequest, emit func(foundEntry) error) (treeKey, error) {
	if req.timeLimit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, req.timeLimit)
		defer cancel()
	}
	if req.base.IsRoot() && req.scope == baseObject {
		return "", d.emitSpecial(s, req, d.rootDSE(), emit)
	}
	base := keyOf(req.base)
	if base == subschemaKey {
		if req.scope == singleLevel {
			return "", nil
		}
		return "", d.emitSpecial(s, req, d.subschema(), emit)
	}
	if s.anonymous() {
		return "", result.New(result.InsufficientAccessRights, "authentication is required")
	}
	match := req.filter.compile(d.schema, s.hides)
	virtual := req.filter.mentions(d.schema, virtualTypes)

	var after treeKey
	if req.page != nil {
		after = req.page.after
	}
	sent, first := 0, true
	for {
		var batch []foundEntry
		var keys []treeKey
		done := true
		err := d.store.view(func(t *txn) error {
			if first && base != "" && !t.exists(base) {
				return &result.Error{Code: result.NoSuchObject, MatchedDN: t.matched(base), Text: "there is no entry at the base of the search"}
			}
			if first && base != "" && !s.mayRead(base) {
				return result.New(result.InsufficientAccessRights, "the base of the search may not be read")
			}
			visits := 0
			return t.walk(base, req.scope, after, func(k treeKey, e policy.Entry) (bool, error) {
				if visits++; visits > stepVisits || len(batch) == stepMatches {
					done = false
					return false, nil
				}
				after = k
				if base == "" && k.under(configKey) || !s.mayRead(k) {
					return true, nil
				}
				candidate := e
				if virtual {
					candidate = d.withVirtual(t, k, e)
				}
				if match(k, candidate) != isTrue {
					return true, nil
				}
				batch = append(batch, d.project(t, s, k, e, req))
				keys = append(keys, k)
				return true, nil
			})
		})
		if err != nil {
			return "", err
		}
		first = false
		for i, e := range batch {
			if req.sizeLimit > 0 && sent == req.sizeLimit {
				return "", result.New(result.SizeLimitExceeded, "more than %d entries match", req.sizeLimit)
			}
			if req.page != nil && sent == req.page.size {
				return keys[i-1], nil
			}
			if err := emit(e); err != nil {
				return "", err
			}
			sent++
			if req.page != nil && sent == req.page.size && i == len(batch)-1 && !done {
				return keys[i], nil
			}
		}
		if done {
			return "", nil
		}
		if err := ctx.Err(); err != nil {
			return "", result.From(err)
		}
	}
}

// emitSpecial is for the entries that are not in the store.
func (d *Directory) emitSpecial(s session, req searchRequest, e policy.Entry, emit func(foundEntry) error) error {
	if req.filter.compile(d.schema, s.hides)("", e) != isTrue {
		return nil
	}
	return emit(foundEntry{policy.Entry{DN: e.DN, Attributes: d.choose(s, e, req)}})
}

// Search implements policy.Directory on the store itself, with the rights of
// the administrator, or of the identity in a proxied authorization control.
// Other critical controls are refused, and what is not critical ignored.
func (d *Directory) Search(ctx context.Context, q policy.Query) ([]policy.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, result.From(err)
	}
	if len(q.Controls) == 1 && q.Controls[0].OID == proxiedOID {
		return d.searchAs(ctx, string(q.Controls[0].Value), q)
	}
	var out []policy.Entry
	err := d.store.view(func(t *txn) (err error) {
		out, err = d.searchIn(t, q)
		return err
	})
	return out, err
}

// searchAs is Search with the rights of an authzId (RFC 4370).
func (d *Directory) searchAs(ctx context.Context, authzID string, q policy.Query) ([]policy.Entry, error) {
	s, err := d.resolveAuthzID(authzID)
	if err != nil {
		return nil, result.Wrap(err, result.AuthorizationDenied, "the proxied authorization identity is not known")
	}
	base, err := dn.Parse(q.Base)
	if err != nil {
		return nil, result.Wrap(err, result.InvalidDNSyntax, "malformed DN")
	}
	f, err := parseFilter(q.Filter)
	if err != nil {
		return nil, err
	}
	var out []policy.Entry
	_, err = d.search(ctx, s, searchRequest{base: base, scope: q.Scope, filter: f, selection: d.selects(q.Attributes)}, func(e foundEntry) error {
		out = append(out, e.Entry)
		return nil
	})
	return out, err
}

// searchIn is Search in one transaction, which may have changes that are not
// committed.
func (d *Directory) searchIn(t *txn, q policy.Query) ([]policy.Entry, error) {
	for _, c := range q.Controls {
		if c.Critical {
			return nil, result.New(result.UnavailableCriticalExtension, "the critical control %s is not supported", c.OID)
		}
	}
	base, err := dn.Parse(q.Base)
	if err != nil {
		return nil, result.Wrap(err, result.InvalidDNSyntax, "malformed DN")
	}
	f, err := parseFilter(q.Filter)
	if err != nil {
		return nil, err
	}
	s := session{admin: true, key: d.adminKey}
	req := searchRequest{base: base, scope: q.Scope, filter: f, selection: d.selects(q.Attributes)}
	var out []policy.Entry
	emit := func(e foundEntry) error { out = append(out, e.Entry); return nil }
	k := keyOf(base)
	switch {
	case base.IsRoot() && q.Scope == baseObject:
		err = d.emitSpecial(s, req, d.rootDSE(), emit)
		return out, err
	case k == subschemaKey:
		err = d.emitSpecial(s, req, d.subschema(), emit)
		return out, err
	case k != "" && !t.exists(k):
		return nil, &result.Error{Code: result.NoSuchObject, MatchedDN: t.matched(k), Text: "there is no entry at the base of the search"}
	}
	match := f.compile(d.schema, s.hides)
	virtual := f.mentions(d.schema, virtualTypes)
	err = t.walk(k, q.Scope, "", func(k treeKey, e policy.Entry) (bool, error) {
		candidate := e
		if virtual {
			candidate = d.withVirtual(t, k, e)
		}
		if match(k, candidate) == isTrue {
			out = append(out, d.project(t, s, k, e, req).Entry)
		}
		return true, nil
	})
	return out, err
}

// A selection is the attributes that a search asks for (RFC 4511 4.5.1.8).
type selection struct {
	user, operational bool
	names             []string
	virtual           bool // some virtual attribute may be wanted
}

func (d *Directory) selects(attributes []string) selection {
	var s selection
	if len(attributes) == 0 {
		s.user = true
	}
	for _, a := range attributes {
		switch a {
		case "*":
			s.user = true
		case "+":
			s.operational, s.virtual = true, true
		case "1.1":
		default:
			s.names = append(s.names, a)
			if virtualTypes[strings.ToLower(d.schema.Type(a).Name)] {
				s.virtual = true
			}
		}
	}
	return s
}

func (s *selection) wants(sc *schema.Schema, name string) bool {
	for _, n := range s.names {
		if sc.Describes(n, name) {
			return true
		}
	}
	if s.user || s.operational {
		if sc.Type(name).Operational {
			return s.operational
		}
		return s.user
	}
	return false
}

// project makes of a stored entry what s gets to see of it.
func (d *Directory) project(t *txn, s session, k treeKey, e policy.Entry, req searchRequest) foundEntry {
	if req.selection.virtual {
		e = d.withVirtual(t, k, e)
	}
	return foundEntry{policy.Entry{DN: e.DN, Attributes: d.choose(s, e, req)}}
}

func (d *Directory) choose(s session, e policy.Entry, req searchRequest) []policy.Attribute {
	var out []policy.Attribute
	for _, a := range e.Attributes {
		if !req.selection.wants(d.schema, a.Name) || s.hides(d.schema.Type(a.Name)) {
			continue
		}
		if req.typesOnly {
			a.Values = nil
		}
		out = append(out, a)
	}
	return out
}

// virtualTypes are computed when they are asked for.
var virtualTypes = map[string]bool{
	"entrydn": true, "hassubordinates": true, "numsubordinates": true,
	"subschemasubentry": true, "pwdpolicysubentry": true,
}

// mentions reports whether f is about one of types, or may be.
func (f *filter) mentions(s *schema.Schema, types map[string]bool) bool {
	for _, sub := range f.of {
		if sub.mentions(s, types) {
			return true
		}
	}
	return f.attribute != "" && types[strings.ToLower(s.Type(f.attribute).Name)]
}

func (d *Directory) withVirtual(t *txn, k treeKey, e policy.Entry) policy.Entry {
	children := 0
	_ = t.walk(k, singleLevel, "", func(treeKey, policy.Entry) (bool, error) { children++; return true, nil })
	extra := []policy.Attribute{
		{Name: "entryDN", Values: []string{e.DN}},
		{Name: "subschemaSubentry", Values: []string{subschemaDN}},
		{Name: "hasSubordinates", Values: []string{boolean(children > 0)}},
		{Name: "numSubordinates", Values: []string{itoa(children)}},
	}
	if p := d.policyPointer(t, k, e); p != "" {
		extra = append(extra, policy.Attribute{Name: "pwdPolicySubentry", Values: []string{p}})
	}
	have := e.Attributes
	e.Attributes = make([]policy.Attribute, 0, len(have)+len(extra))
	for _, a := range have {
		if !virtualTypes[strings.ToLower(a.Name)] {
			e.Attributes = append(e.Attributes, a)
		}
	}
	e.Attributes = append(e.Attributes, extra...)
	return e
}

// policyPointer returns the DN of the policy in force for an entry: the one
// that it names, or the default. Entries below cn=config have none.
func (d *Directory) policyPointer(t *txn, k treeKey, e policy.Entry) string {
	if k.under(configKey) {
		return ""
	}
	if v, ok := e.Value(policyPointerAttr); ok {
		return v
	}
	config, ok, err := t.get(configKey)
	if err != nil || !ok {
		return ""
	}
	v, _ := config.Value("ds-cfg-default-password-policy")
	return v
}
