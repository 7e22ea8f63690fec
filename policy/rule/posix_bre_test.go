package rule

import (
	"encoding/json"
	"os"
	"testing"
)

// TestBRE compares with the verdicts of glibc's regcomp (REG_ICASE) and
// regexec in the C locale. A pattern there stands for its code points as
// octets.
func TestBRE(t *testing.T) {
	data, err := os.ReadFile("testdata/bre.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Pattern, Input, Verdict string }
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	octets := func(s string) []byte {
		var out []byte
		for _, r := range s {
			out = append(out, byte(r))
		}
		return out
	}
	for _, v := range vectors {
		got := "no match"
		match, err := compileBRE(string(octets(v.Pattern)))
		if err != nil {
			got = "error"
		} else if matched, err := match(octets(v.Input)); err != nil {
			t.Errorf("%q on %q: %v", v.Pattern, v.Input, err)
		} else if matched {
			got = "match"
		}
		if got != v.Verdict {
			t.Errorf("%q on %q: %s, want %s", v.Pattern, v.Input, got, v.Verdict)
		}
	}
}
