package policy_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

// A stored dialect reads its policy, "cn=p", and a setting, "cn=config".
type stored struct{ watches []policy.Watch }

func (stored) Name() string { return "stored" }

func (stored) Locate(ctx context.Context, dir policy.Directory, sel policy.Selection) (policy.Located, error) {
	if _, err := policy.Read(ctx, dir, policy.Query{Base: "cn=config", Shared: true}); err != nil {
		return policy.Located{}, err
	}
	if sel.Target != "" {
		if _, err := policy.Read(ctx, dir, policy.Query{Base: sel.Target}); err != nil {
			return policy.Located{}, err
		}
	}
	return policy.Located{Ref: "cn=p,dc=example"}, nil
}

func (stored) Load(ctx context.Context, dir policy.Directory, ref string) (*policy.Policy, error) {
	e, err := policy.Read(ctx, dir, policy.Query{Base: ref, Shared: true})
	if err != nil {
		return nil, err
	}
	var n int
	v, _ := e.Value("minimum")
	if _, err := fmt.Sscan(v, &n); err != nil {
		return nil, err
	}
	return &policy.Policy{DN: e.DN, Demands: []policy.Demand{demand(between{n % 30, 0}, "minimum", n)}}, nil
}

func (d stored) Watches(context.Context, policy.Directory) ([]policy.Watch, error) {
	return d.watches, nil
}

// tree is a directory with one value that changes.
type tree struct {
	minimum  atomic.Int64
	searches atomic.Int64
	last     sync.Map     // base to the number of reads of it
	entered  func(string) // between reading and answering
}

func (d *tree) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	d.searches.Add(1)
	n, _ := d.last.LoadOrStore(q.Base, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
	value := fmt.Sprint(d.minimum.Load())
	if d.entered != nil {
		d.entered(q.Base)
	}
	return []policy.Entry{{DN: q.Base, Attributes: []policy.Attribute{{Name: "minimum", Values: []string{value}}}}}, nil
}

func (d *tree) reads(base string) int64 {
	n, ok := d.last.Load(base)
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load()
}

func minimumOf(t *testing.T, svc *policy.Service, sel policy.Selection) string {
	t.Helper()
	eff, err := svc.Resolve(t.Context(), sel)
	if err != nil {
		t.Fatal(err)
	}
	return eff.Policy.Demands[0].Source.Value
}

// While all that was read is watched it is kept; what is not is read again as
// before, and nothing outlives the notices.
func TestNotifiedTTL(t *testing.T) {
	config := policy.Watch{Base: "CN=Config"}
	entries := policy.Watch{Base: "dc=example", Scope: policy.WholeSubtree, Filter: "(objectClass=policy)"}
	for _, tc := range []struct {
		name           string
		watches        []policy.Watch
		config, policy int64 // reads in 30 s with a request each 100 ms
	}{
		{"nothing watched", nil, 30, 30},
		{"all watched", []policy.Watch{config, entries}, 1, 1},
		{"the policy only", []policy.Watch{entries}, 30, 1},
		{"the configuration only", []policy.Watch{config}, 1, 30},
		{"elsewhere", []policy.Watch{{Base: "dc=example,dc=com", Scope: policy.WholeSubtree}, {Base: "cn=x,cn=config"}}, 30, 30},
		{"too shallow", []policy.Watch{config, {Base: "dc=example"}}, 1, 30},
		{"one level", []policy.Watch{config, {Base: "dc=example", Scope: policy.SingleLevel}}, 1, 1},
		{"one level above the base", []policy.Watch{{Base: "cn=config", Scope: policy.SingleLevel}, entries}, 30, 1},
		{"the root DSE is above nothing", []policy.Watch{{Scope: policy.WholeSubtree}}, 30, 30},
	} {
		for _, sel := range []policy.Selection{{}, {Target: "uid=jo,dc=example"}} {
			t.Run(fmt.Sprintf("%s/%v", tc.name, sel), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var dir tree
					dir.minimum.Store(20)
					svc := policy.NewService(stored{}, &dir, policy.ServiceConfig{TTL: time.Second, NotifiedTTL: time.Minute})
					svc.Notified(tc.watches)
					for range 300 {
						if got := minimumOf(t, svc, sel); got != "20" {
							t.Fatalf("minimum %s", got)
						}
						time.Sleep(100 * time.Millisecond)
					}
					if c, p := dir.reads("cn=config"), dir.reads("cn=p,dc=example"); c != tc.config || p != tc.policy {
						t.Errorf("%d and %d reads of the configuration and the policy, want %d and %d", c, p, tc.config, tc.policy)
					}
					if n := dir.reads(sel.Target); sel.Target != "" && n != 300 {
						t.Errorf("the target was read %d times for 300 requests", n)
					}

					dir.minimum.Store(21)
					svc.Invalidate()
					if got := minimumOf(t, svc, sel); got != "21" {
						t.Errorf("minimum %s after Invalidate, want 21", got)
					}
					dir.minimum.Store(22)
					svc.Notified(nil)
					if got := minimumOf(t, svc, sel); got != "22" {
						t.Errorf("minimum %s when notices ceased, want 22", got)
					}
					dir.minimum.Store(23)
					time.Sleep(time.Second)
					if got := minimumOf(t, svc, sel); got != "23" {
						t.Errorf("minimum %s a second later, want 23", got)
					}
				})
			})
		}
	}
}

// NotifiedTTL bounds what no notice tells of.
func TestNotifiedTTLEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dir tree
		dir.minimum.Store(20)
		svc := policy.NewService(stored{}, &dir, policy.ServiceConfig{})
		svc.Notified([]policy.Watch{{Base: "cn=config"}, {Base: "cn=p,dc=example"}})
		minimumOf(t, svc, policy.Selection{})
		dir.minimum.Store(21)
		time.Sleep(time.Minute - time.Nanosecond)
		if got := minimumOf(t, svc, policy.Selection{}); got != "20" {
			t.Errorf("minimum %s, want 20: read too soon", got)
		}
		time.Sleep(time.Nanosecond)
		if got := minimumOf(t, svc, policy.Selection{}); got != "21" {
			t.Errorf("minimum %s after a minute, want 21", got)
		}
	})
}

func TestUnwatchedReadsStayShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dir tree
		svc := policy.NewService(unwatched{}, &dir, policy.ServiceConfig{})
		svc.Notified([]policy.Watch{{Base: "dc=example", Scope: policy.WholeSubtree}})
		for range 10 {
			if _, err := svc.Resolve(t.Context(), policy.Selection{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if n := dir.reads("uid=jo,dc=example"); n != 5 {
			t.Errorf("%d reads in 5 s, want 5", n)
		}
	})
}

type unwatched struct{ stored }

func (unwatched) Locate(ctx context.Context, dir policy.Directory, _ policy.Selection) (policy.Located, error) {
	_, err := dir.Search(ctx, policy.Query{Base: "uid=jo,dc=example", Shared: true, Unwatched: true})
	return policy.Located{Ref: "cn=p,dc=example"}, err
}

// What is read again unchanged is not compiled again.
func TestCompiledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dir tree
		dir.minimum.Store(20)
		svc := policy.NewService(stored{}, &dir, policy.ServiceConfig{})
		compiled := func() *policy.Compiled {
			eff, err := svc.Resolve(t.Context(), policy.Selection{})
			if err != nil {
				t.Fatal(err)
			}
			return eff.Compiled
		}
		first := compiled()
		time.Sleep(time.Second)
		svc.Invalidate()
		if compiled() != first || dir.reads("cn=p,dc=example") != 2 {
			t.Errorf("compiled again, or not read again: %d reads", dir.reads("cn=p,dc=example"))
		}
		dir.minimum.Store(21)
		svc.Invalidate()
		second := compiled()
		if second == first {
			t.Error("a change was not compiled")
		}
		dir.minimum.Store(20)
		svc.Invalidate()
		if third := compiled(); third == second || third.Policy.Demands[0].Source.Value != "20" {
			t.Error("a change back was not compiled")
		}
	})
}

// No request that begins after Invalidate gets what was read before it,
// however reads and invalidations fall.
func TestInvalidateRaces(t *testing.T) {
	var dir tree
	svc := policy.NewService(stored{}, &dir, policy.ServiceConfig{TTL: time.Hour})
	var told, resolved atomic.Int64 // the value that was told of last; requests so far
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		sel := policy.Selection{}
		if i%2 == 1 {
			sel.Target = "uid=jo,dc=example"
		}
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				want := told.Load()
				eff, err := svc.Resolve(context.Background(), sel)
				if err != nil {
					t.Error(err)
					return
				}
				resolved.Add(1)
				var got int64
				fmt.Sscan(eff.Policy.Demands[0].Source.Value, &got)
				if got < want {
					t.Errorf("policy %d, but %d had been told of", got, want)
					return
				}
			}
		})
	}
	for n := int64(1); resolved.Load() < 20_000 && !t.Failed(); n++ {
		dir.minimum.Store(n)
		if n%7 == 0 {
			svc.Notified([]policy.Watch{{Base: "cn=config"}}[n%2:])
		} else {
			svc.Invalidate()
		}
		told.Store(n)
		// What was kept wrongly is seen by the next requests.
		for seen := resolved.Load(); resolved.Load() < seen+5 && !t.Failed(); {
			runtime.Gosched()
		}
	}
	close(stop)
	wg.Wait()
}

// A read that was under way when a change was told of is not kept.
func TestReadAcrossInvalidate(t *testing.T) {
	for _, base := range []string{"cn=config", "cn=p,dc=example"} {
		var dir tree
		dir.minimum.Store(20)
		svc := policy.NewService(stored{}, &dir, policy.ServiceConfig{TTL: time.Hour})
		var once sync.Once
		dir.entered = func(b string) {
			if b == base {
				once.Do(func() {
					dir.minimum.Store(21)
					svc.Invalidate()
				})
			}
		}
		minimumOf(t, svc, policy.Selection{})
		if got := minimumOf(t, svc, policy.Selection{}); got != "21" {
			t.Errorf("a change during the read of %q: minimum %s, want 21", base, got)
		}
	}
}

func TestWatches(t *testing.T) {
	want := policy.Watch{Base: "cn=config"}
	svc := policy.NewService(stored{watches: []policy.Watch{want}}, &tree{}, policy.ServiceConfig{})
	if got, err := svc.Watches(t.Context(), nil); err != nil || len(got) != 1 || got[0].Base != want.Base {
		t.Errorf("got %v, %v", got, err)
	}
	svc = policy.NewService(&fakeDialect{}, &tree{}, policy.ServiceConfig{})
	if got, err := svc.Watches(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("a dialect without wishes: %v, %v", got, err)
	}
}

func BenchmarkReady(b *testing.B) {
	var dir tree
	dir.minimum.Store(20)
	svc := policy.NewService(stored{}, &dir, policy.ServiceConfig{TTL: time.Hour})
	if _, err := svc.Resolve(b.Context(), policy.Selection{}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := svc.Ready(policy.Selection{}); !ok {
				b.Fatal("not ready")
			}
		}
	})
}

// BenchmarkResolveTarget is what the service adds to the one read of the
// target, here from memory.
func BenchmarkResolveTarget(b *testing.B) {
	dir := &fixed{entries: []policy.Entry{{DN: "cn=p,dc=example", Attributes: []policy.Attribute{{Name: "minimum", Values: []string{"20"}}}}}}
	svc := policy.NewService(stored{}, dir, policy.ServiceConfig{TTL: time.Hour})
	sel := policy.Selection{Target: "uid=jo,dc=example"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := svc.Resolve(b.Context(), sel); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReload is what a policy costs that is read again unchanged.
func BenchmarkReload(b *testing.B) {
	dir := &fixed{entries: []policy.Entry{{DN: "cn=p,dc=example", Attributes: []policy.Attribute{{Name: "minimum", Values: []string{"20"}}}}}}
	svc := policy.NewService(stored{}, dir, policy.ServiceConfig{TTL: time.Hour})
	b.ReportAllocs()
	for b.Loop() {
		svc.Invalidate()
		if _, err := svc.Resolve(b.Context(), policy.Selection{}); err != nil {
			b.Fatal(err)
		}
	}
}

type fixed struct{ entries []policy.Entry }

func (d *fixed) Search(context.Context, policy.Query) ([]policy.Entry, error) { return d.entries, nil }

// What a request without a question to the directory costs is a budget.
func TestReadyAllocatesNothing(t *testing.T) {
	var dir tree
	dir.minimum.Store(20)
	svc := policy.NewService(stored{}, &dir, policy.ServiceConfig{TTL: time.Hour})
	minimumOf(t, svc, policy.Selection{})
	if n := testing.AllocsPerRun(1000, func() { svc.Ready(policy.Selection{}) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
