package load_test

import (
	"bytes"
	"encoding/json"
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

// frontEnd runs the program itself, as a process of its own, before a slapd.
type frontEnd struct {
	ldap, rest string
	pid        int
}

func startFrontEnd(t testing.TB, config string) *frontEnd {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "ldapsuggest")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/ldapsuggest/ldapsuggest/cmd/ldapsuggest").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	f := &frontEnd{ldap: freeAddr(t), rest: freeAddr(t)}
	args := []string{"serve", "--data", filepath.Join(dir, "data"), "--ldap", f.ldap, "--ldaps", "", "--rest", f.rest}
	if config != "" {
		path := filepath.Join(dir, "ldapsuggest.yaml")
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	cmd := exec.Command(program, args...)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("serve: %v\n%s", err, log.String())
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("tcp", f.ldap)
		if err == nil {
			_ = conn.Close()
			return f
		}
		if time.Now().After(deadline) {
			t.Fatalf("serve does not listen: %v\n%s", err, log.String())
		}
		time.Sleep(time.Millisecond)
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

// beforeSlapd starts a slapd and the front end before it.
func beforeSlapd(t testing.TB) (*testenv.Slapd, *frontEnd) {
	t.Helper()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Threads: 4, Databases: []testenv.SlapdDatabase{{Users: 1000}}})
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
	return s, startFrontEnd(t, fmt.Sprintf("directory:\n  urls: [%s]\n  bindDN: %s\n  bindPasswordFile: %s\nlog:\n  level: warn\n",
		asJSON(s.URL), asJSON(s.Reader.DN), asJSON(secret)))
}

// BenchmarkAgainstSlapd compares the front end with slapd itself, in rounds
// of one second each, alternating. Run it with -benchtime 7x.
func BenchmarkAgainstSlapd(b *testing.B) {
	s, f := beforeSlapd(b)
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
				for b.Loop() {
					c, err := load.Compare(ours, theirs, 1, 500*time.Millisecond)
					if err != nil {
						b.Fatal(err)
					}
					all.A, all.B, all.Ratios = append(all.A, c.A...), append(all.B, c.B...), append(all.Ratios, c.Ratios...)
				}
				b.ReportMetric(load.Median(all.Ratios), "ratio")
				b.ReportMetric(load.Median(all.A), "ours/s")
				b.ReportMetric(load.Median(all.B), "slapd/s")
			})
		}
	}
	b.Run("idle_connection", func(b *testing.B) {
		const n = 1000
		for b.Loop() {
			before := memory(b, f.pid)
			r, err := load.Dial(b.Context(), load.Target{Addr: f.ldap, BindDN: s.Reader.DN, BindPassword: s.Reader.Password, Request: whoAmI}, load.Shape{Connections: n})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(memory(b, f.pid)-before)/n, "B/connection")
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStart measures the time from the start of the program to the first
// answer on the embedded directory, and its memory then.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		f := startFrontEnd(b, "")
		r, err := load.Dial(b.Context(), load.Target{Addr: f.ldap, Request: whoAmI}, load.Shape{Connections: 1, Pipeline: 1})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(memory(b, f.pid))/(1<<20), "MiB")
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
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
