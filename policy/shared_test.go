package policy_test

import (
	"cmp"
	"context"
	"errors"
	"strconv"
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

// recalling is a dialect whose Locate makes something of reads, and keeps it.
type recalling struct {
	fakeDialect
	queries []policy.Query
	made    atomic.Int64
}

type recallKey struct{}

func (d *recalling) Locate(ctx context.Context, dir policy.Directory, _ policy.Selection) (policy.Located, error) {
	made, err := policy.Recall(dir, recallKey{}, func(dir policy.Directory) (int64, error) {
		for _, q := range d.queries {
			if _, err := dir.Search(ctx, q); err != nil && !result.Is(err, result.NoSuchObject) {
				return 0, err
			}
		}
		return d.made.Add(1), nil
	})
	return policy.Located{Ref: strconv.FormatInt(made, 10)}, err
}

// What is made of reads is kept as long as all of them are, and no longer.
func TestRecall(t *testing.T) {
	first, second := policy.Query{Base: "cn=1", Shared: true}, policy.Query{Base: "cn=2", Shared: true}
	fresh := policy.Query{Base: "cn=3"}
	for _, tc := range []struct {
		name    string
		queries []policy.Query
		answers []error
		ttl     time.Duration
		kept    bool
	}{
		{name: "shared reads", queries: []policy.Query{first, second}, kept: true},
		{name: "no reads"},
		{name: "a read that is not shared", queries: []policy.Query{first, fresh}},
		{name: "a failure", queries: []policy.Query{first, second}, answers: []error{result.New(result.NoSuchObject, "gone")}},
		{name: "no cache", queries: []policy.Query{first}, ttl: -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := recalling{queries: tc.queries}
				dir := heldDirectory{answers: make(chan error, 100)}
				svc := policy.NewService(&d, &dir, policy.ServiceConfig{TTL: cmp.Or(tc.ttl, time.Second)})
				resolve := func() string {
					for len(dir.answers) > 0 {
						<-dir.answers
					}
					for _, err := range tc.answers {
						dir.answers <- err
					}
					for len(dir.answers) < cap(dir.answers) {
						dir.answers <- nil
					}
					// Not the default, which the Service keeps itself.
					eff, err := svc.Resolve(t.Context(), policy.Selection{Target: "cn=t"})
					if err != nil {
						t.Fatal(err)
					}
					return eff.Ref
				}
				before := resolve()
				if again := resolve(); (again == before) != tc.kept {
					t.Errorf("made %s, then %s", before, again)
				}
				before = resolve()
				svc.Invalidate()
				if resolve() == before {
					t.Error("it outlived Invalidate")
				}
				before = resolve()
				time.Sleep(time.Second)
				if resolve() == before {
					t.Error("it outlived what it was made from")
				}
			})
		})
	}
}

// To be recalled does not make an outcome last longer.
func TestRecallExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := recalling{queries: []policy.Query{{Base: "cn=1", Shared: true}}}
		dir := heldDirectory{answers: make(chan error, 100)}
		for range cap(dir.answers) {
			dir.answers <- nil
		}
		svc := policy.NewService(&d, &dir, policy.ServiceConfig{TTL: time.Second})
		resolve := func() string {
			eff, err := svc.Resolve(t.Context(), policy.Selection{Target: "cn=t"})
			if err != nil {
				t.Fatal(err)
			}
			return eff.Ref
		}
		resolve()
		time.Sleep(600 * time.Millisecond)
		if made := resolve(); made != "1" {
			t.Errorf("made %s times within the second", made)
		}
		// A hit does not lengthen it.
		time.Sleep(400 * time.Millisecond)
		if made := resolve(); made != "2" {
			t.Errorf("made %s times, want 2", made)
		}
	})
}
