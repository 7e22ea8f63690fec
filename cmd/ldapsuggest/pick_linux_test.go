package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func TestCursor(t *testing.T) {
	tests := []struct {
		name    string
		count   int
		typed   []string // each read
		at      int
		taken   bool
		left    bool
		waiting bool
	}{
		{"Enter", 5, []string{"\r"}, 0, true, false, false},
		{"a number", 5, []string{"3"}, 2, true, false, false},
		{"no number of the list", 5, []string{"0", "9"}, 0, false, false, false},
		{"a number that may go on", 12, []string{"1"}, 0, false, false, false},
		{"a number of two digits", 12, []string{"1", "2"}, 11, true, false, false},
		{"a number and Enter", 12, []string{"1\r"}, 0, true, false, false},
		{"a second digit that is too much", 12, []string{"1", "9"}, 8, true, false, false},
		{"arrows", 5, []string{"\x1b[B\x1b[B\x1b[A\r"}, 1, true, false, false},
		{"arrows in application mode", 5, []string{"\x1bOB\n"}, 1, true, false, false},
		{"arrows with Shift", 5, []string{"\x1b[1;2B\r"}, 0, true, false, false},
		{"an arrow in pieces", 5, []string{"\x1b", "[", "B", "\r"}, 1, true, false, false},
		{"past both ends", 2, []string{"kkkjjjj\r"}, 1, true, false, false},
		{"Home and End", 9, []string{"\x1b[F\x1b[H\x1b[4~\r"}, 8, true, false, false},
		{"page", 25, []string{"\x1b[6~\x1b[6~\x1b[5~\r"}, 10, true, false, false},
		{"q", 5, []string{"jq\r"}, 1, false, true, false},
		{"Ctrl-C", 5, []string{"\x03"}, 0, false, true, false},
		{"Escape, perhaps", 5, []string{"\x1b"}, 0, false, false, true},
		{"Escape twice", 5, []string{"\x1b\x1b"}, 0, false, true, true},
		{"Alt with a key", 5, []string{"\x1bx\r"}, 0, true, false, false},
		{"no end of a sequence", 5, []string{"\x1b[" + strings.Repeat("1", 40)}, 0, false, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := cursor{count: tt.count}
			for _, s := range tt.typed {
				c.feed([]byte(s))
			}
			if c.at != tt.at || c.taken != tt.taken || c.left != tt.left || !tt.left && len(c.partial) > 0 != tt.waiting {
				t.Errorf("%+v", c)
			}
		})
	}
}

// FuzzCursor types anything: the cursor stays in the list.
func FuzzCursor(f *testing.F) {
	f.Add([]byte("\x1b[B3\r"), 5)
	f.Add([]byte("\x1b[1;5A\x1b"), 1)
	f.Fuzz(func(t *testing.T, typed []byte, count int) {
		if count < 1 || count > 1000 {
			return
		}
		c := cursor{count: count}
		for chunk := range slices.Chunk(typed, 3) {
			c.feed(chunk)
			if c.at < 0 || c.at >= count || len(c.partial) > 64 {
				t.Fatalf("%+v", c)
			}
		}
	})
}

// A watched is what has been shown on a terminal so far.
type watched struct {
	mu   sync.Mutex
	text []byte
	grew chan struct{}
	over chan struct{} // closed once nothing can be shown any more
}

// watch reads what a terminal shows, until it is closed.
func watch(keys io.Reader) *watched {
	w := &watched{grew: make(chan struct{}, 1), over: make(chan struct{})}
	go func() {
		defer close(w.over)
		buf := make([]byte, 4096)
		for {
			n, err := keys.Read(buf)
			w.mu.Lock()
			w.text = append(w.text, buf[:n]...)
			w.mu.Unlock()
			select {
			case w.grew <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return w
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.text)
}

// until waits until text is shown.
func (w *watched) until(text string) bool {
	timeout := time.After(20 * time.Second)
	for !strings.Contains(w.String(), text) {
		select {
		case <-w.grew:
		case <-timeout:
			return false
		}
	}
	return true
}

const prompt = "q: none"

func TestPick(t *testing.T) {
	choices := []choice{{text: []byte("first-1")}, {text: []byte("second\x1b]0;title\a-2"), note: "would be refused: it is not"}, {text: bytes.Repeat([]byte("long"), 50)}}
	tests := []struct {
		typed string
		want  int
		err   error
	}{
		{"\r", 0, nil}, {"\x1b[B\r", 1, nil}, {"3", 2, nil}, {"q", 0, errInterrupted}, {"\x1b", 0, errInterrupted}, {"\x03", 0, errInterrupted},
	}
	for _, tt := range tests {
		keys, tty := terminal(t)
		shown := watch(keys)
		p := &picker{keys: tty, screen: tty, about: []string{"policy:   cn=p"}, choices: choices, bold: bold, dim: dim, off: "\x1b[0m"}
		type answer struct {
			at  int
			err error
		}
		picked := make(chan answer, 1)
		go func() {
			at, err := p.pick(t.Context())
			picked <- answer{at, err}
		}()
		if !shown.until(prompt) {
			t.Fatalf("no list: %q", shown)
		}
		if showsTyping(t, tty) {
			t.Error("what is typed is shown")
		}
		if _, err := io.WriteString(keys, tt.typed); err != nil {
			t.Fatal(err)
		}
		if got := <-picked; got.at != tt.want || !errors.Is(got.err, tt.err) {
			t.Errorf("%q: %d, %v, want %d, %v", tt.typed, got.at, got.err, tt.want, tt.err)
		}
		if !showsTyping(t, tty) {
			t.Errorf("%q: the terminal does not show what is typed", tt.typed)
		}
		if !shown.until("\x1b[?1049l") {
			t.Fatalf("%q: the alternate screen is left to the user: %q", tt.typed, shown)
		}
		text := shown.String()
		before, list, _ := strings.Cut(text, "\x1b[?1049h")
		list, after, _ := strings.Cut(list, "\x1b[2J\x1b[?1049l")
		if strings.Contains(before+after, "first-1") {
			t.Errorf("%q: a password is outside the alternate screen: %q", tt.typed, text)
		}
		for _, want := range []string{"policy:   cn=p", bold + "> 1  first-1", "  2  second\ufffd]0;title\ufffd-2  " + dim + "would be refused", "nglo…"} {
			if !strings.Contains(list, want) {
				t.Errorf("%q: %q has no %q", tt.typed, list, want)
			}
		}
	}
}

// TestPickEnds has the program be told to end while a user looks at the list,
// of which a small window shows some.
func TestPickEnds(t *testing.T) {
	keys, tty := terminal(t)
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 10, Col: 40}); err != nil {
		t.Fatal(err)
	}
	shown := watch(keys)
	p := &picker{keys: tty, screen: tty, about: []string{"one", "two", "three", "four", "five", "six"}}
	for i := range 30 {
		p.choices = append(p.choices, choice{text: []byte("choice-" + strconv.Itoa(i+1))})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := p.pick(ctx)
		done <- err
	}()
	if !shown.until(prompt) || strings.Contains(shown.String(), "five") || strings.Contains(shown.String(), "choice-9") {
		t.Errorf("%q", shown)
	}
	if _, err := io.WriteString(keys, "\x1b[F"); err != nil {
		t.Fatal(err)
	}
	if !shown.until("> 30  choice-30") {
		t.Errorf("%q", shown)
	}
	cancel()
	if err := <-done; !errors.Is(err, errInterrupted) {
		t.Error(err)
	}
	if !showsTyping(t, tty) || !shown.until("\x1b[?1049l") {
		t.Error("the terminal is not as it was")
	}
}

// terminalScript is the script command
//
//	[!] terminal [-stdout] SHOWN KEYS COMMAND...
//
// It runs a command on a pseudo-terminal, types KEYS (with Go's escapes) once
// it shows SHOWN, and leaves what the terminal showed in screen.out. Standard
// output goes to picked.out, or with -stdout to the terminal as well.
func terminalScript(ts *testscript.TestScript, neg bool, args []string) {
	onScreen := len(args) > 0 && args[0] == "-stdout"
	if onScreen {
		args = args[1:]
	}
	if len(args) < 3 {
		ts.Fatalf("usage: terminal [-stdout] SHOWN KEYS COMMAND...")
	}
	keys, tty, err := openTerminal()
	ts.Check(err)
	defer keys.Close()
	typed, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	program, err := exec.LookPath(args[2])
	ts.Check(err)
	cmd := exec.Command(program, args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	for _, name := range []string{"HOME", "PATH", "TMPDIR", "TERM", "NO_COLOR", "LDAPSUGGEST_REST_URL"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Stdin, cmd.Stderr = tty, tty
	out, err := os.Create(ts.MkAbs("picked.out"))
	ts.Check(err)
	defer out.Close()
	if cmd.Stdout = out; onScreen {
		cmd.Stdout = tty
	}
	ts.Check(cmd.Start())
	tty.Close()
	shown := watch(keys)
	found := shown.until(args[0])
	if found {
		_, err = io.WriteString(keys, typed)
		ts.Check(err)
	} else {
		cmd.Process.Kill()
	}
	err = cmd.Wait()
	<-shown.over
	text := shown.String()
	ts.Check(os.WriteFile(ts.MkAbs("screen.out"), []byte(text), 0o600))
	if !found {
		ts.Fatalf("%q is not shown: %q", args[0], text)
	}
	if (err != nil) != neg {
		ts.Fatalf("%v: %v\n%s", args[2:], err, text)
	}
	ts.Check(os.WriteFile(ts.MkAbs("terminal.code"), []byte(strconv.Itoa(cmd.ProcessState.ExitCode())), 0o600))
}
