package embedded

import (
	"context"
	"time"

	"github.com/jimlambrt/gldap"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// handlers are the operations that gldap carries. What reaches them has gone
// through Directory.Supplement, which keeps back all that gldap would mangle.
type handlers struct {
	d   *Directory
	run *gldapRun
}

// controlsOf translates gldap's controls. It drops the criticality of those
// that it knows itself; Supplement has seen to critical ones before.
func controlsOf(in []gldap.Control) []control {
	var out []control
	for _, c := range in {
		k := control{oid: c.GetControlType()}
		if s, ok := c.(*gldap.ControlString); ok {
			k.critical = s.Criticality
			k.value = []byte(s.ControlValue)
		}
		out = append(out, k)
	}
	return out
}

func (h handlers) bind(ctx context.Context, _ *gldap.ResponseWriter, r *gldap.Request) error {
	// A bind that fails leaves the connection anonymous (RFC 4511 4.2.1).
	h.run.setSession(r.ConnectionID(), session{})
	m, err := r.GetSimpleBindMessage()
	if err != nil {
		return err
	}
	if _, err := h.d.authorize(session{}, controlsOf(m.Controls)); err != nil {
		return err
	}
	s, err := h.d.bind(ctx, m.UserName, []byte(m.Password))
	if err != nil {
		return err
	}
	h.run.setSession(r.ConnectionID(), s)
	return nil
}

func (h handlers) search(ctx context.Context, w *gldap.ResponseWriter, r *gldap.Request) error {
	m, err := r.GetSearchMessage()
	if err != nil {
		return err
	}
	f, err := parseFilter(m.Filter)
	if err != nil {
		return err
	}
	req, err := h.d.searchRequest(m.BaseDN, int64(m.Scope), m.SizeLimit, m.TimeLimit, m.TypesOnly, f, m.Attributes)
	if err != nil {
		return err
	}
	s, err := h.d.authorize(h.run.session(r.ConnectionID()), controlsOf(m.Controls), pagedOID)
	if err != nil {
		return err
	}
	for _, c := range m.Controls {
		if p, ok := c.(*gldap.ControlPaging); ok {
			if req.page, err = newPage(req.base, int64(p.PagingSize), p.Cookie); err != nil {
				return err
			}
		}
	}
	after, err := h.d.searchPage(ctx, s, req, func(e foundEntry) error {
		entry := r.NewSearchResponseEntry(e.DN)
		for _, a := range e.Attributes {
			entry.AddAttribute(a.Name, a.Values)
		}
		return w.Write(entry)
	})
	if err != nil || req.page == nil {
		return err
	}
	done := r.NewSearchDoneResponse(gldap.WithResponseCode(gldap.ResultSuccess))
	cookie, err := gldap.NewControlPaging(0)
	if err != nil {
		return err
	}
	cookie.SetCookie([]byte(after))
	done.SetControls(cookie)
	_ = w.Write(done)
	return errAnswered
}

// searchRequest checks what does not depend on the store.
func (d *Directory) searchRequest(base string, scope, sizeLimit, timeLimit int64, typesOnly bool, f *filter, attributes []string) (searchRequest, error) {
	name, err := parseName(base)
	switch {
	case err != nil:
		return searchRequest{}, err
	case scope < 0 || scope > 2:
		return searchRequest{}, result.New(result.ProtocolError, "unknown search scope")
	case sizeLimit < 0 || timeLimit < 0:
		return searchRequest{}, result.New(result.ProtocolError, "a limit is negative")
	}
	return searchRequest{
		base:      name,
		scope:     policy.Scope(scope),
		sizeLimit: int(sizeLimit),
		timeLimit: time.Duration(min(timeLimit, 1<<31)) * time.Second,
		typesOnly: typesOnly,
		filter:    f,
		selection: d.selects(attributes),
	}, nil
}

func (h handlers) add(ctx context.Context, _ *gldap.ResponseWriter, r *gldap.Request) error {
	m, err := r.GetAddMessage()
	if err != nil {
		return err
	}
	s, err := h.d.authorize(h.run.session(r.ConnectionID()), controlsOf(m.Controls))
	if err != nil {
		return err
	}
	e := policy.Entry{DN: m.DN}
	for _, a := range m.Attributes {
		e.Attributes = append(e.Attributes, policy.Attribute{Name: a.Type, Values: a.Vals})
	}
	return h.d.add(ctx, s, e)
}

func (h handlers) modify(ctx context.Context, _ *gldap.ResponseWriter, r *gldap.Request) error {
	m, err := r.GetModifyMessage()
	if err != nil {
		return err
	}
	s, err := h.d.authorize(h.run.session(r.ConnectionID()), controlsOf(m.Controls))
	if err != nil {
		return err
	}
	var mods []modification
	for _, c := range m.Changes {
		values, err := modifiedValues(c.Modification.Vals)
		if err != nil {
			return err
		}
		mods = append(mods, modification{c.Operation, c.Modification.Type, values})
	}
	return h.d.modify(ctx, s, m.DN, mods)
}

// modifiedValues undoes what gldap does to the values of a modification: it
// hands over the set as one string, its elements still encoded.
func modifiedValues(vals []string) ([]string, error) {
	if len(vals) != 1 {
		return nil, result.New(result.ProtocolError, "malformed modification")
	}
	in := &cursor{rest: []byte(vals[0])}
	values := in.strings()
	if in.err != nil {
		return nil, result.New(result.ProtocolError, "malformed modification")
	}
	return values, nil
}

func (h handlers) remove(ctx context.Context, _ *gldap.ResponseWriter, r *gldap.Request) error {
	m, err := r.GetDeleteMessage()
	if err != nil {
		return err
	}
	s, err := h.d.authorize(h.run.session(r.ConnectionID()), controlsOf(m.Controls))
	if err != nil {
		return err
	}
	return h.d.remove(ctx, s, m.DN)
}

// other answers extended operations, all of which are Supplement's.
func (h handlers) other(context.Context, *gldap.ResponseWriter, *gldap.Request) error {
	return result.New(result.ProtocolError, "unknown extended operation")
}
