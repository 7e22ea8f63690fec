package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// configFindings runs config check --json on a file.
func configFindings(t *testing.T, file string, args ...string) (code int, list []finding) {
	t.Helper()
	var out, stderr bytes.Buffer
	p := &program{stdin: strings.NewReader(""), stdout: &out, stderr: &stderr, env: variables{}.lookup}
	code = p.run(t.Context(), append([]string{"config", "check", "--json", "--config", file}, args...))
	var report struct {
		Errors, Warnings int
		Findings         []finding
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v: %s%s", err, out.String(), stderr.String())
	}
	count := func(s severity) (n int) {
		for _, f := range report.Findings {
			if f.Severity == s {
				n++
			}
		}
		return n
	}
	if count(failure) != report.Errors || count(warning) != report.Warnings || (report.Errors == 0) != (code == 0) {
		t.Errorf("%d errors, %d warnings, exit code %d: %+v", report.Errors, report.Warnings, code, report.Findings)
	}
	return code, report.Findings
}

func withSeverity(list []finding, s severity) []finding {
	return slices.DeleteFunc(slices.Clone(list), func(f finding) bool { return f.Severity != s })
}

// sh runs the commands of a remedy, with replacements for the place where an
// administrator sits.
func sh(t *testing.T, commands string, replace ...string) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", strings.NewReplacer(replace...).Replace(commands))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, out)
	}
}

// fresh is an account that nobody has given any right.
const freshPassword = "Fresh-Acc0unt"

// TestConfigCheckSlapd has an account without any right, and gives it those
// that config check finds missing by the commands that it prints, until none
// is.
func TestConfigCheckSlapd(t *testing.T) {
	const account = "cn=fresh,dc=example,dc=com"
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{
		Users:  9,
		Access: []string{`to attrs=userPassword by anonymous auth by * break`, `to * by dn.exact="` + account + `" none by * break`},
		LDIF: `dn: ` + account + `
objectClass: person
cn: fresh
sn: fresh
userPassword: ` + freshPassword + `
`}}})
	dir := writeFiles(t, map[string]string{"pw": freshPassword, "c.yaml": fmt.Sprintf(`
listen: {ldap: "", ldaps: "", rest: "127.0.0.1:0"}
directory: {urls: [%q], bindDN: %q, bindPasswordFile: pw}
`, s.URL, account)})
	granted := grantAll(t, filepath.Join(dir, "c.yaml"), s.UserDN(1), "ldapi:///", s.LocalURL)
	if granted != 2 {
		t.Errorf("%d rights were granted, want that on cn=config and that on the entries", granted)
	}
}

// grantAll runs the remedies of config check one after the other, until it
// finds no error. It returns how many there were.
func grantAll(t *testing.T, file, user string, replace ...string) (granted int) {
	t.Helper()
	for range 5 {
		code, list := configFindings(t, file, user)
		failures := withSeverity(list, failure)
		if len(failures) == 0 {
			if !slices.ContainsFunc(list, func(f finding) bool {
				return f.Severity == found && strings.HasPrefix(f.Text, "the policy of "+user+" is ")
			}) {
				t.Errorf("the policy of %s is not told: %+v", user, list)
			}
			return granted
		}
		if code != exitRights {
			t.Fatalf("exit code %d: %+v", code, failures)
		}
		for _, f := range failures {
			if f.Remedy != "" {
				t.Logf("%s\n%s", f.Text, f.Remedy)
				sh(t, f.Remedy, replace...)
				granted++
				break
			}
			if f == failures[len(failures)-1] {
				t.Fatalf("nothing to do about %+v", failures)
			}
		}
	}
	t.Fatal("there are always more rights to grant")
	return granted
}

// TestConfigCheckDS389 is TestConfigCheckSlapd for 389 Directory Server.
func TestConfigCheckDS389(t *testing.T) {
	s := testenv.StartDS389(t, testenv.DS389Options{Users: 5})
	const account = "cn=fresh,dc=example,dc=com"
	sh(t, `ldapadd -x -H `+s.URL+` -D "`+s.Admin.DN+`" -w "`+s.Admin.Password+`" <<'LDIF'
dn: `+account+`
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: fresh
userPassword: `+freshPassword+`
LDIF
`)
	dir := writeFiles(t, map[string]string{"pw": freshPassword, "admin": s.Admin.Password, "c.yaml": fmt.Sprintf(`
listen: {ldap: "", ldaps: "", rest: "127.0.0.1:0"}
directory: {urls: [%q], bindDN: %q, bindPasswordFile: pw}
`, s.URL, account)})
	granted := grantAll(t, filepath.Join(dir, "c.yaml"), s.UserDN(1), "ldap://127.0.0.1 ", s.URL+" ", " -W", " -y "+filepath.Join(dir, "admin"))
	if granted != 2 {
		t.Errorf("%d rights were granted, want that on cn=config and that on the entries", granted)
	}
}

// The rights that are printed are those that the dialects' pages tell to
// grant, line by line.
func TestGrantsAreDocumented(t *testing.T) {
	pages := readPages(t)
	n := 0
	for _, g := range grants() {
		page := pages["docs/dialects/"+g.dialect+".md"]
		if g.dialect == directory.FreeIPA {
			page += pages["docs/guides/freeipa.md"]
		}
		for line := range strings.Lines(strings.NewReplacer("ACCOUNT", "cn=svc-reader,ou=services,dc=example,dc=com", "SUFFIX", "DC=example,DC=com").Replace(g.text)) {
			line = strings.TrimSpace(line)
			right := strings.HasPrefix(line, "aci: ") || strings.HasPrefix(line, "olcAccess: ") || strings.HasPrefix(line, "attrs=") || strings.HasPrefix(line, "ds-privilege-name: ")
			if !right {
				continue
			}
			n++
			if _, value, _ := strings.Cut(line, "}"); strings.HasPrefix(line, "olcAccess: ") {
				line = value // without its place among the others
			}
			if !strings.Contains(page, line) && g.config {
				t.Errorf("docs/dialects/%s.md does not have %s", g.dialect, line)
			}
		}
	}
	if n < 8 {
		t.Errorf("only %d rights found", n)
	}
}

// makeCertificateFor writes a certificate as a test wants it.
func makeCertificateFor(t *testing.T, dir, name string, change func(*x509.Certificate)) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"ldap.example.com"},
	}
	change(c)
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := writePEM(filepath.Join(dir, name+".key"), 0o600, "PRIVATE KEY", pkcs8); err != nil {
		t.Fatal(err)
	}
	if err := writePEM(filepath.Join(dir, name+".crt"), 0o644, "CERTIFICATE", der); err != nil {
		t.Fatal(err)
	}
}

// TestConfigCheckFindings spoils one thing at a time.
func TestConfigCheckFindings(t *testing.T) {
	dir := t.TempDir()
	day := 24 * time.Hour
	for name, change := range map[string]func(*x509.Certificate){
		"good":    func(*x509.Certificate) {},
		"ended":   func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) },
		"early":   func(c *x509.Certificate) { c.NotBefore = time.Now().Add(day) },
		"soon":    func(c *x509.Certificate) { c.NotAfter = time.Now().Add(10 * day) },
		"client":  func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
		"unnamed": func(c *x509.Certificate) { c.DNSNames = nil },
	} {
		makeCertificateFor(t, dir, name, change)
	}
	issuer := http.NewServeMux()
	provider := httptest.NewServer(issuer)
	t.Cleanup(provider.Close)
	issuer.HandleFunc("/good/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":"%s/good","jwks_uri":"%[1]s/keys"}`, provider.URL)
	})
	issuer.HandleFunc("/keyless/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":"%s/keyless","jwks_uri":"%[1]s/none"}`, provider.URL)
	})
	issuer.HandleFunc("/other/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":"https://elsewhere.example.com","jwks_uri":"%s/keys"}`, provider.URL)
	})
	issuer.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[{"kty":"EC"}]}`) })
	taken := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(taken.Close)

	oidc := func(path string) string {
		return fmt.Sprintf("rest: {oidc: {issuer: '%s/%s', audience: a, entryDN: 'uid={claim},dc=x'}}", provider.URL, path)
	}
	tests := []struct {
		name, yaml string
		files      map[string]string
		severity   severity
		key, text  string
	}{
		{"good certificate", "tls: {certFile: good.crt, keyFile: good.key}", nil, found, "tls.certFile", "CN=good is good until"},
		{"ended", "tls: {certFile: ended.crt, keyFile: ended.key}", nil, failure, "tls.certFile", "CN=ended has ended"},
		{"not yet", "tls: {certFile: early.crt, keyFile: early.key}", nil, failure, "tls.certFile", "begins on"},
		{"soon", "tls: {certFile: soon.crt, keyFile: soon.key}", nil, warning, "tls.certFile", "CN=soon ends on"},
		{"for clients", "tls: {certFile: client.crt, keyFile: client.key}", nil, warning, "tls.certFile", "not for servers"},
		{"no names", "tls: {certFile: unnamed.crt, keyFile: unnamed.key}", nil, warning, "tls.certFile", "names no host"},
		{"another's key", "tls: {certFile: good.crt, keyFile: soon.key}", nil, failure, "tls.certFile", "private key does not match"},
		{"no key", "tls: {certFile: good.crt, keyFile: none.key}", nil, failure, "tls.certFile", "no such file"},
		{"authority ended", "tls: {clientCertificate: request, clientCAFile: ended.crt}", nil, failure, "tls.clientCAFile", "has ended"},
		{"no authority", "tls: {clientCertificate: request, clientCAFile: ended.key}", nil, failure, "tls.clientCAFile", "holds no certificate"},
		{"name", "tls: {certFile: good.crt, keyFile: good.key}\nlisten: {ldap: '', ldaps: 'localhost:0', rest: ''}", nil, warning, "listen.ldaps", "localhost"},
		{"port in use", "listen: {ldap: '" + taken.Listener.Addr().String() + "'}", nil, warning, "listen.ldap", "is in use"},
		{"address", "listen: {ldap: '192.0.2.1:0'}", nil, failure, "listen.ldap", "cannot assign"},
		{"provider", oidc("good"), nil, found, "rest.oidc.issuer", "has told its keys"},
		{"provider without keys", oidc("keyless"), nil, failure, "rest.oidc.issuer", "gives no keys"},
		{"provider's name", oidc("other"), nil, failure, "rest.oidc.issuer", "elsewhere"},
		{"no provider", oidc("none"), nil, failure, "rest.oidc.issuer", "404"},
		{"tokens", "rest: {tokensFile: tokens.json}", map[string]string{"tokens.json": "{"}, failure, "rest.tokensFile", "tokens.json"},
		{"words", "generator: {kind: passphrase}", nil, found, "generator.passphrase.wordList", "7776 words"},
		{"clear text", "directory: {urls: ['ldap://192.0.2.1:1']}", nil, warning, "directory.urls", "not encrypted"},
		{"a file that all can write", "", map[string]string{"c.yaml": ""}, warning, "configuration", "can write"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			yaml := tt.yaml
			if !strings.Contains(yaml, "listen:") {
				yaml += "\nlisten: {ldap: '', ldaps: '', rest: '127.0.0.1:0'}\n"
			}
			file := filepath.Join(dir, "c.yaml")
			if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, ok := tt.files["c.yaml"]; ok {
				if err := os.Chmod(file, 0o666); err != nil {
					t.Fatal(err)
				}
				defer os.Chmod(file, 0o600)
			}
			code, list := configFindings(t, file, "--timeout", "2s")
			if !slices.ContainsFunc(list, func(f finding) bool {
				return f.Severity == tt.severity && f.Key == tt.key && strings.Contains(f.Text, tt.text)
			}) {
				t.Errorf("exit code %d, no %s: %s: %q in\n%+v", code, tt.severity, tt.key, tt.text, list)
			}
			if tt.severity != failure && !strings.Contains(tt.yaml, "directory") && code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestRemedy(t *testing.T) {
	lacking := result.New(result.InsufficientAccessRights, "may not read the password settings object")
	for _, tt := range []struct{ dialect, account, want string }{
		{directory.ActiveDirectory, "CN=svc-reader,CN=Users,DC=example,DC=com", `dsacls "CN=Password Settings Container,CN=System,DC=example,DC=com" /I:T /G "EXAMPLE\svc-reader:GR"`},
		{directory.ActiveDirectory, "svc-reader@example.com", `/G "svc-reader@example.com:GR"`},
		{directory.FreeIPA, "uid=svc-reader,cn=users,cn=accounts,dc=example,dc=com", `ipa role-add-member "Password policy readers" --users="svc-reader"`},
		{directory.OpenDJ, "cn=svc-reader,dc=example,dc=com", `userdn="ldap:///cn=svc-reader,dc=example,dc=com"`},
	} {
		var c config
		c.Directory.BindDN = tt.account
		if got := c.remedy(tt.dialect, "DC=example,DC=com", lacking); !strings.Contains(got, tt.want) {
			t.Errorf("%s, %s: %s", tt.dialect, tt.account, got)
		}
		if got := c.remedy(tt.dialect, "DC=example,DC=com", result.New(result.Busy, "")); got != "" {
			t.Errorf("%s: a right for what needs none: %s", tt.dialect, got)
		}
	}
}
