package ldapserver

import (
	"sync/atomic"
	"time"
)

const (
	maxIdle  = 256              // goroutines that a crew keeps
	keepIdle = 10 * time.Second // for how long
)

// A crew runs functions in goroutines that it keeps for the next ones. The
// stack of an operation grows several times on its way down; in a new
// goroutine for each, that is a sixth of what an operation costs.
type crew struct {
	next   chan func()     // unbuffered: somebody idle takes it, or nobody
	closed <-chan struct{} // nobody waits any more
	idle   atomic.Int32
}

// do runs f in a goroutine.
func (c *crew) do(f func()) {
	select {
	case c.next <- f:
	default:
		go c.work(f)
	}
}

func (c *crew) work(f func()) {
	timer := time.NewTimer(keepIdle)
	defer timer.Stop()
	for {
		f()
		f = nil
		if c.idle.Add(1) > maxIdle {
			c.idle.Add(-1)
			return
		}
		timer.Reset(keepIdle)
		select {
		case f = <-c.next:
		case <-timer.C:
		case <-c.closed:
		}
		c.idle.Add(-1)
		if f == nil {
			return
		}
	}
}
