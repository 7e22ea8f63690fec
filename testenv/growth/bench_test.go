package growth

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/load"
	"github.com/ldapsuggest/ldapsuggest/testenv/report"
)

// The benchmarks of this file are run with -benchtime 1x: each goes through
// all sizes once.

// A bench is how one size is measured.
type bench struct {
	testing.TB
	program string
	turn    time.Duration // of each of two
	rounds  int
}

// eight are the connections in use where their number is not what grows.
func eight() load.Shape { return load.Shape{Connections: 8, Pipeline: 1} }

// special is the number of users that testenv gives policies of their own,
// some of which nothing satisfies. Those behind have the default policy.
const special = 18

// A sample is what was measured at one size. What is not measured is 0.
type sample struct {
	size         int
	ours, theirs float64 // µs from one answer to the next
	cpu          float64 // µs of processor time that the front end takes for an answer
	memory       float64 // MiB that the front end has in use
	other        float64 // what only some benchmarks measure
}

// sizes returns the powers of ten from low to high.
func sizes(low, high int) []int {
	var all []int
	for n := low; n <= high; n *= 10 {
		all = append(all, n)
	}
	return all
}

func dial(b testing.TB, addr string, a testenv.Account, r load.Request, shape load.Shape) *load.Runner {
	b.Helper()
	runner, err := load.Dial(b.Context(), load.Target{Addr: addr, BindDN: a.DN, BindPassword: a.Password, Request: r}, shape)
	if err != nil {
		b.Fatal(err)
	}
	return runner
}

// each measures at each size in a benchmark of its own, whose servers end with
// it.
func each(b *testing.B, sizes []int, f func(bench, int) sample) []sample {
	b.Helper()
	program := load.Build(b)
	samples := make([]sample, len(sizes))
	for i, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			samples[i] = f(bench{b, program, 300 * time.Millisecond, report.Pick(7, 2)}, n)
		})
		if samples[i].size == 0 {
			b.FailNow() // it has said why
		}
	}
	return samples
}

// measure compares two in rounds that alternate.
func (b bench) measure(f *load.FrontEnd, ours, theirs *load.Runner) sample {
	b.Helper()
	if _, err := load.Compare(ours, theirs, 1, b.turn); err != nil { // warm up
		b.Fatal(err)
	}
	before := f.ProcessorTime(b)
	c, err := load.Compare(ours, theirs, b.rounds, b.turn)
	if err != nil {
		b.Fatal(err)
	}
	used := f.ProcessorTime(b) - before
	operations := 0.0
	for _, perSecond := range c.A {
		operations += perSecond * b.turn.Seconds()
	}
	return sample{ours: 1e6 / load.Median(c.A), theirs: 1e6 / load.Median(c.B), cpu: float64(used.Microseconds()) / operations, memory: f.Memory(b) / (1 << 20)}
}

func points(samples []sample, y func(sample) float64) []report.Point {
	var all []report.Point
	for _, s := range samples {
		if v := y(s); v > 0 {
			all = append(all, report.Point{X: float64(s.size), Y: v})
		}
	}
	return all
}

// A column is one figure of the samples: in a table, and as a curve in a
// panel of the figure.
type column struct {
	name  string // of the column and the curve
	panel string // the unit of the panel; columns of one panel stand together
	y     func(sample) float64
}

// publish writes a section: the curves, the figures, and what the curves say.
func publish(b *testing.B, name, title, x string, machine *report.Machine, samples []sample, columns []column, notes ...string) {
	b.Helper()
	figure := report.Figure{Title: title, X: x}
	table := report.Table{Header: []string{x}}
	var said []string
	for _, c := range columns {
		p := points(samples, c.y)
		if n := len(figure.Panels); n == 0 || figure.Panels[n-1].Y != c.panel {
			figure.Panels = append(figure.Panels, report.Panel{Y: c.panel})
		}
		panel := &figure.Panels[len(figure.Panels)-1]
		panel.Series = append(panel.Series, report.Series{Name: c.name, Points: p})
		table.Header = append(table.Header, c.name+", "+c.panel)
		what := c.name + ": " + Trend(p)
		if more := Slope(p); c.panel == memoryColumn.panel && more > 0 {
			what += fmt.Sprintf("; %s KiB for each that is added", report.Number(1024*more))
		}
		said = append(said, what+".")
	}
	for _, s := range samples {
		row := []string{report.Number(float64(s.size))}
		for _, c := range columns {
			cell := "–"
			if v := c.y(s); v > 0 {
				cell = report.Number(v)
			}
			row = append(row, cell)
		}
		table.Add(row...)
	}
	section := report.Section{Name: name}
	section.Printf("%s", machine.Describe(report.PackageVersion("slapd", "slapd")))
	section.Figure(name, figure)
	section.Table(table)
	section.Printf("%s", "- "+strings.Join(said, "\n- "))
	for _, n := range notes {
		section.Printf("%s", n)
	}
	section.Publish(b)
}

var (
	oursColumn   = column{"Generate Password", "µs", func(s sample) float64 { return s.ours }}
	theirsColumn = column{"slapd: base search", "µs", func(s sample) float64 { return s.theirs }}
	cpuColumn    = column{"processor time of the front end", "µs", func(s sample) float64 { return s.cpu }}
	memoryColumn = column{"memory of the front end", "MiB", func(s sample) float64 { return s.memory }}
)

// slapdWith starts a slapd and the configuration of a front end before it.
func slapdWith(b testing.TB, db testenv.SlapdDatabase) (*testenv.Slapd, string) {
	b.Helper()
	s := testenv.StartSlapd(b, testenv.SlapdOptions{ReadableConfig: true, Threads: 4, Databases: []testenv.SlapdDatabase{db}})
	return s, load.Config(b, s.URL, s.Reader.DN, s.Reader.Password, "")
}

func direct(s *testenv.Slapd) string { return strings.TrimPrefix(s.URL, "ldap://") }

// BenchmarkUsers asks for the users of larger and larger directories.
func BenchmarkUsers(b *testing.B) {
	machine := report.NewMachine()
	samples := each(b, sizes(100, report.Pick(1_000_000, 1000)), bench.withUsers)
	publish(b, "users", "Time and memory as users grow", "users", machine, samples, []column{oursColumn, theirsColumn, cpuColumn, memoryColumn,
		{"memory of slapd", "MiB", func(s sample) float64 { return s.other }}})
}

// withUsers is a function of its own, so that each slapd ends before the next
// one starts.
func (b bench) withUsers(n int) sample {
	const perUser = 8 << 10 // octets of the database
	s, config := slapdWith(b, testenv.SlapdDatabase{Users: n + special, MaxSize: max(1<<30, int64(n)*perUser)})
	f := load.Start(b, b.program, b.TempDir(), config)
	users := load.Among(n, func(i int) string { return s.UserDN(i + special) })
	ours := dial(b, f.LDAP, s.Reader, load.SuggestFor(1, users), eight())
	defer ours.Close()
	theirs := dial(b, direct(s), s.Reader, load.BaseSearch(users), eight())
	defer theirs.Close()
	m := b.measure(f, ours, theirs)
	m.size, m.other = n, load.Memory(b, s.PID())/(1<<20)
	return m
}

// BenchmarkPolicies asks for users each of whom has a policy of its own.
func BenchmarkPolicies(b *testing.B) {
	machine := report.NewMachine()
	samples := each(b, sizes(1, report.Pick(10_000, 100)), bench.withPolicies)
	publish(b, "policies", "Time and memory as policies grow", "policies", machine, samples, []column{oursColumn, theirsColumn, cpuColumn, memoryColumn})
}

func (b bench) withPolicies(n int) sample {
	var ldif strings.Builder
	for i := range n {
		fmt.Fprintf(&ldif, "dn: cn=p%d,ou=policies,%[2]s\nobjectClass: namedPolicy\nobjectClass: pwdPolicy\ncn: p%[1]d\npwdAttribute: userPassword\npwdCheckQuality: 2\npwdMinLength: %[3]d\n\n",
			i, testenv.BaseDN, 8+i%32)
		fmt.Fprintf(&ldif, "dn: uid=own%d,ou=people,%[2]s\nobjectClass: inetOrgPerson\nuid: own%[1]d\ncn: Own %[1]d\nsn: Own\nmail: own@example.com\npwdPolicySubentry: cn=p%[1]d,ou=policies,%[2]s\n\n", i, testenv.BaseDN)
	}
	s, config := slapdWith(b, testenv.SlapdDatabase{Users: -1, LDIF: ldif.String()})
	f := load.Start(b, b.program, b.TempDir(), config)
	dn := func(i int) string { return fmt.Sprintf("uid=own%d,ou=people,%s", i, s.Suffix) }
	// Once around, so that what is measured is a front end that knows all.
	around := dial(b, f.LDAP, s.Reader, load.SuggestFor(1, func(id int32) string { return dn(int(id) % n) }), load.Shape{Connections: 1, Pipeline: 16})
	for made := 0.0; made < float64(n); {
		perSecond, err := around.Run(100 * time.Millisecond)
		if err != nil {
			b.Fatal(err)
		}
		made += perSecond / 10
	}
	if err := around.Close(); err != nil {
		b.Fatal(err)
	}
	users := load.Among(n, dn)
	ours := dial(b, f.LDAP, s.Reader, load.SuggestFor(1, users), eight())
	defer ours.Close()
	theirs := dial(b, direct(s), s.Reader, load.BaseSearch(users), eight())
	defer theirs.Close()
	m := b.measure(f, ours, theirs)
	m.size = n
	return m
}

// BenchmarkConnections measures with more and more connections: idle ones
// beside eight that are busy, and busy ones.
func BenchmarkConnections(b *testing.B) {
	machine := report.NewMachine()
	most := report.Pick(10_000, 100)
	var notes []string
	all := sizes(1, most)
	// The front end has two sockets a client, and some more files.
	const others = 200
	if files := raiseFiles(uint64(2*most + others)); files < uint64(2*most+others) {
		most = int(files-others) / 200 * 100
		all = append(sizes(1, most), most)
		notes = append(notes, fmt.Sprintf("More than %s would take more open files than the limit of %s here: the front end has two for each.",
			report.Number(float64(most)), report.Number(float64(files))))
	}
	s, config := slapdWith(b, testenv.SlapdDatabase{Users: 100})
	config += fmt.Sprintf("limits: {connections: %d, addressConnections: %[1]d}\n", most+100)
	busy := make(map[int]sample)
	idle := each(b, all, func(b bench, n int) sample {
		busy[n] = b.withBusy(config, s, n)
		return b.withIdle(config, s, n)
	})
	var inUse []sample
	for _, m := range idle {
		inUse = append(inUse, busy[m.size])
	}
	publish(b, "idle-connections", "Time and memory as idle connections grow", "idle connections", machine, idle,
		[]column{{"Generate Password over 8 others", "µs", func(s sample) float64 { return s.ours }}, {"slapd: who am I over 8", "µs", func(s sample) float64 { return s.theirs }}, cpuColumn, memoryColumn}, notes...)
	publish(b, "busy-connections", "Time and memory as busy connections grow", "busy connections", machine, inUse,
		[]column{{"Generate Password", "µs", func(s sample) float64 { return s.ours }}, {"slapd: who am I", "µs", func(s sample) float64 { return s.theirs }}, cpuColumn, memoryColumn}, notes...)
}

// raiseFiles raises the limit of open files for this process and those that
// it starts, and returns what it is.
func raiseFiles(want uint64) uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	if l.Max < want {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: want, Max: want}); err != nil {
			return l.Max
		}
		return want
	}
	// Once set, it is handed on.
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	return l.Max
}

func (b bench) withIdle(config string, s *testenv.Slapd, n int) sample {
	f := load.Start(b, b.program, b.TempDir(), config)
	defer f.Stop(b)
	waiting := dial(b, f.LDAP, s.Reader, load.Suggest(), load.Shape{Connections: n})
	defer waiting.Close()
	memory := f.Memory(b) / (1 << 20) // before the busy ones have used any
	ours := dial(b, f.LDAP, s.Reader, load.Suggest(), eight())
	defer ours.Close()
	theirs := dial(b, direct(s), s.Reader, load.WhoAmI(), eight())
	defer theirs.Close()
	m := b.measure(f, ours, theirs)
	m.size, m.memory = n, memory
	return m
}

func (b bench) withBusy(config string, s *testenv.Slapd, n int) sample {
	f := load.Start(b, b.program, b.TempDir(), config)
	defer f.Stop(b)
	shape := load.Shape{Connections: n, Pipeline: 1}
	// One after the other: together they would be more than slapd can open.
	alone := func(addr string, r load.Request) (perOperation, cpu float64) {
		runner := dial(b, addr, s.Reader, r, shape)
		defer runner.Close()
		var rates []float64
		before := f.ProcessorTime(b)
		operations := 0.0
		for range b.rounds + 1 {
			begin := time.Now()
			perSecond, err := runner.Run(b.turn)
			if err != nil {
				b.Fatal(err)
			}
			operations += perSecond * time.Since(begin).Seconds()
			rates = append(rates, perSecond)
		}
		return 1e6 / load.Median(rates), float64((f.ProcessorTime(b) - before).Microseconds()) / operations
	}
	m := sample{size: n}
	m.ours, m.cpu = alone(f.LDAP, load.Suggest())
	m.memory = f.Memory(b) / (1 << 20)
	m.theirs, _ = alone(direct(s), load.WhoAmI())
	return m
}

// BenchmarkCount asks for more and more passwords in a request.
func BenchmarkCount(b *testing.B) {
	machine := report.NewMachine()
	s, config := slapdWith(b, testenv.SlapdDatabase{Users: 100})
	counts := sizes(1, 1000)
	config += fmt.Sprintf("generatePassword: {maxPasswords: %d}\n", counts[len(counts)-1])
	user := load.Always(s.UserDN(50))
	theirs := dial(b, direct(s), s.Reader, load.BaseSearch(user), eight())
	defer theirs.Close()
	samples := each(b, counts, func(b bench, n int) sample {
		f := load.Start(b, b.program, b.TempDir(), config)
		ours := dial(b, f.LDAP, s.Reader, load.SuggestFor(n, user), eight())
		defer ours.Close()
		m := b.measure(f, ours, theirs)
		m.size, m.other = n, m.ours/float64(n)
		return m
	})
	publish(b, "count", "Time and memory as passwords of a request grow", "passwords for a request", machine, samples,
		[]column{{"a request", "µs", oursColumn.y}, {"a password", "µs", func(s sample) float64 { return s.other }}, theirsColumn, cpuColumn, memoryColumn})
}
