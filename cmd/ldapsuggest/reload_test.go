package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// A reloadable is a front end whose configuration a test changes.
type reloadable struct {
	*frontend
	t      *testing.T
	dir    string
	hangup chan os.Signal
	over   chan struct{} // gets one for each hangup that was dealt with
	log    *testenv.Output
}

// startReloadable serves a configuration until the test ends. No goroutine of
// it is left then.
func startReloadable(t *testing.T, files map[string]string) *reloadable {
	t.Helper()
	// Before whatever the clients of the test leave behind.
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t, before)
	})
	r := &reloadable{t: t, dir: writeFiles(t, files), hangup: make(chan os.Signal), over: make(chan struct{}), log: new(testenv.Output)}
	env := variables{}
	p := &program{stdout: io.Discard, stderr: r.log, env: env.lookup}
	read := func() (*config, error) {
		return p.serveConfig([]string{"--config", filepath.Join(r.dir, "c.yaml")})
	}
	c, err := read()
	if err != nil {
		t.Fatal(err)
	}
	if r.frontend, err = p.newFrontend(t.Context(), c, read); err != nil {
		t.Fatal(err)
	}
	r.reloading = func() func() { return func() { r.over <- struct{}{} } }
	if err := r.listen(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.serve(ctx, r.hangup); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		r.close()
		if t.Failed() {
			t.Log(r.log.String())
		}
	})
	return r
}

func (r *reloadable) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// again reads the configuration again by a hangup, and waits until that is
// over.
func (r *reloadable) again() {
	r.t.Helper()
	r.hangup <- syscall.SIGHUP
	<-r.over
}

func (r *reloadable) reloads(want string) {
	r.t.Helper()
	before := len(r.log.String())
	r.again()
	if log := r.log.String()[before:]; !strings.Contains(log, want) {
		r.t.Fatalf("no %q in\n%s", want, log)
	}
}

const (
	reloaded    = `msg="the configuration is reloaded"`
	notReloaded = `msg="the configuration is not reloaded: nothing has changed"`
)

// suggestion asks over REST, for an entry or, without one, by the default
// policy.
func suggestion(client *http.Client, url string, who testenv.Account, target string) (string, error) {
	body := "{}"
	if target != "" {
		body = fmt.Sprintf(`{"targetEntryDN":%q}`, target)
	}
	req, err := http.NewRequest("POST", url+"/directory/v1/suggestPassword", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(who.DN, who.Password)
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	var answer struct {
		SuggestedPasswords []struct{ SuggestedPassword string }
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.SuggestedPasswords) != 1 {
		return "", fmt.Errorf("%s: %s", res.Status, text)
	}
	return answer.SuggestedPasswords[0].SuggestedPassword, nil
}

// generated asks over LDAP.
func generated(conn *ldap.Conn, dn string) (string, error) {
	ask := ldap.NewExtendedRequest(extop.GeneratePasswordRequestOID, nil)
	ask.Value = ber.NewString(ber.ClassContext, ber.TypePrimitive, 1, string(extop.GeneratePasswordRequest{Selection: extop.SelectTargetEntry, DN: dn, Count: 1}.Encode()), "requestValue")
	res, err := conn.Extended(ask)
	if err != nil {
		return "", err
	}
	out, err := extop.DecodeGeneratePasswordResult(res.Value.Data.Bytes())
	if err != nil {
		return "", err
	}
	return string(out.Passwords[0].Password.Bytes()), nil
}

func dialFront(t *testing.T, url string, who testenv.Account) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetTimeout(20 * time.Second)
	if err := conn.Bind(who.DN, who.Password); err != nil {
		t.Fatal(err)
	}
	return conn
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func twoSlapds(t *testing.T) (first, second *testenv.Slapd) {
	t.Helper()
	both := make([]*testenv.Slapd, 2)
	var wg sync.WaitGroup
	for i := range both {
		wg.Go(func() {
			s, err := testenv.NewSlapd(t.Context(), t.TempDir(), testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 5}}})
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(s.Stop)
			both[i] = s
		})
	}
	if wg.Wait(); t.Failed() {
		t.FailNow()
	}
	return both[0], both[1]
}

// TestReloadUnderLoad changes how passwords are made, and at last where the
// directory is, while clients of both doors ask and have requests relayed. All
// are answered. Only connections to a directory that is gone end, between two
// requests.
func TestReloadUnderLoad(t *testing.T) {
	first, second := twoSlapds(t)
	config := func(s *testenv.Slapd, length int) string {
		return fmt.Sprintf(`
data: data
listen: {ldap: "127.0.0.1:0", ldaps: "", rest: "127.0.0.1:0"}
limits: {connections: %d}
rest: {rateLimit: {perSecond: 0}}
log: {level: error}
generator: {length: %d}
directory: {urls: [%q], bindDN: %q, bindPasswordFile: pw, dialect: %s, defaultPolicy: {%q: %q}}
`, 1000+length, length, s.URL, s.Reader.DN, []string{"auto", "openldap", "behera"}[length%3], s.Suffix, s.PolicyDN("default"))
	}
	r := startReloadable(t, map[string]string{"c.yaml": config(first, 16), "pw": first.Reader.Password})
	who := testenv.Account{DN: first.UserDN(3), Password: testenv.UserPassword}
	rest, ldapURL := r.url("http"), r.url("ldap")

	var stop atomic.Bool
	var asked, ended atomic.Int64
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			client := &http.Client{Transport: new(http.Transport)}
			defer client.CloseIdleConnections()
			for !stop.Load() {
				asked.Add(1)
				if p, err := suggestion(client, rest, who, who.DN); err != nil || len(p) < 12 {
					t.Errorf("REST: %d characters, %v", len(p), err)
					return
				}
			}
		})
		load.Go(func() {
			for !stop.Load() {
				conn, err := ldap.DialURL(ldapURL)
				if err != nil {
					t.Errorf("connect: %v", err)
					return
				}
				err = conn.Bind(who.DN, who.Password)
				for err == nil && !stop.Load() {
					asked.Add(1)
					if _, err = generated(conn, who.DN); err == nil {
						_, err = conn.Search(ldap.NewSearchRequest(who.DN, ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"uid"}, nil))
					}
				}
				conn.Close()
				if err != nil {
					ended.Add(1) // by the notice, which clients report in several ways
				}
			}
		})
	}
	defer load.Wait()
	defer stop.Store(true)
	for i := range 12 {
		before := asked.Load()
		r.write("c.yaml", config(first, 17+i))
		if err := r.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "requests after a reload", func() bool { return asked.Load() > before+20 || t.Failed() })
		p, err := suggestion(http.DefaultClient, rest, who, who.DN)
		if err != nil || len(p) != 17+i {
			t.Fatalf("%d characters after a reload, want %d: %v", len(p), 17+i, err)
		}
	}
	if n := ended.Load(); n != 0 {
		t.Fatalf("%d LDAP connections ended while the directory was the same", n)
	}
	r.write("c.yaml", config(second, 40))
	if err := r.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody is on the first directory", func() bool {
		for _, h := range r.health() {
			if h.URL == first.URL {
				return false
			}
		}
		return true
	})
	eventually(t, "clients have come again", func() bool { return r.health()[0].Connections >= 4 })
	first.Stop() // nothing needs it any more
	before := asked.Load()
	eventually(t, "requests without the first directory", func() bool { return asked.Load() > before+50 || t.Failed() })
	if n := ended.Load(); n != 4 {
		t.Errorf("%d connections ended with the directory that is gone, want 4", n)
	}
	eventually(t, "the old generations are closed", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.old) == 0
	})
}

// TestReloadRefused gives configurations that are wrong in one way each. None
// of them changes anything.
func TestReloadRefused(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 5}}})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	const listeners = `listen: {ldap: "127.0.0.1:0", ldaps: "127.0.0.1:0", rest: "127.0.0.1:0", metrics: "127.0.0.1:0", ldapi: socket}`
	directory := fmt.Sprintf(`directory: {urls: [%q], bindDN: %q, bindPasswordFile: pw, defaultPolicy: {%q: %q}}`, s.URL, s.Reader.DN, s.Suffix, s.PolicyDN("default"))
	r := startReloadable(t, map[string]string{
		"c.yaml": listeners + "\n" + directory, "pw": s.Reader.Password, "wrong": "not it", "list": "no list", "key": "no key",
	})
	who := testenv.Account{DN: s.UserDN(3), Password: testenv.UserPassword}
	conn := dialFront(t, r.url("ldap"), who)
	gauge := func(want string) {
		t.Helper()
		if _, text := fetch(t, strings.Replace(r.url("metrics"), "metrics:", "http:", 1)+"/metrics"); !strings.Contains(text, "\nldapsuggest_config_last_reload_successful "+want+"\n") {
			t.Errorf("the gauge is not %s", want)
		}
	}
	gauge("1")
	tests := []struct{ name, yaml, want string }{
		{"malformed", "listen: [", "c.yaml"},
		{"unknown key", listeners + "\n" + directory + "\nlisten2: {}", "unknown key"},
		{"value", listeners + "\n" + directory + "\ntls: {minVersion: '1.1'}", "tls.minVersion"},
		{"certificate", listeners + "\n" + directory + "\ntls: {certFile: key, keyFile: key}", "tls: "},
		{"authorities", listeners + "\n" + directory + "\ntls: {clientCertificate: require, clientCAFile: key}", "holds no certificate"},
		{"password file", listeners + "\n" + strings.Replace(directory, ": pw", ": none", 1), "bindPasswordFile"},
		{"password", listeners + "\n" + strings.Replace(directory, ": pw", ": wrong", 1), "refuses the service account"},
		{"nobody answers", listeners + "\n" + strings.Replace(directory, s.URL, "ldap://127.0.0.1:1", 1), "connection refused"},
		{"word list", listeners + "\n" + directory + "\ngenerator: {kind: passphrase, passphrase: {wordList: list}}", "wordList"},
		{"breach list", listeners + "\n" + directory + "\ngenerator: {breachedPasswords: list}", "breachedPasswords"},
		{"OIDC", listeners + "\n" + directory + "\nrest: {oidc: {issuer: 'http://id.example.com', audience: a, entryDN: 'uid={claim}'}}", "must be https"},
		{"port", strings.Replace(listeners, `ldap: "127.0.0.1:0"`, fmt.Sprintf("ldap: %q", taken.Addr()), 1) + "\n" + directory, "listen.ldap"},
		{"no doors", `listen: {ldap: "", ldaps: "", rest: ""}` + "\n" + directory, "every listener is switched off"},
		{"data", listeners + "\n" + directory + "\ndata: elsewhere", "data: from .* a restart is needed"},
		{"core dumps", listeners + "\n" + directory + "\ncoreDumps: true", "coreDumps: a restart is needed"},
		{"another kind", listeners, "directory: from directory.urls to the embedded directory: a restart is needed"},
	}
	before, doors := r.generation.Load(), fmt.Sprint(r.doors)
	for _, tt := range tests {
		r.write("c.yaml", tt.yaml)
		logged := len(r.log.String())
		r.again()
		var lines []string
		for line := range strings.SplitSeq(r.log.String()[logged:], "\n") {
			if strings.Contains(line, notReloaded) {
				lines = append(lines, line)
			}
		}
		if len(lines) == 0 || !matches(lines[0], tt.want) || strings.Contains(r.log.String(), "not it") {
			t.Errorf("%s: %q", tt.name, r.log.String()[logged:])
		}
		if r.generation.Load() != before || fmt.Sprint(r.doors) != doors {
			t.Fatalf("%s: something has changed", tt.name)
		}
		gauge("0")
		if _, err := generated(conn, who.DN); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	// docs/running.md shows one of the lines.
	_, shown, _ := strings.Cut(readPages(t)["docs/running.md"], `level=ERROR msg="the configuration is not reloaded`)
	shown, _, _ = strings.Cut(shown, "\n")
	if shown == "" || !strings.Contains(r.log.String(), shown+"\n") {
		t.Errorf("docs/running.md shows %q", shown)
	}
	r.write("c.yaml", listeners+"\n"+directory)
	r.reloads(reloaded)
	gauge("1")
	if r.generation.Load() == before {
		t.Error("nothing has changed")
	}
}

// TestReloadPassword changes the service account's password in the directory,
// and then in its file. The connection that a client has goes on.
func TestReloadPassword(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 5}}})
	r := startReloadable(t, map[string]string{"pw": s.Reader.Password, "c.yaml": fmt.Sprintf(`
listen: {ldap: "127.0.0.1:0", ldaps: "", rest: ""}
directory: {urls: [%q], bindDN: %q, bindPasswordFile: pw, defaultPolicy: {%q: %q}}
`, s.URL, s.Reader.DN, s.Suffix, s.PolicyDN("default"))})
	who := testenv.Account{DN: s.UserDN(3), Password: testenv.UserPassword}
	conn := dialFront(t, r.url("ldap"), who)
	if _, err := generated(conn, who.DN); err != nil {
		t.Fatal(err)
	}
	change := ldap.NewModifyRequest(s.Reader.DN, nil)
	change.Replace("userPassword", []string{"An0ther-Reader-Passw0rd"})
	if err := s.Dial(t, s.Admin).Modify(change); err != nil {
		t.Fatal(err)
	}
	r.reloads("refuses the service account")
	r.write("pw", "An0ther-Reader-Passw0rd\n")
	old := r.generation.Load()
	r.reloads(reloaded)
	<-old.unused
	if _, err := generated(conn, who.DN); err != nil {
		t.Error(err)
	}
	if old.config.bindPassword[0] != 0 {
		eventually(t, "the old password is wiped", func() bool { return old.config.bindPassword[0] == 0 })
	}
}

// TestReloadDoors opens, closes and changes listeners. A connection that waits
// in a socket which is served in another way from then on is not lost.
func TestReloadDoors(t *testing.T) {
	addr := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	rest, metrics := addr(), addr()
	listeners := func(s string) string { return "data: data\nlisten: {" + s + "}\n" }
	r := startReloadable(t, map[string]string{"c.yaml": listeners(`ldap: "127.0.0.1:0", ldaps: "127.0.0.1:0", rest: "http://` + rest + `", ldapi: s`)})
	ldapURL, ldapsURL := r.url("ldap"), r.url("ldaps")
	admin := testenv.Account{DN: r.embedded.admin.dn, Password: r.embedded.admin.newPassword}
	conn := dialFront(t, ldapURL, admin)
	if _, err := suggestion(http.DefaultClient, "http://"+rest, admin, ""); err != nil {
		t.Fatal(err)
	}

	r.write("c.yaml", listeners(`ldap: "127.0.0.1:0", ldaps: "", rest: "https://`+rest+`", metrics: "`+metrics+`", ldapi: s, ldapiMode: "0600"`))
	r.reloads(reloaded)
	if u := r.url("ldap"); u != ldapURL {
		t.Errorf("LDAP has moved from %s to %s", ldapURL, u)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(ldapsURL, "ldaps://")); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("LDAPS is still there: %v", err)
	}
	if code, _ := fetch(t, "http://"+metrics+"/livez"); code != 200 {
		t.Errorf("metrics: %d", code)
	}
	if info, err := os.Stat(filepath.Join(r.dir, "s")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the local socket: %v, %v", info.Mode(), err)
	}
	secure := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	defer secure.CloseIdleConnections()
	if _, err := suggestion(secure, "https://"+rest, admin, ""); err != nil {
		t.Error(err)
	}
	if _, err := conn.WhoAmI(nil); err != nil {
		t.Errorf("a connection has ended: %v", err)
	}
	// Two doors change places. Connections would go on with what they have.
	http.DefaultClient.CloseIdleConnections()
	r.write("c.yaml", listeners(`ldap: "127.0.0.1:0", ldaps: "", rest: "`+metrics+`", metrics: "`+rest+`", ldapi: s, ldapiMode: "0600"`))
	r.reloads(reloaded)
	if code, _ := fetch(t, "http://"+rest+"/livez"); code != 200 {
		t.Errorf("metrics: %d", code)
	}
	if _, err := suggestion(http.DefaultClient, "http://"+metrics, admin, ""); err != nil {
		t.Error(err)
	}
	// Proxies are trusted at the socket that is there.
	r.write("c.yaml", listeners(`ldap: "127.0.0.1:0", ldaps: "", rest: "", ldapi: s, proxyProtocol: {trust: ["127.0.0.1"]}`))
	r.reloads(reloaded)
	if u := r.url("ldap"); u != ldapURL {
		t.Errorf("LDAP has moved from %s to %s", ldapURL, u)
	}
	if c, err := ldap.DialURL(ldapURL); err == nil {
		c.SetTimeout(20 * time.Second)
		if err := c.Bind(admin.DN, admin.Password); err == nil {
			t.Error("a proxy got in without a header")
		}
		c.Close()
	}
	if _, err := conn.WhoAmI(nil); err != nil {
		t.Errorf("a connection has ended: %v", err)
	}
}

// TestReloadEmbedded changes how the embedded directory makes passwords.
func TestReloadEmbedded(t *testing.T) {
	const listeners = "data: data\nlisten: {ldap: '127.0.0.1:0', ldaps: '', rest: '127.0.0.1:0'}\n"
	r := startReloadable(t, map[string]string{"c.yaml": listeners + "generator: {length: 31}\n"})
	admin := testenv.Account{DN: r.embedded.admin.dn, Password: r.embedded.admin.newPassword}
	conn := dialFront(t, r.url("ldap"), admin)
	target := "uid=jo,ou=people,dc=example,dc=com"
	change := ldap.NewModifyRequest("cn=Default Password Policy,cn=Password Policies,cn=config", nil)
	change.Replace("ds-cfg-password-generator", nil)
	if err := conn.Modify(change); err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{31, 33} {
		r.write("c.yaml", listeners+fmt.Sprintf("generator: {length: %d}\n", length))
		r.reloads(reloaded)
		if p, err := suggestion(http.DefaultClient, r.url("http"), admin, ""); err != nil || len(p) != length {
			t.Errorf("%d characters, want %d: %v", len(p), length, err)
		}
		res, err := conn.PasswordModify(ldap.NewPasswordModifyRequest(target, "", ""))
		if err != nil || len(res.GeneratedPassword) != length {
			t.Errorf("the directory makes %v: %v", res, err)
		}
	}
	r.write("c.yaml", listeners+"directory: {urls: ['ldap://127.0.0.1:1']}\n")
	r.reloads("directory: from the embedded directory to directory.urls: a restart is needed")
}

// TestReloadLog changes the level and the form of the log, also of what stays.
func TestReloadLog(t *testing.T) {
	const listeners = "data: data\nlisten: {ldap: '127.0.0.1:0', ldaps: '', rest: ''}\n"
	r := startReloadable(t, map[string]string{"c.yaml": listeners})
	r.write("c.yaml", listeners+"log: {level: debug, format: json}\n")
	r.reloads(`"msg":"the configuration is reloaded"`)
	r.frontend.log.With("a", 1).WithGroup("g").Debug("here", "b", 2)
	if !strings.Contains(r.log.String(), `"msg":"here","a":1,"g":{"b":2}`) {
		t.Error(r.log.String())
	}
	r.write("c.yaml", listeners+"log: {level: error}\n")
	r.again()
	r.frontend.log.Warn("not here")
	if strings.Contains(r.log.String(), "not here") {
		t.Error("a line below the level")
	}
}

func matches(text, pattern string) bool { return regexp.MustCompile(pattern).MatchString(text) }
