package directory_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/activedirectory"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// A watched is a service that would not notice a change for an hour but for
// what it is told.
type watched struct {
	*policy.Service
	log    *testenv.Output
	notice chan bool // what Notified said, true for something
	reads  *reads
	stop   func()

	changes atomic.Int64 // calls of Invalidate
}

func (w *watched) Invalidate() {
	w.changes.Add(1)
	w.Service.Invalidate()
}

func (w *watched) Notified(watches []policy.Watch) {
	w.Service.Notified(watches)
	if len(watches) > 0 {
		w.reads.mu.Lock()
		w.reads.watches = watches
		w.reads.mu.Unlock()
	}
	w.notice <- len(watches) > 0
}

// until waits for Notified to say that policies are watched, or not.
func (w *watched) until(t *testing.T, want bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case got := <-w.notice:
			if got == want {
				return
			}
		case <-deadline:
			t.Fatalf("watched: not %v after 30 s; log:\n%s", want, w.log)
		}
	}
}

// obeys waits for the policy of a selection to demand a minimum length.
func (w *watched) obeys(t *testing.T, sel policy.Selection, attribute, value string) {
	t.Helper()
	begun := time.Now()
	var last string
	for time.Since(begun) < 10*time.Second {
		eff, err := w.Resolve(t.Context(), sel)
		if err != nil {
			last = err.Error()
		} else {
			last = "no such demand"
			for _, d := range eff.Policy.Demands {
				if d.Source.Attribute == attribute {
					last = d.Source.Value
				}
			}
			if last == value {
				t.Logf("obeyed after %v", time.Since(begun).Round(time.Millisecond))
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%+v: %s is %q, want %q; log:\n%s", sel, attribute, last, value, w.log)
}

// settled proves that policies are kept: no search is made for one.
func (w *watched) settled(t *testing.T, sel policy.Selection) *policy.Effective {
	t.Helper()
	eff, err := w.Resolve(t.Context(), sel)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Resolve(t.Context(), sel)
	if err != nil {
		t.Fatal(err)
	}
	if eff.Compiled != again.Compiled {
		t.Errorf("%+v was compiled twice", sel)
	}
	return again
}

// ignores proves that a change is not taken for one to a policy, by making
// one that is right after it: the server tells of both in order.
func (w *watched) ignores(t *testing.T, other, own func()) {
	t.Helper()
	before := w.changes.Load()
	other()
	own()
	deadline := time.Now().Add(10 * time.Second)
	for w.changes.Load() == before {
		if time.Now().After(deadline) {
			t.Fatal("no notice of a policy's change")
		}
		time.Sleep(time.Millisecond)
	}
	if n := w.changes.Load() - before; n != 1 {
		t.Errorf("%d notices, want that of the policy's change only", n)
	}
}

func watch(t *testing.T, d policy.Dialect, cfg directory.Config) *watched {
	t.Helper()
	log := new(testenv.Output)
	cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client, err := directory.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// Without a word from the directory, not even one minute would do.
	w := &watched{log: log, notice: make(chan bool, 100), reads: &reads{Directory: client}}
	w.Service = policy.NewService(d, w.reads, policy.ServiceConfig{TTL: time.Hour, NotifiedTTL: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		client.Watch(ctx, w, directory.WatchConfig{Log: cfg.Log})
	}()
	w.stop = func() {
		cancel()
		<-done
		client.Close()
	}
	t.Cleanup(w.stop)
	w.until(t, true)
	t.Cleanup(func() { w.reads.check(t) })
	return w
}

// reads notes what is read from a cache.
type reads struct {
	policy.Directory

	mu      sync.Mutex
	watches []policy.Watch
	found   map[string]bool // DNs of entries
}

func (r *reads) Search(ctx context.Context, q policy.Query) ([]policy.Entry, error) {
	found, err := r.Directory.Search(ctx, q)
	if q.Shared && !q.Unwatched {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.found == nil {
			r.found = make(map[string]bool)
		}
		for _, e := range found {
			r.found[e.DN] = true
		}
	}
	return found, err
}

// check proves that each entry that policies were made from is one that a
// watch finds, if it is below one's base: it is kept as if it were.
func (r *reads) check(t *testing.T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	checked := 0
	for name := range r.found {
		d, err := dn.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		below, matched := false, false
		for _, w := range r.watches {
			base, err := dn.Parse(w.Base)
			if err != nil {
				t.Fatal(err)
			}
			depth := len(d.RDNs) - len(base.RDNs)
			if !d.Under(base) || depth > 0 && (base.IsRoot() || w.Scope == policy.BaseObject) || w.Scope == policy.SingleLevel && depth != 1 {
				continue
			}
			below = true
			found, err := r.Directory.Search(context.Background(), policy.Query{Base: name, Filter: w.Filter, Attributes: []string{"1.1"}})
			if err != nil && !result.Is(err, result.NoSuchObject) {
				t.Error(err)
			}
			matched = matched || len(found) == 1 || err != nil
		}
		if below && !matched {
			t.Errorf("%q is kept, but a change of it would not be noticed", name)
		}
		if below {
			checked++
		}
	}
	if checked == 0 {
		t.Error("nothing was kept")
	}
}

func modify(t *testing.T, conn *ldap.Conn, dn string, replace map[string]string) {
	t.Helper()
	m := ldap.NewModifyRequest(dn, nil)
	for a, v := range replace {
		m.Replace(a, []string{v})
	}
	if err := conn.Modify(m); err != nil {
		t.Fatal(err)
	}
}

func TestWatchSlapd(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20}}})
	w := watch(t, openldap.New(openldap.Config{}), directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	if log := w.log.String(); !strings.Contains(log, `content synchronization of \"`+s.Suffix) || !strings.Contains(log, `comparing of \"\", \"cn=config\"`) {
		t.Errorf("log:\n%s", log)
	}
	admin, config := s.Dial(t, s.Admin), s.Dial(t, s.ConfigAdmin)
	user := policy.Selection{Target: s.UserDN(1)}
	w.settled(t, user)
	w.settled(t, policy.Selection{})
	for _, length := range []string{"21", "22", "23"} {
		modify(t, admin, s.PolicyDN("strict"), map[string]string{"pwdMinLength": length})
		w.obeys(t, user, "pwdMinLength", length)
	}
	w.ignores(t, func() { modify(t, admin, s.UserDN(2), map[string]string{"sn": "Other"}) }, func() {
		modify(t, admin, s.PolicyDN("strict"), map[string]string{"pwdMaxAge": "1000"})
	})
	// cn=config is compared.
	modify(t, config, "olcOverlay={1}ppolicy,olcDatabase={1}mdb,cn=config", map[string]string{"olcPPolicyDefault": s.PolicyDN("strict")})
	w.obeys(t, policy.Selection{}, "pwdMinLength", "23")
	// A policy that goes away is none, and one that comes is obeyed.
	if err := admin.Del(ldap.NewDelRequest(s.PolicyDN("strict"), nil)); err != nil {
		t.Fatal(err)
	}
	w.obeys(t, user, "pwdMinLength", "no such demand")
}

// A server that crashes and comes back is watched again.
func TestWatchAfterCrash(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20}}})
	w := watch(t, openldap.New(openldap.Config{}), directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	user := policy.Selection{Target: s.UserDN(1)}
	w.settled(t, user)
	for _, length := range []string{"31", "32"} {
		s.Kill()
		w.until(t, false)
		s.Restart(t)
		w.until(t, true)
		modify(t, s.Dial(t, s.Admin), s.PolicyDN("strict"), map[string]string{"pwdMinLength": length})
		w.obeys(t, user, "pwdMinLength", length)
	}
}

// With several servers, policies are kept only while all are watched.
func TestWatchAllServers(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20}}})
	a, b := newCutter(t, strings.TrimPrefix(s.URL, "ldap://")), newCutter(t, strings.TrimPrefix(s.URL, "ldap://"))
	w := watch(t, openldap.New(openldap.Config{}), directory.Config{
		URLs: []string{"ldap://" + a.addr, "ldap://" + b.addr}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password),
	})
	for _, c := range []*cutter{b, a} {
		c.cut()
		w.until(t, false)
		c.mend()
		w.until(t, true)
	}
	modify(t, s.Dial(t, s.Admin), s.PolicyDN("strict"), map[string]string{"pwdMinLength": "31"})
	w.obeys(t, policy.Selection{Target: s.UserDN(1)}, "pwdMinLength", "31")
}

// Whatever happens to the connection, the watch comes back, and what changed
// meanwhile is seen.
func TestWatchSurvivesNetwork(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20}}})
	// A proxy that can be cut: the server behind it goes on changing.
	p := newCutter(t, strings.TrimPrefix(s.URL, "ldap://"))
	w := watch(t, openldap.New(openldap.Config{}), directory.Config{
		URLs: []string{"ldap://" + p.addr}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password), RequestTimeout: time.Second,
	})
	admin := s.Dial(t, s.Admin)
	user := policy.Selection{Target: s.UserDN(1)}
	w.settled(t, user)

	p.cut()
	w.until(t, false)
	modify(t, admin, s.PolicyDN("strict"), map[string]string{"pwdMinLength": "31"})
	p.mend()
	w.until(t, true)
	w.obeys(t, user, "pwdMinLength", "31")
	modify(t, admin, s.PolicyDN("strict"), map[string]string{"pwdMinLength": "32"})
	w.obeys(t, user, "pwdMinLength", "32")

	// A connection on which nothing arrives any more is noticed too.
	p.freeze()
	w.until(t, false)
	modify(t, admin, s.PolicyDN("strict"), map[string]string{"pwdMinLength": "33"})
	p.cut()
	p.mend()
	w.until(t, true)
	w.obeys(t, user, "pwdMinLength", "33")
}

// Where the server tells of nothing, changes are found by comparing.
func TestWatchWithoutSync(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{
		{Users: 20, NoSyncprov: true}, {Suffix: "dc=example,dc=net", Users: 20},
	}})
	w := watch(t, openldap.New(openldap.Config{}), directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	if log := w.log.String(); !strings.Contains(log, `how="content synchronization of \"dc=example,dc=net\"; comparing of`) {
		t.Errorf("log:\n%s", log)
	}
	user := policy.Selection{Target: s.UserDN(1)}
	w.settled(t, user)
	modify(t, s.Dial(t, s.Admin), s.PolicyDN("strict"), map[string]string{"pwdMinLength": "21"})
	w.obeys(t, user, "pwdMinLength", "21")
}

// slapd answers few requests at a time on a connection, and counts a search
// that goes on among them.
func TestWatchFewThreads(t *testing.T) {
	t.Parallel()
	for _, threads := range []int{2, 4} {
		s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Threads: threads, Databases: []testenv.SlapdDatabase{
			{Users: 20}, {Suffix: "dc=example,dc=net", Users: 20}, {Suffix: "dc=example,dc=org", Users: 20}, {Suffix: "o=example", Users: 20},
		}})
		w := watch(t, openldap.New(openldap.Config{}), directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
		user := policy.Selection{Target: s.UserDN(1)}
		w.settled(t, user)
		modify(t, s.Dial(t, s.Admin), s.PolicyDN("strict"), map[string]string{"pwdMinLength": "21"})
		w.obeys(t, user, "pwdMinLength", "21")
	}
}

// slapd tells of changes whether or not the account may see what they are
// synchronized by.
func TestWatchSyncHidden(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{
		{Users: 20, Access: []string{"to attrs=entryUUID,entryCSN,contextCSN,structuralObjectClass by * none"}},
	}})
	w := watch(t, openldap.New(openldap.Config{}), directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	user := policy.Selection{Target: s.UserDN(1)}
	w.settled(t, user)
	modify(t, s.Dial(t, s.Admin), s.PolicyDN("strict"), map[string]string{"pwdMinLength": "21"})
	w.obeys(t, user, "pwdMinLength", "21")
}

// What is to be watched may change with what is there.
func TestWatchMoves(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 1}}})
	client, err := directory.New(directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	l := &lister{told: make(chan int, 100)}
	l.bases.Store(1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		client.Watch(t.Context(), l, directory.WatchConfig{})
	}()
	expect := func(want ...int) {
		t.Helper()
		for _, n := range want {
			select {
			case got := <-l.told:
				if got != n {
					t.Fatalf("%d entries are watched, want %d", got, n)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("not told of %d entries", n)
			}
		}
	}
	expect(1)
	l.bases.Store(2)
	modify(t, s.Dial(t, s.Admin), s.PolicyDN("default"), map[string]string{"pwdMinLength": "9"})
	expect(0, 2)
	// A dialect that has no more wishes ends it.
	l.bases.Store(0)
	modify(t, s.Dial(t, s.Admin), s.PolicyDN("default"), map[string]string{"pwdMinLength": "10"})
	expect(0)
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("Watch does not return")
	}
}

// A lister wants some policies watched.
type lister struct {
	bases atomic.Int64
	told  chan int
}

func (l *lister) Watches(context.Context, policy.Directory) ([]policy.Watch, error) {
	names := []string{"default", "strict"}[:l.bases.Load()]
	var out []policy.Watch
	for _, name := range names {
		out = append(out, policy.Watch{Base: "cn=" + name + ",ou=policies," + testenv.BaseDN})
	}
	return out, nil
}

func (l *lister) Notified(watches []policy.Watch) { l.told <- len(watches) }
func (l *lister) Invalidate()                     {}

// Closing the client ends its watches.
func TestWatchEndsWithClient(t *testing.T) {
	t.Parallel()
	client, err := directory.New(directory.Config{URLs: []string{"ldap://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		client.Watch(context.Background(), &lister{}, directory.WatchConfig{})
	}()
	client.Close()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("Watch does not return")
	}
}

func TestWatchDS389(t *testing.T) {
	t.Parallel()
	s := testenv.StartDS389(t, testenv.DS389Options{})
	w := watch(t, ds389.New(ds389.Config{}), directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	if log := w.log.String(); !strings.Contains(log, `persistent search of \"cn=config\", \"`+s.Suffix) {
		t.Errorf("log:\n%s", log)
	}
	admin := s.Dial(t, s.Admin)
	for _, length := range []string{"21", "22", "23"} {
		modify(t, admin, "cn=config", map[string]string{"passwordMinLength": length})
		w.obeys(t, policy.Selection{}, "passwordMinLength", length)
	}
	found, err := admin.Search(ldap.NewSearchRequest(s.Suffix, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(&(objectClass=ldapsubentry)(objectClass=passwordpolicy)(passwordCheckSyntax=on)(passwordMinLength=*))", []string{"1.1"}, nil))
	if err != nil || len(found.Entries) == 0 {
		t.Fatalf("no local policy: %v", err)
	}
	local := policy.Selection{PolicyDN: found.Entries[0].DN}
	for _, length := range []string{"31", "32", "33"} {
		modify(t, admin, local.PolicyDN, map[string]string{"passwordMinLength": length})
		w.obeys(t, local, "passwordMinLength", length)
	}
	w.ignores(t, func() { modify(t, admin, s.UserDN(2), map[string]string{"sn": "Other"}) }, func() {
		modify(t, admin, local.PolicyDN, map[string]string{"passwordWarning": "1000"})
	})
	s.Kill()
	w.until(t, false)
	s.Restart(t)
	w.until(t, true)
	modify(t, s.Dial(t, s.Admin), local.PolicyDN, map[string]string{"passwordMinLength": "34"})
	w.obeys(t, local, "passwordMinLength", "34")
}

func TestWatchSamba(t *testing.T) {
	t.Parallel()
	s := testenv.StartSamba(t)
	w := watch(t, activedirectory.New(activedirectory.Config{}), directory.Config{
		URLs: []string{s.TLSURL}, TLS: s.TLSConfig(), BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password),
	})
	admin := s.Dial(t, s.Admin)
	w.settled(t, policy.Selection{})
	for _, length := range []string{"12", "13"} {
		modify(t, admin, s.Suffix, map[string]string{"minPwdLength": length})
		w.obeys(t, policy.Selection{}, "minPwdLength", length)
		w.settled(t, policy.Selection{Target: s.UserDN("slot0")})
		modify(t, admin, s.SettingsDN("PSO-slot0"), map[string]string{"msDS-MinimumPasswordLength": length})
		w.obeys(t, policy.Selection{Target: s.UserDN("slot0")}, "msDS-MinimumPasswordLength", length)
	}
}

// A cutter passes connections on to a server until it is told otherwise.
type cutter struct {
	addr, to string
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex
	down   bool
	frozen bool
	conns  []net.Conn
}

func newCutter(t *testing.T, to string) *cutter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{addr: l.Addr().String(), to: to, listener: l}
	c.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { c.pass(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.cut()
		c.wg.Wait()
	})
	return c
}

func (c *cutter) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	c.mu.Lock()
	if c.down {
		c.mu.Unlock()
		return
	}
	c.conns = append(c.conns, client, server)
	c.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { c.copy(server, client) })
	wg.Go(func() { c.copy(client, server) })
	wg.Wait()
}

func (c *cutter) copy(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		frozen := c.frozen
		c.mu.Unlock()
		if !frozen {
			to.Write(buf[:n])
		}
	}
}

// cut ends all connections and lets none through.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = true
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
}

// freeze swallows everything on the open connections.
func (c *cutter) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = true
}

func (c *cutter) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down, c.frozen = false, false
}
