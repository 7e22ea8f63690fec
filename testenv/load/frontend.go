package load

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
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
)

// ProgramVariable is the environment variable that names a program to measure
// instead of building one: a release, say, by its absolute path.
const ProgramVariable = "LDAPSUGGEST_BENCH_PROGRAM"

// Build builds the program, as it is shipped, and returns its path.
func Build(t testing.TB) string {
	t.Helper()
	if program := os.Getenv(ProgramVariable); program != "" {
		if !filepath.IsAbs(program) {
			t.Fatalf("%s: %s is no absolute path", ProgramVariable, program)
		}
		return program
	}
	program := filepath.Join(t.TempDir(), "ldapsuggest")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/ldapsuggest/ldapsuggest/cmd/ldapsuggest").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// Config returns the configuration of a front end before a directory, to
// which lines of YAML can be appended. The key caFile of directory is left
// out if ca is empty.
func Config(t testing.TB, url, bindDN, bindPassword, ca string) string {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(bindPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	asJSON := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	config := fmt.Sprintf("log:\n  level: warn\ndirectory:\n  urls: [%s]\n  bindDN: %s\n  bindPasswordFile: %s\n", asJSON(url), asJSON(bindDN), asJSON(secret))
	if ca != "" {
		config += "  caFile: " + asJSON(ca) + "\n"
	}
	return config
}

// A FrontEnd is the program itself, as a process of its own.
type FrontEnd struct {
	LDAP, LDAPS string // 127.0.0.1:port
	ConfigFile  string // "" for none
	CAFile      string // PEM: trusts its certificate

	cmd *exec.Cmd
	log bytes.Buffer
}

// Start starts the program with a data directory, and a configuration unless
// that is empty. It returns once the program listens. The program ends with
// the test.
func Start(t testing.TB, program, data, config string) *FrontEnd {
	t.Helper()
	f := &FrontEnd{LDAP: freeAddr(t), LDAPS: freeAddr(t), CAFile: filepath.Join(data, "tls.crt")}
	args := []string{"serve", "--data", data, "--ldap", f.LDAP, "--ldaps", f.LDAPS, "--rest", freeAddr(t)}
	if config != "" {
		f.ConfigFile = filepath.Join(t.TempDir(), "ldapsuggest.yaml")
		if err := os.WriteFile(f.ConfigFile, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", f.ConfigFile)
	}
	f.cmd = exec.Command(program, args...)
	f.cmd.Stderr = &f.log
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Stop(t) })
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("tcp", f.LDAP)
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

// Stop ends the program, which may have ended already.
func (f *FrontEnd) Stop(t testing.TB) {
	t.Helper()
	if f.cmd.ProcessState != nil {
		return
	}
	_ = f.cmd.Process.Signal(syscall.SIGTERM)
	if err := f.cmd.Wait(); err != nil {
		t.Errorf("serve: %v\n%s", err, f.log.String())
	}
}

// TLS returns a configuration that trusts the program's certificate.
func (f *FrontEnd) TLS(t testing.TB) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(f.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", f.CAFile)
	}
	return &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}

// Memory returns the resident memory of the program in octets.
func (f *FrontEnd) Memory(t testing.TB) float64 {
	t.Helper()
	return Memory(t, f.cmd.Process.Pid)
}

// ProcessorTime returns the processor time that the program has used.
func (f *FrontEnd) ProcessorTime(t testing.TB) time.Duration {
	t.Helper()
	return ProcessorTime(t, f.cmd.Process.Pid)
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

// Memory returns the resident memory of a process in octets.
func Memory(t testing.TB, pid int) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return float64(n << 10)
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// ProcessorTime returns the processor time that a process has used.
func ProcessorTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// utime and stime are the 14th and 15th field, in hundredths of a second;
	// the second is a name in parentheses, with any characters.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
