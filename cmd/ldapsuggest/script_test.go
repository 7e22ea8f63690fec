package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/secrets"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ldapsuggest": main})
}

// TestScripts runs the program as users do, each of testdata/script/*.txtar
// with a slapd at hand.
func TestScripts(t *testing.T) {
	runScripts(t, "testdata/script", testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 20}}}))
}

// runScripts runs the scripts of a directory with s at hand.
func runScripts(t *testing.T, dir string, s *testenv.Slapd) {
	t.Helper()
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SOURCE", source)
			for name, value := range map[string]string{
				"SLAPD": s.URL, "SLAPD_TLS": s.TLSURL, "SLAPD_LOCAL": s.LocalURL, "SLAPD_CA": s.CAFile,
				"READER": s.Reader.DN, "READER_PW": s.Reader.Password,
				"PWADMIN_PW": s.PwAdmin.Password,
				"HELPDESK":   s.Helpdesk.DN, "HELPDESK_PW": s.Helpdesk.Password,
				"USER_PW": testenv.UserPassword,
			} {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":  serveScript,
			"lines":  linesScript,
			"try":    tryScript,
			"readme": readmeScript,
			"page":   pageScript,

			"terminal": terminalScript,
			"metrics":  metricsScript,
		},
	})
}

// serveScript is the script command
//
//	serve ARGS...
//
// It starts "ldapsuggest serve" on free ports, waits until it is ready, and
// sets LDAP, LDAPS and REST to its URLs. "serve stop" ends it by SIGTERM and
// leaves what it wrote in serve.out and serve.err.
func serveScript(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("use ! exec")
	}
	pid := ts.MkAbs("serve.pid")
	if len(args) == 1 && args[0] == "stop" {
		var n int
		_, err := fmt.Sscan(ts.ReadFile(pid), &n)
		ts.Check(err)
		ts.Check(syscall.Kill(n, syscall.SIGTERM))
		// The goroutine that waits for the process writes the code.
		for end := time.Now().Add(15 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			code, err := os.ReadFile(ts.MkAbs("serve.code"))
			if err == nil && len(code) > 0 {
				if string(code) != "0" {
					ts.Fatalf("serve ended with %s:\n%s", code, ts.ReadFile(ts.MkAbs("serve.err")))
				}
				return
			}
			if time.Now().After(end) {
				ts.Fatalf("serve does not end")
			}
		}
	}
	program, err := exec.LookPath("ldapsuggest")
	ts.Check(err)
	cmd := exec.Command(program, append([]string{"serve", "--ldap", "127.0.0.1:0", "--ldaps", "127.0.0.1:0", "--rest", "127.0.0.1:0"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"HOME=" + ts.Getenv("HOME"), "PATH=" + ts.Getenv("PATH"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	for _, name := range []string{"LDAPSUGGEST_DIRECTORY_BIND_PASSWORD", "LDAPSUGGEST_ADMIN_PASSWORD"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	stderr, err := os.Create(ts.MkAbs("serve.err"))
	ts.Check(err)
	cmd.Stderr = stderr
	out, err := os.Create(ts.MkAbs("serve.out"))
	ts.Check(err)
	os.Remove(ts.MkAbs("serve.code"))
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Check(os.WriteFile(pid, fmt.Append(nil, cmd.Process.Pid), 0o600))

	ready := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		in := bufio.NewScanner(io.TeeReader(stdout, out))
		for in.Scan() {
			text := in.Text()
			if u, err := url.Parse(strings.TrimSpace(text)); err == nil && u.Host != "" {
				ready <- u.String()
			}
		}
		err := cmd.Wait()
		stderr.Close()
		out.Close()
		code := 0
		if err != nil {
			code = cmd.ProcessState.ExitCode()
		}
		os.WriteFile(ts.MkAbs("serve.code"), fmt.Append(nil, code), 0o600)
	}()
	ts.Defer(func() { cmd.Process.Kill(); <-done })
	ts.Defer(func() { searchScript(ts) })
	for range 3 {
		select {
		case u := <-ready:
			switch {
			case strings.HasPrefix(u, "ldap:"):
				ts.Setenv("LDAP", u)
			case strings.HasPrefix(u, "ldaps:"):
				ts.Setenv("LDAPS", u)
			default:
				ts.Setenv("REST", u)
			}
		case <-done:
			ts.Fatalf("serve ended at once:\n%s", ts.ReadFile(ts.MkAbs("serve.err")))
		case <-time.After(20 * time.Second):
			ts.Fatalf("serve is not ready:\n%s", ts.ReadFile(ts.MkAbs("serve.err")))
		}
	}
}

// metricsScript is the script command
//
//	metrics FILE
//
// It puts a free port in place of METRICS in a configuration file, and sets
// METRICS_ADDRESS and METRICS to that address and its URL.
func metricsScript(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: metrics FILE")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	text := strings.ReplaceAll(ts.ReadFile(args[0]), "METRICS", port)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
	ts.Setenv("METRICS_ADDRESS", "127.0.0.1:"+port)
	ts.Setenv("METRICS", "http://127.0.0.1:"+port)
}

// searchScript looks for passwords in what serve wrote: those of the accounts
// that scripts use, and of the embedded directory's administrator.
func searchScript(ts *testscript.TestScript) {
	var book secrets.Book
	for _, name := range []string{"READER_PW", "PWADMIN_PW", "HELPDESK_PW", "USER_PW", "LDAPSUGGEST_DIRECTORY_BIND_PASSWORD", "LDAPSUGGEST_ADMIN_PASSWORD"} {
		if v := ts.Getenv(name); len(v) >= secrets.MinLength {
			book.Add(name, v)
		}
	}
	if made, err := filepath.Glob(ts.MkAbs("*/" + adminPasswordFile)); err == nil {
		for _, file := range made {
			if password := strings.TrimSpace(ts.ReadFile(file)); len(password) >= secrets.MinLength {
				book.Add(file, password)
			}
		}
	}
	for _, file := range []string{"serve.out", "serve.err"} {
		for _, leak := range book.SearchString(file, ts.ReadFile(file)) {
			ts.Fatalf("%s", leak)
		}
	}
}

// linesScript is the script command
//
//	lines N FILE
//
// It checks the number of lines of a file, which may be stdout or stderr.
func linesScript(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: lines N FILE")
	}
	if n := fmt.Sprint(strings.Count(ts.ReadFile(args[1]), "\n")); n != args[0] {
		ts.Fatalf("%s has %s lines, want %s", args[1], n, args[0])
	}
}

// tryScript is the script command
//
//	try N
//
// It runs the N commands that serve has printed to be tried, as a user
// would who copies them into a shell in another directory, and leaves what
// they print in try.out.
func tryScript(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: try N")
	}
	var commands []string
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		commands = nil
		_, rest, _ := strings.Cut(ts.ReadFile("serve.out"), "\nTry,")
		for line := range strings.SplitAfterSeq(rest, "\n") {
			if strings.HasPrefix(line, "  ") && strings.HasSuffix(line, "\n") {
				commands = append(commands, line)
			}
		}
		if fmt.Sprint(len(commands)) == args[0] {
			break
		}
		if time.Now().After(end) {
			ts.Fatalf("serve has printed %d commands", len(commands))
		}
	}
	out, err := os.Create(ts.MkAbs("try.out"))
	ts.Check(err)
	defer out.Close()
	for _, c := range commands {
		cmd := exec.Command("sh", "-c", c)
		cmd.Dir = "/"
		var stderr strings.Builder
		cmd.Stdout, cmd.Stderr = out, &stderr
		if err := cmd.Run(); err != nil {
			ts.Fatalf("%s%v\n%s", c, err, stderr.String())
		}
	}
}

// readmeScript is the script command
//
//	readme N
//
// It runs the N commands that README.md says to try, with the servers'
// addresses in place of the usual ones, and leaves what they print in
// try.out.
func readmeScript(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: readme N")
	}
	text, err := os.ReadFile(filepath.Join(ts.Getenv("SOURCE"), "README.md"))
	ts.Check(err)
	_, section, _ := strings.Cut(string(text), "## Try it")
	_, section, _ = strings.Cut(section, "In another terminal:")
	section, _, _ = strings.Cut(section, "\n## ")
	section = strings.NewReplacer(
		"bin/ldapsuggest suggest", "ldapsuggest suggest -H "+ts.Getenv("LDAP"),
		"ldap://127.0.0.1:1389", ts.Getenv("LDAP"),
		"http://127.0.0.1:8080", ts.Getenv("REST"),
	).Replace(section)
	commands := strings.Split(strings.TrimSpace(section), "\n\n")
	if fmt.Sprint(len(commands)) != args[0] {
		ts.Fatalf("README.md has %d commands", len(commands))
	}
	out, err := os.Create(ts.MkAbs("try.out"))
	ts.Check(err)
	defer out.Close()
	for _, c := range commands {
		cmd := exec.Command("sh", "-c", c)
		cmd.Dir = ts.MkAbs(".")
		cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"))
		var stderr strings.Builder
		cmd.Stdout, cmd.Stderr = out, &stderr
		if err := cmd.Run(); err != nil {
			ts.Fatalf("%s\n%v\n%s", c, err, stderr.String())
		}
	}
}
