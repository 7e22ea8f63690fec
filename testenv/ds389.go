package testenv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// DS389Options say what a 389 Directory Server is made of. The zero value is
// a server with local policies switched on, the global policy of
// ds389_policies.go and 60 users.
type DS389Options struct {
	// Users is the number of users, uid=user000 onwards below ou=people.
	// 0 means 60.
	Users int

	// NoLocalPolicies switches nsslapd-pwpolicy-local off.
	NoLocalPolicies bool

	// InheritGlobal switches nsslapd-pwpolicy-inherit-global on.
	InheritGlobal bool

	// Global replaces attributes of the global policy.
	Global map[string]string
}

// DS389 is a running 389 Directory Server.
type DS389 struct {
	URL        string // ldap://127.0.0.1:port
	TLSURL     string // ldaps://127.0.0.1:port
	Suffix     string
	Dir        string // everything that it keeps
	CAFile     string // PEM, for the tools' LDAPTLS_CACERT
	CAs        *x509.CertPool
	Admin      Account // Directory Manager: no policy applies to what it modifies
	Reader     Account // reads everything but passwords and their history
	HistReader Account // reads those too
	Helpdesk   Account // may write passwords, and the policy applies
	PwAdmin    Account // passwordAdminDN of the global policy

	process *process
	stop    sync.Once
}

// StartDS389 starts a 389 Directory Server that ends with the test. It takes
// some eight seconds, most of them in dscreate.
func StartDS389(t testing.TB, o DS389Options) *DS389 {
	t.Helper()
	return startForTest(t, "ds389", 3*time.Minute, func(ctx context.Context, dir string) (*DS389, error) { return NewDS389(ctx, dir, o) })
}

// NewDS389 starts a 389 Directory Server that keeps everything in dir, which
// must be empty, and returns once it answers and is loaded. The caller stops
// it.
func NewDS389(ctx context.Context, dir string, o DS389Options) (*DS389, error) {
	if o.Users == 0 {
		o.Users = 60
	}
	program, err := findProgram("ns-slapd", "389-ds-base")
	if err != nil {
		return nil, err
	}
	if _, err := findProgram("dscreate", "389-ds-base"); err != nil {
		return nil, err
	}
	const tries = 3
	for try := range tries {
		s, err := buildDS389(ctx, program, filepath.Join(dir, fmt.Sprint(try)))
		if errors.Is(err, errPortTaken) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := s.load(o); err != nil {
			s.Stop()
			return nil, fmt.Errorf("load 389 DS: %w", err)
		}
		return s, nil
	}
	return nil, fmt.Errorf("389 DS found no free port in %d tries", tries)
}

// Stop ends the server and waits until it is gone.
func (s *DS389) Stop() { s.stop.Do(s.process.stop) }

func (s *DS389) running() (bool, error) { return s.process.running() }

// PID returns the process ID.
func (s *DS389) PID() int { return s.process.cmd.Process.Pid }

// Log returns the end of the error log.
func (s *DS389) Log() string {
	return tailOf(filepath.Join(s.Dir, "var/log/slapd-i/errors"))
}

// UserDN returns the DN of a user below ou=people.
func (s *DS389) UserDN(n int) string { return fmt.Sprintf("uid=user%03d,ou=people,%s", n, s.Suffix) }

// TLSConfig returns a configuration that trusts the server.
func (s *DS389) TLSConfig() *tls.Config {
	return &tls.Config{RootCAs: s.CAs, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}

// Dial connects and binds; the connection is closed with the test. The zero
// Account stays anonymous.
func (s *DS389) Dial(t testing.TB, a Account) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL(s.URL)
	if err != nil {
		t.Fatalf("testenv: dial 389 DS: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if a.DN != "" {
		if err := conn.Bind(a.DN, a.Password); err != nil {
			t.Fatalf("testenv: bind to 389 DS as %s: %v", a.DN, err)
		}
	}
	return conn
}

// buildDS389 makes an instance below dir with dscreate, whose private
// defaults.inf keeps every path in dir, and starts it without systemd.
func buildDS389(ctx context.Context, program, dir string) (*DS389, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	s := &DS389{
		URL:        fmt.Sprintf("ldap://127.0.0.1:%d", ports[0]),
		TLSURL:     fmt.Sprintf("ldaps://127.0.0.1:%d", ports[1]),
		Suffix:     BaseDN,
		Dir:        dir,
		CAFile:     filepath.Join(dir, "tls.crt"),
		Admin:      Account{"cn=Directory Manager", slapdAdminPassword},
		Reader:     Account{"cn=svc-reader,ou=services," + BaseDN, slapdServicePassword},
		HistReader: Account{"cn=svc-history,ou=services," + BaseDN, slapdServicePassword},
		Helpdesk:   Account{"cn=helpdesk,ou=services," + BaseDN, slapdHelpdeskPassword},
		PwAdmin:    Account{"cn=pwadmin,ou=services," + BaseDN, slapdPwAdminPassword},
	}
	for _, sub := range []string{"etc/default", "etc/dirsrv", "share/dirsrv/inf", "share/dirsrv/data", "run/lock", "var/lib", "var/log", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	for _, sub := range []string{"schema", "config"} {
		if err := os.CopyFS(filepath.Join(dir, "etc/dirsrv", sub), os.DirFS("/etc/dirsrv/"+sub)); err != nil {
			return nil, err
		}
	}
	templates, err := filepath.Glob("/usr/share/dirsrv/data/template*.ldif")
	if err != nil || len(templates) == 0 {
		return nil, fmt.Errorf("389 DS's templates are not in /usr/share/dirsrv/data: install the package 389-ds-base")
	}
	for _, path := range templates {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		// On loopback from the very first start.
		text = regexp.MustCompile(`(?m)^nsslapd-port:.*$`).ReplaceAll(text, []byte("$0\nnsslapd-listenhost: 127.0.0.1\nnsslapd-securelistenhost: 127.0.0.1"))
		if err := os.WriteFile(filepath.Join(dir, "share/dirsrv/data", filepath.Base(path)), text, 0o600); err != nil {
			return nil, err
		}
	}
	defaults, err := os.ReadFile("/usr/share/dirsrv/inf/defaults.inf")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "share/dirsrv/inf/defaults.inf"), privateDefaults(defaults, dir), 0o600); err != nil {
		return nil, err
	}
	setup := fmt.Sprintf(ds389Setup, ports[0], ports[1], s.Admin.Password, s.Suffix)
	if err := os.WriteFile(filepath.Join(dir, "setup.inf"), []byte(setup), 0o600); err != nil {
		return nil, err
	}
	if err := s.tool(ctx, "dscreate", "from-file", filepath.Join(dir, "setup.inf")); err != nil {
		return nil, err
	}
	if err := s.installCertificate(ctx, ports[0]); err != nil {
		return nil, err
	}
	pidFile := filepath.Join(dir, "run/slapd-i.pid")
	cmd := exec.Command(program, "-D", s.config(), "-i", pidFile, "-d", "0")
	if s.process, err = startProcess(cmd, filepath.Join(dir, "ns-slapd.log")); err != nil {
		return nil, err
	}
	if err := s.waitUntilReady(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

const ds389Setup = `[general]
config_version = 2
full_machine_name = localhost
strict_host_checking = False
systemd = False
selinux = False
start = False

[slapd]
instance_name = i
user = root
group = root
port = %d
secure_port = %d
root_dn = cn=Directory Manager
root_password = %s
self_sign_cert = False
db_lib = bdb

[backend-userroot]
suffix = %s
create_suffix_entry = True
`

// privateDefaults rewrites the paths of lib389's defaults.inf into dir.
func privateDefaults(text []byte, dir string) []byte {
	set := map[string]string{
		"with_systemd": "0", "user": "root", "group": "root",
		"sysconf_dir": dir + "/etc", "initconfig_dir": dir + "/etc/default", "data_dir": dir + "/share",
		"local_state_dir": dir + "/var", "tmp_dir": dir + "/tmp", "tmpfiles_d": dir + "/tmp", "run_dir": dir + "/run",
		"ldapi": dir + "/run/slapd-{instance_name}.socket", "pid_file": dir + "/run/slapd-{instance_name}.pid",
		"db_home_dir": dir + "/var/lib/slapd-{instance_name}/db",
	}
	moved := strings.NewReplacer("= /etc/dirsrv", "= "+dir+"/etc/dirsrv", "= /run/lock/dirsrv", "= "+dir+"/run/lock",
		"= /var/log/dirsrv", "= "+dir+"/var/log", "= /var/lib/dirsrv", "= "+dir+"/var/lib")
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		name, _, ok := strings.Cut(line, " =")
		if value, known := set[name]; ok && known {
			lines[i] = name + " = " + value
		} else {
			lines[i] = moved.Replace(line)
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

func (s *DS389) config() string { return filepath.Join(s.Dir, "etc/dirsrv/slapd-i") }

func (s *DS389) tool(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "PREFIX="+s.Dir)
	return run(cmd)
}

// installCertificate gives the server a certificate for localhost and
// 127.0.0.1; dscreate's own carries one name only.
func (s *DS389) installCertificate(ctx context.Context, port int) error {
	var err error
	if s.CAs, err = makeCertificate(s.Dir); err != nil {
		return err
	}
	p12 := filepath.Join(s.Dir, "tls.p12")
	steps := [][]string{
		{"openssl", "pkcs12", "-export", "-inkey", filepath.Join(s.Dir, "tls.key"), "-in", s.CAFile, "-name", "Server-Cert", "-passout", "pass:x", "-out", p12},
		{"pk12util", "-i", p12, "-d", s.config(), "-k", filepath.Join(s.config(), "pwdfile.txt"), "-W", "x", "-n", "Server-Cert"},
		{"certutil", "-M", "-d", s.config(), "-n", "Server-Cert", "-t", "CTu,u,u", "-f", filepath.Join(s.config(), "pwdfile.txt")},
	}
	for _, step := range steps {
		if err := s.tool(ctx, step[0], step[1:]...); err != nil {
			return err
		}
	}
	dse := filepath.Join(s.config(), "dse.ldif")
	text, err := os.ReadFile(dse)
	if err != nil {
		return err
	}
	text = regexp.MustCompile(`(?mi)^nsslapd-security:.*\n`).ReplaceAll(text, nil)
	text = regexp.MustCompile(fmt.Sprintf(`(?m)^nsslapd-port: %d$`, port)).ReplaceAll(text, []byte("$0\nnsslapd-security: on"))
	return os.WriteFile(dse, text, 0o600)
}

func (s *DS389) waitUntilReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	local := "ldapi://" + filepath.Join(s.Dir, "run/slapd-i.socket")
	for {
		if answers(local) || answers(s.URL) {
			return nil
		}
		select {
		case <-s.process.exited:
			log := s.Log()
			if strings.Contains(log, "Address already in use") || strings.Contains(log, "PR_Bind") {
				return errPortTaken
			}
			return fmt.Errorf("ns-slapd ended at once (%w); its log:\n%s", s.process.err, log)
		case <-ctx.Done():
			return fmt.Errorf("ns-slapd does not answer (%w); its log:\n%s", ctx.Err(), s.Log())
		case <-tick.C:
		}
	}
}

// LocalURL returns the server's ldapi URL.
func (s *DS389) LocalURL() string {
	return "ldapi://" + url.QueryEscape(filepath.Join(s.Dir, "run/slapd-i.socket"))
}
