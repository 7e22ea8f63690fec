package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/jimlambrt/gldap"
	"pgregory.net/rapid"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

func entries(t *testing.T, d *Directory, base string, attributes ...string) map[string]policy.Entry {
	t.Helper()
	found, err := d.Search(t.Context(), policy.Query{Base: base, Scope: policy.WholeSubtree, Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]policy.Entry)
	for _, e := range found {
		out[e.DN] = e
	}
	return out
}

// Entries written for other servers load, survive and are exported as they
// were, and the export makes the same directory again.
func TestImportAndExport(t *testing.T) {
	b, err := os.ReadFile("testdata/foreign.ldif")
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, Config{LDIF: bytes.NewReader(b)})
	want, err := readEntries(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 5 {
		t.Fatalf("only %d entries", len(want))
	}
	if d.AdminDN != "cn=admin,o=Acme" {
		t.Errorf("administrator %q", d.AdminDN)
	}
	have := entries(t, d, "", "*", "+")
	for _, w := range want {
		got := have[w.DN]
		for _, a := range w.Attributes {
			values := got.Values(a.Name)
			if strings.EqualFold(a.Name, "userPassword") {
				if len(values) != 1 || !strings.HasPrefix(values[0], "{") || a.Values[0] == "clear text" && values[0] == a.Values[0] {
					t.Errorf("%s: password stored as %q", w.DN, values)
				}
				continue
			}
			if d := cmp.Diff(a.Values, values); d != "" {
				t.Errorf("%s: %s\n%s", w.DN, a.Name, d)
			}
		}
	}
	c := dial(t, d)
	wantCode(t, c.Bind("uid=ann,ou=Staff,o=Acme", "clear text"), result.Success)
	wantCode(t, c.Bind("uid=bob,ou=Staff,o=Acme", "correct horse"), result.Success)
	wantCode(t, c.Bind("cn=admin,o=Acme", adminPassword), result.Success)

	eff, err := d.Policies().Resolve(t.Context(), policy.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if eff.Policy.DN != "cn=Acme,cn=Password Policies,cn=config" {
		t.Errorf("default policy %q", eff.Policy.DN)
	}
	// One of the policies runs a script, which nobody can obey here. It may
	// be there, and other edits are possible, but nothing is suggested under
	// it.
	if _, err := d.Policies().Resolve(t.Context(), policy.Selection{PolicyDN: "cn=Scripted,cn=Password Policies,cn=config"}); err == nil {
		t.Error("a scripted validator is ignored")
	}
	wantCode(t, c.Modify(replace("cn=Length,cn=Password Validators,cn=config", "ds-cfg-min-password-length", "9")), result.Success)
	wantCode(t, c.Modify(replace("cn=Length,cn=Password Validators,cn=config", "ds-cfg-min-password-length", "none")), result.UnwillingToPerform)

	var first, second bytes.Buffer
	if err := d.Export(&first); err != nil {
		t.Fatal(err)
	}
	again := open(t, Config{LDIF: bytes.NewReader(first.Bytes()), AdminPassword: adminPassword})
	if err := again.Export(&second); err != nil {
		t.Fatal(err)
	}
	// The administrator got a new hash.
	strip := func(b *bytes.Buffer) string {
		text := b.String()
		at := strings.Index(text, "dn: cn=admin,o=Acme")
		end := strings.Index(text[at:], "\n\n")
		if end < 0 {
			end = len(text) - at
		}
		return text[:at] + text[at+end:]
	}
	if d := cmp.Diff(strip(&first), strip(&second)); d != "" {
		t.Error(d)
	}
}

func TestLDIFIsRefused(t *testing.T) {
	for name, in := range map[string]string{
		"twice":         "dn: dc=x\nobjectClass: domain\n\ndn: DC=X\nobjectClass: domain\n",
		"gap":           "dn: dc=x\nobjectClass: domain\n\ndn: cn=a,ou=none,dc=x\nobjectClass: device\n",
		"only config":   "dn: cn=config\nobjectClass: ds-cfg-root-config\n",
		"empty":         "",
		"not LDIF":      "hello\n",
		"change record": "dn: dc=x\nchangetype: add\nobjectClass: domain\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if d, err := Open(t.Context(), Config{Dir: dir, LDIF: strings.NewReader(in), AdminPassword: "x"}); err == nil {
				d.Close()
				t.Fatal("loaded")
			} else {
				t.Log(err)
			}
			// Nothing is left behind: the next start begins anew.
			if _, err := os.Stat(filepath.Join(dir, storeFile)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the store is there (%v)", err)
			}
			open(t, Config{Dir: dir})
		})
	}
}

func TestWordListsOfTheOperator(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config", "ours.txt"), []byte("\ufeffaardvark\r\nbadger\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "config", "link.txt")); err != nil {
		t.Fatal(err)
	}
	d := open(t, Config{Dir: dir})
	c := dialAdmin(t, d)
	const entry = "cn=Passphrase,cn=Password Generators,cn=config"
	for _, outside := range []string{"config/link.txt", "config/../directory.db", "/etc/passwd", "config", "", "config/none.txt"} {
		wantCode(t, c.Modify(replace(entry, "ds-cfg-dictionary-file", outside)), result.UnwillingToPerform)
	}
	wantCode(t, c.Modify(replace(entry, "ds-cfg-dictionary-file", "config/ours.txt")), result.Success)
	eff, err := d.Policies().Resolve(t.Context(), policy.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := strings.NewReplacer("Aardvark", "", "Badger", "").Replace(string(out[0].Password.Bytes()))
	if p != "" {
		t.Error("the password has other words than the list")
	}
}

// gldap's server is started again when it ends, and clients find it.
func TestServerIsSupervised(t *testing.T) {
	d := open(t, Config{})
	old := d.server.addr
	if err := d.server.runs[0].srv.Stop(); err != nil {
		t.Fatal(err)
	}
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		c, err := d.Dial(ctx)
		cancel()
		if err == nil {
			c.Close()
			break
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if dialAdmin(t, d); d.server.addr == "" {
		t.Errorf("no address; it was %s", old)
	}
}

func TestHandlersRecover(t *testing.T) {
	d := open(t, Config{})
	err := d.server.recovered(t.Context(), func(context.Context, *gldap.ResponseWriter, *gldap.Request) error { panic("x") }, nil, nil)
	if e := result.From(err); e == nil || e.Code != result.Other || strings.Contains(e.Text, "x\n") {
		t.Errorf("%v", err)
	}
}

// Close ends connections that idle, and does not wait for them.
func TestCloseWithIdleClients(t *testing.T) {
	d, err := Open(t.Context(), Config{Dir: t.TempDir(), AdminPassword: adminPassword})
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for range 100 {
		c, err := d.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range conns {
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a connection is still open (%v)", err)
		}
	}
	if _, err := d.Dial(t.Context()); err == nil {
		t.Error("a closed directory can be dialed")
	}
	if _, err := d.Search(t.Context(), policy.Query{Base: "cn=config"}); !result.Is(err, result.Unavailable) {
		t.Errorf("search: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestClosedConnectionsAreForgotten(t *testing.T) {
	d := open(t, Config{})
	for range 300 {
		c, err := d.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	d.server.mu.Lock()
	defer d.server.mu.Unlock()
	if n := len(d.server.conns); n > 200 {
		t.Errorf("%d connections are remembered", n)
	}
}

func TestNewerFormatIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	open(t, Config{Dir: dir}).Close()
	st, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.update(func(tx *txn) error { return tx.meta.Put(formatKey, []byte("2")) }); err != nil {
		t.Fatal(err)
	}
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Dir: dir}); !errors.Is(err, errFormat) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, storeFile)); err != nil {
		t.Error(err)
	}
}

// Many clients write at once; each write is there, and counters are exact.
func TestConcurrentWrites(t *testing.T) {
	d := open(t, Config{})
	c := dialAdmin(t, d)
	add := ldap.NewAddRequest("cn=counter,dc=example,dc=com", nil)
	add.Attribute("objectClass", []string{"device"})
	add.Attribute("uidNumber", []string{"0"})
	wantCode(t, c.Add(add), result.Success)
	var wg sync.WaitGroup
	for w := range 4 {
		c := dialAdmin(t, d)
		wg.Go(func() {
			for i := range 10 {
				m := ldap.NewModifyRequest(add.DN, nil)
				m.Increment("uidNumber", "1")
				if err := c.Modify(m); err != nil {
					t.Error(err)
				}
				e := ldap.NewAddRequest(fmt.Sprintf("cn=w%d-%d,dc=example,dc=com", w, i), nil)
				e.Attribute("objectClass", []string{"device"})
				if err := c.Add(e); err != nil {
					t.Error(err)
				}
				if _, err := d.Search(t.Context(), policy.Query{Base: "dc=example,dc=com", Scope: policy.WholeSubtree}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	e := entries(t, d, add.DN)[add.DN]
	if v, _ := e.Value("uidNumber"); v != "40" {
		t.Errorf("the counter is at %s", v)
	}
	if n := len(entries(t, d, "dc=example,dc=com")); n < 40 {
		t.Errorf("%d entries", n)
	}
	csns := make(map[string]bool)
	for _, e := range entries(t, d, "dc=example,dc=com", "entryCSN") {
		v, _ := e.Value("entryCSN")
		if csns[v] {
			t.Errorf("two entries have the change number %s", v)
		}
		csns[v] = true
	}
}

// The store finds under every base and scope what a plain list would.
func TestWalkAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		names := map[string]bool{"dc=x": true}
		rdn := rapid.StringMatching(`(cn|ou)=[abc!-]{1,2}`)
		for range rapid.IntRange(0, 30).Draw(rt, "n") {
			var all []string
			for n := range names {
				all = append(all, n)
			}
			parent := rapid.SampledFrom(slices.Sorted(slices.Values(all))).Draw(rt, "parent")
			names[rdn.Draw(rt, "rdn")+","+parent] = true
		}
		dir, err := os.MkdirTemp("", "walk")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		st, err := openStore(dir)
		if err != nil {
			rt.Fatal(err)
		}
		defer st.close()
		st.db.NoSync = true
		key := func(s string) treeKey {
			d, err := dn.Parse(s)
			if err != nil {
				rt.Fatal(err)
			}
			return keyOf(d)
		}
		err = st.update(func(tx *txn) error {
			for n := range names {
				if err := tx.put(key(n), policy.Entry{DN: n}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
		err = st.view(func(tx *txn) error {
			for base := range names {
				for _, scope := range []policy.Scope{baseObject, singleLevel, wholeSubtree} {
					want := make(map[string]bool)
					for n := range names {
						k := key(n)
						if scope == baseObject && n == base || scope == singleLevel && k.parent() == key(base) || scope == wholeSubtree && k.under(key(base)) {
							want[n] = true
						}
					}
					// In pages of two.
					got := make(map[string]bool)
					var after treeKey
					for more := true; more; {
						more = false
						n := 0
						err := tx.walk(key(base), scope, after, func(k treeKey, e policy.Entry) (bool, error) {
							if n == 2 {
								more = true
								return false, nil
							}
							n++
							after = k
							if got[e.DN] {
								rt.Errorf("%q comes twice", e.DN)
							}
							got[e.DN] = true
							return true, nil
						})
						if err != nil {
							return err
						}
						if scope == baseObject {
							break
						}
					}
					if d := cmp.Diff(want, got); d != "" {
						rt.Fatalf("base %q scope %d: %s", base, scope, d)
					}
				}
				if has := tx.hasChildren(key(base)); has != (func() bool {
					for n := range names {
						if key(n).parent() == key(base) {
							return true
						}
					}
					return false
				}()) {
					rt.Errorf("%q: children %v", base, has)
				}
			}
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(appendEntry(nil, filterEntry))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := decodeEntry(raw)
		if err != nil {
			return
		}
		again, err := decodeEntry(appendEntry(nil, e))
		if err != nil || !cmp.Equal(e, again) {
			t.Fatalf("%v: %+v, %+v", err, e, again)
		}
	})
}
