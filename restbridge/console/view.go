package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

//go:embed templates/*.html static
var files embed.FS

// assetPrefix is where the style sheet, the script and the icon are.
const assetPrefix = "/console/static/"

// views are the templates by name, and the assets by path below assetPrefix.
type views struct {
	pages  map[string]*template.Template
	assets map[string]asset
}

type asset struct {
	kind string
	body []byte
}

// parseViews reads what is embedded. An asset's path holds a sum of all, so
// that browsers keep it until there is another one.
func parseViews() (views, error) {
	v := views{pages: make(map[string]*template.Template), assets: make(map[string]asset)}
	sum := sha256.New()
	static, err := fs.Glob(files, "static/*")
	if err != nil {
		return views{}, err
	}
	for _, name := range static {
		body, err := files.ReadFile(name)
		if err != nil {
			return views{}, err
		}
		_, _ = sum.Write(body)
		kind := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}[path.Ext(name)]
		if kind == "" {
			return views{}, fmt.Errorf("%s is of no known type", name)
		}
		v.assets[path.Base(name)] = asset{kind, body}
	}
	version := hex.EncodeToString(sum.Sum(nil))[:16]
	for name, a := range v.assets {
		delete(v.assets, name)
		v.assets[version+"/"+name] = a
	}
	base := template.New("").Funcs(template.FuncMap{
		"asset":      func(name string) string { return assetPrefix + version + "/" + name },
		"personPath": personPath,
		"policyPath": policyPath,
		"dnText":     dnText,
		"inc":        func(i int) int { return i + 1 },
	})
	if base, err = base.ParseFS(files, "templates/_*.html"); err != nil {
		return views{}, err
	}
	pages, err := fs.Glob(files, "templates/[a-z]*.html")
	if err != nil {
		return views{}, err
	}
	for _, name := range pages {
		t, err := template.Must(base.Clone()).ParseFS(files, name)
		if err != nil {
			return views{}, err
		}
		v.pages[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return v, nil
}

func (v views) serveAsset(w http.ResponseWriter, r *http.Request, name string) {
	a, ok := v.assets[name]
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.Method == http.MethodGet {
		_, _ = w.Write(a.body) // the client is gone
	}
}

// A page is what the frame around every view needs.
type page struct {
	Title string
	User  *user // nil if nobody is signed in
	Token string
	View  any

	Idle     int    // seconds until the session ends
	IdleText string // in words
	Stay     string // the address to go on from
	Refresh  string // what browsers without JavaScript do then
	Onward   string // what every browser does at once
	Policies bool   // whether there is a list of policies
	Place    string // which part of the page is open: "find" or "policies"
}

// A user is who is signed in.
type user struct{ DN, Name string }

// render writes a page, all at once or not at all.
func (c *Console) render(w http.ResponseWriter, r *http.Request, s *session, status int, name, title string, view any) {
	p := page{Title: title, View: view, Policies: c.hasPolicies(), Place: "find"}
	if strings.HasPrefix(r.URL.Path, "/console/polic") {
		p.Place = "policies"
	}
	if s != nil {
		entry := strings.TrimPrefix(s.authzID, "dn:")
		p.User, p.Token = &user{entry, nameOf(entry)}, string(s.token)
		p.Idle, p.IdleText = int(c.cfg.IdleTimeout/time.Second), inWords(c.cfg.IdleTimeout)
		p.Stay = "/"
		if r.Method != http.MethodPost {
			p.Stay = safeNext(r.URL.RequestURI())
		} else if v, ok := view.(interface{ stay() string }); ok {
			p.Stay = v.stay()
		}
		p.Refresh = itoa(p.Idle) + ";url=/console/idle?next=" + url.QueryEscape(p.Stay)
	}
	if v, ok := view.(interface{ refresh() string }); ok {
		p.Onward = v.refresh()
	}
	var b bytes.Buffer
	defer func() { clear(b.Bytes()[:b.Cap()]) }()
	b.Grow(64 << 10) // growing would leave copies of passwords behind
	if err := c.views.pages[name].ExecuteTemplate(&b, "page", p); err != nil {
		c.cfg.Log.ErrorContext(r.Context(), "a page cannot be rendered", "page", name, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the client is gone
	}
}

// nameOf returns what people call an entry that only its DN is known of: the
// value of its RDN.
func nameOf(entry string) string {
	d, err := dn.Parse(entry)
	if err != nil || d.IsRoot() || len(d.RDNs[0]) == 0 {
		return entry
	}
	return string(d.RDNs[0][0].Value)
}

// dnText is a DN that lines break in between its parts.
func dnText(entry string) template.HTML {
	return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(entry), ",", ",<wbr>"))
}

// inWords writes a duration as people say it.
func inWords(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d >= unit.of && (d%unit.of == 0 || d >= 10*unit.of) {
			n := int(d / unit.of)
			if n == 1 {
				return "1 " + unit.name
			}
			return itoa(n) + " " + unit.name + "s"
		}
	}
	return d.String()
}

func itoa(n int) string { return strconv.Itoa(n) }
