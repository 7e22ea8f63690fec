package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// Who is signed in to the page stays so when the configuration is read again,
// and when it is not used meanwhile; what the page does follows it.
func TestReloadConsole(t *testing.T) {
	const config = "listen: {ldap: \"\", ldaps: \"\", rest: \"127.0.0.1:0\"}\n"
	r := startReloadable(t, map[string]string{"c.yaml": config})
	password, err := os.ReadFile(filepath.Join(r.dir, "ldapsuggest-data", adminPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	read := func(res *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	base := r.url("http")
	person := base + "/console/person?dn=" + url.QueryEscape("uid=amina,ou=people,dc=example,dc=com")
	form := read(client.Get(base + "/"))
	token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(form)
	if token == nil {
		t.Fatalf("no form:\n%s", form)
	}
	suggestions := func() int {
		t.Helper()
		page := read(client.Get(person))
		if !strings.Contains(page, "Amina Diallo") {
			t.Fatalf("not signed in:\n%s", page)
		}
		return strings.Count(page, `class="password"`)
	}
	// The form is good for the next generation, too.
	r.write("c.yaml", config+"rest: {console: {suggestions: 2}}\n")
	r.reloads(reloaded)
	read(client.PostForm(base+"/console/sign-in", url.Values{
		"token": {token[1]}, "username": {"cn=admin,dc=example,dc=com"}, "password": {strings.TrimSpace(string(password))},
	}))
	if n := suggestions(); n != 2 {
		t.Errorf("%d suggestions", n)
	}
	r.write("c.yaml", config+"rest: {console: {suggestions: 3}}\n")
	r.reloads(reloaded)
	if n := suggestions(); n != 3 {
		t.Errorf("%d suggestions after a reload", n)
	}
	r.write("c.yaml", config+"rest: {console: {enabled: false}}\n")
	r.reloads(reloaded)
	if page := read(client.Get(person)); !strings.Contains(page, "there is no such resource") {
		t.Errorf("switched off:\n%s", page)
	}
}

// The configuration that docs/console.md shows is the default.
func TestPageConsole(t *testing.T) {
	text, err := os.ReadFile("../../docs/console.md")
	if err != nil {
		t.Fatal(err)
	}
	_, snippet, ok := strings.Cut(string(text), "\n## Configuration\n\n")
	snippet, _, _ = strings.Cut(snippet, "\n\n")
	if !ok || !strings.HasPrefix(snippet, "    rest:\n") {
		t.Fatalf("docs/console.md shows no configuration: %s", snippet)
	}
	dir := writeFiles(t, map[string]string{"c.yaml": strings.ReplaceAll("\n"+snippet, "\n    ", "\n") + "\n"})
	c := loadConfig(t, nil, "--config", filepath.Join(dir, "c.yaml"))
	if c.REST.Console != defaultConsole() {
		t.Errorf("%+v", c.REST.Console)
	}
	for key := range reflect.TypeFor[consoleConfig]().Fields() {
		name := key.Tag.Get("yaml")
		if !strings.Contains(snippet, " "+name+": ") || !strings.Contains(string(text), "| `rest.console."+name+"` |") {
			t.Errorf("docs/console.md leaves out %s", name)
		}
	}
}
