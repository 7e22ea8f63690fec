package conformance

import (
	"cmp"
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
	// benchNamed is how many of the policies above a bound are logged.
	benchNamed = 4
)

// Bench measures what the policies of the suite cost: to compile each, and to
// draw one password under each that can be satisfied. It reports the medians
// and the maxima over all policies, and logs the costliest of those that take
// more than 5 ms and 2 µs.
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
		var order []int
		over := 0
		for i, d := range all {
			if d > 0 {
				order = append(order, i)
			}
			if d > bound {
				over++
			}
		}
		if len(order) == 0 {
			return
		}
		slices.SortFunc(order, func(i, j int) int { return cmp.Compare(all[j], all[i]) })
		for _, i := range order[:min(over, benchNamed)] {
			b.Logf("%v: %s", all[i], cases[i].Words)
		}
		if over > 0 {
			b.Logf("%d of %d above %v", over, len(order), bound)
		}
		b.ReportMetric(in(all[order[len(order)/2]]), "median-"+unit)
		b.ReportMetric(in(all[order[0]]), "max-"+unit)
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
