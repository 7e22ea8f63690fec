package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/secrets"
)

// A run is the program, as a process of its own, with all that it writes and
// sends caught, and the secrets that it was sent or has made.
type run struct {
	t      *testing.T
	book   secrets.Book
	dir    string
	cmd    *exec.Cmd
	exited chan struct{}
	urls   map[string]string
	canary string // what is no secret, and must be found

	mu     sync.Mutex
	caught map[string]*bytes.Buffer
}

// catch returns where to write what is to be searched.
func (r *run) catch(name string) io.Writer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.caught[name] == nil {
		r.caught[name] = new(bytes.Buffer)
	}
	return lockedWriter{&r.mu, r.caught[name]}
}

type lockedWriter struct {
	mu *sync.Mutex
	to io.Writer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// secret makes a secret that looks like nothing else.
func (r *run) secret(name string) string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	s := "Wr0ng&<\"" + hex.EncodeToString(b[:]) + "\"\\ü"
	r.book.Add(name, s)
	return s
}

// startRun starts "ldapsuggest serve" with everything on that writes or sends
// something.
func startRun(t *testing.T, yaml string, env ...string) *run {
	t.Helper()
	r := &run{t: t, dir: t.TempDir(), exited: make(chan struct{}), urls: make(map[string]string), caught: make(map[string]*bytes.Buffer)}
	var b [8]byte
	_, _ = rand.Read(b[:])
	r.canary = "canary-" + hex.EncodeToString(b[:])

	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if in, err := gzip.NewReader(req.Body); err == nil {
			_, _ = io.Copy(r.catch("spans"), in)
		}
	}))
	t.Cleanup(collector.Close)
	syslog, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var listening sync.WaitGroup
	t.Cleanup(func() { syslog.Close(); listening.Wait() })
	listening.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, _, err := syslog.ReadFrom(b)
			if err != nil {
				return
			}
			fmt.Fprintf(r.catch("syslog"), "%s\n", b[:n])
		}
	})
	r.book.Add("header for the collector", "Bearer collector-sesame")
	for name, text := range map[string]string{
		"headers": "Authorization: Bearer collector-sesame\n",
		"c.yaml": yaml + fmt.Sprintf(`
data: data
listen: {ldap: "127.0.0.1:0", ldaps: "127.0.0.1:0", rest: "127.0.0.1:0", metrics: "127.0.0.1:0"}
log: {level: debug, format: json}
audit: {file: audit.log, onFailure: refuse, syslog: {url: "udp://%s"}}
tracing: {endpoint: %q, sampleRatio: 1, includeDNs: true, headersFile: headers}
`, syslog.LocalAddr(), collector.URL),
	} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.start(env...)
	return r
}

func (r *run) start(env ...string) {
	t := r.t
	t.Helper()
	program, err := exec.LookPath("ldapsuggest")
	if err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command(program, "serve", "--config", filepath.Join(r.dir, "c.yaml"))
	r.cmd.Dir = r.dir
	r.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir}, env...)
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stderr = r.catch("stderr")
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.exited
	})
	ready := make(chan struct{})
	go func() {
		defer close(r.exited)
		in := bufio.NewScanner(io.TeeReader(stdout, r.catch("stdout")))
		for in.Scan() {
			line := strings.TrimSpace(in.Text())
			if u, ok := strings.CutPrefix(line, "metrics: "); ok {
				r.urls["metrics"] = u
				close(ready)
			} else if scheme, _, ok := strings.Cut(line, "://"); ok && !strings.Contains(line, " ") {
				r.urls[scheme] = line
			}
		}
		_ = r.cmd.Wait()
	}()
	select {
	case <-ready:
	case <-r.exited:
		t.Fatalf("the program ended at once: %s", r.text("stderr"))
	case <-time.After(30 * time.Second):
		t.Fatal("the program is not ready")
	}
}

func (r *run) text(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.caught[name]; b != nil {
		return b.String()
	}
	return ""
}

// end ends the program by a signal.
func (r *run) end(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
	select {
	case <-r.exited:
	case <-time.After(30 * time.Second):
		r.t.Fatal("the program does not end")
	}
}

// search looks for the secrets in everything that was caught, and for the
// canary in what must have it.
func (r *run) search(withCanary ...string) {
	t := r.t
	t.Helper()
	err := filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch name, _ := filepath.Rel(r.dir, path); name {
		case "headers", "pw", "data/admin.password": // where they belong
		default:
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if name == "audit.log" {
				r.mu.Lock()
				r.caught["audit"] = bytes.NewBuffer(text)
				r.mu.Unlock()
			}
			_, _ = r.catch("file " + name).Write(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var canary secrets.Book
	canary.Add("canary", r.canary)
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, text := range r.caught {
		for _, leak := range r.book.SearchString(name, text.String()) {
			t.Errorf("%s", leak)
		}
		t.Logf("%s: %d octets, %d secrets looked for", name, text.Len(), r.book.Len())
	}
	for _, name := range withCanary {
		if r.caught[name] == nil || len(canary.SearchString(name, r.caught[name].String())) == 0 {
			t.Errorf("%s: what was put there is not found, so nothing would be", name)
		}
	}
	if t.Failed() {
		return
	}
	// Were one of them there, it would be found.
	for name, text := range r.caught {
		var one secrets.Book
		one.Add("planted", "planted-"+r.canary)
		if len(one.SearchString(name, text.String()+"planted-"+r.canary)) == 0 {
			t.Errorf("%s: a planted secret is not found", name)
		}
	}
}

// audited checks every line of the audit log, and wants lines of all these
// names.
func (r *run) audited(names ...string) {
	r.t.Helper()
	text, err := os.ReadFile("../../docs/audit.schema.json")
	if err != nil {
		r.t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		r.t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("audit.schema.json", doc); err != nil {
		r.t.Fatal(err)
	}
	schema, err := compiler.Compile("audit.schema.json")
	if err != nil {
		r.t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(r.dir, "audit.log"))
	if err != nil {
		r.t.Fatal(err)
	}
	seen := make(map[string]int)
	members := make(map[string]bool)
	for line := range bytes.Lines(log) {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err == nil {
			err = schema.Validate(v)
		}
		if err != nil {
			r.t.Errorf("%v in %s", err, line)
			continue
		}
		m := v.(map[string]any)
		for name := range m {
			members[name] = true
		}
		seen[fmt.Sprint(m["event"], " ", m["name"])]++
	}
	for _, name := range names {
		if seen[name] == 0 {
			r.t.Errorf("no line of %s, only %v", name, seen)
		}
	}
	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		r.t.Fatal(err)
	}
	for name := range members {
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + name + "`").Match(page) {
			r.t.Errorf("docs/audit.md does not describe the member %s", name)
		}
	}
}

// request sends an HTTP request and returns the body of the response.
func (r *run) request(client *http.Client, method, path string, header map[string]string, body string) (int, string) {
	r.t.Helper()
	scheme := "http"
	req, err := http.NewRequestWithContext(context.Background(), method, r.urls[scheme]+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if body != "" && header["Content-Type"] == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	if user, password, ok := strings.Cut(header["basic"], "\x00"); ok {
		req.Header.Del("basic")
		req.SetBasicAuth(user, password)
	}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// made takes the passwords out of a response.
func (r *run) made(what string, pattern *regexp.Regexp, text string) {
	r.t.Helper()
	found := pattern.FindAllStringSubmatch(text, -1)
	if len(found) == 0 {
		r.t.Errorf("%s made no password: %s", what, text)
	}
	for _, m := range found {
		var s string
		if err := json.Unmarshal([]byte(`"`+m[1]+`"`), &s); err != nil {
			r.t.Fatal(err)
		}
		r.book.Add(what, s)
	}
}

var (
	suggestedPattern = regexp.MustCompile(`"suggestedPassword":"((?:[^"\\]|\\.)*)"`)
	ecgridPattern    = regexp.MustCompile(`"data":"((?:[^"\\]|\\.)*)"`)
	nextcloudPattern = regexp.MustCompile(`"password":"((?:[^"\\]|\\.)*)"`)
	adaxesPattern    = regexp.MustCompile(`^"((?:[^"\\]|\\.)*)"`)
	pagePattern      = regexp.MustCompile(`name="password" value="([^"]+)"`)
	tokenPattern     = regexp.MustCompile(`name="token" value="([^"]*)"`)
)

func extended(oid string, value []byte) *ldap.ExtendedRequest {
	return ldap.NewExtendedRequest(oid, ber.NewString(ber.ClassContext, ber.TypePrimitive, 1, string(value), "requestValue"))
}

// suggest asks for passwords by LDAP.
func (r *run) suggest(conn *ldap.Conn, dn string, n int) {
	r.t.Helper()
	q := extop.GeneratePasswordRequest{Count: n, Attempts: 5}
	if dn != "" {
		q.Selection, q.DN = extop.SelectTargetEntry, dn
	}
	resp, err := conn.Extended(extended(extop.GeneratePasswordRequestOID, q.Encode()))
	if err != nil {
		r.t.Errorf("suggest for %q: %v", dn, err)
		return
	}
	res, err := extop.DecodeGeneratePasswordResult(resp.Value.Data.Bytes())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range res.Passwords {
		r.book.Add("suggested by LDAP", string(p.Password.Bytes()))
	}
}

// dial connects by one of the doors and binds.
func (r *run) dial(scheme, dn, password string) *ldap.Conn {
	r.t.Helper()
	conn, err := ldap.DialURL(r.urls[scheme], ldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true}))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	if dn != "" {
		if err := conn.Bind(dn, password); err != nil {
			r.t.Fatalf("bind as %s: %v", dn, err)
		}
	}
	return conn
}

// A person is somebody who asks, and somebody whom they may ask about.
type person struct {
	dn, password string
	helper       testenv.Account // may write passwords
	target       string
	suffix       string
	parent       string // below which helper may add
	syntax       bool   // the directory refuses values that break their syntax
}

// talkLDAP does by LDAP what can be done, well and wrongly.
func (r *run) talkLDAP(who person) {
	t := r.t
	for _, scheme := range []string{"ldap", "ldaps"} {
		conn := r.dial(scheme, who.dn, who.password)
		r.suggest(conn, "", 5)
		r.suggest(conn, who.dn, 3)
		helper := r.dial(scheme, who.helper.DN, who.helper.Password)
		r.suggest(helper, who.target, 3)

		// Completed requests.
		res, err := helper.PasswordModify(ldap.NewPasswordModifyRequest(who.target, "", ""))
		if err != nil {
			t.Errorf("password modify: %v", err)
		} else {
			r.book.Add("password modify", res.GeneratedPassword)
		}
		_, err = conn.PasswordModify(ldap.NewPasswordModifyRequest("", r.secret("wrong old password"), ""))
		if err == nil {
			t.Error("a wrong old password was taken")
		}
		for i, parent := range []string{who.parent, "ou=nowhere," + who.suffix} {
			r.add(scheme, who.helper, fmt.Sprintf("uid=new-%s-%d,%s", scheme, i, parent), "", i == 0)
			r.add(scheme, who.helper, fmt.Sprintf("uid=bad-%s-%d,%s", scheme, i, parent), r.secret("password of an add"), false)
		}

		// What the directory is to judge, and what it refuses.
		_, _ = conn.PasswordModify(ldap.NewPasswordModifyRequest(who.dn, r.secret("old"), r.secret("new")))
		_, _ = helper.PasswordModify(ldap.NewPasswordModifyRequest("uid=nobody,"+who.suffix, "", ""))
		m := ldap.NewModifyRequest(who.target, nil)
		m.Replace("userPassword", []string{r.secret("modify")})
		_ = conn.Modify(m)
		if who.syntax {
			m = ldap.NewModifyRequest(who.target, nil)
			m.Replace("telephoneNumber", []string{r.secret("invalid value")})
			if err := helper.Modify(m); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidAttributeSyntax) {
				t.Errorf("an invalid value: %v", err)
			}
		}
		_, _ = conn.Compare(who.target, "userPassword", r.secret("compare"))
		_, _ = conn.Search(ldap.NewSearchRequest(who.suffix, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 10, 5, false,
			"(userPassword="+ldap.EscapeFilter(r.secret("filter"))+")", nil, nil))
		_, _ = conn.Extended(extended("1.2.3.4", []byte(r.secret("unknown operation"))))

		// What is malformed.
		for _, oid := range []string{extop.GeneratePasswordRequestOID, extop.PasswordQualityRequestOID, extop.PasswordModifyOID} {
			_, _ = conn.Extended(extended(oid, []byte(r.secret("malformed value"))))
			_, _ = conn.Extended(extended(oid, append([]byte{0x30, 0x7f, 0x82, 0x20}, r.secret("malformed length")...)))
		}
		bad := r.dial(scheme, "", "")
		if bad.Bind(who.dn, r.secret("wrong password")) == nil {
			t.Error("a wrong password was taken")
		}
		_ = bad.Bind(r.secret("password as DN"), r.secret("with a wrong DN"))
		_ = bad.Bind("uid=nobody,"+who.suffix, r.secret("of nobody"))

		raw, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimPrefix(r.urls[scheme], "ldaps://"), "ldap://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(raw, "PASS %s\r\n", r.secret("octets that are no LDAP"))
		_ = raw.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.Copy(io.Discard, raw)
		raw.Close()
	}
}

// add adds an entry with the Generate Password control, by OpenLDAP's tool:
// the library does not return the controls of the answer.
func (r *run) add(scheme string, who testenv.Account, dn, password string, works bool) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "pw")
	if err := os.WriteFile(file, []byte(who.Password), 0o600); err != nil {
		r.t.Fatal(err)
	}
	entry := "dn: " + dn + "\nobjectClass: inetOrgPerson\ncn: New\nsn: New\n"
	if password != "" {
		entry += "userPassword:: " + base64.StdEncoding.EncodeToString([]byte(password)) + "\n"
	}
	cmd := exec.Command("ldapadd", "-x", "-H", r.urls[scheme], "-D", who.DN, "-y", file, "-e", "!"+extop.GeneratePasswordRequestControlOID)
	cmd.Stdin, cmd.Env = strings.NewReader(entry), append(os.Environ(), "LDAPTLS_REQCERT=never")
	out, err := cmd.Output()
	if (err == nil) != works {
		r.t.Errorf("add of %s: %v: %s", dn, err, out)
	}
	if !works {
		return
	}
	_, value, _ := strings.Cut(string(out), "control: "+extop.GeneratePasswordResponseControlOID+" false ")
	value, _, _ = strings.Cut(strings.ReplaceAll(value, "\n ", ""), "\n")
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		r.t.Fatal(err)
	}
	made, err := extop.DecodeGeneratePasswordResponseControl(raw)
	if err != nil {
		r.t.Fatalf("%v in %s", err, out)
	}
	r.book.Add("added", string(made.Password.Bytes()))
}

// talkREST does by HTTP what can be done, well and wrongly.
func (r *run) talkREST(who person) {
	t := r.t
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	me := map[string]string{"basic": who.dn + "\x00" + who.password}
	with := func(header map[string]string, name, value string) map[string]string {
		m := map[string]string{name: value}
		for k, v := range header {
			m[k] = v
		}
		return m
	}
	const suggest, validate = "/directory/v1/suggestPassword", "/directory/v1/validatePassword"
	helper := map[string]string{"basic": who.helper.DN + "\x00" + who.helper.Password}
	target, _ := json.Marshal(who.target)
	_, text := r.request(client, "POST", suggest, with(me, "X-Request-Id", r.canary), `{"numberOfPasswords": 3}`)
	r.made("suggestPassword", suggestedPattern, text)
	_, text = r.request(client, "POST", suggest, helper, `{"targetEntryDN": `+string(target)+`, "numberOfPasswords": 3}`)
	r.made("suggestPassword for somebody", suggestedPattern, text)
	_, text = r.request(client, "POST", "/v2/users/generate-password", with(nil, "Authorization", "Bearer "+r.token(who.helper.DN, "ecgrid")), `{"length": 16}`)
	r.made("ECGrid", ecgridPattern, text)
	_, text = r.request(client, "POST", "/restApi/api/directoryObjects/passwordUtils/generate", with(nil, "Adm-Authorization", r.token(who.helper.DN, "adaxes")), `{}`)
	r.made("Adaxes", adaxesPattern, text)
	_, text = r.request(client, "POST", "/index.php/apps/passwords/api/1.0/service/password", me, `{"strength": 4}`)
	r.made("Nextcloud", nextcloudPattern, text)
	for _, path := range []string{"/directory/v1/effectivePolicy", "/directory/v1/passwordPolicies", "/openapi.yaml"} {
		if status, text := r.request(client, "GET", path+"?password="+url.QueryEscape(r.secret("query")), me, ""); status >= 500 {
			t.Errorf("%s: %d %s", path, status, text)
		}
		if status, text := r.request(client, "GET", path, me, ""); status != 200 {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	r.request(client, "POST", "/directory/v1/passwordRequirements", me, `{}`)

	// Passwords to be judged, and bodies that cannot be read.
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	for _, body := range []string{
		`{"password": %s}`, `{"password": %s, "targetEntryDN": ` + quoted(who.dn) + `}`, `{"password": %s, "targetEntryDN": "uid=nobody,` + who.suffix + `"}`,
		`{"password": %s, "password": "x"}`, `{"passwordd": %s}`, `{%s: 1}`, `{"password": {"x": %s}}`, `{"password": [%s]}`, `%s`, `{"password": %s`, `{"password": %s}}`,
		`{"password": %s, "passwordPolicyDN": "nonsense"}`, `{"password": "x", "targetEntryDN": 7, "_controls": [%s]}`,
		`{"password": "x", "_controls": [{"oid": %s}]}`,
	} {
		for _, path := range []string{validate, suggest, "/v2/auth/password", "/directory/v1/passwordRequirements"} {
			method := "POST"
			if path == "/v2/auth/password" {
				method = "PUT"
			}
			r.request(client, method, path, me, fmt.Sprintf(body, quoted(r.secret("body"))))
		}
	}
	for _, body := range []string{`{"currentPassword": %s, "newPassword": %s}`, `{"newPassword": %s, "currentPassword": {"x": %s}}`} {
		r.request(client, "PUT", "/v2/auth/password", with(nil, "X-API-Key", r.token(who.dn, "ecgrid")), fmt.Sprintf(body, quoted(r.secret("current")), quoted(r.secret("new"))))
	}
	r.request(client, "POST", validate, with(me, "Content-Type", "text/plain"), r.secret("text"))
	r.request(client, "POST", "/index.php/apps/passwords/api/1.0/service/password", with(me, "Content-Type", "application/x-www-form-urlencoded"), "strength="+url.QueryEscape(r.secret("form")))

	// Wrong credentials of each kind.
	for _, header := range []map[string]string{
		{"basic": who.dn + "\x00" + r.secret("wrong password")},
		{"basic": r.secret("password as name") + "\x00" + r.secret("with a wrong name")},
		{"basic": "nobody\x00" + r.secret("of nobody")},
		{"Authorization": "Bearer " + hex.EncodeToString([]byte(r.secret("wrong bearer token")))},
		{"Authorization": "Bearer eyJhbGciOiJSUzI1NiJ9." + hex.EncodeToString([]byte(r.secret("wrong JWT"))) + ".x"},
		{"Authorization": "Basic " + hex.EncodeToString([]byte(r.secret("no Base64")))},
		{"Authorization": "Negotiate " + hex.EncodeToString([]byte(r.secret("another scheme")))},
		{"Adm-Authorization": hex.EncodeToString([]byte(r.secret("wrong token")))},
	} {
		for _, path := range []string{suggest, "/v2/users/generate-password", "/restApi/api/directoryObjects/passwordUtils/generate"} {
			if status, text := r.request(client, "POST", path, header, `{}`); status != 401 && status != 400 && status != 429 {
				t.Errorf("%s: %d %s", path, status, text)
			}
		}
	}
	raw, err := net.Dial("tcp", strings.TrimPrefix(r.urls["http"], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(raw, "GET / HTTP/1.1\r\nHost: x\r\nbad header %s\r\n\r\n", r.secret("octets that are no HTTP"))
	_, _ = io.Copy(io.Discard, raw)
	raw.Close()

	// The page.
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, CheckRedirect: client.CheckRedirect}
	defer browser.CloseIdleConnections()
	signIn := func(user, password string) int {
		_, page := r.request(browser, "GET", "/", nil, "")
		m := tokenPattern.FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("no form: %s", page)
		}
		form := url.Values{"token": {m[1]}, "username": {user}, "password": {password}, "next": {"/"}}
		status, _ := r.request(browser, "POST", "/console/sign-in", map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": r.urls["http"], "Sec-Fetch-Site": "same-origin"}, form.Encode())
		return status
	}
	signIn(who.dn, r.secret("wrong password on the page"))
	signIn(r.secret("password as name on the page"), r.secret("with a wrong name on the page"))
	if status := signIn(who.helper.DN, who.helper.Password); status != http.StatusSeeOther {
		t.Errorf("sign in: status %d", status)
	}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": r.urls["http"], "Sec-Fetch-Site": "same-origin"}
	status, page := r.request(browser, "GET", "/console/person?dn="+url.QueryEscape(who.target), nil, "")
	token := tokenPattern.FindStringSubmatch(page)
	offered := pagePattern.FindAllStringSubmatch(page, -1)
	if status != 200 || token == nil || len(offered) == 0 {
		t.Fatalf("the page of a person: %d %s", status, page)
	}
	for _, m := range offered {
		r.book.Add("offered by the page", html.UnescapeString(m[1]))
	}
	for _, password := range []string{html.UnescapeString(offered[0][1]), r.secret("typed on the page")} {
		for _, path := range []string{"/console/check", "/console/confirm", "/console/reset"} {
			values := url.Values{"token": {token[1]}, "dn": {who.target}, "password": {password}}
			if status, text := r.request(browser, "POST", path, form, values.Encode()); status >= 500 {
				t.Errorf("%s: %d %s", path, status, text)
			}
		}
	}
	wrong := url.Values{"token": {r.secret("wrong token of a form")}, "dn": {who.target}, "password": {r.secret("in a form with a wrong token")}}
	r.request(browser, "POST", "/console/reset", form, wrong.Encode())
}

// token makes an API token with the command.
func (r *run) token(dn, api string) string {
	r.t.Helper()
	out := r.command("", "token", "create", "--entry", dn, "--api", api, "--data", filepath.Join(r.dir, "data"))
	token := strings.TrimSpace(out)
	r.book.Add("token", token)
	return token
}

// command runs a command of the program. What it prints on standard output is
// what it was asked for; its other output is caught.
func (r *run) command(stdin string, args ...string) string {
	r.t.Helper()
	program, err := exec.LookPath("ldapsuggest")
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stderr, cmd.Dir = strings.NewReader(stdin), r.catch("stderr of commands"), r.dir
	out, _ := cmd.Output()
	return string(out)
}

// talkCommands runs the commands against the program.
func (r *run) talkCommands(who person) {
	file := filepath.Join(r.t.TempDir(), "pw")
	if err := os.WriteFile(file, []byte(who.password), 0o600); err != nil {
		r.t.Fatal(err)
	}
	for password := range strings.FieldsSeq(r.command("", "suggest", "-H", r.urls["ldap"], "-D", who.dn, "-y", file, "-n", "3")) {
		r.book.Add("suggest", password)
	}
	wrong := r.secret("wrong password of a command")
	r.command("", "suggest", "-H", r.urls["ldap"], "-D", who.dn, "-w", wrong)
	r.command("", "suggest", "-H", r.urls["ldap"], "-D", "nonsense", "-w", wrong)
	r.command("", "suggest", "-H", "ldap://127.0.0.1:1", "-D", who.dn, "-w", wrong)
	r.command(r.secret("candidate")+"\n", "policy", "check", "-H", r.urls["ldap"], "-D", who.dn, "-y", file, who.dn)
	r.command(r.secret("candidate")+"\n", "policy", "check", "-H", r.urls["ldap"], "-D", who.dn, "-y", file, "nonsense")
	r.command("", "policy", "explain", "-H", r.urls["ldap"], "-D", who.dn, "-y", file, who.dn)
	r.command("", "policy", "detect", "-H", r.urls["ldap"], "-D", who.dn, "-y", file)
}

// scrape catches the metrics.
func (r *run) scrape() {
	resp, err := http.Get(r.urls["metrics"])
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(r.catch("metrics"), resp.Body); err != nil {
		r.t.Fatal(err)
	}
}

// TestSecretsStaySecret runs the program through all doors, in front of slapd
// until that ends and for some time without it, and looks for every password
// in all that it writes and sends.
func TestSecretsStaySecret(t *testing.T) {
	s, err := testenv.NewSlapd(t.Context(), t.TempDir(), testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 20}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	r := startRun(t, fmt.Sprintf("directory: {urls: [%q], bindDN: %q, defaultPolicy: {%q: %q}}\nrest: {actAs: service, rateLimit: {perSecond: 0}}\n",
		s.URL, s.Reader.DN, s.Suffix, s.PolicyDN("default")), "LDAPSUGGEST_DIRECTORY_BIND_PASSWORD="+s.Reader.Password)
	who := person{dn: s.UserDN(1), password: testenv.UserPassword, helper: s.PwAdmin, target: s.UserDN(2), suffix: s.Suffix, parent: "ou=people," + s.Suffix, syntax: true}
	for name, password := range map[string]string{"service account": s.Reader.Password, "user": who.password, "helper": who.helper.Password} {
		r.book.Add(name, password)
	}
	r.talkLDAP(who)
	r.talkREST(who)
	r.talkCommands(who)
	r.scrape()
	if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	conn := r.dial("ldap", who.dn, who.password)

	s.Stop()
	client := new(http.Client)
	for range 3 {
		_, _ = conn.Extended(extended(extop.GeneratePasswordRequestOID, extop.GeneratePasswordRequest{Count: 1, Selection: extop.SelectTargetEntry, DN: who.target}.Encode()))
		r.request(client, "POST", "/directory/v1/suggestPassword", map[string]string{"basic": s.UserDN(3) + "\x00" + testenv.UserPassword}, `{}`)
		r.request(client, "POST", "/directory/v1/validatePassword", map[string]string{"basic": who.dn + "\x00" + who.password}, `{"password": "`+hex.EncodeToString([]byte(r.secret("candidate without a directory")))+`", "targetEntryDN": "`+who.dn+`"}`)
		if late, err := ldap.DialURL(r.urls["ldap"]); err == nil {
			_ = late.Bind(who.dn, r.secret("without a directory"))
			late.Close()
		}
	}
	client.CloseIdleConnections()
	r.scrape()
	r.end(syscall.SIGTERM)
	r.search("stderr", "audit", "syslog", "spans")
	r.audited("operation generatePassword", "operation passwordQuality", "operation passwordModify", "operation addWithGeneratePassword",
		"operation validatePassword", "operation effectivePolicy", "operation listPolicies", "operation changePassword",
		"pending passwordModify", "pending addWithGeneratePassword", "pending changePassword",
		"operation passwordReset", "pending passwordReset", "signIn basic", "signIn token", "signIn bearer", "signIn page")
}

// TestSecretsInFrontOfNothing does the same with the embedded directory,
// which keeps passwords itself, with rules that take too long, and ends the
// program in the middle, so that it writes what each goroutine does.
func TestSecretsInFrontOfNothing(t *testing.T) {
	const admin = "cn=admin,dc=example,dc=com"
	password := "Adm1n-Sesame&<x>"
	r := startRun(t, "rest: {rateLimit: {perSecond: 0}}\n", "LDAPSUGGEST_ADMIN_PASSWORD="+password, "GOTRACEBACK=all")
	r.book.Add("administrator", password)
	const amina = "uid=amina,ou=people,dc=example,dc=com"
	conn := r.dial("ldap", admin, password)
	set, err := conn.PasswordModify(ldap.NewPasswordModifyRequest(amina, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	r.book.Add("user", set.GeneratedPassword)
	who := person{dn: amina, password: set.GeneratedPassword, helper: testenv.Account{DN: admin, Password: password}, target: "uid=bob,ou=people,dc=example,dc=com", suffix: "dc=example,dc=com", parent: "ou=people,dc=example,dc=com"}
	if _, err := conn.Search(ldap.NewSearchRequest(who.target, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"1.1"}, nil)); err != nil {
		add := ldap.NewAddRequest(who.target, nil)
		add.Attribute("objectClass", []string{"inetOrgPerson"})
		add.Attribute("cn", []string{"Bob"})
		add.Attribute("sn", []string{"Bob"})
		if err := conn.Add(add); err != nil {
			t.Fatal(err)
		}
	}
	r.talkLDAP(who)
	r.talkREST(who)
	r.talkCommands(who)

	// A pattern that no machine gets through in time.
	v := ldap.NewAddRequest("cn=Slow,cn=Password Validators,cn=config", nil)
	v.Attribute("objectClass", []string{"top", "ds-cfg-password-validator", "ds-cfg-regular-expression-password-validator"})
	v.Attribute("cn", []string{"Slow"})
	v.Attribute("ds-cfg-enabled", []string{"true"})
	v.Attribute("ds-cfg-match-pattern", []string{`^(?=(?:[a-z]|[a-z]+)*!$).*$`})
	v.Attribute("ds-cfg-match-behavior", []string{"require-match"})
	p := ldap.NewAddRequest("cn=Slow Policy,cn=Password Policies,cn=config", nil)
	p.Attribute("objectClass", []string{"top", "ds-cfg-password-policy"})
	p.Attribute("cn", []string{"Slow Policy"})
	p.Attribute("ds-cfg-password-attribute", []string{"userPassword"})
	p.Attribute("ds-cfg-password-validator", []string{v.DN})
	for _, add := range []*ldap.AddRequest{v, p} {
		if err := conn.Add(add); err != nil {
			t.Fatal(err)
		}
	}
	client := new(http.Client)
	slow := strings.Repeat("slowmatching", 4) + "A"
	r.book.Add("candidate that takes too long", slow)
	me := map[string]string{"basic": admin + "\x00" + password}
	status, text := r.request(client, "POST", "/directory/v1/validatePassword", me, `{"password": "`+slow+`", "passwordPolicyDN": "`+p.DN+`"}`)
	if !strings.Contains(text, "could not be compared with a pattern in time") {
		t.Errorf("%d %s", status, text)
	}
	r.request(client, "POST", "/directory/v1/suggestPassword", me, `{"passwordPolicyDN": "`+p.DN+`"}`)
	m := ldap.NewModifyRequest(who.target, nil)
	m.Add("ds-pwp-password-policy-dn", []string{p.DN})
	if err := conn.Modify(m); err != nil {
		t.Fatal(err)
	}
	_, _ = conn.PasswordModify(ldap.NewPasswordModifyRequest(who.target, "", slow))
	_, _ = conn.PasswordModify(ldap.NewPasswordModifyRequest(who.target, "", ""))
	client.CloseIdleConnections()
	r.scrape()
	r.end(syscall.SIGQUIT)
	if !strings.Contains(r.text("stderr"), "SIGQUIT: quit") || !strings.Contains(r.text("stderr"), "ldapserver.(*Server).serve(") {
		t.Error("the program did not tell what it was doing")
	}
	r.search("stderr", "audit", "syslog")
	r.audited("operation generatePassword", "operation passwordModify", "operation addWithGeneratePassword", "operation validatePassword", "signIn basic")
}

// TestSecretsOfAFirstStart: the password that is made for the administrator is
// in its file, and only a terminal is told.
func TestSecretsOfAFirstStart(t *testing.T) {
	r := startRun(t, "")
	password, err := os.ReadFile(filepath.Join(r.dir, "data", adminPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	r.book.Add("administrator", strings.TrimSpace(string(password)))
	r.suggest(r.dial("ldap", "cn=admin,dc=example,dc=com", strings.TrimSpace(string(password))), "", 3)
	r.end(syscall.SIGTERM)
	if out := r.text("stdout"); !strings.Contains(out, "Its password is in ") {
		t.Errorf("%s", out)
	}
	r.search()
}
