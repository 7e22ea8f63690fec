package embedded

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/ldif"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// The data of a new directory.
var (
	//go:embed default.ldif
	exampleLDIF string
	//go:embed config.ldif
	configLDIF string
)

// passwordFile is where a chosen administrator password is kept, for its
// owner alone.
const passwordFile = "admin.password"

// prepare brings the store into the state that Open promises.
func (d *Directory) prepare(ctx context.Context, cfg Config) error {
	found, err := d.store.initialized()
	if err != nil {
		return err
	}
	if found {
		if err := d.restore(); err != nil {
			return err
		}
		if cfg.AdminPassword == "" {
			return nil
		}
		if err := d.resetAdmin(ctx, cfg.AdminPassword); err != nil {
			return err
		}
		// What the file tells is the password no more.
		if err := os.Remove(filepath.Join(cfg.Dir, passwordFile)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return d.createNew(ctx, cfg)
}

// restore reads what is not in memory yet.
func (d *Directory) restore() error {
	return d.store.view(func(t *txn) error {
		d.AdminDN = string(t.meta.Get(adminKey))
		d.adminKey = d.mustKey(d.AdminDN)
		tops, err := t.tops()
		if err != nil {
			return err
		}
		for _, e := range tops {
			if d.mustKey(e.DN) != configKey {
				d.contexts = append(d.contexts, e.DN)
			}
		}
		return nil
	})
}

// resetAdmin sets the administrator's password, whatever policy is in force.
func (d *Directory) resetAdmin(ctx context.Context, password string) error {
	var stored []string
	err := d.store.view(func(t *txn) error {
		e, _, err := t.get(d.adminKey)
		stored = e.Values(passwordAttr)
		return err
	})
	if err != nil {
		return err
	}
	if len(stored) == 1 {
		if same, err := d.hasher.Verify(ctx, stored, []byte(password)); same || err != nil {
			return err
		}
	}
	hash, err := d.hasher.Hash(ctx, []byte(password))
	if err != nil {
		return err
	}
	d.log.Info("setting the password of the administrator", "dn", d.AdminDN)
	return d.store.update(func(t *txn) error {
		e, ok, err := t.get(d.adminKey)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("embedded: the administrator %q is not there", d.AdminDN)
		}
		e = clone(e)
		set(&e, passwordAttr, hash)
		set(&e, "pwdChangedTime", generalizedTime(time.Now()))
		return t.put(d.adminKey, e)
	})
}

// createNew fills a new store, in one transaction: after a crash midway the
// next start finds nothing and begins again.
func (d *Directory) createNew(ctx context.Context, cfg Config) error {
	source := cfg.LDIF
	if source == nil {
		source = strings.NewReader(exampleLDIF)
	}
	entries, err := readEntries(source)
	if err != nil {
		return err
	}
	defaults, err := readEntries(strings.NewReader(configLDIF))
	if err != nil {
		return err
	}
	if err := d.loadPasswords(ctx, entries); err != nil {
		return err
	}
	password := cfg.AdminPassword
	if password == "" {
		if password, err = chooseAdminPassword(ctx, cfg); err != nil {
			return err
		}
		d.AdminPassword = password
	}
	hash, err := d.hasher.Hash(ctx, []byte(password))
	if err != nil {
		return err
	}
	if d.AdminPassword != "" {
		// Before the commit: a password that was lost in a crash would leave
		// a directory that nobody can get into.
		if err := writeSecret(filepath.Join(cfg.Dir, passwordFile), password); err != nil {
			return err
		}
	}
	return d.store.update(func(t *txn) error {
		c := &change{txn: t, d: d, ctx: ctx, now: time.Now().UTC()}
		if err := c.load(entries); err != nil {
			return err
		}
		if !t.exists(configKey) {
			if err := c.load(defaults); err != nil {
				return err
			}
		}
		if len(d.contexts) == 0 {
			return errors.New("embedded: the LDIF holds no entry outside cn=config")
		}
		if err := c.placeAdmin(cfg.AdminDN, hash); err != nil {
			return err
		}
		if problems, err := c.configProblems(); err != nil {
			return err
		} else if len(problems) > 0 {
			d.log.Warn("some password policies cannot be used as they are", "problems", problems)
		}
		if err := t.meta.Put(adminKey, []byte(d.AdminDN)); err != nil {
			return err
		}
		return t.meta.Put(formatKey, formatNow)
	})
}

func readEntries(r io.Reader) ([]policy.Entry, error) {
	var out []policy.Entry
	in := ldif.NewReader(r)
	for {
		e, err := in.Read()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
}

// loadPasswords replaces clear-text passwords by hashes.
func (d *Directory) loadPasswords(ctx context.Context, entries []policy.Entry) error {
	hashed := 0
	for i := range entries {
		values := entries[i].Values(passwordAttr)
		for j, v := range values {
			if pwhash.Known(v) || v == "" {
				continue
			}
			if bare, ok := clearText(v); ok {
				v = bare
			}
			h, err := d.hasher.Hash(ctx, []byte(v))
			if err != nil {
				return err
			}
			values[j] = h
			if hashed++; hashed%1000 == 0 {
				d.log.Info("hashing clear-text passwords", "done", hashed)
			}
		}
	}
	return nil
}

// clearText strips the marks that directories put before stored clear text.
func clearText(v string) (string, bool) {
	for _, mark := range []string{"{CLEAR}", "{CLEARTEXT}", "{BASE}"} {
		if len(v) > len(mark) && strings.EqualFold(v[:len(mark)], mark) {
			return v[len(mark):], true
		}
	}
	return v, false
}

// load puts entries as they are, in any order, adding what every entry has.
func (c *change) load(entries []policy.Entry) error {
	keys := make(map[treeKey]bool, len(entries))
	for _, e := range entries {
		name, err := dn.Parse(e.DN)
		if err != nil {
			return err
		}
		k := keyOf(name)
		switch {
		case k == "" || k == subschemaKey:
			continue // the root DSE and the schema are our own
		case keys[k] || c.exists(k):
			return fmt.Errorf("embedded: the LDIF holds %q twice", e.DN)
		}
		keys[k] = true
		e = clone(e)
		for _, ava := range name.RDNs[0] {
			if !ava.Hex {
				if err := c.d.ensureValue(&e, ava); err != nil {
					return fmt.Errorf("embedded: %q: %w", e.DN, err)
				}
			}
		}
		c.d.create(c, &e)
		if err := c.txn.put(k, e); err != nil {
			return fmt.Errorf("embedded: %q: %w", e.DN, err)
		}
	}
	// A naming context is an entry whose superior is not in the file. Were
	// there any below such a gap, they could not be reached from the top.
	for _, e := range entries {
		k := c.d.mustKey(e.DN)
		if k == "" || k == subschemaKey || k == configKey || c.exists(k.parent()) {
			continue
		}
		for p := k.parent(); p != ""; p = p.parent() {
			if c.exists(p) {
				return fmt.Errorf("embedded: the superior of %q is missing", e.DN)
			}
		}
		c.d.contexts = append(c.d.contexts, e.DN)
	}
	return nil
}

// placeAdmin makes the entry of the administrator, or gives an existing one
// the password.
func (c *change) placeAdmin(name, hash string) error {
	d := c.d
	if name == "" {
		name = "cn=admin," + d.contexts[0]
	}
	parsed, err := dn.Parse(name)
	if err != nil {
		return fmt.Errorf("embedded: the administrator's DN: %w", err)
	}
	k := keyOf(parsed)
	d.AdminDN, d.adminKey = name, k
	e, ok, err := c.get(k)
	if err != nil {
		return err
	}
	if !ok {
		if !c.exists(k.parent()) {
			return fmt.Errorf("embedded: the superior of the administrator %q is missing", name)
		}
		e = policy.Entry{DN: name, Attributes: []policy.Attribute{
			{Name: "objectClass", Values: []string{"top", "person", "organizationalPerson", "inetOrgPerson"}},
			{Name: "sn", Values: []string{"Administrator"}},
			{Name: "description", Values: []string{"May read and change everything"}},
		}}
		for _, ava := range parsed.RDNs[0] {
			if err := d.ensureValue(&e, ava); err != nil {
				return err
			}
		}
		if len(e.Values("cn")) == 0 {
			set(&e, "cn", "Administrator")
		}
	}
	e = clone(e)
	d.AdminDN = e.DN
	set(&e, passwordAttr, hash)
	set(&e, "pwdChangedTime", generalizedTime(c.now))
	d.create(c, &e)
	return c.txn.put(k, e)
}

// chooseAdminPassword draws from the shape that policies without a generator
// have.
func chooseAdminPassword(ctx context.Context, cfg Config) (string, error) {
	compiled := policy.Compile(&policy.Policy{}, cfg.Generator)
	out, err := compiled.Suggest(ctx, rule.Subject{}, policy.SuggestOptions{Count: 1})
	if err != nil {
		return "", err
	}
	defer out[0].Password.Wipe()
	return string(out[0].Password.Bytes()), nil
}

func writeSecret(name, secret string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	// A file that was there keeps its mode.
	err = f.Chmod(0o600)
	if err == nil {
		// Without a line end: the OpenLDAP tools' -y takes all that is there.
		_, err = io.WriteString(f, secret)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("embedded: writing %s: %w", name, err)
	}
	return nil
}

// wordLists returns what opendj.Config.WordList wants: the files in the
// subdirectory config. A name is looked up among those that are there, and
// nothing outside can be reached.
func wordLists(dir string) func(name string) ([]string, error) {
	var mu sync.Mutex
	return func(name string) ([]string, error) {
		mu.Lock()
		defer mu.Unlock()
		base := strings.TrimPrefix(path.Clean(filepath.ToSlash(name)), "config/")
		if base == "" || strings.Contains(base, "/") || !fs.ValidPath(base) {
			return nil, fs.ErrNotExist
		}
		root, err := os.OpenRoot(filepath.Join(dir, "config"))
		if err != nil {
			return nil, err
		}
		defer root.Close()
		b, err := root.ReadFile(base)
		if err != nil {
			return nil, err
		}
		return strings.Split(strings.TrimPrefix(string(b), "\ufeff"), "\n"), nil
	}
}
