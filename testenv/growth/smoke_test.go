package growth

import (
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/load"
)

// TestBench measures at one small size each, so that the benchmarks do not
// fail halfway.
func TestBench(t *testing.T) {
	b := bench{t, load.Build(t), 10 * time.Millisecond, 1}
	s, config := slapdWith(t, testenv.SlapdDatabase{Users: 20})
	for name, m := range map[string]sample{
		"users":    b.withUsers(5),
		"policies": b.withPolicies(5),
		"idle":     b.withIdle(config, s, 5),
		"busy":     b.withBusy(config, s, 5),
	} {
		if m.size != 5 || m.ours <= 0 || m.theirs <= 0 || m.memory <= 1 {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestSizes(t *testing.T) {
	if got := sizes(100, 10_000); len(got) != 3 || got[2] != 10_000 {
		t.Errorf("%v", got)
	}
}
