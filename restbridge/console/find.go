package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

// findView is the form for finding people, with what it found.
type findView struct {
	Text   string
	Asked  bool
	People []person
	More   bool // there are others
	Limit  int
	Own    string // DN of who is signed in
}

// A person is an entry as it is listed.
type person struct {
	DN, Name string
	Facts    []fact
}

// A fact is an attribute that tells people apart.
type fact struct{ Label, Value string }

// The attributes that are read of people, and what they are called.
var (
	nameAttributes = []string{"displayName", "cn", "uid", "sAMAccountName"}
	factAttributes = []struct{ name, label string }{
		{"uid", "User name"},
		{"sAMAccountName", "User name"},
		{"mail", "Mail"},
		{"employeeNumber", "Number"},
		{"title", "Title"},
		{"departmentNumber", "Department"},
		{"department", "Department"},
	}
)

func personAttributes() []string {
	out := slices.Clone(nameAttributes)
	for _, a := range factAttributes {
		if !slices.Contains(out, a.name) {
			out = append(out, a.name)
		}
	}
	return out
}

func personOf(e policy.Entry) person {
	p := person{DN: e.DN, Name: nameOf(e.DN)}
	for _, a := range nameAttributes {
		if v, ok := e.Value(a); ok && v != "" {
			p.Name = v
			break
		}
	}
	for _, a := range factAttributes {
		if v, ok := e.Value(a.name); ok && v != "" {
			p.Facts = append(p.Facts, fact{a.label, v})
		}
	}
	return p
}

func personPath(entry string) string {
	return "/console/person?dn=" + url.QueryEscape(entry)
}

// home is GET /: the form.
func (c *Console) home(x *exchange) error {
	c.render(x.w, x.r, x.session, http.StatusOK, "find", "Find a person", findView{Own: ownDN(x.session)})
	return nil
}

func ownDN(s *session) string {
	entry, _ := strings.CutPrefix(s.authzID, "dn:")
	return entry
}

// find is GET /console/find?text=...: the form with what it found.
func (c *Console) find(x *exchange) error {
	v := findView{Text: strings.TrimSpace(x.r.URL.Query().Get("text")), Limit: c.cfg.Results, Own: ownDN(x.session)}
	if v.Text == "" {
		return c.home(x)
	}
	v.Asked = true
	found, more, err := c.search(x, v.Text)
	if err != nil {
		return err
	}
	for _, e := range found {
		v.People = append(v.People, personOf(e))
	}
	slices.SortStableFunc(v.People, func(a, b person) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	v.More = more
	c.render(x.w, x.r, x.session, http.StatusOK, "find", "People found", v)
	return nil
}

// search looks for people as the helper. A DN is looked up.
func (c *Console) search(x *exchange, text string) (found []policy.Entry, more bool, err error) {
	if d, err := dn.Parse(text); err == nil && !d.IsRoot() {
		e, err := c.entry(x, text)
		switch {
		case err == nil:
			return []policy.Entry{e}, false, nil
		case result.Is(err, result.NoSuchObject), result.Is(err, result.InsufficientAccessRights):
			return nil, false, nil
		}
		return nil, false, err
	}
	bases, err := c.cfg.Bases(x.ctx)
	if err != nil {
		return nil, false, err
	}
	filter := findFilter(c.cfg.Filter, text)
	for _, base := range bases {
		some, others, err := x.session.conn.Search(x.ctx, policy.Query{
			Base: base, Scope: policy.WholeSubtree, Filter: filter, Attributes: personAttributes(),
		}, c.cfg.Results-len(found))
		// What the helper may not see holds nobody for them to find.
		if result.Is(err, result.NoSuchObject) || result.Is(err, result.InsufficientAccessRights) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		found = append(found, some...)
		more = more || others
		if len(found) >= c.cfg.Results {
			// The bases that are left were not looked into.
			return found, more || base != bases[len(bases)-1], nil
		}
	}
	return found, more, nil
}

// maxWords bounds the words that are searched for one by one.
const maxWords = 6

// findFilter writes a filter for which each word of a text must match.
func findFilter(template, text string) string {
	words := strings.Fields(text)
	if len(words) > maxWords {
		words = append(words[:maxWords-1], strings.Join(words[maxWords-1:], " "))
	}
	var b strings.Builder
	for _, w := range words {
		b.WriteString(strings.ReplaceAll(template, "{text}", restbridge.EscapeFilter(w)))
	}
	if len(words) == 1 {
		return b.String()
	}
	return "(&" + b.String() + ")"
}

// entry reads an entry as the helper.
func (c *Console) entry(x *exchange, name string) (policy.Entry, error) {
	if d, err := dn.Parse(name); err != nil || d.IsRoot() {
		return policy.Entry{}, result.New(result.InvalidDNSyntax, "%q is no distinguished name of an entry", clip(name))
	}
	found, _, err := x.session.conn.Search(x.ctx, policy.Query{Base: name, Attributes: personAttributes()}, 1)
	if err != nil {
		return policy.Entry{}, err
	}
	if len(found) == 0 {
		return policy.Entry{}, result.New(result.InsufficientAccessRights, "you may not see this entry")
	}
	return found[0], nil
}

// clip keeps what was typed from filling a page.
func clip(s string) string {
	if len(s) > 200 {
		return strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}
