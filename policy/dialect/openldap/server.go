package openldap

import (
	"context"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A level is what the schema tells of the server's version: the root DSE
// does not name it.
type level int

const (
	noPPolicy level = iota // the ppolicy module is not loaded
	level25                // policies name their check module
	level26                // policies switch on the overlay's check module
	level27                // policies are chosen by rules too, and the entry shows the outcome
)

// levelOf reads the level off the object classes.
func levelOf(objectClasses []string) level {
	l := noPPolicy
	for _, def := range objectClasses {
		switch {
		case strings.Contains(def, "'pwdHashingPolicy'"):
			return level27
		case strings.Contains(def, "'pwdPolicyChecker'") && strings.Contains(def, "pwdUseCheckModule"):
			l = max(l, level26)
		case strings.Contains(def, "'pwdPolicy'"):
			l = max(l, level25)
		}
	}
	return l
}

// A serverView is what the package knows of a server, apart from its
// entries.
type serverView struct {
	serial   uint64 // tells views of a Dialect apart
	level    level
	schemaDN string
	contexts []dn.DN // naming contexts

	configDN  string
	readable  bool // whether cn=config answered
	databases []database

	// What the view was made from: as long as the directory's cache returns
	// the same entries, it need not be made again.
	rootDSE, schema, config *policy.Entry
}

// A database is one of those of cn=config.
type database struct {
	dn       string
	kind     string // as in "mdb"
	suffixes []dn.DN
	overlay  *overlay // nil: none is shown
}

// An overlay is a database's ppolicy overlay.
type overlay struct {
	dn            string
	defaultPolicy string // empty: none, or hidden
	checkModule   string // empty: none, or hidden
	disableWrite  bool
	rules         int // of object class olcPPolicyAbstractRule (2.7)
}

var (
	rootDSEAttributes = []string{"namingContexts", "configContext", "subschemaSubentry"}
	configAttributes  = []string{
		"objectClass", "olcSuffix", "olcDatabase", "olcOverlay",
		"olcPPolicyDefault", "olcPPolicyCheckModule", "olcPPolicyDisableWrite",
	}
)

const configFilter = "(|(olcSuffix=*)(objectClass=olcPPolicyConfig)(objectClass=olcPPolicyAbstractRule))"

type serverKey struct{}

// server returns what is not about one entry. It is read but once in the time
// to live of the directory's cache.
func (d *Dialect) server(ctx context.Context, dir policy.Directory) (*serverView, error) {
	return policy.Recall(dir, serverKey{}, func(dir policy.Directory) (*serverView, error) {
		return d.readServer(ctx, dir)
	})
}

func (d *Dialect) readServer(ctx context.Context, dir policy.Directory) (*serverView, error) {
	root, err := dir.Search(ctx, policy.Query{Attributes: rootDSEAttributes, Shared: true})
	if err != nil {
		return nil, err
	}
	if len(root) != 1 || len(root[0].Values("namingContexts")) == 0 {
		return nil, result.New(result.InsufficientAccessRights,
			"the service account may not read namingContexts of the root DSE: grant it read access to dn.base=\"\"")
	}
	subschema, ok := root[0].Value("subschemaSubentry")
	if !ok {
		subschema = "cn=Subschema"
	}
	schema, err := dir.Search(ctx, policy.Query{Base: subschema, Attributes: []string{"objectClasses"}, Shared: true})
	if err != nil && !hidden(err) {
		return nil, err
	}
	if len(schema) != 1 || len(schema[0].Values("objectClasses")) == 0 {
		return nil, result.New(result.InsufficientAccessRights,
			"the service account may not read objectClasses of %q: grant it read access to dn.subtree=%[1]q", subschema)
	}
	var config []policy.Entry
	configDN, ok := root[0].Value("configContext")
	if ok {
		config, err = dir.Search(ctx, policy.Query{
			Base: configDN, Scope: policy.WholeSubtree, Filter: configFilter, Attributes: configAttributes, Shared: true,
		})
		if err != nil && !hidden(err) {
			return nil, err
		}
	}
	v := &serverView{rootDSE: first(root), schema: first(schema), config: first(config)}
	if old := d.view.Load(); old != nil && old.rootDSE == v.rootDSE && old.schema == v.schema && old.config == v.config {
		return old, nil
	}
	v.schemaDN = subschema
	v.level = levelOf(schema[0].Values("objectClasses"))
	for _, c := range root[0].Values("namingContexts") {
		name, err := dn.Parse(c)
		if err != nil {
			return nil, result.Wrap(err, result.Other, "the root DSE names %q as a naming context", c)
		}
		v.contexts = append(v.contexts, name)
	}
	v.configDN = configDN
	v.readable = len(config) > 0
	if v.databases, err = databasesOf(config); err != nil {
		return nil, err
	}
	v.serial = d.views.Add(1)
	d.view.Store(v)
	return v, nil
}

func first(entries []policy.Entry) *policy.Entry {
	if len(entries) == 0 {
		return nil
	}
	return &entries[0]
}

// databasesOf puts together the entries of cn=config: an overlay's superior
// is its database, a rule's superior is its overlay.
func databasesOf(entries []policy.Entry) ([]database, error) {
	var dbs []database
	overlays := make(map[string]*overlay)    // by key of its DN
	parents := make(map[string]string)       // key of an overlay's DN to that of its database's
	rules := make(map[string]int)            // by key of the overlay's DN
	order := make([]string, 0, len(entries)) // keys of databases
	for _, e := range entries {
		name, err := dn.Parse(e.DN)
		if err != nil {
			return nil, result.Wrap(err, result.Other, "cn=config holds an entry named %q", e.DN)
		}
		parent := name.Parent().Key()
		switch {
		case e.IsA("olcPPolicyConfig"):
			o := &overlay{dn: e.DN}
			o.defaultPolicy, _ = e.Value("olcPPolicyDefault")
			o.checkModule, _ = e.Value("olcPPolicyCheckModule")
			disabled, _ := e.Value("olcPPolicyDisableWrite")
			o.disableWrite = strings.EqualFold(disabled, "TRUE")
			overlays[name.Key()], parents[name.Key()] = o, parent
		case len(e.Values("olcSuffix")) > 0:
			db := database{dn: e.DN}
			kind, _ := e.Value("olcDatabase")
			db.kind = kind[strings.LastIndexByte(kind, '}')+1:]
			for _, s := range e.Values("olcSuffix") {
				suffix, err := dn.Parse(s)
				if err != nil {
					return nil, result.Wrap(err, result.Other, "olcSuffix of %q is %q", e.DN, s)
				}
				db.suffixes = append(db.suffixes, suffix)
			}
			dbs = append(dbs, db)
			order = append(order, name.Key())
		default:
			rules[parent]++
		}
	}
	for key, o := range overlays {
		o.rules = rules[key]
		if i := slices.Index(order, parents[key]); i >= 0 {
			dbs[i].overlay = o
		}
	}
	return dbs, nil
}

// context returns the naming context that holds name.
func (v *serverView) context(name dn.DN) (dn.DN, bool) {
	var best dn.DN
	found := false
	for _, c := range v.contexts {
		if name.Under(c) && (!found || len(c.RDNs) > len(best.RDNs)) {
			best, found = c, true
		}
	}
	return best, found
}

// database returns the database that holds name, or nil where cn=config does
// not show which.
func (v *serverView) database(name dn.DN) *database {
	var best *database
	longest := -1
	for i, db := range v.databases {
		for _, s := range db.suffixes {
			if name.Under(s) && len(s.RDNs) > longest {
				best, longest = &v.databases[i], len(s.RDNs)
			}
		}
	}
	// A naming context below the suffix belongs to a database that is hidden.
	if c, ok := v.context(name); !ok || len(c.RDNs) > longest {
		return nil
	}
	return best
}

// anyOverlay reports whether a ppolicy overlay is shown, wherever. The
// account then may see those, and a database that shows none has none.
func (v *serverView) anyOverlay() bool {
	return slices.ContainsFunc(v.databases, func(db database) bool { return db.overlay != nil })
}

// proxies are the backends whose entries are another server's, with a policy
// that this one does not know.
var proxies = []string{"ldap", "meta", "asyncmeta", "relay"}
