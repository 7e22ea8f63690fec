package console

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

// conn is a connection that somebody is bound on.
type conn struct {
	who    string
	closed atomic.Bool
}

func (c *conn) AuthzID() string                           { return "dn:uid=" + c.who }
func (c *conn) See(context.Context, string, string) error { return nil }
func (c *conn) Close() error                              { c.closed.Store(true); return nil }
func (c *conn) Closed() bool                              { return c.closed.Load() }
func (c *conn) Search(context.Context, policy.Query, int) ([]policy.Entry, bool, error) {
	return nil, false, nil
}

func limited(idle, life time.Duration, n int) *Sessions {
	ss := NewSessions()
	ss.limit(idle, life, n)
	return ss
}

func begin(t *testing.T, ss *Sessions, who string) (string, *conn) {
	t.Helper()
	c := &conn{who: who}
	id, err := ss.begin(c)
	if err != nil {
		t.Fatal(err)
	}
	return id, c
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ss := limited(10*time.Minute, time.Hour, 100)
		defer ss.Close()
		id, c := begin(t, ss, "jo")
		if len(id) < 22 {
			t.Errorf("the ID %q has fewer than 128 bits", id)
		}
		for range 6 {
			time.Sleep(9 * time.Minute)
			if s, why := ss.find(id); s == nil {
				t.Fatalf("ended: %v", why)
			}
		}
		// A look is no use.
		time.Sleep(5 * time.Minute)
		if s, _ := ss.look(id); s == nil {
			t.Error("ended early")
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if _, why := ss.find(id); why != endedAge || !c.Closed() {
			t.Errorf("after an hour: %v, closed: %v", why, c.Closed())
		}

		id, c = begin(t, ss, "kim")
		time.Sleep(5 * time.Minute)
		ss.look(id)
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if !c.Closed() {
			t.Error("the connection outlives the session")
		}
		if _, why := ss.find(id); why != endedIdle {
			t.Errorf("left alone: %v", why)
		}
		time.Sleep(2 * rememberEnded)
		synctest.Wait()
		if _, why := ss.find(id); why != endedUnknown || len(ss.all) != 0 {
			t.Errorf("long after: %v, %d kept", why, len(ss.all))
		}

		id, c = begin(t, ss, "lee")
		c.closed.Store(true)
		if _, why := ss.find(id); why != endedLost {
			t.Errorf("lost: %v", why)
		}
		if _, why := ss.find(""); why != endedNot {
			t.Errorf("no ID: %v", why)
		}
		id, c = begin(t, ss, "max")
		s, _ := ss.find(id)
		ss.end(s, endedSignOut)
		ss.closing.Wait()
		if _, why := ss.find(id); why != endedSignOut || !c.Closed() {
			t.Errorf("signed out: %v", why)
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ss := limited(time.Hour, time.Hour, 2*maxOwnSessions)
		first, c := begin(t, ss, "jo")
		time.Sleep(time.Second)
		second, _ := begin(t, ss, "jo")
		time.Sleep(time.Second)
		for range maxOwnSessions - 2 {
			begin(t, ss, "jo")
		}
		time.Sleep(time.Second)
		ss.find(first)
		begin(t, ss, "jo")
		if _, why := ss.find(second); why != endedCrowded {
			t.Errorf("the session that was left alone longest: %v", why)
		}
		if s, _ := ss.find(first); s == nil {
			t.Error("the one that is used has ended")
		}
		for range maxOwnSessions {
			begin(t, ss, "kim")
		}
		late := &conn{who: "lee"}
		if _, err := ss.begin(late); err == nil {
			t.Error("there is no bound")
		}
		// What is remembered of those that ended is bounded, too.
		for range 20 * ss.max {
			begin(t, ss, "kim")
		}
		if n := len(ss.all); n > 6*ss.max {
			t.Errorf("%d sessions are kept", n)
		}
		ss.Close()
		if !c.Closed() || !late.Closed() || len(ss.all) != 0 {
			t.Error("connections are left open")
		}
		if _, err := ss.begin(&conn{who: "jo"}); err == nil {
			t.Error("it goes on after close")
		}
		ss.closing.Wait()
	})
}

func TestMarks(t *testing.T) {
	a, b := &session{key: []byte("a")}, &session{key: []byte("b")}
	mark := a.mark("uid=jo", []byte("pw"))
	for _, tt := range []struct {
		s               *session
		entry, password string
		want            bool
	}{{a, "uid=jo", "pw", true}, {b, "uid=jo", "pw", false}, {a, "uid=kim", "pw", false}, {a, "uid=jo", "pw2", false}, {a, "uid=j", "opw", false}} {
		if got := tt.s.isMark(tt.entry, []byte(tt.password), []byte(mark)); got != tt.want {
			t.Errorf("%s, %s: %v", tt.entry, tt.password, got)
		}
	}
}
