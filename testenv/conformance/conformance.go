// Package conformance proves the promise with the servers themselves as
// judges: under policies made at random, a suggestion is never refused, a
// verdict is never other than the server's, and what is called unsatisfiable
// is.
//
// A server's test implements [Server] and calls [Run]. The package imports
// policy and nothing that knows a server.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A Server is a real directory that policies can be put into.
type Server interface {
	// Name names the server and its version.
	Name() string

	// Service resolves policies as the service account does.
	Service() *policy.Service

	// Install puts a random policy in force for one of Slots users and
	// returns the user's DN and the policy in words. Every choice comes from
	// rng.
	Install(ctx context.Context, slot int, rng *rand.Rand) (dn, words string, err error)

	// Slots is the number of users that can be under policies of their own
	// at the same time.
	Slots() int

	// Connect returns a function that sets a user's password through an
	// account that the policy binds, and one that ends it. Set returns a
	// *Refusal if the directory refused the password for its content.
	Connect(ctx context.Context) (set func(dn string, password []byte) error, close func(), err error)

	// Exempt explains a known difference between our verdict and the
	// server's, "" if there is none. It is the place for documented
	// exceptions.
	Exempt(password []byte, s rule.Subject, ours []string, theirs *Refusal) string
}

// A Refusal is the server's verdict on a password.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

// Options are how much to try.
type Options struct {
	Policies    int // policies made at random
	Suggestions int // suggestions set under each
	Verdicts    int // candidates near the limits judged under each
	Seed        uint64
}

// FromEnv returns o with what LDAPSUGGEST_N (policies) and
// LDAPSUGGEST_SEED set in its place.
func (o Options) FromEnv(t testing.TB) Options {
	t.Helper()
	for name, set := range map[string]func(uint64){
		"LDAPSUGGEST_N":    func(n uint64) { o.Policies = int(n) },
		"LDAPSUGGEST_SEED": func(n uint64) { o.Seed = n },
	} {
		if v := os.Getenv(name); v != "" {
			n, err := strconv.ParseUint(v, 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			set(n)
		}
	}
	return o
}

// Totals are what a run did.
type Totals struct {
	Policies, Unsatisfiable, Suggestions, Accepted, Verdicts, Refused, Exempt atomic.Int64
}

// Run runs the suite and returns what it did, after failing t for each
// refused suggestion, wrong verdict and wrongly unsatisfiable policy.
func Run(t *testing.T, s Server, o Options) *Totals {
	t.Helper()
	t.Logf("%s: %d policies, %d suggestions and %d verdicts each, LDAPSUGGEST_SEED=%d", s.Name(), o.Policies, o.Suggestions, o.Verdicts, o.Seed)
	var totals Totals
	show := newProgress(s.Name(), o.Policies)
	defer show.close()
	next := make(chan int)
	var wg sync.WaitGroup
	for slot := range s.Slots() {
		wg.Go(func() {
			set, done, err := s.Connect(t.Context())
			if err != nil {
				t.Errorf("connect: %v", err)
				for range next { // let the others finish
				}
				return
			}
			defer done()
			for n := range next {
				r := run{t: t, server: s, set: set, o: o, totals: &totals, n: n,
					rng: rand.New(rand.NewPCG(o.Seed, uint64(n)))}
				r.policy(slot)
			}
		})
	}
	for n := range o.Policies {
		next <- n
		show.at(n)
	}
	close(next)
	wg.Wait()
	t.Logf("%s: %d policies, %d of them unsatisfiable; %d suggestions set, %d accepted; %d verdicts compared, %d of them refusals, %d documented exceptions",
		s.Name(), totals.Policies.Load(), totals.Unsatisfiable.Load(), totals.Suggestions.Load(), totals.Accepted.Load(),
		totals.Verdicts.Load(), totals.Refused.Load(), totals.Exempt.Load())
	return &totals
}

// run is one policy's turn.
type run struct {
	t      *testing.T
	server Server
	set    func(dn string, password []byte) error
	o      Options
	totals *Totals
	n      int
	rng    *rand.Rand
	words  string
}

func (r *run) errorf(format string, args ...any) {
	r.t.Helper()
	r.t.Errorf("policy %d (%s): %s", r.n, r.words, fmt.Sprintf(format, args...))
}

func (r *run) policy(slot int) {
	ctx := r.t.Context()
	dn, words, err := r.server.Install(ctx, slot, r.rng)
	r.words = words
	if err != nil {
		r.errorf("install: %v", err)
		return
	}
	r.totals.Policies.Add(1)
	eff, err := r.server.Service().Resolve(ctx, policy.Selection{Target: dn})
	if err != nil {
		r.errorf("resolve: %v", err)
		return
	}
	base := r.suggestions(ctx, dn, eff)
	if len(base) == 0 {
		base = [][]byte{[]byte("aB3$"), []byte("correct Horse 7 battery-staple"), []byte("0123456789")}
	}
	r.verdicts(dn, eff, base)
}

// suggestions sets what we suggest; the server has to accept it.
func (r *run) suggestions(ctx context.Context, dn string, eff *policy.Effective) [][]byte {
	if eff.Unsatisfiable() != nil {
		r.totals.Unsatisfiable.Add(1)
		return nil
	}
	const attempts = 50
	list, err := eff.Suggest(ctx, policy.SuggestOptions{Count: r.o.Suggestions, Attempts: attempts})
	if err != nil {
		r.errorf("suggest: %v", err)
		return nil
	}
	var base [][]byte
	for _, s := range list {
		base = append(base, s.Password.Bytes())
		if len(s.Errors) > 0 {
			r.errorf("no valid suggestion in %d attempts: %v", attempts, s.Errors)
			continue
		}
		r.totals.Suggestions.Add(1)
		if err := r.set(dn, s.Password.Bytes()); err != nil {
			r.errorf("the server refused the suggestion %q: %v", s.Password.Bytes(), err)
			continue
		}
		r.totals.Accepted.Add(1)
	}
	return base
}

// verdicts compares our verdict with the server's, on candidates near the
// limits of the policy. Under an unsatisfiable one, both must refuse all.
func (r *run) verdicts(dn string, eff *policy.Effective, base [][]byte) {
	seen := make(map[string]bool)
	for _, p := range base {
		seen[string(p)] = true // it may be in the history
	}
	for i := 0; i < r.o.Verdicts; i++ {
		p := mutate(r.rng, base[r.rng.IntN(len(base))], eff.Subject)
		if len(p) == 0 || seen[string(p)] {
			continue // an empty value deletes
		}
		seen[string(p)] = true
		ours := eff.Compiled.Validate(p, eff.Subject)
		err := r.set(dn, p)
		var theirs *Refusal
		if err != nil && !errors.As(err, &theirs) {
			r.errorf("setting %q failed: %v", p, err)
			return
		}
		r.totals.Verdicts.Add(1)
		if theirs != nil {
			r.totals.Refused.Add(1)
		}
		if (len(ours) > 0) == (theirs != nil) {
			continue
		}
		if why := r.server.Exempt(p, eff.Subject, ours, theirs); why != "" {
			r.totals.Exempt.Add(1)
			continue
		}
		if theirs != nil {
			r.errorf("we accept %q, the server refuses it: %v", p, theirs)
		} else {
			r.errorf("the server accepts %q, we refuse it: %v", p, strings.Join(ours, " "))
		}
	}
}
