package testenv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"
)

// The identity of Samba's test domain, fixed so that SIDs are known before
// it exists.
const (
	SambaDomainSID  = "S-1-5-21-1111111111-2222222222-3333333333"
	SambaDomainGUID = "11111111-2222-3333-4444-555555555555"
)

// Samba is a running domain controller of Samba: LDAP only.
type Samba struct {
	URL      string // ldap://address, port 389
	TLSURL   string // ldaps://address
	Suffix   string
	Dir      string // everything that it keeps
	CAFile   string
	CAs      *x509.CertPool
	Admin    Account // Administrator
	Reader   Account // an ordinary account that may read password settings objects
	Stranger Account // alice: an ordinary account that may not

	address string
	process *process
	stop    sync.Once
}

// SambaUsers are the users of the test domain with the minimum length that
// is in force for each. Those named slot0 and so on have a settings object of
// their own, PSO-slot0 and so on.
var SambaUsers = map[string]int{"alice": 10, "bob": 14, "carol": 6, "dave": 20}

// SambaSlots is the number of slot users.
const SambaSlots = 4

const sambaPackages = "samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind python3-samba krb5-config"

// StartSamba provisions and starts a domain controller that ends with the
// test. It needs root, and takes some five seconds.
func StartSamba(t testing.TB) *Samba {
	t.Helper()
	return startForTest(t, "samba", 3*time.Minute, NewSamba)
}

// NewSamba provisions and starts a domain controller that keeps everything in
// dir, which must be empty, and returns once it answers. The caller stops it.
func NewSamba(ctx context.Context, dir string) (*Samba, error) {
	program, err := findProgram("samba", "samba-ad-dc")
	if err != nil {
		return nil, err
	}
	if _, err := findProgram("samba-tool", "samba"); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("samba can be provisioned by root only")
	}
	s := &Samba{
		Suffix:   "DC=example,DC=com",
		Dir:      dir,
		CAFile:   filepath.Join(dir, "tls.crt"),
		Admin:    Account{"Administrator@example.com", "Adm1n-Passw0rd!"},
		Reader:   Account{"reader@example.com", sambaPassword("reader")},
		Stranger: Account{"alice@example.com", sambaPassword("alice")},
	}
	// LDAP's ports are fixed, so each server has a loopback address of its
	// own.
	const tries = 20
	for range tries {
		s.setAddress(fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), 1+rand.IntN(254), 1+rand.IntN(254)))
		l, err := net.Listen("tcp4", s.address+":389")
		if err == nil {
			l.Close()
			break
		}
	}
	if s.CAs, err = makeCertificate(dir, net.ParseIP(s.address)); err != nil {
		return nil, err
	}
	if err := s.provision(ctx); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "-s", s.conf(), "-F", "-M", "single", "--no-process-group", "--debug-stdout", "-d", "1")
	if s.process, err = startProcess(cmd, filepath.Join(dir, "stdout.log")); err != nil {
		return nil, err
	}
	if err := s.waitUntilReady(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Samba) setAddress(a string) {
	s.address, s.URL, s.TLSURL = a, "ldap://"+a, "ldaps://"+a
}

// Stop ends the server and waits until it is gone.
func (s *Samba) Stop() { s.stop.Do(s.process.stop) }

func (s *Samba) running() (bool, error) { return s.process.running() }

// PID returns the process ID.
func (s *Samba) PID() int { return s.process.cmd.Process.Pid }

// Log returns the end of what samba wrote.
func (s *Samba) Log() string { return tailOf(filepath.Join(s.Dir, "stdout.log")) }

// UserDN returns the DN of a user of the test domain.
func (s *Samba) UserDN(name string) string {
	for _, u := range sambaUsers() {
		if u.Name == name {
			return "CN=" + u.Given + " " + u.Surname + ",OU=People," + s.Suffix
		}
	}
	panic("testenv: no such user: " + name)
}

// SettingsDN returns the DN of a password settings object.
func (s *Samba) SettingsDN(name string) string {
	return "CN=" + name + ",CN=Password Settings Container,CN=System," + s.Suffix
}

// TLSConfig returns a configuration that trusts the server.
func (s *Samba) TLSConfig() *tls.Config {
	return &tls.Config{RootCAs: s.CAs, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}

// Dial connects over TLS and binds; the connection is closed with the test.
func (s *Samba) Dial(t testing.TB, a Account) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL(s.TLSURL, ldap.DialWithTLSConfig(s.TLSConfig()))
	if err != nil {
		t.Fatalf("testenv: dial samba: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Bind(a.DN, a.Password); err != nil {
		t.Fatalf("testenv: bind to samba as %s: %v", a.DN, err)
	}
	return conn
}

// UnicodePwd returns a password as the attribute unicodePwd takes it: in
// quotation marks and UTF-16, little-endian.
func UnicodePwd(password string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(`"` + password + `"`)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

func (s *Samba) conf() string { return filepath.Join(s.Dir, "smb.conf") }

// provision makes the domain and fills it.
func (s *Samba) provision(ctx context.Context) error {
	for _, d := range []string{"private", "state", "cache", "lock", "run", "log", "ncalrpc", "winbindd", "ntp", "bind-dns"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, d), 0o755); err != nil {
			return err
		}
	}
	// A configuration of our own, or provisioning starts from the system's
	// and keeps its shares and log files. The address needs a prefix length:
	// without, an address that no interface carries is dropped silently.
	conf := fmt.Sprintf(sambaConf, s.address, s.Dir)
	if err := os.WriteFile(s.conf(), []byte(conf), 0o600); err != nil {
		return err
	}
	err := run(exec.CommandContext(ctx, "samba-tool", "domain", "provision", "-s", s.conf(), "-q",
		"--realm=EXAMPLE.COM", "--domain=EXAMPLE", "--host-name=dc1", "--host-ip="+s.address, "--server-role=dc",
		"--dns-backend=NONE", "--function-level=2008_R2", "--domain-sid="+SambaDomainSID, "--domain-guid="+SambaDomainGUID,
		"--adminpass="+s.Admin.Password))
	if err != nil {
		return fmt.Errorf("%w (are the packages %s installed?)", err, sambaPackages)
	}
	data, err := json.Marshal(s.data())
	if err != nil {
		return err
	}
	script, list := filepath.Join(s.Dir, "populate.py"), filepath.Join(s.Dir, "data.json")
	if err := os.WriteFile(script, sambaPopulate, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(list, data, 0o600); err != nil {
		return err
	}
	// Debian's modules are for its own interpreter.
	return run(exec.CommandContext(ctx, "/usr/bin/python3", script, s.conf(), list))
}

//go:embed samba/populate.py
var sambaPopulate []byte

const sambaConf = `[global]
	netbios name = DC1
	realm = EXAMPLE.COM
	workgroup = EXAMPLE
	server role = active directory domain controller
	server services = ldap
	interfaces = %[1]s/8
	bind interfaces only = yes
	private dir = %[2]s/private
	state directory = %[2]s/state
	cache directory = %[2]s/cache
	lock directory = %[2]s/lock
	pid directory = %[2]s/run
	ncalrpc dir = %[2]s/ncalrpc
	winbindd socket directory = %[2]s/winbindd
	ntp signd socket directory = %[2]s/ntp
	binddns dir = %[2]s/bind-dns
	log file = %[2]s/log/samba.log
	logging = file
	load printers = no
	disable spoolss = yes
	ldap server require strong auth = no
	tls enabled = yes
	tls keyfile = %[2]s/tls.key
	tls certfile = %[2]s/tls.crt
	tls cafile = %[2]s/tls.crt
[sysvol]
	path = %[2]s/state/sysvol
	read only = no
[netlogon]
	path = %[2]s/state/sysvol/example.com/scripts
	read only = no
`

type sambaUser struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Given    string `json:"given"`
	Surname  string `json:"surname"`
}

type sambaSettings struct {
	Name       string `json:"name"`
	Precedence int    `json:"precedence"`
	Length     int    `json:"length"`
	Complexity string `json:"complexity"`
	History    int    `json:"history"`
	Applies    string `json:"applies"`
}

type sambaData struct {
	Base   string `json:"base"`
	Reader string `json:"reader"`
	Domain struct {
		Length     int    `json:"length"`
		Complexity string `json:"complexity"`
		History    int    `json:"history"`
	} `json:"domain"`
	Users    []sambaUser         `json:"users"`
	Groups   map[string][]string `json:"groups"`
	Settings []sambaSettings     `json:"settings"`
}

func sambaPassword(name string) string { return "Initial-Passw0rd-" + name[:1] + "7" }

func sambaUsers() []sambaUser {
	users := []sambaUser{
		{Name: "alice", Given: "Alice", Surname: "Example"}, {Name: "bob", Given: "Bob", Surname: "Builder"},
		{Name: "carol", Given: "Carol", Surname: "Danvers-Smith"}, {Name: "dave", Given: "Dave", Surname: "Lister"},
		{Name: "reader", Given: "Svc", Surname: "Reader"},
	}
	for i := range SambaSlots {
		users = append(users, sambaUser{Name: fmt.Sprintf("slot%d", i), Given: "Robin", Surname: fmt.Sprintf("Goodfellow%d", i)})
	}
	for i := range users {
		users[i].Password = sambaPassword(users[i].Name)
	}
	return users
}

func (s *Samba) data() sambaData {
	d := sambaData{
		Base: s.Suffix, Reader: "reader", Users: sambaUsers(),
		Groups: map[string][]string{"staff": {"bob", "carol", "dave"}, "operators": {"dave"}},
		Settings: []sambaSettings{
			{"PSO-Operators", 10, 20, "on", 24, "operators"},
			{"PSO-Staff", 20, 14, "on", 10, "staff"},
			{"PSO-Legacy", 50, 6, "off", 0, "carol"},
		},
	}
	d.Domain.Length, d.Domain.Complexity, d.Domain.History = 10, "on", 5
	for i := range SambaSlots {
		name := fmt.Sprintf("slot%d", i)
		d.Settings = append(d.Settings, sambaSettings{"PSO-" + name, 100 + i, 8, "on", 0, name})
	}
	return d
}

func (s *Samba) waitUntilReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if answers(s.URL) {
			return nil
		}
		select {
		case <-s.process.exited:
			return fmt.Errorf("samba ended at once (%w); its log:\n%s", s.process.err, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("samba does not answer (%w); its log:\n%s", ctx.Err(), s.Log())
		case <-tick.C:
		}
	}
}
