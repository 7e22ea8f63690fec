package restbridge

import (
	"context"
	"sync"
	"time"
)

// A timeout is what context.WithTimeout returns, but that it costs a timer
// only where somebody waits for it to end. Most requests are answered from
// memory.
type timeout struct {
	parent   context.Context
	deadline time.Time

	mu     sync.Mutex
	timer  context.Context // nil as long as nobody waits
	cancel context.CancelFunc
	ended  bool
}

func withTimeout(parent context.Context, d time.Duration) *timeout {
	t := &timeout{parent: parent, deadline: time.Now().Add(d)}
	if earlier, ok := parent.Deadline(); ok && earlier.Before(t.deadline) {
		t.deadline = earlier
	}
	return t
}

// end is the context's context.CancelFunc.
func (t *timeout) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.cancel != nil {
		t.cancel()
	}
}

// Deadline implements context.Context.
func (t *timeout) Deadline() (time.Time, bool) { return t.deadline, true }

// Done implements context.Context.
func (t *timeout) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer == nil {
		t.timer, t.cancel = context.WithDeadline(t.parent, t.deadline)
		if t.ended {
			t.cancel()
		}
	}
	return t.timer.Done()
}

// Err implements context.Context.
func (t *timeout) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.timer != nil:
		return t.timer.Err()
	case t.parent.Err() != nil:
		return t.parent.Err()
	case t.ended:
		return context.Canceled
	case !time.Now().Before(t.deadline):
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements context.Context. Contexts made of this one find the timer
// by it, and so need no goroutine each.
func (t *timeout) Value(key any) any {
	t.mu.Lock()
	timer := t.timer
	t.mu.Unlock()
	if timer != nil {
		return timer.Value(key)
	}
	return t.parent.Value(key)
}
