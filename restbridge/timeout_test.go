package restbridge

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimeout(t *testing.T) {
	closed := func(ctx context.Context) bool {
		select {
		case <-ctx.Done():
			return true
		default:
			return false
		}
	}
	for _, tt := range []struct {
		name   string
		happen func(t *timeout, cancel context.CancelFunc)
		want   error
	}{
		{"nothing", func(*timeout, context.CancelFunc) {}, nil},
		{"ended", func(t *timeout, _ context.CancelFunc) { t.end() }, context.Canceled},
		{"parent canceled", func(_ *timeout, cancel context.CancelFunc) { cancel() }, context.Canceled},
		{"too late", func(*timeout, context.CancelFunc) { time.Sleep(time.Second) }, context.DeadlineExceeded},
		{"nearly", func(*timeout, context.CancelFunc) { time.Sleep(time.Second - 1) }, nil},
	} {
		// Whether somebody waits, before or after, makes no difference.
		for _, waits := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancel(context.WithValue(t.Context(), t, "value"))
				defer cancel()
				ctx := withTimeout(parent, time.Second)
				defer ctx.end()
				if waits && closed(ctx) {
					t.Errorf("%s: closed at once", tt.name)
				}
				tt.happen(ctx, cancel)
				synctest.Wait()
				if err := ctx.Err(); !errors.Is(err, tt.want) {
					t.Errorf("%s, waiting %v: %v", tt.name, waits, err)
				}
				if closed(ctx) != (tt.want != nil) || !errors.Is(ctx.Err(), tt.want) {
					t.Errorf("%s, waiting %v: closed %v, %v", tt.name, waits, closed(ctx), ctx.Err())
				}
				if ctx.Value(t) != "value" || ctx.Value(ctx) != nil {
					t.Errorf("%s: values are lost", tt.name)
				}
			})
		}
	}
}

func TestTimeoutDeadline(t *testing.T) {
	early := time.Now().Add(time.Minute)
	parent, cancel := context.WithDeadline(t.Context(), early)
	defer cancel()
	for d, want := range map[time.Duration]bool{time.Hour: true, time.Second: false} {
		ctx := withTimeout(parent, d)
		if got, ok := ctx.Deadline(); !ok || got.Equal(early) != want {
			t.Errorf("%v: %v", d, got)
		}
		ctx.end()
	}
}

// A context made of a timeout ends with it, without a goroutine that waits.
func TestTimeoutChildren(t *testing.T) {
	ctx := withTimeout(t.Context(), time.Hour)
	before := runtime.NumGoroutine()
	var children []context.Context
	for range 100 {
		child, cancel := context.WithCancel(ctx)
		defer cancel()
		children = append(children, child)
	}
	if n := runtime.NumGoroutine(); n > before+50 {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	ctx.end()
	for _, child := range children {
		if !errors.Is(child.Err(), context.Canceled) {
			t.Fatalf("a child goes on: %v", child.Err())
		}
	}
}
