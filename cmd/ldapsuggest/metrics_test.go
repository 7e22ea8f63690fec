package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/pires/go-proxyproto"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// running serves a configuration until the test ends, and returns the URLs
// that it announces, by scheme or as "metrics".
func running(t *testing.T, s *testenv.Slapd, yaml string) map[string]string {
	t.Helper()
	dir := writeFiles(t, map[string]string{"c.yaml": yaml + fmt.Sprintf(`
data: data
directory: {urls: [%q], bindDN: %q, bindPasswordFile: pw, healthInterval: 20ms, defaultPolicy: {%q: %q}}
`, s.URL, s.Reader.DN, s.Suffix, s.PolicyDN("default")), "pw": s.Reader.Password})
	out, stdout := io.Pipe()
	env := variables{}
	p := &program{stdin: strings.NewReader(""), stdout: stdout, stderr: t.Output(), env: env.lookup}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- p.serve(ctx, []string{"--config", filepath.Join(dir, "c.yaml")})
		stdout.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	urls := map[string]string{}
	in := bufio.NewScanner(out)
	for in.Scan() {
		line := strings.TrimSpace(in.Text())
		if u, ok := strings.CutPrefix(line, "metrics: "); ok {
			urls["metrics"] = strings.TrimSuffix(u, "/metrics")
		} else if scheme, _, ok := strings.Cut(line, "://"); ok && !strings.Contains(line, " ") {
			urls[scheme] = line
		}
		if strings.HasPrefix(line, "In front of") {
			break
		}
	}
	go io.Copy(io.Discard, out)
	return urls
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestMetricsListener looks at the metrics of a program that stands in front
// of slapd and is reached by its local socket, until slapd ends.
func TestMetricsListener(t *testing.T) {
	s, err := testenv.NewSlapd(t.Context(), t.TempDir(), testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 3}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	urls := running(t, s, `
listen: {ldap: "", ldaps: "", rest: "", ldapi: socket, ldapiMode: "0600", metrics: "127.0.0.1:0"}
`)
	if code, body := fetch(t, urls["metrics"]+"/livez"); code != 200 {
		t.Errorf("/livez: %d %s", code, body)
	}
	if code, body := fetch(t, urls["metrics"]+"/readyz"); code != 200 {
		t.Errorf("/readyz: %d %s", code, body)
	}
	conn, err := ldap.DialURL(strings.ReplaceAll(urls["ldapi"], "%2F", "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Bind(s.UserDN(1), testenv.UserPassword); err != nil {
		t.Fatal(err)
	}
	ask := ldap.NewExtendedRequest(extop.GeneratePasswordRequestOID, nil)
	value := extop.GeneratePasswordRequest{Selection: extop.SelectTargetEntry, DN: s.UserDN(1), Count: 2, Attempts: 5}.Encode()
	ask.Value = ber.NewString(ber.ClassContext, ber.TypePrimitive, 1, string(value), "requestValue")
	if _, err := conn.Extended(ask); err != nil {
		t.Fatal(err)
	}
	wanted := []string{
		"ldapsuggest_ldap_connections 1\n",
		`ldapsuggest_directory_server_up{server="` + s.URL + `"} 1`,
		`ldapsuggest_directory_server_connections{server="` + s.URL + `"} 1`,
		"ldapsuggest_tls_certificate_expiry_timestamp_seconds 1.",
		`ldapsuggest_policy_resolution_duration_seconds_count{result="success"} 1`,
		`ldapsuggest_ldap_request_duration_seconds_count{operation="generatePassword",result="success"} 1`,
		`ldapsuggest_operations_total{operation="generatePassword",result="success"} 1`,
		`ldapsuggest_passwords_total{outcome="accepted"} 2`,
		`ldapsuggest_directory_search_duration_seconds_count{result="success"}`,
	}
	// A request is counted once its answer is on the way, which the client
	// may have by then.
	var text string
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, text = fetch(t, urls["metrics"]+"/metrics")
		missing := slices.DeleteFunc(slices.Clone(wanted), func(want string) bool { return strings.Contains(text, want) })
		if len(missing) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("there is no %q in\n%s", missing, text)
		}
	}
	for _, secret := range []string{testenv.UserPassword, s.Reader.Password, s.UserDN(1)} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the metrics", secret)
		}
	}
	s.Stop()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if code, _ := fetch(t, urls["metrics"]+"/readyz"); code == 503 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("still ready without a directory")
		}
	}
	if code, _ := fetch(t, urls["metrics"]+"/livez"); code != 200 {
		t.Error("not alive without a directory: restarting would not help")
	}
}

// TestProxyListener takes the client's address from a trusted proxy.
func TestProxyListener(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 3}}})
	urls := running(t, s, `
listen: {ldap: "127.0.0.1:0", ldaps: "", rest: "127.0.0.1:0", proxyProtocol: {trust: ["127.0.0.0/8"]}}
limits: {addressConnections: 1}
`)
	bind := func(header bool) error {
		t.Helper()
		conn, err := net.Dial("tcp", strings.TrimPrefix(urls["ldap"], "ldap://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if header {
			h := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 389})
			if _, err := h.WriteTo(conn); err != nil {
				t.Fatal(err)
			}
		}
		l := ldap.NewConn(conn, false)
		l.SetTimeout(20 * time.Second)
		l.Start()
		return l.Bind(s.UserDN(1), testenv.UserPassword)
	}
	if err := bind(true); err != nil {
		t.Error(err)
	}
	// A second one from 192.0.2.1 is one too many.
	if err := bind(true); err == nil {
		t.Error("the limit does not count what the proxy tells")
	}
	if err := bind(false); err == nil {
		t.Error("a proxy got in without a header")
	}
}
