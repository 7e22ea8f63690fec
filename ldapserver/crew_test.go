package ldapserver

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// goroutine returns where the caller's stack is: what two calls in one
// goroutine have in common.
func goroutine() string {
	buf := make([]byte, 64)
	return string(buf[:runtime.Stack(buf, false)])
}

func TestCrew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		c := crew{next: make(chan func()), closed: closed}
		var who string
		in := func() string {
			c.do(func() { who = goroutine() })
			synctest.Wait()
			return who
		}
		first := in()
		if second := in(); first[:14] != second[:14] {
			t.Errorf("%q, then %q: an idle goroutine was not used", first, second)
		}
		time.Sleep(keepIdle + time.Second)
		synctest.Wait()
		if n := c.idle.Load(); n != 0 {
			t.Errorf("%d goroutines idle on", n)
		}

		// Everybody who is called works at once, and not all are kept.
		release := make(chan struct{})
		for range 2 * maxIdle {
			c.do(func() { <-release })
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		if n := c.idle.Load(); n != maxIdle {
			t.Errorf("%d goroutines are kept, want %d", n, maxIdle)
		}
		close(closed)
		synctest.Wait()
		if n := c.idle.Load(); n != 0 {
			t.Errorf("%d goroutines outlive the server", n)
		}
		c.do(func() { who = "" }) // still runs
		synctest.Wait()
		if who != "" {
			t.Error("not run")
		}
	})
}
