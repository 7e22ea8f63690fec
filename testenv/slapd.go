package testenv

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// BaseDN is the suffix of the first database where none is given.
const BaseDN = "dc=example,dc=com"

// UserPassword is what every user has in the beginning.
const UserPassword = "Start-Pw1!"

// SlapdOptions say what a slapd is made of. The zero value is one database
// for dc=example,dc=com with 200 users and a default policy that only
// cn=config tells of, which the service accounts may not read: what a new
// installation looks like.
type SlapdOptions struct {
	// Databases are the databases; none means one, the zero SlapdDatabase.
	// One whose suffix is below another's comes before it, as slapd wants.
	Databases []SlapdDatabase

	// ReadableConfig lets the account svc-reader read in cn=config which
	// database has which default policy, and nothing else.
	ReadableConfig bool

	// HashCleartext has plain modifications of userPassword hashed as the
	// password modify operation does.
	HashCleartext bool

	// PasswordHash is the scheme for hashing. Empty means {SSHA}.
	PasswordHash string

	// Threads is slapd's "threads". 0 means 4: its default of 16 is slow on
	// small machines.
	Threads int

	// SASL maps the identities of SASL mechanisms to the users below
	// ou=people of the first database, and offers PLAIN without TLS. Only
	// users with a password in the clear can be authenticated by CRAM-MD5
	// and SCRAM.
	SASL bool

	// PPM is the path of the ppm check module, for the policies whose names
	// begin with "ppm-". Without one, slapd refuses every change under them.
	PPM string
}

// A SlapdDatabase is one database with its suffix, policies and users.
type SlapdDatabase struct {
	// Suffix is its base entry. Empty means BaseDN.
	Suffix string

	// Users is the number of users, uid=user000 onwards below ou=people.
	// 0 means 200; negative means none.
	Users int

	// MaxSize is the greatest size of the database in octets. 0 means 1 GiB,
	// which is enough for some 300,000 users.
	MaxSize int64

	// DefaultPolicy is the DN of the default policy. Empty means
	// cn=default,ou=policies below the suffix; NoDefaultPolicy, that there
	// is none.
	DefaultPolicy   string
	NoDefaultPolicy bool

	// NoPPolicy leaves the ppolicy overlay out.
	NoPPolicy bool

	// NoSyncprov leaves the syncprov overlay out, so that nothing tells of
	// changes.
	NoSyncprov bool

	// DisableWrite sets olcPPolicyDisableWrite, which makes the overlay
	// ignore modifications.
	DisableWrite bool

	// Access are olcAccess rules to put before the others, without number.
	Access []string

	// LDIF are entries to load after those that are always there.
	LDIF string

	// Overlays are overlays that need no configuration, such as "sssvlv",
	// behind those that are always there.
	Overlays []string

	// SyncFrom makes the database a consumer (RFC 4533, refreshAndPersist)
	// of another server. It starts out empty.
	SyncFrom *SyncSource
}

// A SyncSource is where a consumer replicates from, and as whom.
type SyncSource struct {
	URL     string
	Account Account
}

// OverlayClass returns the object class that the overlay's entry in
// cn=config has beside olcOverlayConfig, empty if none.
func (SlapdDatabase) OverlayClass(overlay string) string {
	return map[string]string{"sssvlv": "olcSssVlvConfig", "dds": "olcDDSConfig"}[overlay]
}

// An Account can bind.
type Account struct{ DN, Password string }

// Slapd is a running slapd.
type Slapd struct {
	URL      string // ldap://127.0.0.1:port
	TLSURL   string // ldaps://127.0.0.1:port
	LocalURL string // ldapi://..., on which the user who runs the test manages cn=config
	Suffix   string // of the first database
	Version  string // as in "2.5.13"

	Dir    string         // everything that it keeps
	CAFile string         // PEM, for the tools' LDAPTLS_CACERT
	CAs    *x509.CertPool // trusts its certificate

	Admin       Account // rootdn: no policy applies to what it does
	ConfigAdmin Account // rootdn of cn=config
	Reader      Account // reads everything but passwords and their history
	HistReader  Account // reads the history too
	Helpdesk    Account // may write passwords, and the policy applies
	PwAdmin     Account // manages passwords: the policy does not apply

	process *process
	stop    sync.Once
}

// StartSlapd starts a slapd that ends with the test.
func StartSlapd(t testing.TB, o SlapdOptions) *Slapd {
	t.Helper()
	limit := time.Minute
	for _, db := range o.Databases {
		limit += time.Duration(max(db.Users, 0)) * time.Millisecond // what a busy machine takes to load one
	}
	return startForTest(t, "slapd", limit, func(ctx context.Context, dir string) (*Slapd, error) { return NewSlapd(ctx, dir, o) })
}

// NewSlapd starts a slapd that keeps everything in dir, which must be empty,
// and returns once it answers. The caller stops it.
func NewSlapd(ctx context.Context, dir string, o SlapdOptions) (*Slapd, error) {
	b, err := newSlapdBuilder(dir, o)
	if err != nil {
		return nil, err
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	const tries = 5
	for range tries {
		s, err := b.start(ctx)
		if !errors.Is(err, errPortTaken) {
			return s, err
		}
	}
	return nil, fmt.Errorf("slapd found no free port in %d tries", tries)
}

// Stop ends slapd and waits until it is gone.
func (s *Slapd) Stop() { s.stop.Do(s.process.stop) }

func (s *Slapd) running() (bool, error) { return s.process.running() }

// PID returns the process ID.
func (s *Slapd) PID() int { return s.process.cmd.Process.Pid }

// Log returns the end of what slapd wrote.
func (s *Slapd) Log() string { return tailOf(filepath.Join(s.Dir, "slapd.log")) }

// PolicyDN returns the DN of a policy of the first database.
func (s *Slapd) PolicyDN(name string) string { return "cn=" + name + ",ou=policies," + s.Suffix }

// UserDN returns the DN of a user of the first database.
func (s *Slapd) UserDN(n int) string { return slapdUserDN(n, s.Suffix) }

// UserPolicy returns the name of the policy that the user's pointer names,
// and "" if it has none. That of user 10 does not exist.
func (s *Slapd) UserPolicy(n int) string { return slapdUserPolicies[n] }

// TLSConfig returns a configuration that trusts the server.
func (s *Slapd) TLSConfig() *tls.Config {
	return &tls.Config{RootCAs: s.CAs, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}

// Dial connects and binds; the connection is closed with the test. The zero
// Account stays anonymous.
func (s *Slapd) Dial(t testing.TB, a Account) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL(s.URL)
	if err != nil {
		t.Fatalf("testenv: dial slapd: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if a.DN != "" {
		if err := conn.Bind(a.DN, a.Password); err != nil {
			t.Fatalf("testenv: bind to slapd as %s: %v", a.DN, err)
		}
	}
	return conn
}

func slapdUserDN(n int, suffix string) string {
	return fmt.Sprintf("uid=user%03d,ou=people,%s", n, suffix)
}

//go:embed slapd/*.tmpl
var slapdTemplates embed.FS

// slapdAccount is an account as the templates want it.
type slapdAccount struct{ Name, DN, Hash string }

// slapdBuilder writes and loads the configuration and data of one slapd.
type slapdBuilder struct {
	SlapdOptions // with defaults in place

	Dir         string
	Base        string // the first suffix given: the service accounts are there
	Self        string // the identity of this user on the local socket
	ModulePath  string
	Modules     []string
	Schemas     []string
	ConfigAdmin slapdAccount
	Admin       slapdAccount
	Reader      slapdAccount
	templates   *template.Template
	program     string
	version     string
	cas         *x509.CertPool
	accounts    []slapdAccount
}

const (
	slapdAdminPassword    = "admin-Pw1"
	slapdServicePassword  = "svc-Pw1"
	slapdHelpdeskPassword = "help-Pw1"
	slapdPwAdminPassword  = "pwadmin-Pw1"
)

func newSlapdBuilder(dir string, o SlapdOptions) (*slapdBuilder, error) {
	program, err := findProgram("slapd", "slapd")
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if o.Threads == 0 {
		o.Threads = 4
	}
	if o.PasswordHash == "" {
		o.PasswordHash = "{SSHA}"
	}
	if len(o.Databases) == 0 {
		o.Databases = []SlapdDatabase{{}}
	}
	o.Databases = slices.Clone(o.Databases)
	for i := range o.Databases {
		db := &o.Databases[i]
		if db.Suffix == "" {
			db.Suffix = BaseDN
		}
		if db.Users == 0 {
			db.Users = 200
		}
		if db.MaxSize == 0 {
			db.MaxSize = 1 << 30
		}
		if db.NoDefaultPolicy {
			db.DefaultPolicy = ""
		} else if db.DefaultPolicy == "" {
			db.DefaultPolicy = "cn=default,ou=policies," + db.Suffix
		}
	}
	b := &slapdBuilder{
		SlapdOptions: o,
		Dir:          dir,
		Base:         o.Databases[0].Suffix,
		Self:         fmt.Sprintf("gidNumber=%d+uidNumber=%d,cn=peercred,cn=external,cn=auth", os.Getegid(), os.Geteuid()),
		program:      program,
	}
	service := func(name, password string) slapdAccount {
		return slapdAccount{Name: name, DN: "cn=" + name + ",ou=services," + b.Base, Hash: ssha(password)}
	}
	admin := ssha(slapdAdminPassword)
	b.Admin = slapdAccount{DN: "cn=admin," + b.Base, Hash: admin}
	b.ConfigAdmin = slapdAccount{DN: "cn=admin,cn=config", Hash: admin}
	b.accounts = []slapdAccount{
		service("svc-reader", slapdServicePassword),
		service("svc-history", slapdServicePassword),
		service("helpdesk", slapdHelpdeskPassword),
		service("pwadmin", slapdPwAdminPassword),
	}
	b.Reader = b.accounts[0]
	for i := range b.Databases {
		db := &b.Databases[i]
		db.Access = slices.Concat(db.Access, b.access())
	}
	if err := b.findModulesAndSchemas(); err != nil {
		return nil, err
	}
	b.templates, err = template.New("").
		Funcs(template.FuncMap{"inc": func(i int) int { return i + 1 }}).
		ParseFS(slapdTemplates, "slapd/*.tmpl")
	if err != nil {
		return nil, err
	}
	return b, nil
}

// access returns the rules that give each account what its name says. The
// helpdesk may write passwords but not manage them: policies bind it.
func (b *slapdBuilder) access() []string {
	reader, history, helpdesk, pwadmin := b.accounts[0].DN, b.accounts[1].DN, b.accounts[2].DN, b.accounts[3].DN
	services := "ou=services," + b.Base
	return []string{
		fmt.Sprintf(`to attrs=userPassword by self =xw by dn.exact="%s" =xw by dn.exact="%s" manage by anonymous auth by * none`, helpdesk, pwadmin),
		fmt.Sprintf(`to attrs=pwdHistory by dn.exact="%s" read by dn.exact="%s" none by * none`, history, reader),
		fmt.Sprintf(`to attrs=pwdReset,pwdAccountLockedTime,pwdPolicySubentry by dn.exact="%s" write by dn.exact="%s" manage by dn.children="%s" read by self read by * none`, helpdesk, pwadmin, services),
		fmt.Sprintf(`to * by dn.exact="%s" manage by dn.children="%s" read by self read by * none`, pwadmin, services),
	}
}

func (b *slapdBuilder) findModulesAndSchemas() error {
	b.ModulePath = firstWith("back_mdb.so", "/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap", "/usr/local/libexec/openldap")
	schemas := firstWith("core.ldif", "/etc/ldap/schema", "/etc/openldap/schema", "/usr/local/etc/openldap/schema")
	if b.ModulePath == "" || schemas == "" {
		return fmt.Errorf("slapd's modules or schemas are not where distributions keep them: install the package slapd")
	}
	for _, name := range []string{"core", "cosine", "inetorgperson", "nis", "namedobject"} {
		b.Schemas = append(b.Schemas, filepath.Join(schemas, name+".ldif"))
	}
	if strings.Contains(b.PasswordHash, "ARGON2") {
		b.Modules = append(b.Modules, "argon2.so")
	}
	for _, db := range b.Databases {
		for _, overlay := range db.Overlays {
			if module := overlay + ".so"; !slices.Contains(b.Modules, module) {
				b.Modules = append(b.Modules, module)
			}
		}
	}
	if b.PPM != "" {
		b.ModulePath += ":" + filepath.Dir(b.PPM)
	}
	// slapd -VV prints its version and ends with status 1 or 0, depending on the version.
	out, _ := exec.Command(b.program, "-VV").CombinedOutput()
	m := regexp.MustCompile(`slapd (\d+\.\d+\.\d+)`).FindSubmatch(out)
	if m == nil {
		return fmt.Errorf("%s -VV does not tell a version", b.program)
	}
	b.version = string(m[1])
	return nil
}

func firstWith(file string, dirs ...string) string {
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			return dir
		}
	}
	return ""
}

// useCheckModule reports whether policies switch a check module on (2.6 and
// later) rather than name it.
func (b *slapdBuilder) useCheckModule() bool { return !strings.HasPrefix(b.version, "2.5.") }

// build writes and loads configuration and data.
func (b *slapdBuilder) build(ctx context.Context) error {
	var err error
	if b.cas, err = makeCertificate(b.Dir); err != nil {
		return err
	}
	dirs := []string{"slapd.d"}
	for i := range b.Databases {
		dirs = append(dirs, "db"+strconv.Itoa(i+1))
	}
	for _, d := range dirs {
		if err := os.Mkdir(filepath.Join(b.Dir, d), 0o700); err != nil {
			return err
		}
	}
	if err := b.load(ctx, "config.ldif", b, "-n0"); err != nil {
		return err
	}
	for i, db := range b.Databases {
		if db.SyncFrom != nil {
			continue
		}
		data, err := b.data(i, db)
		if err != nil {
			return err
		}
		n := strconv.Itoa(i + 1)
		if err := b.load(ctx, "data.ldif", data, "-q", "-n"+n); err != nil {
			return err
		}
	}
	return nil
}

// load writes what a template yields and gives it to slapadd.
func (b *slapdBuilder) load(ctx context.Context, name string, data any, args ...string) error {
	var out bytes.Buffer
	if err := b.templates.ExecuteTemplate(&out, name+".tmpl", data); err != nil {
		return err
	}
	if d, ok := data.(slapdData); ok {
		out.WriteString(d.LDIF)
	}
	path := filepath.Join(b.Dir, args[len(args)-1][1:]+"-"+name)
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		return err
	}
	args = append([]string{"-T", "add", "-F", filepath.Join(b.Dir, "slapd.d"), "-l", path}, args...)
	return run(exec.CommandContext(ctx, b.program, args...))
}

// slapdData is what data.ldif.tmpl is made from.
type slapdData struct {
	Suffix, BaseClass, BaseRDN string
	UserHash                   string
	LDIF                       string
	Accounts                   []slapdAccount
	Policies                   []slapdPolicy
	Users                      []slapdUser
}

type slapdUser struct{ DN, UID, N, Policy string }

func (b *slapdBuilder) data(i int, db SlapdDatabase) (slapdData, error) {
	base, err := dn.Parse(db.Suffix)
	if err != nil || base.IsRoot() {
		return slapdData{}, fmt.Errorf("the suffix %q is no DN", db.Suffix)
	}
	rdn := base.RDNs[0][0]
	d := slapdData{
		Suffix:    db.Suffix,
		BaseClass: map[string]string{"dc": "domain", "ou": "organizationalUnit", "o": "organization"}[strings.ToLower(rdn.Type)],
		BaseRDN:   rdn.Type + ": " + rdn.Value,
		UserHash:  ssha(UserPassword),
		LDIF:      db.LDIF,
	}
	if d.BaseClass == "" {
		return d, fmt.Errorf("the suffix %q is named by neither dc, ou nor o", db.Suffix)
	}
	if i == 0 {
		d.Accounts = b.accounts
	}
	ppm := "ppm.so"
	if b.PPM != "" {
		ppm = b.PPM
	}
	d.Policies = slapdPolicies(ppm, b.useCheckModule())
	for n := range db.Users {
		d.Users = append(d.Users, slapdUser{
			DN:     slapdUserDN(n, db.Suffix),
			UID:    fmt.Sprintf("user%03d", n),
			N:      fmt.Sprintf("%03d", n),
			Policy: slapdUserPolicies[n],
		})
	}
	return d, nil
}

// start starts slapd on free ports and waits until it answers.
func (b *slapdBuilder) start(ctx context.Context) (*Slapd, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	return b.startOn(ctx, fmt.Sprintf("ldap://127.0.0.1:%d", ports[0]), fmt.Sprintf("ldaps://127.0.0.1:%d", ports[1]))
}

func (b *slapdBuilder) startOn(ctx context.Context, plainURL, tlsURL string) (*Slapd, error) {
	socket := filepath.Join(b.Dir, "ldapi")
	s := &Slapd{
		URL:         plainURL,
		TLSURL:      tlsURL,
		LocalURL:    "ldapi://" + url.QueryEscape(socket),
		Suffix:      b.Base,
		Version:     b.version,
		Dir:         b.Dir,
		CAFile:      filepath.Join(b.Dir, "tls.crt"),
		CAs:         b.cas,
		Admin:       Account{b.Admin.DN, slapdAdminPassword},
		ConfigAdmin: Account{b.ConfigAdmin.DN, slapdAdminPassword},
		Reader:      Account{b.accounts[0].DN, slapdServicePassword},
		HistReader:  Account{b.accounts[1].DN, slapdServicePassword},
		Helpdesk:    Account{b.accounts[2].DN, slapdHelpdeskPassword},
		PwAdmin:     Account{b.accounts[3].DN, slapdPwAdminPassword},
	}
	log := filepath.Join(b.Dir, "slapd.log")
	cmd := exec.Command(b.program, "-F", filepath.Join(b.Dir, "slapd.d"), "-d", "none",
		"-h", s.URL+" "+s.TLSURL+" "+s.LocalURL)
	var err error
	if s.process, err = startProcess(cmd, log); err != nil {
		return nil, err
	}
	if err := s.waitUntilReady(ctx, socket); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// waitUntilReady returns once slapd answers on its local socket, which no
// other process can have, and so has all its ports.
func (s *Slapd) waitUntilReady(ctx context.Context, socket string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	local := "ldapi://" + socket
	for {
		if answers(local) {
			return nil
		}
		select {
		case <-s.process.exited:
			if strings.Contains(s.Log(), "Address already in use") {
				return errPortTaken
			}
			return fmt.Errorf("slapd ended at once (%w); its log:\n%s", s.process.err, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("slapd does not answer (%w); its log:\n%s", ctx.Err(), s.Log())
		case <-tick.C:
		}
	}
}

func answers(url string) bool {
	conn, err := ldap.DialURL(url)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetTimeout(5 * time.Second)
	_, err = conn.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"1.1"}, nil))
	return err == nil
}

// ssha hashes a password as RFC 2307 writers do. The scheme is weak and
// fast: what is measured here is not the hash.
func ssha(password string) string {
	var salt [8]byte
	_, _ = rand.Read(salt[:]) // never fails
	h := sha1.New()
	h.Write([]byte(password))
	h.Write(salt[:])
	return "{SSHA}" + base64.StdEncoding.EncodeToString(append(h.Sum(nil), salt[:]...))
}
