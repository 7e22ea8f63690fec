package load_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/load"
)

// whoAmI is slapd's cheapest answer (RFC 4532).
var whoAmI = load.Request{
	Append: func(dst []byte, id int32) []byte {
		return message.AppendExtendedRequest(dst, id, "1.3.6.1.4.1.4203.1.11.3", nil, nil)
	},
	Response: message.ExtendedResponse,
}

// suggest is Generate Password for the default policy, or for an entry.
func suggest(t testing.TB, target string) load.Request {
	t.Helper()
	var value []byte
	if target != "" {
		value = extop.GeneratePasswordRequest{Selection: extop.SelectTargetEntry, DN: target, Count: 1, Attempts: 5}.Encode()
	}
	return load.Request{
		Append: func(dst []byte, id int32) []byte {
			return message.AppendExtendedRequest(dst, id, extop.GeneratePasswordRequestOID, value, nil)
		},
		Response: message.ExtendedResponse,
	}
}

// baseSearch reads two attributes of one entry.
func baseSearch(dn string) load.Request {
	return load.Request{
		Append: func(dst []byte, id int32) []byte {
			return message.AppendBaseSearch(dst, id, dn, nil, "cn", "mail")
		},
		Response: message.SearchResultDone,
	}
}

// build builds the program, as it is shipped.
func build(t testing.TB) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "ldapsuggest")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/ldapsuggest/ldapsuggest/cmd/ldapsuggest").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// frontEnd is the program itself, as a process of its own.
type frontEnd struct {
	ldap string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// start starts the program with a data directory, and a configuration unless
// that is empty. It returns once the program listens.
func start(t testing.TB, program, data, config string) *frontEnd {
	t.Helper()
	f := &frontEnd{ldap: freeAddr(t)}
	args := []string{"serve", "--data", data, "--ldap", f.ldap, "--ldaps", "", "--rest", freeAddr(t)}
	if config != "" {
		path := filepath.Join(t.TempDir(), "ldapsuggest.yaml")
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	f.cmd = exec.Command(program, args...)
	f.cmd.Stderr = &f.log
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.stop(t) })
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("tcp", f.ldap)
		if err == nil {
			_ = conn.Close()
			return f
		}
		if time.Now().After(deadline) {
			t.Fatalf("serve does not listen: %v\n%s", err, f.log.String())
		}
		time.Sleep(time.Millisecond)
	}
}

// stop ends the program, which may have ended already.
func (f *frontEnd) stop(t testing.TB) {
	t.Helper()
	if f.cmd.ProcessState != nil {
		return
	}
	_ = f.cmd.Process.Signal(syscall.SIGTERM)
	if err := f.cmd.Wait(); err != nil {
		t.Errorf("serve: %v\n%s", err, f.log.String())
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startSlapd starts a slapd for comparisons, and returns it with the
// configuration of a front end before it.
func startSlapd(t testing.TB) (s *testenv.Slapd, config string) {
	t.Helper()
	s = testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Threads: 4, Databases: []testenv.SlapdDatabase{{Users: 1000}}})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(s.Reader.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	asJSON := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return s, fmt.Sprintf("directory:\n  urls: [%s]\n  bindDN: %s\n  bindPasswordFile: %s\nlog:\n  level: warn\n",
		asJSON(s.URL), asJSON(s.Reader.DN), asJSON(secret))
}

// BenchmarkAgainstSlapd compares the front end with slapd itself, in rounds
// of one second each, alternating: the ratio, and the processor time that an
// operation takes in the front end. Run it with -benchtime 7x.
func BenchmarkAgainstSlapd(b *testing.B) {
	s, config := startSlapd(b)
	f := start(b, build(b), b.TempDir(), config)
	slapd := strings.TrimPrefix(s.URL, "ldap://")
	user := s.UserDN(500)
	for _, tc := range []struct {
		name   string
		ours   load.Request
		theirs load.Request
		shapes []load.Shape
	}{
		{"default policy to who am I", suggest(b, ""), whoAmI, []load.Shape{{8, 1}, {8, 16}, {64, 16}}},
		{"target entry to base search", suggest(b, user), baseSearch(user), []load.Shape{{8, 1}, {8, 16}}},
		{"relayed base search to direct", baseSearch(user), baseSearch(user), []load.Shape{{8, 1}, {8, 16}, {64, 16}}},
	} {
		for _, shape := range tc.shapes {
			b.Run(strings.ReplaceAll(tc.name, " ", "_")+"/"+shape.String(), func(b *testing.B) {
				dial := func(addr string, r load.Request) *load.Runner {
					runner, err := load.Dial(b.Context(), load.Target{Addr: addr, BindDN: s.Reader.DN, BindPassword: s.Reader.Password, Request: r}, shape)
					if err != nil {
						b.Fatal(err)
					}
					return runner
				}
				ours, theirs := dial(f.ldap, tc.ours), dial(slapd, tc.theirs)
				defer ours.Close()
				defer theirs.Close()
				if _, err := load.Compare(ours, theirs, 1, 100*time.Millisecond); err != nil { // warm up
					b.Fatal(err)
				}
				var all load.Comparison
				const round = 500 * time.Millisecond
				before := processorTime(b, f.cmd.Process.Pid)
				for b.Loop() {
					c, err := load.Compare(ours, theirs, 1, round)
					if err != nil {
						b.Fatal(err)
					}
					all.A, all.B, all.Ratios = append(all.A, c.A...), append(all.B, c.B...), append(all.Ratios, c.Ratios...)
				}
				used := processorTime(b, f.cmd.Process.Pid) - before
				operations := 0.0
				for _, perSecond := range all.A {
					operations += perSecond * round.Seconds()
				}
				b.ReportMetric(float64(used.Microseconds())/operations, "cpu-us/op")
				b.ReportMetric(load.Median(all.Ratios), "ratio")
				b.ReportMetric(load.Median(all.A), "ours/s")
				b.ReportMetric(load.Median(all.B), "slapd/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkIdle measures the memory that an idle bound connection takes in
// the front end, with its connection to the directory. Each round has a
// process of its own: one that was busy before has memory to spare.
func BenchmarkIdle(b *testing.B) {
	const few, many = 100, 2000
	program := build(b)
	s, config := startSlapd(b)
	var perConnection []float64
	for b.Loop() {
		f := start(b, program, b.TempDir(), config)
		target := load.Target{Addr: f.ldap, BindDN: s.Reader.DN, BindPassword: s.Reader.Password}
		memoryWith := func(n int) (*load.Runner, float64) {
			r, err := load.Dial(b.Context(), target, load.Shape{Connections: n})
			if err != nil {
				b.Fatal(err)
			}
			return r, float64(memory(b, f.cmd.Process.Pid))
		}
		r1, before := memoryWith(few)
		r2, after := memoryWith(many)
		perConnection = append(perConnection, (after-before)/many)
		if err := errors.Join(r1.Close(), r2.Close()); err != nil {
			b.Fatal(err)
		}
		f.stop(b)
	}
	b.ReportMetric(load.Median(perConnection)/1024, "KiB/connection")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkStart measures the time from the start of the program to the first
// answer on the embedded directory, and its memory then: on an empty data
// directory, which gets the example, and on one that is there.
func BenchmarkStart(b *testing.B) {
	program := build(b)
	full := b.TempDir()
	start(b, program, full, "").stop(b)
	for name, data := range map[string]func() string{
		"empty":    b.TempDir,
		"existing": func() string { return full },
	} {
		b.Run(name, func(b *testing.B) {
			var took, resident []float64
			for b.Loop() {
				dir := data()
				begin := time.Now()
				f := start(b, program, dir, "")
				// The anonymous bind of Dial is answered by the directory.
				r, err := load.Dial(b.Context(), load.Target{Addr: f.ldap}, load.Shape{Connections: 1})
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, float64(time.Since(begin).Microseconds())/1000)
				resident = append(resident, float64(memory(b, f.cmd.Process.Pid))/(1<<20))
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
				f.stop(b)
			}
			b.ReportMetric(load.Median(took), "ms")
			b.ReportMetric(load.Median(resident), "MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// memory returns the resident memory of a process in octets.
func memory(b *testing.B, pid int) int {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return n << 10
		}
	}
	b.Fatal("no VmRSS")
	return 0
}

// processorTime returns the processor time that a process has used.
func processorTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	// utime and stime are the 14th and 15th field, in hundredths of a second;
	// the second is a name in parentheses, with any characters.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
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
	c, err := load.Compare(dial(whoAmI), dial(baseSearch(s.UserDN(1))), 2, 20*time.Millisecond)
	if err != nil || len(c.Ratios) != 2 || c.A[0] <= 0 || c.B[1] <= 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := dial(baseSearch(s.UserDN(99))).Run(20 * time.Millisecond); err == nil {
		t.Error("a search that fails was counted")
	}
	if _, err := load.Dial(t.Context(), load.Target{Addr: addr, BindDN: s.Reader.DN, BindPassword: "wrong"}, load.Shape{Connections: 1}); err == nil {
		t.Error("a bind that fails went unnoticed")
	}
}
