package embedded

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

func TestMain(m *testing.M) {
	if os.Getenv(crashEnv) != "" {
		crashChild()
	}
	goleak.VerifyTestMain(m)
}

const (
	adminDN       = "cn=admin,dc=example,dc=com"
	adminPassword = "Admin-password-1"
	joDN          = "uid=jo,ou=people,dc=example,dc=com"
	aminaDN       = "uid=amina,ou=people,dc=example,dc=com"
	defaultPolicy = "cn=Default Password Policy,cn=Password Policies,cn=config"
	securePolicy  = "cn=Secure Password Policy,cn=Password Policies,cn=config"
)

func open(t testing.TB, cfg Config) *Directory {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.AdminPassword == "" {
		cfg.AdminPassword = adminPassword
	}
	d, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func dial(t testing.TB, d *Directory) *ldap.Conn {
	t.Helper()
	nc, err := d.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := ldap.NewConn(nc, false)
	c.SetTimeout(20 * time.Second)
	c.Start()
	t.Cleanup(func() { c.Close() })
	return c
}

func dialAdmin(t testing.TB, d *Directory) *ldap.Conn {
	t.Helper()
	c := dial(t, d)
	if err := c.Bind(adminDN, adminPassword); err != nil {
		t.Fatal(err)
	}
	return c
}

func wantCode(t testing.TB, err error, code result.Code) {
	t.Helper()
	if code == result.Success {
		if err != nil {
			t.Errorf("unexpected error: %v", err)
		}
		return
	}
	if !ldap.IsErrorWithCode(err, uint16(code)) {
		t.Errorf("error %v, want %v", err, code)
	}
}

func TestFirstStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.AdminDN != adminDN || len(d.AdminPassword) < 16 {
		t.Errorf("administrator %q with a password of %d characters", d.AdminDN, len(d.AdminPassword))
	}
	file := filepath.Join(dir, passwordFile)
	b, err := os.ReadFile(file)
	if err != nil || string(b) != d.AdminPassword {
		t.Errorf("admin.password holds something else (%v)", err)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, file: 0o600, filepath.Join(dir, storeFile): 0o600} {
		if fi, err := os.Stat(name); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
	c := dial(t, d)
	if err := c.Bind(d.AdminDN, d.AdminPassword); err != nil {
		t.Fatal(err)
	}
	if err := d.dialect().CheckConfig(t.Context(), d); err != nil {
		t.Errorf("the default policies: %v", err)
	}
	for dn, want := range map[string]string{joDN: defaultPolicy, aminaDN: securePolicy, "uid=nobody,dc=example,dc=com": defaultPolicy} {
		eff, err := d.Policies().Resolve(t.Context(), policy.Selection{Target: dn})
		if err != nil {
			t.Fatal(err)
		}
		if eff.Policy.DN != want {
			t.Errorf("policy of %q is %q", dn, eff.Policy.DN)
		}
		out, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 20, Attempts: 5})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out {
			if len(s.Errors) > 0 {
				t.Errorf("%q: %v", dn, s.Errors)
			}
		}
	}
	if _, err := Open(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second Open: %v", err)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(t.Context(), Config{Dir: dir, AdminPassword: "First-password-1"})
	if err != nil {
		t.Fatal(err)
	}
	if d.AdminPassword != "" {
		t.Error("a given password is told")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = open(t, Config{Dir: dir, AdminPassword: "Second-password-2"})
	if d.AdminDN != adminDN || len(d.namingContexts()) != 1 {
		t.Errorf("%q, %q", d.AdminDN, d.namingContexts())
	}
	c := dial(t, d)
	wantCode(t, c.Bind(adminDN, "First-password-1"), result.InvalidCredentials)
	wantCode(t, c.Bind(adminDN, "Second-password-2"), result.Success)
}

// Other processes of the machine can reach the port; none gets to gldap.
func TestPortIsClosedToOthers(t *testing.T) {
	d := open(t, Config{})
	nc, err := net.Dial("tcp", d.server.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	// An anonymous bind, in clear text.
	nc.Write([]byte("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"))
	nc.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 64)
	for {
		n, err := nc.Read(buf)
		if n > 0 && buf[0] == 0x30 {
			t.Fatalf("gldap answered % x", buf[:n])
		}
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Fatal("the connection stays open")
			}
			break
		}
	}
	if err := dialAdmin(t, d).Unbind(); err != nil {
		t.Error(err)
	}
}
