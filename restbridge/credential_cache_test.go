package restbridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// A bindServer is a directory that counts binds and connections.
type bindServer struct {
	mu        sync.Mutex
	passwords map[string]string
	entries   map[string]string // what a name stands for, if not itself
	binds     int
	open      map[*bound]bool
	slow      time.Duration
	fault     error
}

func newBindServer(names ...string) *bindServer {
	s := &bindServer{passwords: map[string]string{}, entries: map[string]string{}, open: map[*bound]bool{}}
	for _, n := range names {
		s.passwords[n] = "secret of " + n
	}
	return s
}

func (s *bindServer) Authenticate(ctx context.Context, username string, password []byte) (Session, error) {
	defer clear(password)
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.binds++
	if s.fault != nil {
		return nil, s.fault
	}
	if want, ok := s.passwords[username]; !ok || want != string(password) {
		return nil, errCredentials(nil)
	}
	entry := username
	if e := s.entries[username]; e != "" {
		entry = e
	}
	b := &bound{server: s, name: "dn:cn=" + entry}
	s.open[b] = true
	return b, nil
}

// hangUp closes all connections from the directory's side.
func (s *bindServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.open)
}

func (s *bindServer) count() (binds, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.binds, len(s.open)
}

func (s *bindServer) want(t *testing.T, what string, binds, open int) {
	t.Helper()
	if b, o := s.count(); b != binds || o != open {
		t.Errorf("%s: %d binds and %d open connections, want %d and %d", what, b, o, binds, open)
	}
}

type bound struct {
	server *bindServer
	name   string
}

func (b *bound) AuthzID() string { return b.name }

func (b *bound) Closed() bool {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	return !b.server.open[b]
}

func (b *bound) See(context.Context, string, string) error {
	if b.Closed() {
		return result.New(result.Unavailable, "the connection to the directory was lost")
	}
	return nil
}

func (b *bound) Close() error {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	delete(b.server.open, b)
	return nil
}

// enter authenticates and fails the test if that fails.
func enter(t *testing.T, c *credentialCache, name string) Session {
	t.Helper()
	s, err := c.Authenticate(t.Context(), name, []byte("secret of "+name))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.AuthzID(); !strings.HasPrefix(got, "dn:cn=") {
		t.Fatalf("AuthzID %q", got)
	}
	return s
}

func see(t *testing.T, s Session) {
	t.Helper()
	if err := s.See(t.Context(), "cn=x", ""); err != nil {
		t.Fatal(err)
	}
}

func TestCredentialCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newBindServer("jo", "kim")
		c := newCredentialCache(dir, time.Minute)
		defer c.close()
		enter(t, c, "jo").Close()
		dir.want(t, "first", 1, 1)
		for range 5 {
			s := enter(t, c, "jo")
			see(t, s)
			s.Close()
		}
		dir.want(t, "again", 1, 1)

		// Two at a time need two connections; both are kept.
		a, b := enter(t, c, "jo"), enter(t, c, "jo")
		see(t, a)
		see(t, b)
		a.Close()
		b.Close()
		dir.want(t, "two at a time", 2, 2)

		// Nobody gets another's connection.
		kim := enter(t, c, "kim")
		see(t, kim)
		if kim.AuthzID() != "dn:cn=kim" || kim.(*cachedSession).conn.AuthzID() != "dn:cn=kim" {
			t.Error("kim is someone else")
		}
		kim.Close()
		dir.want(t, "another", 3, 3)

		// What the directory has closed is replaced.
		dir.hangUp()
		s := enter(t, c, "jo")
		see(t, s)
		s.Close()
		dir.want(t, "after a hang-up", 4, 1)

		// Also in the middle of a request, where it is noticed late.
		s = enter(t, c, "jo")
		see(t, s)
		dir.hangUp()
		see(t, s)
		s.Close()
		dir.want(t, "after a hang-up meanwhile", 5, 1)

		time.Sleep(2 * time.Minute)
		synctest.Wait()
		dir.want(t, "after the time", 5, 0)
		if c.idle != 0 || len(c.identities) != 0 || c.recent.Len() != 0 || c.sweeper != nil {
			t.Errorf("%d connections, %d identities are left", c.idle, len(c.identities))
		}
		enter(t, c, "jo").Close()
		dir.want(t, "afresh", 6, 1)
	})
}

func TestCredentialCacheChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newBindServer("jo")
		c := newCredentialCache(dir, time.Minute)
		defer c.close()

		// A failure is asked again each time, and does no harm to who knows
		// the password.
		enter(t, c, "jo").Close()
		for i := range 3 {
			_, err := c.Authenticate(t.Context(), "jo", []byte("guess"))
			if !result.Is(err, result.InvalidCredentials) {
				t.Fatalf("a guess: %v", err)
			}
			dir.want(t, "a guess", 2+i, 1)
		}
		if len(c.identities) != 1 || len(c.binding) != 0 {
			t.Errorf("%d identities, %d binds under way", len(c.identities), len(c.binding))
		}
		enter(t, c, "jo").Close()
		dir.want(t, "after guesses", 4, 1)

		// A password that has changed is noticed within the time, however
		// busy the caller is.
		dir.mu.Lock()
		dir.passwords["jo"] = "new"
		dir.mu.Unlock()
		began := time.Now()
		for {
			s, err := c.Authenticate(t.Context(), "jo", []byte("secret of jo"))
			if result.Is(err, result.InvalidCredentials) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("noticed after %v", took)
		}

		// A bind on the way is the other chance to notice.
		dir.mu.Lock()
		dir.passwords["jo"] = "secret of jo"
		dir.mu.Unlock()
		enter(t, c, "jo").Close()
		dir.hangUp()
		dir.mu.Lock()
		dir.passwords["jo"] = "new"
		dir.mu.Unlock()
		s := enter(t, c, "jo")
		if err := s.See(t.Context(), "cn=x", ""); !result.Is(err, result.InvalidCredentials) {
			t.Errorf("after the change: %v", err)
		}
		s.Close()
		if len(c.identities) != 0 {
			t.Error("the identity is still there")
		}

		// A name that has come to mean another entry has none of the old
		// one's rights.
		dir.mu.Lock()
		dir.passwords["jo"] = "secret of jo"
		dir.mu.Unlock()
		enter(t, c, "jo").Close()
		dir.hangUp()
		dir.mu.Lock()
		dir.entries["jo"] = "other"
		dir.mu.Unlock()
		s = enter(t, c, "jo")
		if err := s.See(t.Context(), "cn=x", ""); !result.Is(err, result.InvalidCredentials) {
			t.Errorf("another entry: %v", err)
		}
		s.Close()
		if s = enter(t, c, "jo"); s.AuthzID() != "dn:cn=other" {
			t.Errorf("AuthzID %q", s.AuthzID())
		}
		s.Close()

		c.forget("CN=Other")
		if _, open := dir.count(); open != 0 || len(c.identities) != 0 {
			t.Errorf("forgotten, with %d connections", open)
		}
	})
}

// What the directory cannot answer now is no reason to forget who somebody
// is.
func TestCredentialCacheFault(t *testing.T) {
	dir := newBindServer("jo")
	c := newCredentialCache(dir, time.Hour)
	defer c.close()
	enter(t, c, "jo").Close()
	dir.hangUp()
	dir.fault = result.New(result.Unavailable, "down")
	s := enter(t, c, "jo")
	if err := s.See(t.Context(), "cn=x", ""); !result.Is(err, result.Unavailable) {
		t.Errorf("%v", err)
	}
	s.Close()
	if _, err := c.Authenticate(t.Context(), "kim", []byte("x")); !errors.Is(err, dir.fault) {
		t.Errorf("%v", err)
	}
	dir.fault = nil
	s = enter(t, c, "jo")
	see(t, s)
	s.Close()
}

func TestCredentialCacheBounds(t *testing.T) {
	var names []string
	for i := range maxIdentities + 10 {
		names = append(names, fmt.Sprint(i))
	}
	dir := newBindServer(names...)
	c := newCredentialCache(dir, time.Hour)
	for _, n := range names {
		enter(t, c, n).Close()
	}
	if len(c.identities) != maxIdentities || c.recent.Len() != maxIdentities || c.idle != maxIdle {
		t.Errorf("%d identities, %d connections", len(c.identities), c.idle)
	}
	dir.want(t, "many", len(names), maxIdle)
	enter(t, c, names[len(names)-1]).Close()
	dir.want(t, "the last", len(names), maxIdle)
	enter(t, c, names[0]).Close() // the first to go
	dir.want(t, "the first", len(names)+1, maxIdle)

	var many []Session
	for range 3 * maxIdentityIdle {
		s := enter(t, c, "0")
		see(t, s)
		many = append(many, s)
	}
	for _, s := range many {
		s.Close()
	}
	if n := len(c.identities[c.macOf("0", []byte("secret of 0"))].idle); n != maxIdentityIdle {
		t.Errorf("%d connections for one caller", n)
	}
	s := enter(t, c, "0")
	see(t, s)
	c.close()
	dir.want(t, "closed", len(names)+1+3*maxIdentityIdle-1, 1)
	s.Close()
	if _, open := dir.count(); open != 0 {
		t.Errorf("%d connections are left", open)
	}
}

// One bind serves all who come at once with the same good credentials.
func TestCredentialCacheTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newBindServer("jo")
		dir.slow = time.Second
		c := newCredentialCache(dir, time.Minute)
		defer c.close()
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() { enter(t, c, "jo").Close() })
		}
		wg.Wait()
		dir.want(t, "together", 1, 1)

		// Those with wrong ones do not queue up.
		began := time.Now()
		for range 64 {
			wg.Go(func() {
				if _, err := c.Authenticate(t.Context(), "jo", []byte("guess")); !result.Is(err, result.InvalidCredentials) {
					t.Errorf("a guess: %v", err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
		dir.want(t, "guesses", 65, 1)

		time.Sleep(2 * time.Minute)
		wg.Go(func() { enter(t, c, "jo").Close() })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := c.Authenticate(ctx, "jo", []byte("secret of jo")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who does not wait: %v", err)
		}
		wg.Wait()
	})
}

// What is kept between requests holds no password, and a boundary between
// name and password cannot be moved.
func TestCredentialCacheKeepsNoPassword(t *testing.T) {
	dir := newBindServer("jo")
	c := newCredentialCache(dir, time.Hour)
	defer c.close()
	s := enter(t, c, "jo").(*cachedSession)
	s.Close()
	if string(s.password) != strings.Repeat("\x00", len("secret of jo")) {
		t.Error("the password is not wiped")
	}
	for i := range reflect.TypeFor[identity]().NumField() {
		switch f := reflect.TypeFor[identity]().Field(i); f.Name {
		case "key", "authzID", "until", "idle", "recent":
		default:
			t.Errorf("is %s a secret?", f.Name)
		}
	}
	if c.macOf("jo", []byte("secret")) == c.macOf("jos", []byte("ecret")) {
		t.Error("the boundary does not count")
	}
	if c.macOf("jo", []byte("x")) == newCredentialCache(dir, 1).macOf("jo", []byte("x")) {
		t.Error("two processes have one key")
	}
}

// Through the door, against a real server.
func TestCredentialCacheSlapd(t *testing.T) {
	slapd := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 3}}})
	client, err := directory.New(directory.Config{URLs: []string{slapd.TLSURL}, TLS: slapd.TLSConfig()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	binds := 0
	binder, err := NewBinder(Binder{Bind: func(ctx context.Context, dn string, password []byte) (Session, error) {
		binds++
		u, err := client.Bind(ctx, dn, password)
		if err != nil {
			return nil, err
		}
		return u, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := newCredentialCache(binder, time.Hour)
	defer c.close()
	user := slapd.UserDN(1)
	ask := func() error {
		s, err := c.Authenticate(t.Context(), user, []byte(testenv.UserPassword))
		if err != nil {
			return err
		}
		defer s.Close()
		return s.See(t.Context(), user, "")
	}
	for range 3 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if binds != 1 {
		t.Errorf("%d binds", binds)
	}
	slapd.Kill()
	slapd.Restart(t)
	if err := ask(); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	change := ldap.NewModifyRequest(user, nil)
	change.Replace("userPassword", []string{"An0ther-Passw0rd"})
	if err := slapd.Dial(t, slapd.Admin).Modify(change); err != nil {
		t.Fatal(err)
	}
	c.forget(user)
	if err := ask(); !result.Is(err, result.InvalidCredentials) {
		t.Errorf("after the change: %v", err)
	}
}

// Through the door: one bind for many requests, none of them remembered after
// Shutdown.
func TestCredentialCacheServer(t *testing.T) {
	dir := newBindServer("jo")
	s, err := New(Config{
		Generate:        &operation{answer: returns("", extop.GeneratedPassword{Password: password("x")})},
		Authenticate:    dir,
		CredentialCache: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(secret string) int {
		r := httptest.NewRequestWithContext(
			context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}),
			"POST", path, strings.NewReader("{}"))
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("Content-Type", "application/json")
		r.SetBasicAuth("jo", secret)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	for range 3 {
		if got := ask("secret of jo"); got != http.StatusOK {
			t.Errorf("status %d", got)
		}
	}
	if got := ask("guess"); got != http.StatusUnauthorized {
		t.Errorf("status %d", got)
	}
	dir.want(t, "served", 2, 1)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir.want(t, "shut down", 2, 0)
}
