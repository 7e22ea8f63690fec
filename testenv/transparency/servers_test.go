package transparency_test

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/activedirectory"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/transparency"
)

// The passwords of the data in testdata/data.
const (
	alicePassword = "Alice-Pw1!xyz"
	saslPassword  = "Sasl-Pw1!xyz"
)

// A server is a real directory with what the tests need to know of it.
type server struct {
	name          string
	url, tlsURL   string
	suffix        string
	caFile        string
	admin, reader testenv.Account
	dialect       policy.Dialect
	tls           *tls.Config // of a client

	// behindTLS says that the front end reaches it over TLS, because what
	// passwords are changed with must be confidential there.
	behindTLS bool

	// anyName says that the certificate does not name the server's address.
	anyName bool
}

func (s server) base() string { return "ou=battery," + s.suffix }

// startSlapd starts slapd with the overlays and the SASL user that the
// batteries want.
func startSlapd(t testing.TB) server {
	t.Helper()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{SASL: true, Databases: []testenv.SlapdDatabase{{
		Users: 40,
		// slapd looks for a SASL user's password as nobody.
		Access:   []string{`to dn.children="ou=people,` + testenv.BaseDN + `" attrs=entry,objectClass by anonymous auth by * break`},
		Overlays: []string{"sssvlv", "deref", "dds"},
		LDIF: "dn: uid=sasl,ou=people," + testenv.BaseDN + "\nobjectClass: inetOrgPerson\nuid: sasl\ncn: Sasl\nsn: Sasl\n" +
			"userPassword: " + saslPassword + "\n\n",
	}}})
	// slapd closes connections with more than a thousand requests pending.
	limit := ldap.NewModifyRequest("cn=config", nil)
	limit.Replace("olcConnMaxPendingAuth", []string{"10000"})
	if err := s.Dial(t, s.ConfigAdmin).Modify(limit); err != nil {
		t.Fatal(err)
	}
	return server{
		name: "slapd", url: s.URL, tlsURL: s.TLSURL, suffix: s.Suffix, caFile: s.CAFile, admin: s.Admin, reader: s.Reader,
		dialect: openldap.New(openldap.Config{DefaultPolicy: map[string]string{s.Suffix: s.PolicyDN("default")}}), tls: s.TLSConfig(),
	}
}

func startDS389(t testing.TB) server {
	t.Helper()
	s := testenv.StartDS389(t, testenv.DS389Options{Users: 40})
	return server{
		name: "ds389", url: s.URL, tlsURL: s.TLSURL, suffix: s.Suffix, caFile: s.CAFile, admin: s.Admin, reader: s.Reader,
		dialect: ds389.New(ds389.Config{}), tls: s.TLSConfig(), behindTLS: true,
	}
}

func startSamba(t testing.TB) server {
	t.Helper()
	s := testenv.StartSamba(t)
	return server{
		name: "samba", url: s.URL, tlsURL: s.TLSURL, suffix: s.Suffix, caFile: s.CAFile, admin: s.Admin, reader: s.Reader,
		dialect: activedirectory.New(activedirectory.Config{}), tls: s.TLSConfig(), anyName: true,
	}
}

// A front is our front end before a server.
type front struct {
	*ldapserver.Server
	url, tlsURL string
}

// startFront puts the front end before s, as the program does. configure may
// change its configuration.
func startFront(t testing.TB, s server, configure func(*ldapserver.Config)) front {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	backend := s.url
	if s.behindTLS {
		backend = s.tlsURL
	}
	client, err := directory.New(directory.Config{
		URLs: []string{backend}, TLS: s.tls, BindDN: s.reader.DN, BindPassword: []byte(s.reader.Password), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	certificate, err := tls.LoadX509KeyPair(s.caFile, strings.TrimSuffix(s.caFile, ".crt")+".key")
	if err != nil {
		t.Fatal(err)
	}
	policies := policy.NewService(s.dialect, client, policy.ServiceConfig{})
	rewrite := extop.RewriteConfig{Policies: policies, UnicodePwd: func() bool { return s.name == "samba" }}
	cfg := ldapserver.Config{
		Dial: client.Dial,
		Extended: map[string]extop.Handler{
			extop.GeneratePasswordRequestOID: extop.NewGeneratePassword(extop.GeneratePasswordConfig{Policies: policies}),
			extop.PasswordQualityRequestOID:  extop.NewPasswordQuality(extop.PasswordQualityConfig{Policies: policies}),
		},
		RewriteExtended: map[string]extop.Rewriter{extop.PasswordModifyOID: extop.NewPasswordModify(rewrite)},
		RewriteControls: map[string]extop.Rewriter{extop.GeneratePasswordRequestControlOID: extop.NewGeneratePasswordControl(rewrite)},

		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		Logger:    log,
	}
	if configure != nil {
		configure(&cfg)
	}
	f := front{Server: ldapserver.New(cfg)}
	f.url = serve(t, f.Server.Close, f.Serve, "ldap")
	f.tlsURL = serve(t, f.Server.Close, f.ServeTLS, "ldaps")
	return f
}

func serve(t testing.TB, stop func() error, serve func(net.Listener) error, scheme string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- serve(l) }()
	t.Cleanup(func() {
		_ = stop()
		if err := <-served; !errors.Is(err, ldapserver.ErrServerClosed) {
			t.Errorf("%s: %v", scheme, err)
		}
	})
	return scheme + "://" + l.Addr().String()
}

// host returns host and port of a URL.
func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Host, map[string]string{"ldap": "389", "ldaps": "636"}[u.Scheme])
	}
	return u.Host
}

// environment is what commands know of a server that is asked at url and
// tlsURL. run differs from one run of a battery to the next, for passwords
// that were not used before.
func (s server) environment(url, tlsURL, run string) map[string]string {
	env := map[string]string{
		"URL": url, "TLSURL": tlsURL, "SUFFIX": s.suffix, "BASE": s.base(), "PEOPLE": "ou=people," + s.suffix,
		"ADMIN": s.admin.DN, "ADMINPW": s.admin.Password, "READER": s.reader.DN, "READERPW": s.reader.Password,
		"ALICEPW": alicePassword, "SASLPW": saslPassword, "SERVER": s.name, "RUN": run,
		"LDAPTLS_CACERT": s.caFile, "LC_ALL": "C.UTF-8", "TZ": "UTC", "PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0",
	}
	if s.anyName {
		env["LDAPTLS_REQCERT"] = "allow"
	}
	return env
}

// runner returns what runs commands against s at url and tlsURL.
func (s server) runner(t testing.TB, url, tlsURL, run string) transparency.Runner {
	t.Helper()
	dir := t.TempDir()
	if err := transparency.Programs(dir, os.DirFS("testdata/programs")); err != nil {
		t.Fatal(err)
	}
	return transparency.Runner{
		Dir: dir, Environment: s.environment(url, tlsURL, run), Prelude: ". ./prelude.sh",
		Normalize: transparency.Normalizer(dir, url, tlsURL, host(url), host(tlsURL)),
	}
}

// reset makes the data for a battery anew.
func (s server) reset(t testing.TB, direct transparency.Runner) {
	t.Helper()
	text, err := os.ReadFile("testdata/data/" + s.name + ".ldif")
	if err != nil {
		t.Fatal(err)
	}
	env := maps.Clone(direct.Environment)
	ldif := os.Expand(string(text), func(name string) string { return env[name] })
	if err := os.WriteFile(filepath.Join(direct.Dir, "data.ldif"), []byte(ldif), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{
		`admin ldapdelete -M -r "$BASE" >/dev/null 2>&1; [ $? -eq 0 -o $? -eq 32 ]`,
		`admin ldapadd -M -f data.ldif`,
	} {
		out, err := direct.Run(t.Context(), command)
		if err != nil || out.Status != 0 {
			t.Fatalf("%s: exit status %d, %v\n%s", command, out.Status, err, out.Output)
		}
	}
}
