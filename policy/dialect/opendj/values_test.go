package opendj

import (
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

func TestParseDuration(t *testing.T) {
	for value, want := range map[string]string{
		"0":                            "0",
		" 000 ":                        "0",
		"0 seconds":                    "0",
		"5 ms":                         "5000000",
		"5ms":                          "5000000",
		"1 Second":                     "1000000000",
		"2 m":                          "120000000000",
		"1 h 1 minutes":                "3660000000000",
		"90 days":                      "7776000000000000",
		"1w":                           "604800000000000",
		"100000000000 weeks":           "60480000000000000000000000",
		"7 ns":                         "7",
		"7 us":                         "7000",
		"1 d12 h":                      "129600000000000",
		"9999999999999999999 w":        "6047999999999999999395200000000000",
		"3 milliseconds 4 microsecond": "3004000",
	} {
		n, err := parseDuration(value)
		if err != nil || n.String() != want {
			t.Errorf("%q: %v, %v; want %s", value, n, err, want)
		}
	}
	for _, value := range []string{"", " ", "1", "10", "s", "-1 s", "1.5 h", "1 year", "1 s s", "1 s 2", "+1 s", "1  s x", "99999999999999999999 s", "1 sec"} {
		if n, err := parseDuration(value); err == nil {
			t.Errorf("%q: no error, %v", value, n)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"0", "90 days", "1 d 12 h", "5ms", "1 s 2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		n, err := parseDuration(value)
		if err != nil {
			if n != nil {
				t.Error("an error and a duration")
			}
			return
		}
		if n.Sign() < 0 {
			t.Errorf("negative: %v", n)
		}
		if d := clamped(n); d < 0 {
			t.Errorf("clamped to %v", d)
		}
		// What was read can be written in its smallest unit and read again.
		if len(n.String()) <= 19 {
			again, err := parseDuration(n.String() + " ns")
			if err != nil || again.Cmp(n) != 0 {
				t.Errorf("%v became %v, %v", n, again, err)
			}
		}
	})
}

func FuzzCharacterSet(f *testing.F) {
	for _, s := range []string{"1:abc", "0::;,", "1:a-zA-Z", "12:ä-ü", "x:", "-1:a", "1:\xff-\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > 100 {
			return
		}
		if cs, err := parseCharacterSet(value); err == nil {
			_, chars, _ := strings.Cut(value, ":")
			if cs.Min < 0 || cs.Set.Len() != utf8.RuneCountInString(chars) {
				t.Errorf("%q: %d of %d characters", value, cs.Min, cs.Set.Len())
			}
			for _, c := range chars {
				if !cs.Set.Contains(c) {
					t.Errorf("%q lacks %q", value, c)
				}
			}
		}
		if cs, err := parseCharacterRanges(value); err == nil {
			_, ranges, _ := strings.Cut(value, ":")
			runes := []rune(ranges)
			for i := 0; i < len(runes); i += 3 {
				for _, c := range []rune{runes[i], runes[i+2]} {
					if !cs.Set.Contains(c) {
						t.Errorf("%q lacks its end %q", value, c)
					}
				}
			}
		}
	})
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{"alpha:3,numeric:2,alpha:3", "a:1 b:2", "a", ":", "a:0", "a:1024", " , "} {
		f.Add(s, "alpha:abc")
	}
	f.Fuzz(func(t *testing.T, format, set string) {
		named := map[string]string{"a": "xyz", "alpha": "abc", "numeric": "0123456789"}
		if name, chars, err := parseNamedSet(set); err == nil {
			if name == "" || chars == "" || name+":"+chars != set {
				t.Errorf("%q became %q, %q", set, name, chars)
			}
			named[name] = chars
		}
		parts, err := parseFormat(format, named)
		if err != nil {
			return
		}
		total := 0
		for _, p := range parts {
			if p.Count < 1 || p.Characters == "" {
				t.Errorf("%q: %+v", format, p)
			}
			total += p.Count
		}
		if total < 1 || total > generate.MaxChars {
			t.Errorf("%q: %d characters", format, total)
		}
	})
}

func TestParseGrouped(t *testing.T) {
	for value, want := range map[string]int64{"100,000,000,000": 100_000_000_000, " 7 ": 7, "1000": 1000} {
		if n, err := parseGrouped(value); err != nil || n.Cmp(big.NewInt(want)) != 0 {
			t.Errorf("%q: %v, %v", value, n, err)
		}
	}
	for _, value := range []string{"", ",", "0", "1e3", "-1", "1.5", strings.Repeat("9", 31)} {
		if n, err := parseGrouped(value); err == nil {
			t.Errorf("%q: no error, %v", value, n)
		}
	}
}

// TestRandomGenerator draws from a format: the parts keep their order, and a
// character that a set names twice comes twice as often.
func TestRandomGenerator(t *testing.T) {
	dir := newMemory(t, `dn: cn=G,cn=config
objectClass: ds-cfg-password-generator
objectClass: ds-cfg-random-password-generator
ds-cfg-enabled: true
ds-cfg-password-character-set: a:xxy
ds-cfg-password-character-set: b:01ä
ds-cfg-password-format: a:1,b:2 a:1
`)
	g, err := New(Config{}).readGenerator(dir.entries[0])
	if err != nil {
		t.Fatal(err)
	}
	rnd := generate.NewRand(nil)
	const draws = 9000
	counts := make(map[rune]int)
	for range draws {
		p := []rune(string(g.Append(nil, rnd)))
		if len(p) != 4 || !strings.ContainsRune("xy", p[0]) || !strings.ContainsRune("01ä", p[1]) || !strings.ContainsRune("01ä", p[2]) || !strings.ContainsRune("xy", p[3]) {
			t.Fatalf("%q does not keep the format", string(p))
		}
		counts[p[0]]++
	}
	// 6000 expected, standard deviation 45: ten of them.
	if n := counts['x']; n < 5550 || n > 6450 {
		t.Errorf("x came %d times in %d", n, draws)
	}
	// Two of the letters with log2(3) - 2/3, two with log2(3).
	if bits := g.Bits(); bits < 5.00 || bits > 5.01 {
		t.Errorf("%.4f bits", bits)
	}
}
