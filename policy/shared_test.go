package policy_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// heldDirectory answers when it is told to.
type heldDirectory struct {
	searches atomic.Int64
	answers  chan error
}

func (d *heldDirectory) Search(ctx context.Context, q policy.Query) ([]policy.Entry, error) {
	d.searches.Add(1)
	select {
	case err := <-d.answers:
		return []policy.Entry{{DN: q.Base}}, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// However many want what has expired, the directory is asked once.
func TestSharedReadsAreAskedOnce(t *testing.T) {
	for _, answer := range []error{nil, result.New(result.Busy, "busy")} {
		synctest.Test(t, func(t *testing.T) {
			var d fakeDialect
			dir := heldDirectory{answers: make(chan error)}
			svc := policy.NewService(&d, &dir, policy.ServiceConfig{TTL: time.Second})
			for range 2 {
				dir.searches.Store(0)
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() {
						if _, err := svc.Resolve(t.Context(), policy.Selection{}); !errors.Is(err, answer) {
							t.Errorf("error %v, want %v", err, answer)
						}
					})
				}
				synctest.Wait()
				dir.answers <- answer
				wg.Wait()
				if n := dir.searches.Load(); n != 1 {
					t.Errorf("%d searches, want 1", n)
				}
				time.Sleep(time.Second) // the answer has expired
			}
		})
	}
}

// Who gives up takes nobody else with it.
func TestSharedReadsOutliveWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d fakeDialect
		dir := heldDirectory{answers: make(chan error)}
		svc := policy.NewService(&d, &dir, policy.ServiceConfig{TTL: time.Second})
		first, giveUp := context.WithCancel(t.Context())
		second, giveUpWaiting := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		resolve := func(ctx context.Context, want error) {
			wg.Go(func() {
				if _, err := svc.Resolve(ctx, policy.Selection{}); !errors.Is(err, want) {
					t.Errorf("error %v, want %v", err, want)
				}
			})
			synctest.Wait()
		}
		resolve(first, context.Canceled)
		resolve(second, context.Canceled)
		resolve(t.Context(), nil)
		if n := dir.searches.Load(); n != 1 {
			t.Fatalf("%d searches, want 1", n)
		}
		giveUpWaiting()
		synctest.Wait()
		giveUp()
		synctest.Wait()
		if n := dir.searches.Load(); n != 2 {
			t.Errorf("%d searches, want another one", n)
		}
		dir.answers <- nil
		wg.Wait()
	})
}

// What is being read when everything is invalidated is for those only who
// had asked before.
func TestSharedReadsAreNotJoinedAcrossInvalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d fakeDialect
		dir := heldDirectory{answers: make(chan error)}
		svc := policy.NewService(&d, &dir, policy.ServiceConfig{TTL: time.Second})
		var wg sync.WaitGroup
		for i := range int64(2) {
			wg.Go(func() {
				if _, err := svc.Resolve(t.Context(), policy.Selection{}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			if n := dir.searches.Load(); n != i+1 {
				t.Errorf("%d searches, want %d", n, i+1)
			}
			svc.Invalidate()
		}
		dir.answers <- nil
		dir.answers <- nil
		wg.Wait()
	})
}
