package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A tally counts what a Log observes.
type tally struct {
	mu            sync.Mutex
	written, lost int
}

func (c *tally) observe(_ string, n int, written bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if written {
		c.written += n
	} else {
		c.lost += n
	}
}

func (c *tally) want(t *testing.T, written, lost int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.written != written || c.lost != lost {
		t.Errorf("%d lines written and %d lost, want %d and %d", c.written, c.lost, written, lost)
	}
}

// open opens a log that the test closes, or the end of it.
func open(t *testing.T, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// lines returns the lines of a file, decoded.
func lines(t *testing.T, path string) []map[string]any {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []map[string]any
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var m map[string]any
		if err := json.Unmarshal(in.Bytes(), &m); err != nil {
			t.Fatalf("%s: %v in %s", path, err, in.Text())
		}
		list = append(list, m)
	}
	return list
}

func event(i int) Event {
	return Event{Kind: Operation, Name: "generatePassword", Caller: fmt.Sprintf("dn:uid=user%d,dc=example,dc=com", i), Result: "success", Requested: 1, Returned: 1}
}

func TestEvent(t *testing.T) {
	at := time.Date(2026, 11, 21, 3, 47, 29, 123456789, time.FixedZone("CET", 3600))
	tests := []struct {
		name string
		e    Event
		want string
	}{
		{"operation", Event{
			Time: at, Kind: Operation, Connection: "5f3a9c1e-17", Operation: "5f3a9c1e-17.3", Request: "job-7", Trace: "4bf92f3577b34da6a3ce929d0e0e4736",
			Door: "ldap", Remote: "192.0.2.7:40022", Name: "generatePassword", OID: "1.3.6.1.4.1.30221.2.6.62", Caller: "dn:uid=amina", As: "dn:uid=bob",
			Target: "uid=carol", Policy: "cn=asked", EffectivePolicy: "cn=found", Requested: 3, Returned: 2, Rejected: 1, Result: "success", Duration: 1500 * time.Microsecond,
		}, `{"time":"2026-11-21T02:47:29.123456Z","event":"operation","conn":"5f3a9c1e-17","op":"5f3a9c1e-17.3","request":"job-7","trace":"4bf92f3577b34da6a3ce929d0e0e4736",` +
			`"door":"ldap","remote":"192.0.2.7:40022","name":"generatePassword","oid":"1.3.6.1.4.1.30221.2.6.62","caller":"dn:uid=amina","as":"dn:uid=bob",` +
			`"target":"uid=carol","policy":"cn=asked","effectivePolicy":"cn=found","requested":3,"returned":2,"rejected":1,"code":0,"result":"success","microseconds":1500`},
		{"pending", Event{Time: at, Kind: Pending, Name: "passwordModify", Requested: 1, Result: "not to be seen"},
			`{"time":"2026-11-21T02:47:29.123456Z","event":"pending","name":"passwordModify","requested":1,"returned":0,"rejected":0`},
		{"sign-in", Event{Time: at, Kind: SignIn, Name: "basic", Caller: "amina", Code: 49, Result: "invalidCredentials", Error: "no"},
			`{"time":"2026-11-21T02:47:29.123456Z","event":"signIn","name":"basic","caller":"amina","code":49,"result":"invalidCredentials","error":"no","microseconds":0`},
		{"written", Event{Time: at, Kind: Operation, Directory: "answered", Code: 19, Result: "constraintViolation"},
			`{"time":"2026-11-21T02:47:29.123456Z","event":"operation","requested":0,"returned":0,"rejected":0,"code":19,"result":"constraintViolation","directory":"answered","microseconds":0`},
	}
	for _, tt := range tests {
		if got := string(tt.e.append(nil)); got != tt.want {
			t.Errorf("%s:\n%s, want\n%s", tt.name, got, tt.want)
		}
		if end := string(appendEnd(nil, "5f3a9c1e", 7)); end != `,"instance":"5f3a9c1e","seq":7}`+"\n" {
			t.Errorf("end %s", end)
		}
	}
}

// FuzzEvent: whatever clients send, a line is one line and JSON, means what
// it was made from, and is not too long.
func FuzzEvent(f *testing.F) {
	f.Add("uid=amina", "plain")
	f.Add("a\nb\x00\x7f\"\\", "\u2028\u2029\xff\xed\xa0\x80")
	f.Add(strings.Repeat("ü", maxText), strings.Repeat("\xff", 2*maxText))
	f.Fuzz(func(t *testing.T, target, text string) {
		e := Event{Kind: Operation, Target: target, Error: text}
		line := appendEnd(e.append(nil), "i", math.MaxUint64)
		if bytes.IndexByte(line, '\n') != len(line)-1 || !utf8.Valid(line) || len(line) > 2*6*maxText+1000 {
			t.Fatalf("%q", line)
		}
		var m struct{ Target, Error string }
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for _, s := range []struct{ in, out string }{{target, m.Target}, {text, m.Error}} {
			if want := string([]rune(s.in)); len(s.in) <= maxText && s.out != want {
				t.Errorf("%q became %q", s.in, s.out)
			} else if len(s.in) > maxText && (!strings.HasSuffix(s.out, "…") || !utf8.ValidString(s.out)) {
				t.Errorf("cut off as %q", s.out)
			}
		}
	})
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	var c tally
	l := open(t, Config{File: &File{Path: path}, Instance: "5f3a9c1e", Observe: c.observe})
	for i := range 100 {
		if err := l.Record(event(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := lines(t, path)
	if len(got) != 100 {
		t.Fatalf("%d lines", len(got))
	}
	for i, m := range got {
		if m["seq"] != float64(i+1) || m["caller"] != event(i).Caller || m["instance"] != "5f3a9c1e" {
			t.Errorf("line %d: %v", i, m)
		}
	}
	c.want(t, 100, 0)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := l.Record(event(0)); err != nil {
		t.Errorf("under Continue: %v", err)
	}
	c.want(t, 100, 1)
}

// TestConcurrent: no line is torn or lost, and each number is there once.
func TestConcurrent(t *testing.T) {
	for name, on := range map[string]OnFailure{"continue": Continue, "refuse": Refuse} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.log")
			l := open(t, Config{File: &File{Path: path}, OnFailure: on, Sync: time.Hour, QueueSize: 16 << 10, Patience: time.Minute})
			const callers, each = 8, 200
			var wg sync.WaitGroup
			for i := range callers {
				wg.Go(func() {
					for range each {
						if err := l.Record(event(i)); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			seen := make(map[any]bool)
			for _, m := range lines(t, path) {
				seen[m["seq"]] = true
			}
			if len(seen) != callers*each {
				t.Errorf("%d lines, want %d", len(seen), callers*each)
			}
		})
	}
}

func TestRotateBySize(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.log")
	bystander := path + ".old" // not one of ours
	if err := os.WriteFile(bystander, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, Config{File: &File{Path: path, MaxSize: 1000, Keep: 3}, OnFailure: Refuse})
	for i := range 100 {
		if err := l.Record(event(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + ".2*")
	if err != nil || len(files) != 3 {
		t.Fatalf("%q, %v", files, err)
	}
	next := 0.0
	for _, f := range append(files, path) {
		info, err := os.Stat(f)
		if err != nil || info.Size() > 1000 || info.Size() == 0 || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
		for _, m := range lines(t, f) {
			if next != 0 && m["seq"] != next {
				t.Errorf("%s: number %v, want %v", f, m["seq"], next)
			}
			next = m["seq"].(float64) + 1
		}
	}
	if next != 101 {
		t.Errorf("the last number is %v", next-1)
	}
	if _, err := os.Stat(bystander); err != nil {
		t.Error(err)
	}
}

// TestLineAboveSize: a line that no file may hold is written all the same.
func TestLineAboveSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, Config{File: &File{Path: path, MaxSize: 10}, OnFailure: Refuse})
	for i := range 3 {
		if err := l.Record(event(i)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 3 {
		t.Errorf("%q, %v", files, err)
	}
}

func TestRotateByAge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	old := Event{Time: time.Now().Add(-25 * time.Hour), Kind: SignIn}
	if err := os.WriteFile(path, appendEnd(old.append(nil), "i", 1), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, Config{File: &File{Path: path, MaxAge: 24 * time.Hour}, OnFailure: Refuse})
	for i := range 2 {
		if err := l.Record(event(i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := lines(t, path); len(got) != 2 {
		t.Errorf("%d lines in the new file", len(got))
	}
	files, err := filepath.Glob(path + ".*")
	if err != nil || len(files) != 1 {
		t.Errorf("%q, %v", files, err)
	}
}

// TestReopen: as logrotate does it.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, Config{File: &File{Path: path}, OnFailure: Refuse})
	record := func(i int) {
		t.Helper()
		if err := l.Record(event(i)); err != nil {
			t.Fatal(err)
		}
	}
	record(0)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	record(1) // still in the old one
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	record(2)
	if a, b := lines(t, path+".1"), lines(t, path); len(a) != 2 || len(b) != 1 || b[0]["seq"] != 3.0 {
		t.Errorf("%v\n%v", a, b)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil {
		t.Error("a directory was opened")
	}
	record(3) // where it was
}

// TestTornLine: what a crash left unfinished does not spoil the next line.
func TestTornLine(t *testing.T) {
	for _, torn := range []string{`{"time":"2026-11-21T02:47:2`, strings.Repeat("x", 10000), ""} {
		path := filepath.Join(t.TempDir(), "audit.log")
		whole := appendEnd((&Event{Kind: SignIn}).append(nil), "i", 1)
		if err := os.WriteFile(path, append(slices.Clone(whole), torn...), 0o640); err != nil {
			t.Fatal(err)
		}
		l := open(t, Config{File: &File{Path: path}, OnFailure: Refuse})
		if err := l.Record(event(0)); err != nil {
			t.Fatal(err)
		}
		if got := lines(t, path); len(got) != 2 {
			t.Errorf("%d lines", len(got))
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
			t.Errorf("the mode that an operator gave it became %v, %v", info.Mode(), err)
		}
	}
}

func TestNotAFile(t *testing.T) {
	for _, path := range []string{t.TempDir(), "/dev/null", filepath.Join(t.TempDir(), "none", "audit.log")} {
		if l, err := Open(Config{File: &File{Path: path}}); err == nil {
			l.Close()
			t.Errorf("%s was opened", path)
		}
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("a log without destination was opened")
	}
}

// fill makes the log's file one on a full disk, and returns what makes room.
func fill(t *testing.T, l *Log) (empty func()) {
	t.Helper()
	f := l.pipes[0].dest.(*file)
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var real *os.File
	swap := func(to *os.File) {
		if err := l.pipes[0].do(func() error { real, f.f = f.f, to; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	swap(full)
	return func() {
		swap(real)
		full.Close()
	}
}

// TestFullDiskRefuses: nobody is told that something is recorded that is not.
func TestFullDiskRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	var c tally
	var out bytes.Buffer
	l := open(t, Config{File: &File{Path: path}, OnFailure: Refuse, Observe: c.observe, Log: slog.New(slog.NewTextHandler(&out, nil))})
	if !l.Waits() {
		t.Error("it is said not to wait")
	}
	empty := fill(t, l)
	for i := range 3 {
		if err := l.Record(event(i)); !errors.Is(err, ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("recorded with %v", err)
		}
	}
	empty()
	if err := l.Record(event(3)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := lines(t, path)
	var told float64
	for _, m := range got {
		if m["event"] == "lost" {
			told += m["lines"].(float64)
		}
	}
	if told != 3 || got[len(got)-1]["caller"] != event(3).Caller {
		t.Errorf("%v", got)
	}
	c.want(t, 1, 3)
	if strings.Count(out.String(), "cannot be written") != 1 || strings.Count(out.String(), "written again") != 1 {
		t.Errorf("told\n%s", out.String())
	}
}

// TestFullDiskContinues: operations go on, what there is room for is written
// later, and what there is none for is told of.
func TestFullDiskContinues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	var c tally
	l := open(t, Config{File: &File{Path: path}, Observe: c.observe, QueueSize: 2000})
	if l.Waits() {
		t.Error("it is said to wait")
	}
	empty := fill(t, l)
	const n = 100
	for i := range n {
		if err := l.Record(event(i)); err != nil {
			t.Fatal(err)
		}
	}
	empty()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := lines(t, path)
	numbers := make(map[float64]bool)
	var told float64
	for _, m := range got {
		if m["event"] == "lost" {
			told += m["lines"].(float64)
		} else {
			numbers[m["seq"].(float64)] = true
		}
	}
	if told == 0 || int(told)+len(numbers) != n || !numbers[1] {
		t.Errorf("%d lines are there and %v told of, of %d", len(numbers), told, n)
	}
	c.want(t, len(numbers), int(told))
}

// A stuck destination takes nothing until it is let go.
type stuck struct{ release chan struct{} }

func (s stuck) write(lines []byte) (int, int, error) { <-s.release; return len(lines), 0, nil }
func (stuck) tick() error                            { return nil }
func (stuck) reopen() error                          { return nil }
func (stuck) close() error                           { return nil }

// TestBoundedWait: a destination that hangs holds nobody up for longer than
// was agreed.
func TestBoundedWait(t *testing.T) {
	for name, tt := range map[string]struct {
		on      OnFailure
		records int
		most    time.Duration
		errs    int
	}{
		// The first is being written, the second waits in the queue.
		"continue": {Continue, 5, 3 * 100 * time.Millisecond, 0},
		"refuse":   {Refuse, 3, 3 * 5 * time.Second, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := stuck{make(chan struct{})}
				var c tally
				l := &Log{cfg: Config{OnFailure: tt.on, QueueSize: 300, Patience: 100 * time.Millisecond, Observe: c.observe, Log: slog.New(slog.DiscardHandler)}}
				if tt.on == Refuse {
					l.cfg.Patience = 5 * time.Second
				}
				l.lines.New = func() any { return new([]byte) }
				l.pipes = []*pipe{newPipe("stuck", s, l)}
				start := time.Now()
				errs := 0
				for i := range tt.records {
					if err := l.Record(event(i)); err != nil {
						errs++
					}
					synctest.Wait()
				}
				if took := time.Since(start); took > tt.most || errs != tt.errs {
					t.Errorf("took %v, %d errors", took, errs)
				}
				close(s.release)
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestOpenKeepsOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	open(t, Config{File: &File{Path: path}}).Close()
	if info, err := os.Stat(path); err != nil || info.Mode()&fs.ModePerm != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if got := escapeGlob(`a*b?c[d]\`); got != `a\*b\?c\[d]\\` {
		t.Errorf("%s", got)
	}
}

func BenchmarkRecord(b *testing.B) {
	l, err := Open(Config{File: &File{Path: filepath.Join(b.TempDir(), "audit.log")}, Sync: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.ReportAllocs()
	e := event(1)
	for b.Loop() {
		if err := l.Record(e); err != nil {
			b.Fatal(err)
		}
	}
}
