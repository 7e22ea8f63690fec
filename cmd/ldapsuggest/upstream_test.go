package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// startFront serves a front end until the test ends.
func startFront(t *testing.T, c *config) *frontend {
	t.Helper()
	p := &program{stdout: io.Discard, stderr: io.Discard, env: variables{}.lookup}
	f, err := p.newFrontend(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	if err := f.listen(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := f.serve(ctx, nil); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return f
}

// The REST door alone, in front of our own front end on the embedded
// directory.
func TestUpstream(t *testing.T) {
	c := loadConfig(t, nil, "--data", t.TempDir(), "--ldap", "127.0.0.1:0", "--ldaps=", "--rest=")
	front := startFront(t, c)
	back := front.embedded

	dir := writeFiles(t, map[string]string{"config.yaml": fmt.Sprintf("rest:\n  upstream:\n    urls: [%q]\naudit: {file: audit.log, onFailure: refuse}\n", front.url("ldap"))})
	alone := loadConfig(t, nil, "--config", dir+"/config.yaml", "--data", t.TempDir(), "--rest", "127.0.0.1:0")
	if alone.Listen.LDAP != "" || alone.Listen.LDAPS != "" {
		t.Errorf("LDAP is served at %q and %q", alone.Listen.LDAP, alone.Listen.LDAPS)
	}
	bridge := startFront(t, alone)

	jo := "uid=jo,ou=people,dc=example,dc=com"
	tests := []struct {
		name, user, password, body string
		status                     int
		want                       string
	}{
		{"default policy", back.admin.dn, back.admin.newPassword, `{"numberOfPasswords":2}`, 200, `^\{"resultCode":\{"value":0,"name":"success"\},"passwordPolicyDN":"cn=[^"]*","suggestedPasswords":\[\{"suggestedPassword":"[^"]{8,}","validationAttempted":(true|false)\},\{`},
		{"again, from the cache", back.admin.dn, back.admin.newPassword, `{"targetEntryDN":"` + jo + `"}`, 200, `"suggestedPassword":"[^"]{8,}"`},
		{"no such policy", back.admin.dn, back.admin.newPassword, `{"passwordPolicyDN":"cn=none,dc=example,dc=com"}`, 404, `"noSuchObject"`},
		{"malformed DN", back.admin.dn, back.admin.newPassword, `{"targetEntryDN":"jo"}`, 400, `"invalidDNSyntax"`},
		{"proxied authorization", back.admin.dn, back.admin.newPassword,
			`{"_controls":[{"oid":"2.16.840.1.113730.3.4.18","criticality":true,"value-json":{"authorization-id":"u:nobody"}}]}`, 403, `"authorizationDenied"`},
		{"unknown control", back.admin.dn, back.admin.newPassword, `{"_controls":[{"oid":"1.2.3.4","criticality":true}]}`, 400, `"unavailableCriticalExtension"`},
		{"wrong password", back.admin.dn, "x", `{}`, 401, `"invalidCredentials"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "POST", bridge.url("http")+"/directory/v1/suggestPassword", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth(tt.user, tt.password)
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != tt.status || !regexp.MustCompile(tt.want).Match(body) {
				t.Errorf("status %d: %s", res.StatusCode, body)
			}
		})
	}
	var audited []string
	for _, m := range records(t, filepath.Join(dir, "audit.log")) {
		audited = append(audited, fmt.Sprint(m["event"], " ", m["result"], " ", m["returned"]))
	}
	if want := []string{"operation success 2", "operation success 1", "operation noSuchObject 0", "operation invalidDNSyntax 0", "operation authorizationDenied 0",
		"operation unavailableCriticalExtension 0", "signIn invalidCredentials <nil>"}; !slices.Equal(audited, want) {
		t.Errorf("audited %q", audited)
	}
}

func TestUpstreamErrors(t *testing.T) {
	for text, want := range map[string]string{
		"rest: {upstream: {startTLS: true}}":                                                      "rest.upstream: urls is missing",
		"directory: {urls: [\"ldap://x\"]}\nrest: {upstream: {urls: [\"ldap://x\"]}}":             "takes the place of directory.urls",
		"listen: {ldap: \"127.0.0.1:2389\"}\nrest: {upstream: {urls: [\"ldap://x\"]}}":            "only listen.rest can be served",
		"listen: {metrics: \"127.0.0.1:9000\"}\nrest: {upstream: {urls: [\"ldap://x\"]}}":         "only listen.rest can be served",
		"rest: {oidc: {issuer: \"https://x\", entryDN: \"x\"}, upstream: {urls: [\"ldap://x\"]}}": "rest.oidc has none of",
	} {
		dir := writeFiles(t, map[string]string{"config.yaml": text})
		_, err := (&program{env: variables{}.lookup}).serveConfig([]string{"--config", dir + "/config.yaml"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
