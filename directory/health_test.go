package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// eventually waits for what happens soon.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// mortal starts a slapd that a test may stop.
func mortal(t *testing.T) *testenv.Slapd {
	t.Helper()
	s, err := testenv.NewSlapd(t.Context(), t.TempDir(), testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 20}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// monitor runs c.Monitor until the test ends.
func monitor(t *testing.T, c *Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.Monitor(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// dialed returns the index of the server that Dial chose.
func dialed(t *testing.T, c *Client) (int, net.Conn) {
	t.Helper()
	conn, err := c.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return slices.Index(c.servers, conn.(*tracked).server), conn
}

func TestBalance(t *testing.T) {
	listen := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return "ldap://" + l.Addr().String()
	}
	urls := []string{listen(), listen(), listen()}
	t.Run("ordered", func(t *testing.T) {
		c := newClient(t, Config{URLs: urls})
		for range 4 {
			if i, _ := dialed(t, c); i != 0 {
				t.Errorf("server %d", i)
			}
		}
	})
	t.Run("roundRobin", func(t *testing.T) {
		c := newClient(t, Config{URLs: urls, Balance: RoundRobin})
		var n [3]int
		for range 9 {
			i, _ := dialed(t, c)
			n[i]++
		}
		if n != [3]int{3, 3, 3} {
			t.Errorf("connections %v", n)
		}
		c.servers[1].fail()
		n = [3]int{}
		for range 8 {
			i, _ := dialed(t, c)
			n[i]++
		}
		if n != [3]int{4, 0, 4} {
			t.Errorf("connections with one down %v", n)
		}
	})
	t.Run("leastConnections", func(t *testing.T) {
		c := newClient(t, Config{URLs: urls, Balance: LeastConnections})
		var conns [3][]net.Conn
		for range 9 {
			i, conn := dialed(t, c)
			conns[i] = append(conns[i], conn)
		}
		for i := range conns {
			if len(conns[i]) != 3 {
				t.Fatalf("server %d has %d connections", i, len(conns[i]))
			}
		}
		for _, conn := range conns[1][:2] {
			conn.Close()
			conn.Close() // twice counts once
		}
		for range 2 {
			if i, _ := dialed(t, c); i != 1 {
				t.Errorf("server %d", i)
			}
		}
		for i, h := range c.Health() {
			if h.Connections != 3 || !h.Up || h.URL != urls[i] {
				t.Errorf("health %+v", h)
			}
		}
	})
	for b := Ordered; b <= LeastConnections; b++ {
		if got, err := ParseBalance(b.String()); err != nil || got != b {
			t.Errorf("%v: %v, %v", b, got, err)
		}
	}
	if _, err := ParseBalance("random"); err == nil {
		t.Error("random was taken")
	}
}

// A server that hangs accepts connections and answers nothing: only a check
// finds that, and nothing is sent there meanwhile.
func TestMonitor(t *testing.T) {
	s := slapd(t)
	p := newProxy(t, s.URL)
	p.silent.Store(true)
	cfg := reader(s, p.url, s.URL)
	cfg.HealthInterval, cfg.HealthTimeout = 10*time.Millisecond, 200*time.Millisecond
	c := newClient(t, cfg)
	monitor(t, c)
	eventually(t, "the silent server is down", func() bool { return !c.Health()[0].Up })
	if i, _ := dialed(t, c); i != 1 {
		t.Errorf("server %d", i)
	}
	if _, err := policy.Read(t.Context(), c, policy.Query{Base: s.Suffix}); err != nil {
		t.Error(err)
	}
	p.silent.Store(false)
	eventually(t, "the server is up again", func() bool { return c.Health()[0].Up })
	if i, _ := dialed(t, c); i != 0 {
		t.Errorf("server %d", i)
	}
}

// A connection that the server ends has the server checked at once, long
// before the interval is over, but is no failure itself.
func TestMonitorAtOnce(t *testing.T) {
	first, second := mortal(t), slapd(t)
	cfg := reader(first, first.URL, second.URL)
	cfg.HealthInterval = time.Hour
	c := newClient(t, cfg)
	monitor(t, c)
	i, conn := dialed(t, c)
	if i != 0 {
		t.Fatalf("server %d", i)
	}
	// An unbind request: slapd hangs up, and all is well.
	if _, err := conn.Write([]byte("\x30\x05\x02\x01\x01\x42\x00")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if !c.Health()[0].Up {
		t.Error("a server is down because a client unbound")
	}
	_, conn = dialed(t, c)
	first.Stop()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Fatal("slapd says something")
	}
	eventually(t, "the server that was stopped is down", func() bool { return !c.Health()[0].Up })
	if i, _ := dialed(t, c); i != 1 {
		t.Errorf("server %d", i)
	}
}

func TestBackOff(t *testing.T) {
	s := &server{suspect: make(chan struct{}, 1)}
	want := []time.Duration{1, 2, 4, 8, 16, 30, 30}
	for i, w := range want {
		s.fail()
		if got := s.backOff(maxDownTime); got != w*time.Second {
			t.Errorf("after %d failures %v, want %v", i+1, got, w*time.Second)
		}
	}
	if !s.succeed() || s.succeed() || s.isDown() {
		t.Error("a success is not counted once")
	}
}

func TestDrain(t *testing.T) {
	s := slapd(t)
	c := newClient(t, reader(s, s.URL, s.LocalURL))
	read := func() {
		t.Helper()
		if _, err := policy.Read(t.Context(), c, policy.Query{Base: s.Suffix}); err != nil {
			t.Fatal(err)
		}
	}
	read()
	_, conn := dialed(t, c)
	if u, ok := c.Dialed(conn); !ok || u != s.URL {
		t.Errorf("the connection is to %q", u)
	}
	if u, ok := newClient(t, reader(s, s.URL)).Dialed(conn); ok {
		t.Errorf("another's connection is to %q", u)
	}
	drained := make(chan error, 1)
	go func() { drained <- c.Drain(t.Context(), s.URL) }()
	eventually(t, "the server is being drained", func() bool { return c.Health()[0].Draining })
	if i, _ := dialed(t, c); i != 1 {
		t.Errorf("server %d", i)
	}
	read()
	select {
	case err := <-drained:
		t.Fatalf("drained with a connection: %v", err)
	default:
	}
	conn.Close()
	if err := <-drained; err != nil {
		t.Error(err)
	}

	// What does not end is ended.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain: %v", err)
	}
	if _, err := c.Dial(t.Context()); !result.Is(err, result.Unavailable) {
		t.Errorf("Dial with all servers drained: %v", err)
	}
	if err := c.Resume(s.URL); err != nil {
		t.Fatal(err)
	}
	if i, _ := dialed(t, c); i != 0 {
		t.Errorf("server %d", i)
	}
	if err := c.Drain(t.Context(), "ldap://elsewhere"); err == nil {
		t.Error("a server that there is not was drained")
	}
	if c.Resume("ldap://elsewhere") == nil {
		t.Error("a server that there is not was resumed")
	}
}

// Reads go on while one of two servers is killed under load: each is tried
// on the other.
func TestReadsSurvive(t *testing.T) {
	for _, b := range []Balance{Ordered, RoundRobin, LeastConnections} {
		t.Run(b.String(), func(t *testing.T) {
			first, second := mortal(t), slapd(t)
			cfg := reader(first, first.URL, second.URL)
			cfg.Balance = b
			c := newClient(t, cfg)
			monitor(t, c)
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						if _, err := policy.Read(t.Context(), c, policy.Query{Base: first.UserDN(n % 5)}); err != nil {
							t.Error(fmt.Errorf("read %d: %w", n, err))
							return
						}
					}
				})
			}
			time.Sleep(50 * time.Millisecond)
			first.Stop()
			time.Sleep(100 * time.Millisecond)
			close(stop)
			wg.Wait()
		})
	}
}
