package load_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/load"
	"github.com/ldapsuggest/ldapsuggest/testenv/report"
)

// startSlapd starts a slapd for comparisons, and returns it with the
// configuration of a front end before it.
func startSlapd(t testing.TB) (s *testenv.Slapd, config string) {
	t.Helper()
	s = testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Threads: 4, Databases: []testenv.SlapdDatabase{{Users: 1000}}})
	return s, load.Config(t, s.URL, s.Reader.DN, s.Reader.Password, "")
}

// A pair is what is compared: an operation of the front end, and one of the
// directory behind it.
type pair struct {
	name         string
	ours, theirs load.Target
	shapes       []load.Shape
}

const round = 500 * time.Millisecond

// outcome is what a pair gave.
type outcome struct{ ours, theirs, ratio, cpu float64 }

// compare runs a pair, a round for each of b.Loop.
func compare(b *testing.B, f *load.FrontEnd, p pair, shape load.Shape) outcome {
	dial := func(t load.Target) *load.Runner {
		runner, err := load.Dial(b.Context(), t, shape)
		if err != nil {
			b.Fatal(err)
		}
		return runner
	}
	ours, theirs := dial(p.ours), dial(p.theirs)
	defer ours.Close()
	defer theirs.Close()
	if _, err := load.Compare(ours, theirs, 1, 100*time.Millisecond); err != nil { // warm up
		b.Fatal(err)
	}
	var all load.Comparison
	before := f.ProcessorTime(b)
	for b.Loop() {
		c, err := load.Compare(ours, theirs, 1, round)
		if err != nil {
			b.Fatal(err)
		}
		all.A, all.B, all.Ratios = append(all.A, c.A...), append(all.B, c.B...), append(all.Ratios, c.Ratios...)
	}
	used := f.ProcessorTime(b) - before
	operations := 0.0
	for _, perSecond := range all.A {
		operations += perSecond * round.Seconds()
	}
	o := outcome{ours: load.Median(all.A), theirs: load.Median(all.B), ratio: load.Median(all.Ratios), cpu: float64(used.Microseconds()) / operations}
	b.ReportMetric(o.cpu, "cpu-us/op")
	b.ReportMetric(o.ratio, "ratio")
	b.ReportMetric(o.ours, "ours/s")
	b.ReportMetric(o.theirs, "theirs/s")
	b.ReportMetric(0, "ns/op")
	return o
}

// BenchmarkAgainst compares the front end with the directories themselves, in
// rounds of half a second each, alternating: the ratio, and the processor time
// that an operation takes in the front end. Run it with -benchtime 7x.
func BenchmarkAgainst(b *testing.B) {
	machine := report.NewMachine()
	table := report.Table{Header: []string{"operation", "compared with", "shape", "ours/s", "theirs/s", "ratio", "CPU µs/op"}}
	run := func(f *load.FrontEnd, pairs []pair) {
		for _, p := range pairs {
			ours, theirs, _ := strings.Cut(p.name, "; ")
			for _, shape := range p.shapes {
				var o outcome
				if !b.Run(strings.ReplaceAll(p.name, " ", "_")+"/"+shape.String(), func(b *testing.B) { o = compare(b, f, p, shape) }) {
					continue // there is nothing to show
				}
				table.Add(ours, theirs, shape.String(), report.Number(o.ours), report.Number(o.theirs), report.Number(o.ratio), report.Number(o.cpu))
			}
		}
	}
	program := load.Build(b)
	againstSlapd(b, program, run)
	againstDS389(b, program, run)
	section := report.Section{Name: "load"}
	section.Printf("%s", machine.Describe(report.PackageVersion("slapd", "slapd"), report.PackageVersion("389 DS", "389-ds-base")))
	section.Table(table)
	section.Publish(b)
}

func againstSlapd(b *testing.B, program string, run func(*load.FrontEnd, []pair)) {
	s, config := startSlapd(b)
	f := load.Start(b, program, b.TempDir(), config)
	slapd := strings.TrimPrefix(s.URL, "ldap://")
	user := load.Always(s.UserDN(500))
	// slapd writes passwords of eight characters, whatever the policy: users
	// of a policy that takes them, or it refuses its own.
	short := load.Always(s.UserDN(11))
	target := func(addr string, a testenv.Account, r load.Request) load.Target {
		return load.Target{Addr: addr, BindDN: a.DN, BindPassword: a.Password, Request: r}
	}
	few, many, most := load.Shape{Connections: 8, Pipeline: 1}, load.Shape{Connections: 8, Pipeline: 16}, load.Shape{Connections: 64, Pipeline: 16}
	run(f, []pair{
		{"Generate Password, default policy; slapd: who am I", target(f.LDAP, s.Reader, load.Suggest()), target(slapd, s.Reader, load.WhoAmI()), []load.Shape{few, many, most}},
		{"Generate Password, target entry; slapd: base search", target(f.LDAP, s.Reader, load.SuggestFor(1, user)), target(slapd, s.Reader, load.BaseSearch(user)), []load.Shape{few, many}},
		{"base search, relayed; slapd: base search", target(f.LDAP, s.Reader, load.BaseSearch(user)), target(slapd, s.Reader, load.BaseSearch(user)), []load.Shape{few, many, most}},
		{"Generate Password, target entry; slapd: Password Modify, its own password", target(f.LDAP, s.Helpdesk, load.SuggestFor(1, short)), target(slapd, s.Helpdesk, load.PasswordModify(short)), []load.Shape{few, many}},
		{"Password Modify, our password, slapd sets it; slapd: Password Modify, its own password", target(f.LDAP, s.Helpdesk, load.PasswordModify(short)), target(slapd, s.Helpdesk, load.PasswordModify(short)), []load.Shape{few, many}},
	})
}

// againstDS389 uses TLS throughout: without it, 389 Directory Server refuses
// Password Modify. It would also refuse one in some thousand of the passwords
// that it makes itself, if it looked at their syntax.
func againstDS389(b *testing.B, program string, run func(*load.FrontEnd, []pair)) {
	s := testenv.StartDS389(b, testenv.DS389Options{Global: map[string]string{"passwordCheckSyntax": "off"}})
	f := load.Start(b, program, b.TempDir(), load.Config(b, s.TLSURL, s.Reader.DN, s.Reader.Password, s.CAFile))
	user := load.Always(s.UserDN(40))
	ours := func(r load.Request) load.Target {
		return load.Target{Addr: f.LDAPS, TLS: f.TLS(b), BindDN: s.Helpdesk.DN, BindPassword: s.Helpdesk.Password, Request: r}
	}
	theirs := load.Target{Addr: strings.TrimPrefix(s.TLSURL, "ldaps://"), TLS: s.TLSConfig(), BindDN: s.Helpdesk.DN, BindPassword: s.Helpdesk.Password, Request: load.PasswordModify(user)}
	few := []load.Shape{{Connections: 8, Pipeline: 1}}
	run(f, []pair{
		{"Generate Password, target entry; 389 DS: Password Modify, its own password", ours(load.SuggestFor(1, user)), theirs, few},
		{"Password Modify, our password, 389 DS sets it; 389 DS: Password Modify, its own password", ours(load.PasswordModify(user)), theirs, few},
	})
}

// BenchmarkIdle measures the memory that an idle bound connection takes in
// the front end, with its connection to the directory. Each round has a
// process of its own: one that was busy before has memory to spare.
func BenchmarkIdle(b *testing.B) {
	const few, many = 100, 2000
	machine := report.NewMachine()
	program := load.Build(b)
	s, config := startSlapd(b)
	var perConnection []float64
	for b.Loop() {
		f := load.Start(b, program, b.TempDir(), config)
		target := load.Target{Addr: f.LDAP, BindDN: s.Reader.DN, BindPassword: s.Reader.Password}
		memoryWith := func(n int) (*load.Runner, float64) {
			r, err := load.Dial(b.Context(), target, load.Shape{Connections: n})
			if err != nil {
				b.Fatal(err)
			}
			return r, f.Memory(b)
		}
		r1, before := memoryWith(few)
		r2, after := memoryWith(many)
		perConnection = append(perConnection, (after-before)/many)
		if err := errors.Join(r1.Close(), r2.Close()); err != nil {
			b.Fatal(err)
		}
		f.Stop(b)
	}
	median := load.Median(perConnection) / 1024
	b.ReportMetric(median, "KiB/connection")
	b.ReportMetric(0, "ns/op")
	section := report.Section{Name: "idle"}
	section.Printf("%s", machine.Describe(report.PackageVersion("slapd", "slapd")))
	section.Table(report.Table{Header: []string{"", "measured", "target"}, Rows: [][]string{
		{"idle bound connection, both hops, resident", report.Number(median) + " KiB", "48 KiB"},
	}})
	section.Publish(b)
}

// BenchmarkStart measures the time from the start of the program to the first
// answer on the embedded directory, and its memory then: on an empty data
// directory, which gets the example, and on one that is there.
func BenchmarkStart(b *testing.B) {
	machine := report.NewMachine()
	table := report.Table{Header: []string{"start to first answer", "measured", "target"}}
	program := load.Build(b)
	full := b.TempDir()
	load.Start(b, program, full, "").Stop(b)
	for _, tt := range []struct {
		name, what string
		dir        func() string
	}{
		{"existing", "embedded directory that is there", func() string { return full }},
		{"empty", "empty data directory", b.TempDir},
	} {
		var ms, mib float64
		b.Run(tt.name, func(b *testing.B) {
			var took, resident []float64
			for b.Loop() {
				dir := tt.dir()
				begin := time.Now()
				f := load.Start(b, program, dir, "")
				// The anonymous bind of Dial is answered by the directory.
				r, err := load.Dial(b.Context(), load.Target{Addr: f.LDAP}, load.Shape{Connections: 1})
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, float64(time.Since(begin).Microseconds())/1000)
				resident = append(resident, f.Memory(b)/(1<<20))
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
				f.Stop(b)
			}
			ms, mib = load.Median(took), load.Median(resident)
			b.ReportMetric(ms, "ms")
			b.ReportMetric(mib, "MiB")
			b.ReportMetric(0, "ns/op")
		})
		table.Add(tt.what, report.Number(ms)+" ms, "+report.Number(mib)+" MiB", "200 ms, 40 MiB")
	}
	section := report.Section{Name: "start"}
	section.Printf("%s", machine.Describe())
	section.Table(table)
	section.Publish(b)
}

// TestCompare holds the load program to its word: it counts what was
// answered, and fails on what was refused.
func TestCompare(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 5}}})
	addr := strings.TrimPrefix(s.URL, "ldap://")
	dial := func(r load.Request) *load.Runner {
		runner, err := load.Dial(t.Context(), load.Target{Addr: addr, BindDN: s.Reader.DN, BindPassword: s.Reader.Password, Request: r}, load.Shape{Connections: 2, Pipeline: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { runner.Close() })
		return runner
	}
	c, err := load.Compare(dial(load.WhoAmI()), dial(load.BaseSearch(load.Always(s.UserDN(1)))), 2, 20*time.Millisecond)
	if err != nil || len(c.Ratios) != 2 || c.A[0] <= 0 || c.B[1] <= 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := dial(load.BaseSearch(load.Always(s.UserDN(99)))).Run(20 * time.Millisecond); err == nil {
		t.Error("a search that fails was counted")
	}
	if _, err := load.Dial(t.Context(), load.Target{Addr: addr, BindDN: s.Reader.DN, BindPassword: "wrong"}, load.Shape{Connections: 1}); err == nil {
		t.Error("a bind that fails went unnoticed")
	}
}

// TestRequests sends each request once the front end stands before slapd: an
// operation that fails would stop a benchmark halfway.
func TestRequests(t *testing.T) {
	s, config := startSlapd(t)
	f := load.Start(t, load.Build(t), t.TempDir(), config+"generatePassword: {maxPasswords: 100}\n")
	users := load.Among(1000, s.UserDN)
	for name, r := range map[string]load.Request{
		"who am I":        load.WhoAmI(),
		"default policy":  load.Suggest(),
		"target entry":    load.SuggestFor(100, load.Always(s.UserDN(11))),
		"base search":     load.BaseSearch(users),
		"Password Modify": load.PasswordModify(load.Always(s.UserDN(11))),
	} {
		for _, target := range []load.Target{{Addr: f.LDAP}, {Addr: f.LDAPS, TLS: f.TLS(t)}} {
			target.BindDN, target.BindPassword, target.Request = s.Helpdesk.DN, s.Helpdesk.Password, r
			runner, err := load.Dial(t.Context(), target, load.Shape{Connections: 1, Pipeline: 1})
			if err != nil {
				t.Fatal(err)
			}
			if perSecond, err := runner.Run(time.Millisecond); err != nil || perSecond <= 0 {
				t.Errorf("%s at %s: %v a second, %v", name, target.Addr, perSecond, err)
			}
			runner.Close()
		}
	}
	if f.Memory(t) < 1<<20 || f.ProcessorTime(t) <= 0 {
		t.Errorf("%v octets, %v", f.Memory(t), f.ProcessorTime(t))
	}
}

// TestAmong wants every entry to come up.
func TestAmong(t *testing.T) {
	seen := make(map[string]bool)
	dn := load.Among(10, strconv.Itoa)
	for id := range int32(1000) {
		seen[dn(id)] = true
	}
	if len(seen) != 10 || seen["10"] {
		t.Errorf("%v", seen)
	}
}
