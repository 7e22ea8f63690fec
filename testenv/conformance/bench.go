package conformance

import (
	"slices"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A Case is a policy of the suite, loaded without its server.
type Case struct {
	Words  string // the policy in words
	Policy *policy.Policy
}

const (
	// benchRounds is how often each policy is measured. The best round
	// counts: the others tell what else the machine did.
	benchRounds = 3
	// benchDraws is how many suggestions are timed together.
	benchDraws = 200
)

// Bench measures what the policies of the suite cost: to compile each, and to
// draw one password under each that can be satisfied. It reports the medians
// and the maxima over all policies, and logs the costliest.
func Bench(b *testing.B, cases []Case) {
	b.Helper()
	if len(cases) == 0 {
		b.Fatal("no policies to measure")
	}
	compile, draw := make([]time.Duration, len(cases)), make([]time.Duration, len(cases))
	rnd := generate.NewRand(nil)
	defer rnd.Wipe()
	for b.Loop() {
		for i, c := range cases {
			for range benchRounds {
				start := time.Now()
				compiled := policy.Compile(c.Policy, policy.Config{})
				least(&compile[i], time.Since(start))
				if compiled.Unsatisfiable() != nil {
					continue
				}
				start = time.Now()
				if _, err := compiled.Suggest(b.Context(), rule.Subject{}, policy.SuggestOptions{Count: benchDraws, Rand: rnd}); err != nil {
					b.Fatalf("%s: %v", c.Words, err)
				}
				least(&draw[i], time.Since(start)/benchDraws)
			}
		}
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	report := func(all []time.Duration, unit string, in func(time.Duration) float64, bound time.Duration) {
		for i, d := range all {
			if d > bound {
				b.Logf("%v %s: %s", d, unit, cases[i].Words)
			}
		}
		all = slices.DeleteFunc(slices.Clone(all), func(d time.Duration) bool { return d == 0 })
		if len(all) == 0 {
			return
		}
		slices.Sort(all)
		b.ReportMetric(in(all[len(all)/2]), "median-"+unit)
		b.ReportMetric(in(all[len(all)-1]), "max-"+unit)
	}
	report(compile, "compile-ms", ms, 5*time.Millisecond)
	report(draw, "ns/suggestion", func(d time.Duration) float64 { return float64(d.Nanoseconds()) }, 2*time.Microsecond)
	b.ReportMetric(float64(len(cases)), "policies")
}

// least keeps in *d the smaller of it and x; 0 is none.
func least(d *time.Duration, x time.Duration) {
	if *d == 0 || x < *d {
		*d = x
	}
}
