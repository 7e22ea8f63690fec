package transparency_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/testenv/transparency"
)

func TestParseBattery(t *testing.T) {
	got, err := transparency.ParseBattery("b", "# comment\n\na  b\nsame data\n0  -   true x  y\n7>49 32  false\n")
	want := transparency.Battery{Name: "b", SameData: true, Cases: []transparency.Case{
		{Command: "true x  y", Line: 5, Status: map[string]int{"a": 0}, Through: map[string]int{}},
		{Command: "false", Line: 6, Status: map[string]int{"a": 7, "b": 32}, Through: map[string]int{"a": 49}},
	}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("error %v, -want +got\n%s", err, d)
	}
	if n := len(got.For("b").Cases); n != 1 {
		t.Errorf("%d cases for b", n)
	}
	for name, text := range map[string]string{
		"empty":        "",
		"no cases":     "a b\n",
		"no command":   "a b\n0 0\n",
		"no status":    "a b\nx 0 true\n",
		"a large one":  "a b\n0 256 true\n",
		"no server":    "a b\n- - true\n",
		"half a pair":  "a b\n0> 0 true\n",
		"too few":      "a b c\n0 0 true\n",
		"with nothing": "a\nsame data\n",
	} {
		if b, err := transparency.ParseBattery(name, text); err == nil {
			t.Errorf("%s: got %v", name, b)
		}
	}
}

func TestLoadBatteriesWantsSome(t *testing.T) {
	if got, err := transparency.LoadBatteries(fstest.MapFS{"README": {}}); err == nil {
		t.Errorf("got %v", got)
	}
	if err := transparency.Programs(t.TempDir(), fstest.MapFS{}); err == nil {
		t.Error("no programs are no error")
	}
}

func TestCheck(t *testing.T) {
	plain := transparency.Case{Status: map[string]int{"s": 1}}
	different := transparency.Case{Status: map[string]int{"s": 1}, Through: map[string]int{"s": 2}}
	type outcome = transparency.Outcome
	for name, test := range map[string]struct {
		c               transparency.Case
		direct, through outcome
		wrong           string // what the verdict contains, empty for none
	}{
		"same":                   {plain, outcome{1, "a\nb"}, outcome{1, "a\nb"}, ""},
		"other output":           {plain, outcome{1, "a\nb"}, outcome{1, "a\nc"}, "  a\n- b\n+ c\n"},
		"other status":           {plain, outcome{1, "a"}, outcome{0, "a"}, "exit status is 0, want 1"},
		"both fail for no cause": {plain, outcome{2, "usage"}, outcome{2, "usage"}, "asked directly, the exit status is 2"},
		"meant":                  {different, outcome{1, "a"}, outcome{2, "b"}, ""},
		"meant, otherwise":       {different, outcome{1, "a"}, outcome{3, "b"}, "exit status is 3, want 2"},
		"meant, and gone":        {different, outcome{1, "a"}, outcome{2, "a"}, "none any more"},
	} {
		got := test.c.Check("s", test.direct, test.through)
		if (got == "") != (test.wrong == "") || !strings.Contains(got, test.wrong) {
			t.Errorf("%s: %q, want %q", name, got, test.wrong)
		}
	}
}

func TestRun(t *testing.T) {
	r := transparency.Runner{Dir: t.TempDir(), Environment: map[string]string{"WORD": "hello"}, Prelude: "say() { echo \"$@\"; }"}
	got, err := r.Run(t.Context(), `say "$WORD"; say oh >&2; exit 3`)
	if want := (transparency.Outcome{Status: 3, Output: "hello\noh\n"}); got != want || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := r.Run(t.Context(), "no-such-program-anywhere"); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a missing program: %v", err)
	}
}

func TestNormalize(t *testing.T) {
	normalize := transparency.Normalizer("localhost:1389", "")
	for in, want := range map[string]string{
		"at ldap://localhost:1389/":                              "at ldap://SERVER/",
		"modifyTimestamp: 20261121021634Z":                       "modifyTimestamp: TIME",
		"entryCSN: 20261121021634.123456Z#000000#000#000000":     "entryCSN: TIME",
		"entryUUID: 7fa39686-799b-1041-98f0-77ea84b56c3a":        "entryUUID: UUID",
		"userPassword: {SSHA}WTuvIAbcdefghij+/==":                "userPassword: {SSHA}HASH",
		"uSNChanged: 4711\ncn: 4711":                             "uSNChanged: N\ncn: 4711",
		"objectSid:: AQUAAAAAAAUVAAAA":                           "objectSid:: ID",
		"cn: 2026":                                               "cn: 2026",
		"result: 32 No such object\nmatchedDN: dc=example":       "result: 32 No such object\nmatchedDN: dc=example",
		"pagedresults: cookie=8KQQRBR/AAA=":                      "pagedresults: cookie=8 octets",
		"jpegPhoto:: /9j/4AAQAAECAwQFBgf/AAD//gCAgYI=":           "jpegPhoto:: /9j/4AAQAAECAwQFBgf/AAD//gCAgYI=",
		"control: 1.2.840.113556.1.4.319 false MAUCAQAEAA==":     "control: 1.2.840.113556.1.4.319 false MAUCAQAEAA==",
		"c: 1.2 false MA0CARUECPCkEEQUfwAA\ncookie=8KQQRBR/AAA=": "c: 1.2 false MA0CARUECHh4eHh4eHh4\ncookie=8 octets",
	} {
		if got := normalize(in); got != want {
			t.Errorf("%q:\ngot  %q\nwant %q", in, got, want)
		}
	}
}
