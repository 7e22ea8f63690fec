package peers

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/testenv/load"
)

// TestPolicies wants ten, each with a name of its own and settings.
func TestPolicies(t *testing.T) {
	names := make(map[string]bool)
	servers := make(map[Kind]int)
	for _, p := range Policies() {
		names[p.Name] = true
		servers[p.Server]++
		if len(p.Settings) == 0 || p.Wish.Length < 8 || len(p.attributes()) != len(p.Settings) {
			t.Errorf("%+v", p)
		}
	}
	if len(names) != 10 || servers[Slapd] == 0 || servers[DS389] == 0 || servers[Samba] == 0 {
		t.Errorf("%v, %v", names, servers)
	}
	// What ppm does not count is the rest of ASCII's symbols.
	if n := len(ppmSpecial) + len(ppmOther); n != symbols || strings.ContainsAny(ppmSpecial, ppmOther) {
		t.Errorf("ppm's symbols and the others are %d", n)
	}
}

// TestCalls keeps the command lines that the documentation tells of.
func TestCalls(t *testing.T) {
	for _, tt := range []struct {
		generator string
		wish      Wish
		line      string
		bits      float64
	}{
		{"pwgen", Wish{Length: 15}, "pwgen -1 -s -c -n 15 N", 89.20},
		{"pwgen", Wish{12, 1, "%'"}, `pwgen -1 -s -c -n -y -r '%'\''' 12 N`, 77.76},
		{"apg", Wish{Length: 15}, "apg -a 1 -M sncl -m 15 -x 15 -n N", 98.32},
		{"apg", Wish{Length: 16, Each: 1}, "apg -a 1 -M SNCL -m 16 -x 16 -n N", 104.59},
		{"apg", Wish{12, 1, "<"}, "apg -a 1 -M SNCL -m 12 -x 12 -n N -E '<'", 77.94},
		{"pwqgen", Wish{Length: 8}, "pwqgen random=47", 47},
		{"pwqgen", Wish{Length: 15}, "pwqgen random=64", 64},
		{"pwmake", Wish{Length: 12}, "pwmake 80", 80},
		{"pwmake", Wish{Length: 20}, "pwmake 100", 100},
		{"go-password", Wish{Length: 16, Each: 2}, "password.Generate(16, 4, 4, false, false)", 96.19},
		{"go-diceware", Wish{Length: 12}, `diceware.Generate(6), joined by "-"`, 77.55},
	} {
		for _, g := range Generators() {
			if g.Name != tt.generator {
				continue
			}
			c := g.For(tt.wish)
			if c.Line != tt.line {
				t.Errorf("%s: %+v is %s, want %s", g.Name, tt.wish, c.Line, tt.line)
			}
			if math.Abs(c.Entropy.Bits-tt.bits) > 0.3 {
				t.Errorf("%s: %s has %.2f bits, want %.2f", g.Name, c.Line, c.Entropy.Bits, tt.bits)
			}
		}
	}
}

// TestProgram calls programs that every system has.
func TestProgram(t *testing.T) {
	many := program("seq", "{n}")
	if got, err := many.Make(t.Context(), 3); err != nil || !slices.Equal(got, []string{"1", "2", "3"}) || !many.Batch {
		t.Errorf("%q, %v", got, err)
	}
	one := program("echo", "a b")
	if got, err := one.Make(t.Context(), 3); err != nil || len(got) != 3 || got[2] != "a b" || one.Line != "echo 'a b'" || one.Batch {
		t.Errorf("%q, %v, %s", got, err, one.Line)
	}
	for name, c := range map[string]Call{
		"too few":       program("echo", "one", "{n}"),
		"none":          program("true"),
		"a blank":       program("printf", `x \n`),
		"fails":         program("false"),
		"not installed": program("no-such-generator"),
	} {
		if got, err := c.Make(t.Context(), 2); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestEntropy counts small cases one by one.
func TestEntropy(t *testing.T) {
	// Strings of 4 over 6 characters, of which 0 and 1, 2, and 3 to 5 are
	// classes.
	all, demanded := 0, 0
	for n := range 6 * 6 * 6 * 6 {
		var seen [3]bool
		for x, i := n, 0; i < 4; i++ {
			seen[[]int{0, 0, 1, 2, 2, 2}[x%6]] = true
			x /= 6
		}
		all++
		if seen[0] && seen[1] && seen[2] {
			demanded++
		}
	}
	if got, want := conditioned(4, 6), math.Log2(float64(all)); math.Abs(got-want) > 1e-9 {
		t.Errorf("without a demand %v, want %v", got, want)
	}
	if got, want := conditioned(4, 6, 2, 1, 3), math.Log2(float64(demanded)); math.Abs(got-want) > 1e-9 {
		t.Errorf("with one of each %v, want %v", got, want)
	}
	// Two different ones of 3 and one of 2, in any order: 3 orders of the
	// classes, 3*2 ways, 2 ways.
	if got, want := arranged([]int{2, 1}, []int{3, 2}), math.Log2(3*6*2); math.Abs(got-want) > 1e-9 {
		t.Errorf("arranged %v, want %v", got, want)
	}
	// 11 letters, 2 digits and 3 symbols, counted elsewhere.
	if got, want := arranged([]int{11, 2, 3}, []int{52, 10, 32}), 97.83; math.Abs(got-want) > 0.005 {
		t.Errorf("arranged %v, want %v", got, want)
	}
	if got, want := drawn(2, 5), math.Log2(20); math.Abs(got-want) > 1e-9 {
		t.Errorf("drawn %v, want %v", got, want)
	}
	for e, want := range map[Entropy]string{{80, Exactly}: "80", {98.327, AtMost}: "≤ 98.3", {80, AtLeast}: "≥ 80"} {
		if e.String() != want {
			t.Errorf("%+v is shown as %s, want %s", e, e, want)
		}
	}
}

// TestJudge has slapd judge under one policy: a few good and bad passwords,
// its own, and ours.
func TestJudge(t *testing.T) {
	p := Policies()[0]
	j, without := StartSlapd(t, []Policy{p})
	if len(without) > 0 || j.User(p) == "" {
		t.Fatalf("%s cannot be judged", p.Name)
	}
	refused, err := j.Refused(j.User(p), []string{"too short", "Long-enough-to-be-good", "another that is long", "14 characters."})
	if err != nil || refused != 2 {
		t.Errorf("%d of 4 refused, %v", refused, err)
	}
	if _, err := j.Refused("uid=nobody,ou=people,dc=example,dc=com", []string{"x"}); err == nil {
		t.Error("a user who does not exist was taken for a refusal")
	}
	if refused, ok, err := j.Own(j.User(p), 3); refused != 3 || !ok || err != nil {
		t.Errorf("%d of its own 3 refused, %t, %v", refused, ok, err)
	}
	s := NewSuggester(t, load.Build(t), j)
	ours, err := s.Suggest(j.User(p), 20)
	if err != nil || len(ours) != 20 {
		t.Fatalf("%d suggestions, %v", len(ours), err)
	}
	if refused, err := j.Refused(j.User(p), ours); err != nil || refused > 0 {
		t.Errorf("%d of our 20 refused, %v", refused, err)
	}
	if e, err := s.Entropy(j.User(p)); err != nil || e.Bits < 80 || e.Bound != Exactly {
		t.Errorf("%+v, %v", e, err)
	}
	for _, g := range Generators() {
		if g.Package != "" {
			continue // make test does not install these
		}
		c := g.For(p.Wish)
		made, err := c.Make(t.Context(), 5)
		if err != nil || len(made) != 5 {
			t.Fatalf("%s: %d passwords, %v", g.Name, len(made), err)
		}
		if refused, err := j.Refused(j.User(p), made); err != nil || refused > 0 {
			t.Errorf("%s: %d of 5 refused, %v", g.Name, refused, err)
		}
	}
}
