package peers

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/load"
	"github.com/ldapsuggest/ldapsuggest/testenv/report"
)

// versions names what is compared.
func versions(servers ...string) []string {
	v := append([]string{}, servers...)
	for _, g := range Generators() {
		if g.Package != "" {
			v = append(v, report.PackageVersion(g.Name, g.Package))
		}
	}
	return append(v, "go-password 0.4.0", "go-diceware 0.6.0")
}

func needGenerators(b *testing.B) {
	b.Helper()
	if m := Missing(); len(m) > 0 {
		b.Fatalf("generators are missing; as root: apt-get install --no-install-recommends %s", strings.Join(m, " "))
	}
}

// BenchmarkAcceptance has the servers judge what each generator makes for
// each policy. Run it with -benchtime 1x. A password of ours that is refused
// fails it.
func BenchmarkAcceptance(b *testing.B) {
	needGenerators(b)
	machine := report.NewMachine()
	program := load.Build(b)
	all := Policies()
	slapd, without := StartSlapd(b, all)
	judges := map[Kind]*Judge{Slapd: slapd, DS389: StartDS389(b, all), Samba: StartSamba(b, all)}
	tries := map[Kind]int{Slapd: report.Pick(1000, 50), DS389: report.Pick(1000, 50), Samba: report.Pick(200, 20)}
	suggesters := make(map[Kind]*Suggester)
	for kind, j := range judges {
		suggesters[kind] = NewSuggester(b, program, j)
	}

	header := []string{"policy", "judge", "N", "ldapsuggest", "the server's own"}
	for _, g := range Generators() {
		header = append(header, g.Name)
	}
	refusals := report.Table{Header: header}
	entropy := report.Table{Header: append([]string{"policy", "ldapsuggest", "the server's own"}, header[5:]...)}
	calls := report.Table{Header: []string{"policy", "what the server has", "how the generators are called"}}
	policies := 0
	for b.Loop() {
		refusals.Rows, entropy.Rows, calls.Rows = nil, nil, nil
		policies = 0
		for i, p := range all {
			j := judges[p.Server]
			dn := j.User(p)
			if dn == "" {
				continue
			}
			policies++
			n := tries[p.Server]
			number := strconv.Itoa(i + 1)
			row := []string{number + ". " + p.Name, string(p.Server), report.Number(float64(n))}
			bits := []string{number}

			ours, err := suggesters[p.Server].Suggest(dn, n)
			if err != nil {
				b.Fatalf("%s: %v", p.Name, err)
			}
			// Before anything is set: it is the first password's entropy.
			e, err := suggesters[p.Server].Entropy(dn)
			if err != nil {
				b.Fatalf("%s: %v", p.Name, err)
			}
			refused, err := j.Refused(dn, ours)
			if err != nil {
				b.Fatalf("%s: %v", p.Name, err)
			}
			if refused > 0 {
				b.Errorf("%s: %d of %d suggestions refused", p.Name, refused, n)
			}
			row, bits = append(row, report.Number(float64(refused))), append(bits, e.String())

			refused, ok, err := j.Own(dn, n)
			if err != nil {
				b.Fatalf("%s: the server's own: %v", p.Name, err)
			}
			if ok {
				row, bits = append(row, report.Number(float64(refused))), append(bits, p.ownEntropy().String())
			} else {
				row, bits = append(row, "makes none"), append(bits, "–")
			}

			var lines []string
			for _, g := range Generators() {
				call := g.For(p.Wish)
				passwords, err := call.Make(b.Context(), n)
				if err != nil {
					b.Fatal(err)
				}
				refused, err := j.Refused(dn, passwords)
				if err != nil {
					b.Fatalf("%s, %s: %v", p.Name, g.Name, err)
				}
				row, bits = append(row, report.Number(float64(refused))), append(bits, call.Entropy.String())
				lines = append(lines, report.Code(call.Line))
			}
			refusals.Add(row...)
			entropy.Add(bits...)
			calls.Add(number, report.Code(p.Terms()), strings.Join(lines, "<br>"))
		}
	}
	if policies == 0 {
		b.Fatal("no policy was judged")
	}
	section := report.Section{Name: "acceptance"}
	section.Printf("%s", machine.Describe(versions(slapd.Version, report.PackageVersion("389 DS", "389-ds-base"), report.PackageVersion("Samba", "samba"))...))
	section.Printf("Refused, of N:")
	section.Table(refusals)
	for _, p := range without {
		section.Printf("%s: not run, since the module ppm is not built.", p.Name)
	}
	section.Printf("Bits of entropy:")
	section.Table(entropy)
	section.Printf("The policies, and the calls in the order of the columns (N is the number of passwords):")
	section.Table(calls)
	section.Publish(b)
}

// A contender makes passwords for a time and returns how many.
type contender struct {
	name, how string
	make      func(ctx context.Context, d time.Duration) (int, error)
}

// repeat calls f, which makes n passwords, for a time.
func repeat(n int, f func(context.Context) error) func(context.Context, time.Duration) (int, error) {
	return func(ctx context.Context, d time.Duration) (int, error) {
		made := 0
		for begin := time.Now(); time.Since(begin) < d; {
			if err := f(ctx); err != nil {
				return made, err
			}
			made += n
		}
		return made, nil
	}
}

// BenchmarkRate compares how many passwords a second each makes, in rounds in
// which each has its turn. Run it with -benchtime 5x.
func BenchmarkRate(b *testing.B) {
	needGenerators(b)
	machine := report.NewMachine()
	contenders := append(inProcess(b), programs(b)...)
	perSecond := make([][]float64, len(contenders))
	const turn = 200 * time.Millisecond
	for b.Loop() {
		for i, c := range contenders {
			begin := time.Now()
			n, err := c.make(b.Context(), turn)
			if err != nil {
				b.Fatalf("%s: %v", c.name, err)
			}
			perSecond[i] = append(perSecond[i], float64(n)/time.Since(begin).Seconds())
		}
	}
	table := report.Table{Header: []string{"generator", "how", "passwords/s", "µs each"}}
	for i, c := range contenders {
		rate := load.Median(perSecond[i])
		table.Add(c.name, c.how, report.Number(rate), report.Number(1e6/rate))
	}
	section := report.Section{Name: "rate"}
	section.Printf("%s", machine.Describe(versions()...))
	section.Table(table)
	section.Publish(b)
}

const batch = 1000

// inProcess are those that need no process of their own.
func inProcess(b *testing.B) []contender {
	shape := generate.Shape{Alphabet: generate.Printable, MinLength: 16, MaxLength: 16, Counts: []generate.Count{
		{Set: generate.Lower, Min: 1, Max: generate.NoMax}, {Set: generate.Upper, Min: 1, Max: generate.NoMax},
		{Set: generate.Digits, Min: 1, Max: generate.NoMax}, {Set: generate.Symbols, Min: 1, Max: generate.NoMax},
	}}
	characters, err := generate.Compile(shape, generate.Target{Length: 16})
	if err != nil {
		b.Fatal(err)
	}
	words, err := generate.NewPassphrase(generate.PassphraseConfig{Words: generate.EFFLarge(), MinWords: 6, Separator: "-"})
	if err != nil {
		b.Fatal(err)
	}
	rnd := generate.NewRand(nil)
	buf := make([]byte, 0, 256)
	ours := func(g generate.Generator) func(context.Context, time.Duration) (int, error) {
		return repeat(batch, func(context.Context) error {
			for range batch {
				buf = g.Append(buf[:0], rnd)
			}
			return nil
		})
	}
	list := []contender{
		{"ldapsuggest", "in process, 16 characters, one of each class", ours(characters)},
		{"ldapsuggest", "in process, 6 words", ours(words)},
	}
	for _, g := range Generators() {
		if g.Package != "" {
			continue
		}
		call := g.For(Wish{Length: 16, Each: 1})
		list = append(list, contender{g.Name, "in process, " + report.Code(call.Line), repeat(batch, func(ctx context.Context) error {
			_, err := call.Make(ctx, batch)
			return err
		})})
	}
	return list
}

// programs are those that are a process, and ours over LDAP.
func programs(b *testing.B) []contender {
	var list []contender
	for _, g := range Generators() {
		if g.Package == "" {
			continue
		}
		call := g.For(Wish{Length: 16, Each: 1})
		one := func(n int) func(context.Context, time.Duration) (int, error) {
			return repeat(n, func(ctx context.Context) error { _, err := call.Make(ctx, n); return err })
		}
		list = append(list, contender{g.Name, "a process each, " + report.Code(call.Line), one(1)})
		if call.Batch {
			list = append(list, contender{g.Name, fmt.Sprintf("a process for %s, the same", report.Number(batch)), one(batch)})
		}
	}
	s := testenv.StartSlapd(b, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 10}}})
	program := load.Build(b)
	f := load.Start(b, program, b.TempDir(), load.Config(b, s.URL, s.Reader.DN, s.Reader.Password, "")+fmt.Sprintf("generatePassword: {maxPasswords: %d}\n", batch))
	user := s.UserDN(0)
	for _, n := range []int{1, batch} {
		list = append(list, contender{"ldapsuggest", fmt.Sprintf("a process for %s, `ldapsuggest suggest`, slapd behind", report.Number(float64(n))),
			repeat(n, func(ctx context.Context) error {
				return exec.CommandContext(ctx, program, "suggest", "-H", "ldap://"+f.LDAP, "-D", s.Helpdesk.DN, "-w", s.Helpdesk.Password, "--target", user, "-n", strconv.Itoa(n)).Run()
			})})
		runner, err := load.Dial(b.Context(), load.Target{Addr: f.LDAP, BindDN: s.Helpdesk.DN, BindPassword: s.Helpdesk.Password, Request: load.SuggestFor(n, load.Always(user))}, load.Shape{Connections: 8, Pipeline: 1})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = runner.Close() })
		list = append(list, contender{"ldapsuggest", fmt.Sprintf("8 LDAP connections, %s a request, slapd behind", report.Number(float64(n))),
			func(_ context.Context, d time.Duration) (int, error) {
				perSecond, err := runner.Run(d)
				return int(perSecond * float64(n) * d.Seconds()), err
			}})
	}
	return list
}
