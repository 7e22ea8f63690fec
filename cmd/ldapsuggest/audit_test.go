package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// inFrontOf is the configuration for s, with free ports and what comes
// before.
func inFrontOf(s *testenv.Slapd, before string) map[string]string {
	return map[string]string{
		"pw": s.Reader.Password,
		"c.yaml": before + fmt.Sprintf(`
data: data
listen: {ldap: "127.0.0.1:0", ldaps: "", rest: "127.0.0.1:0"}
directory: {urls: [%q], bindDN: %q, bindPasswordFile: pw, defaultPolicy: {%q: %q}}
rest: {rateLimit: {perSecond: 0}}
`, s.URL, s.Reader.DN, s.Suffix, s.PolicyDN("default")),
	}
}

// records reads the lines of an audit log.
func records(t *testing.T, path string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for line := range bytes.Lines(text) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		list = append(list, m)
	}
	return list
}

// TestAuditRefuses: without the audit log, nobody gets a password through
// either door, and the directory gets no write. With it, all is well again.
func TestAuditRefuses(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 5}}})
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := gone.Addr().String()
	gone.Close()
	r := startReloadable(t, inFrontOf(s, fmt.Sprintf("audit: {onFailure: refuse, syslog: {url: 'tcp://%s'}}\n", addr)))
	who := testenv.Account{DN: s.UserDN(1), Password: testenv.UserPassword}
	conn, admin := dialFront(t, r.url("ldap"), who), dialFront(t, r.url("ldap"), s.PwAdmin)

	const why = "the audit log cannot be written"
	for range 2 {
		if p, err := generated(conn, who.DN); !ldap.IsErrorWithCode(err, ldap.LDAPResultUnavailable) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q, %v", p, err)
		}
	}
	if p, err := suggestion(http.DefaultClient, r.url("http"), who, ""); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "503") {
		t.Errorf("%q, %v", p, err)
	}
	if _, err := admin.PasswordModify(ldap.NewPasswordModifyRequest(s.UserDN(2), "", "")); !ldap.IsErrorWithCode(err, ldap.LDAPResultUnavailable) {
		t.Errorf("password modify: %v", err)
	}
	if err := s.Dial(t, testenv.Account{DN: s.UserDN(2), Password: testenv.UserPassword}).Close(); err != nil {
		t.Errorf("the password has changed: %v", err)
	}
	// What needs no record goes on.
	if _, err := conn.WhoAmI(nil); err != nil {
		t.Error(err)
	}

	back, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got strings.Builder
	var reading sync.WaitGroup
	ended, end := context.WithCancel(context.Background())
	t.Cleanup(func() {
		end()
		back.Close()
		reading.Wait()
	})
	reading.Go(func() {
		c, err := back.Accept()
		if err != nil {
			return
		}
		// Whether the test ends now or later.
		defer context.AfterFunc(ended, func() { c.Close() })()
		for in := bufio.NewReader(c); ; {
			b, err := in.ReadByte()
			if err != nil {
				return
			}
			mu.Lock()
			got.WriteByte(b)
			mu.Unlock()
		}
	})
	if _, err := generated(conn, who.DN); err != nil {
		t.Error(err)
	}
	eventually(t, "the server has what it missed", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(got.String(), `"event":"lost","lines":`) && strings.Contains(got.String(), `"result":"success"`)
	})
	// The line of a password that was not given out is not among them.
	mu.Lock()
	defer mu.Unlock()
	if n := strings.Count(got.String(), `"returned":1`); n != 1 {
		t.Errorf("%d passwords are recorded:\n%s", n, got.String())
	}
}

// TestAuditReopened: on SIGHUP the file is opened again, though the
// configuration cannot be.
func TestAuditReopened(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 3}}})
	files := inFrontOf(s, "audit: {file: audit.log, onFailure: refuse}\n")
	r := startReloadable(t, files)
	path := filepath.Join(r.dir, "audit.log")
	conn := dialFront(t, r.url("ldap"), testenv.Account{DN: s.UserDN(1), Password: testenv.UserPassword})
	ask := func() {
		t.Helper()
		if _, err := generated(conn, s.UserDN(1)); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range []string{files["c.yaml"], "nonsense: 1\n", files["c.yaml"] + "log: {level: warn}\n"} {
		ask()
		if err := os.Rename(path, fmt.Sprintf("%s.%d", path, i)); err != nil {
			t.Fatal(err)
		}
		r.write("c.yaml", text)
		r.again()
		ask()
		if old, now := records(t, fmt.Sprintf("%s.%d", path, i)), records(t, path); len(now) != 1 || len(old) == 0 || old[0]["instance"] != now[0]["instance"] {
			t.Errorf("%d: %v\n%v", i, old, now)
		}
	}
	// Another file is another log.
	r.write("c.yaml", strings.Replace(files["c.yaml"], "audit.log", "other.log", 1))
	r.reloads(reloaded)
	ask()
	if got := records(t, filepath.Join(r.dir, "other.log")); len(got) != 1 || got[0]["seq"] != 1.0 {
		t.Errorf("%v", got)
	}
}

// TestAuditOfCompletedRequests: what the directory said to a write is in the
// log, and before it that the write was on its way.
func TestAuditOfCompletedRequests(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 5}}})
	r := startReloadable(t, inFrontOf(s, "audit: {file: audit.log, onFailure: refuse, sync: 0s}\n"))
	user, admin := dialFront(t, r.url("ldap"), testenv.Account{DN: s.UserDN(1), Password: testenv.UserPassword}), dialFront(t, r.url("ldap"), s.PwAdmin)
	if _, err := admin.PasswordModify(ldap.NewPasswordModifyRequest(s.UserDN(2), "", "")); err != nil {
		t.Error(err)
	}
	if _, err := user.PasswordModify(ldap.NewPasswordModifyRequest(s.UserDN(3), "", "")); !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
		t.Error(err)
	}
	var got []string
	for _, m := range records(t, filepath.Join(r.dir, "audit.log")) {
		got = append(got, fmt.Sprint(m["event"], " ", m["name"], " ", m["target"], " ", m["directory"], " ", m["result"], " ", m["returned"]))
	}
	want := []string{
		"pending passwordModify " + s.UserDN(2) + " <nil> <nil> 0", "operation passwordModify " + s.UserDN(2) + " answered success 1",
		"pending passwordModify " + s.UserDN(3) + " <nil> <nil> 0", "operation passwordModify " + s.UserDN(3) + " answered insufficientAccessRights 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("audited %q", got)
	}
}

// TestTrail follows requests through the log, the audit log and the header
// that REST callers get, also when the directory fails.
func TestTrail(t *testing.T) {
	s, err := testenv.NewSlapd(t.Context(), t.TempDir(), testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	r := startReloadable(t, inFrontOf(s, "audit: {file: audit.log, onFailure: refuse}\nlog: {level: debug, format: json}\n"))
	who := testenv.Account{DN: s.UserDN(1), Password: testenv.UserPassword}
	conn := dialFront(t, r.url("ldap"), who)
	if _, err := generated(conn, who.DN); err != nil {
		t.Fatal(err)
	}
	rest := func() string {
		req, err := http.NewRequest("POST", r.url("http")+"/directory/v1/suggestPassword", strings.NewReader(fmt.Sprintf(`{"targetEntryDN":%q}`, who.DN)))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(who.DN, who.Password)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.Header.Get("X-Request-Id")
	}
	id := rest()

	// messages returns what the log says of an operation.
	messages := func(op string) map[string]map[string]any {
		found := make(map[string]map[string]any)
		for line := range strings.Lines(r.log.String()) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			if m["op"] == op {
				found[m["msg"].(string)] = m
			}
		}
		return found
	}
	audited := records(t, filepath.Join(r.dir, "audit.log"))
	if len(audited) != 2 || audited[0]["door"] != "ldap" || audited[1]["door"] != "rest" || audited[1]["op"] != id {
		t.Fatalf("%v; the caller got %s", audited, id)
	}
	for i, want := range [][]string{{"audit", "policy resolved"}, {"audit", "policy resolved", "rest"}} {
		op := audited[i]["op"].(string)
		got := messages(op)
		for _, msg := range want {
			if got[msg] == nil || got[msg]["conn"] != audited[i]["conn"] {
				t.Errorf("%s: no line %q with its connection in\n%s", op, msg, r.log)
			}
		}
	}
	if audited[0]["conn"] == audited[1]["conn"] {
		t.Errorf("%v", audited)
	}

	s.Stop()
	late, err := ldap.DialURL(r.url("ldap"))
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if err := late.Bind(who.DN, who.Password); err == nil {
		t.Error("bound without a directory")
	}
	eventually(t, "the failure is logged with the connection", func() bool {
		return matches(r.log.String(), `"msg":"cannot reach the directory".*"conn":"[0-9a-f]{8}-[0-9]+"`)
	})
	id = rest()
	if got := messages(id); got["rest"] == nil || got["rest"]["status"] == 200.0 || got["REST request failed"] == nil {
		t.Errorf("%s: %v", id, got)
	}
}

// TestTraces has requests through both doors traced, down to the directory.
func TestTraces(t *testing.T) {
	var mu sync.Mutex
	var spans []*tracepb.Span
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		in, err := gzip.NewReader(req.Body)
		var raw []byte
		var m collector.ExportTraceServiceRequest
		if err == nil {
			raw, err = io.ReadAll(in)
		}
		if err == nil {
			err = proto.Unmarshal(raw, &m)
		}
		if err != nil || req.Header.Get("Authorization") != "Bearer sesame" {
			t.Errorf("%v, headers %v", err, req.Header)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range m.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				spans = append(spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(server.Close)
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 5}}})
	files := inFrontOf(s, fmt.Sprintf("tracing: {endpoint: %q, sampleRatio: 1, headersFile: headers}\n", server.URL))
	files["headers"] = "Authorization: Bearer sesame\n"
	r := startReloadable(t, files)
	who := testenv.Account{DN: s.UserDN(1), Password: testenv.UserPassword}
	conn, admin := dialFront(t, r.url("ldap"), who), dialFront(t, r.url("ldap"), s.PwAdmin)
	if _, err := generated(conn, who.DN); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.PasswordModify(ldap.NewPasswordModifyRequest(s.UserDN(2), "", "")); err != nil {
		t.Fatal(err)
	}
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	req, err := http.NewRequest("POST", r.url("http")+"/directory/v1/suggestPassword", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(who.DN, who.Password)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Traceparent", "00-"+trace+"-"+parent+"-01")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	// A configuration without traces sends those that are left, and no more.
	r.write("c.yaml", strings.Replace(files["c.yaml"], "tracing:", "log: {level: info} #", 1))
	r.reloads(reloaded)
	eventually(t, "all spans are sent", func() bool {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		for _, s := range spans {
			if s.Kind == tracepb.Span_SPAN_KIND_SERVER {
				n++
			}
		}
		return n == 3
	})
	if _, err := generated(conn, who.DN); err != nil {
		t.Fatal(err)
	}

	mu.Lock()
	defer mu.Unlock()
	byID := make(map[string]*tracepb.Span)
	for _, s := range spans {
		byID[string(s.SpanId)] = s
	}
	paths := make(map[string]*tracepb.Span)
	for _, s := range spans {
		path := s.Name
		for p := byID[string(s.ParentSpanId)]; p != nil; p = byID[string(p.ParentSpanId)] {
			path = p.Name + " > " + path
		}
		paths[path] = s
		for _, a := range s.Attributes {
			if strings.Contains(a.Value.GetStringValue(), "dc=example") {
				t.Errorf("%s: a DN, in %s", path, a.Key)
			}
		}
	}
	for _, want := range []string{
		"generatePassword", "generatePassword > caller sees target", "generatePassword > resolve policy", "generatePassword > resolve policy > directory search", "generatePassword > generate",
		"passwordModify", "passwordModify > resolve policy", "passwordModify > generate", "passwordModify > directory write",
		"POST /directory/v1/suggestPassword", "POST /directory/v1/suggestPassword > generate",
	} {
		if paths[want] == nil {
			t.Errorf("no span %s, only %v", want, paths)
		}
	}
	if top := paths["POST /directory/v1/suggestPassword"]; top != nil && (hex.EncodeToString(top.TraceId) != trace || hex.EncodeToString(top.ParentSpanId) != parent) {
		t.Errorf("the caller's trace does not go on: %v", top)
	}
	if !strings.Contains(r.log.String(), "trace="+trace) {
		t.Errorf("the log does not name the trace:\n%s", r.log)
	}
}

// TestAuditConfig is what cannot be.
func TestAuditConfig(t *testing.T) {
	for text, want := range map[string]string{
		"audit: {onFailure: stop}":                                     "audit.onFailure",
		"audit: {onFailure: refuse}":                                   "there is no audit log",
		"audit: {file: a, maxSize: 10MB}":                              `no size such as 100MiB`,
		"audit: {file: a, maxSize: -1}":                                "no size",
		"audit: {file: a, maxSize: 9999999999GiB}":                     "no size",
		"audit: {keep: -1}":                                            "below zero",
		"audit: {syslog: {url: 'http://x'}}":                           "audit.syslog.url",
		"audit: {syslog: {url: 'udp://x:1', facility: kern}}":          "audit.syslog.facility",
		"audit: {syslog: {caFile: x}}":                                 "url is missing",
		"tracing: {endpoint: 'https://user:sesame@collector:4318'}":    "tracing.endpoint",
		"tracing: {sampleRatio: 2}":                                    "tracing.sampleRatio",
		"tracing: {includeDNs: true}":                                  "endpoint is missing",
		"tracing: {endpoint: 'https://collector', headersFile: wrong}": "tracing.headersFile",
	} {
		dir := writeFiles(t, map[string]string{"c.yaml": text, "wrong": "sesame without a name"})
		env := variables{}
		p := &program{stdout: io.Discard, stderr: io.Discard, env: env.lookup}
		_, err := p.serveConfig([]string{"--config", filepath.Join(dir, "c.yaml")})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", text, err)
		}
	}
	c := loadConfig(t, variables{}, "--config", filepath.Join(writeFiles(t, map[string]string{"c.yaml": "audit: {file: a, maxSize: 2 GiB, maxAge: 24h}"}), "c.yaml"))
	if c.Audit.MaxSize != 2<<30 || c.Audit.MaxAge != 24*time.Hour {
		t.Errorf("%+v", c.Audit)
	}
}
