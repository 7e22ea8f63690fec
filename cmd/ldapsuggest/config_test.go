package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

// variables is an environment.
type variables map[string]string

func (v variables) lookup(name string) (string, bool) {
	s, ok := v[name]
	return s, ok
}

func loadConfig(t *testing.T, env variables, args ...string) *config {
	t.Helper()
	c, err := (&program{env: env.lookup}).serveConfig(args)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The example file has every key, and its values are the defaults where it
// says that they are.
func TestExampleFile(t *testing.T) {
	text, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := writeFiles(t, map[string]string{"config.yaml": string(text), "reader.secret": "s\n"})
	c := loadConfig(t, nil, "--config", filepath.Join(dir, "config.yaml"))
	if string(c.bindPassword) != "s" {
		t.Errorf("password %q", c.bindPassword)
	}
	if got, want := c.Data, filepath.Join(dir, "ldapsuggest-data"); got != want {
		t.Errorf("data %q, want %q", got, want)
	}

	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	var got []string
	var walkNode func(prefix string, n *yaml.Node)
	walkNode = func(prefix string, n *yaml.Node) {
		for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
			key := prefix + n.Content[i].Value
			got = append(got, key)
			if key != "directory.defaultPolicy" {
				walkNode(key+".", n.Content[i+1])
			}
		}
	}
	walkNode("", root.Content[0])
	var want []string
	var walkType func(prefix string, s reflect.Type)
	walkType = func(prefix string, s reflect.Type) {
		for f := range s.Fields() {
			if key := f.Tag.Get("yaml"); key != "" {
				want = append(want, prefix+key)
				if f.Type.Kind() == reflect.Struct {
					walkType(prefix+key+".", f.Type)
				}
			}
		}
	}
	walkType("", reflect.TypeFor[config]())
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 20 {
		t.Errorf("keys of the program (-) and of the example (+):\n%s", diff)
	}

	d := defaultConfig()
	for _, pair := range [][2]any{{d.Listen, c.Listen}, {d.TLS, c.TLS}, {d.Directory.Dialect, c.Directory.Dialect}, {d.Log, c.Log}} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Error(diff)
		}
	}
}

// Every environment variable that the documentation names is read, and the
// other way round.
func TestEnvironment(t *testing.T) {
	env := variables{
		"LDAPSUGGEST_DATA": "/d", "LDAPSUGGEST_LDAP": "127.0.0.1:1", "LDAPSUGGEST_LDAPS": "127.0.0.1:2", "LDAPSUGGEST_REST": "http://0.0.0.0:3", "LDAPSUGGEST_LDAPI": "/s", "LDAPSUGGEST_METRICS": "127.0.0.1:9",
		"LDAPSUGGEST_TLS_CERT_FILE": "/c", "LDAPSUGGEST_TLS_KEY_FILE": "/k", "LDAPSUGGEST_DIRECTORY_URLS": "ldap://a ldaps://b",
		"LDAPSUGGEST_DIRECTORY_START_TLS": "true", "LDAPSUGGEST_DIRECTORY_CA_FILE": "/ca", "LDAPSUGGEST_DIRECTORY_BIND_DN": "cn=x",
		"LDAPSUGGEST_DIRECTORY_BIND_PASSWORD_FILE": "/none", "LDAPSUGGEST_DIRECTORY_BIND_PASSWORD": "pw", "LDAPSUGGEST_DIRECTORY_DIALECT": "openldap",
		"LDAPSUGGEST_LOG_FORMAT": "json", "LDAPSUGGEST_LOG_LEVEL": "debug",
		// What Kubernetes sets for a service of this name.
		"LDAPSUGGEST_PORT": "tcp://10.0.0.1:389", "LDAPSUGGEST_SERVICE_HOST": "10.0.0.1",
	}
	want := defaultConfig()
	want.Data, want.Listen.LDAP, want.Listen.LDAPS, want.Listen.REST = "/d", "127.0.0.1:1", "127.0.0.1:2", "http://0.0.0.0:3"
	want.Listen.LDAPI, want.Listen.Metrics = "/s", "127.0.0.1:9"
	want.TLS.CertFile, want.TLS.KeyFile = "/c", "/k"
	want.Directory.URLs = []string{"ldap://a", "ldaps://b"}
	want.Directory.StartTLS, want.Directory.CAFile, want.Directory.BindDN = true, "/ca", "cn=x"
	want.Directory.BindPasswordFile, want.Directory.Dialect = "/none", "openldap"
	want.Log.Format, want.Log.Level = "json", "debug"
	want.bindPassword = []byte("pw")
	got := *loadConfig(t, env)
	got.made = policy.Config{} // what follows from the rest
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{}), cmpopts.IgnoreFields(config{}, "made")); diff != "" {
		t.Error(diff)
	}
	for _, doc := range []string{"../../config.example.yaml", "../../docs/configuration.md"} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for name := range env {
			if kubernetes := strings.HasSuffix(name, "_PORT") || strings.HasSuffix(name, "_HOST"); strings.Contains(string(text), name) == kubernetes {
				t.Errorf("%s and %s", doc, name)
			}
		}
	}
}

func TestPrecedence(t *testing.T) {
	dir := writeFiles(t, map[string]string{"c.yaml": "listen: {ldap: '127.0.0.1:11', ldaps: '127.0.0.1:12'}\ndata: d\n"})
	file := filepath.Join(dir, "c.yaml")
	tests := []struct {
		env               variables
		args              []string
		ldap, ldaps, rest string
		data              string
	}{
		{nil, nil, "127.0.0.1:1389", "127.0.0.1:1636", "127.0.0.1:8080", ""},
		{nil, []string{"--config", file}, "127.0.0.1:11", "127.0.0.1:12", "127.0.0.1:8080", filepath.Join(dir, "d")},
		{variables{"LDAPSUGGEST_CONFIG": file}, nil, "127.0.0.1:11", "127.0.0.1:12", "127.0.0.1:8080", filepath.Join(dir, "d")},
		{variables{"LDAPSUGGEST_LDAP": "127.0.0.1:21", "LDAPSUGGEST_DATA": "/e"}, []string{"--config", file}, "127.0.0.1:21", "127.0.0.1:12", "127.0.0.1:8080", "/e"},
		{variables{"LDAPSUGGEST_LDAP": "127.0.0.1:21", "LDAPSUGGEST_DATA": "/e"}, []string{"--config", file, "--ldap", "127.0.0.1:31", "--data", "/f"}, "127.0.0.1:31", "127.0.0.1:12", "127.0.0.1:8080", "/f"},
		{variables{"LDAPSUGGEST_LDAPS": ""}, []string{"--config", file, "--rest", ""}, "127.0.0.1:11", "", "", filepath.Join(dir, "d")},
	}
	for _, tt := range tests {
		c := loadConfig(t, tt.env, tt.args...)
		if c.Listen.LDAP != tt.ldap || c.Listen.LDAPS != tt.ldaps || c.Listen.REST != tt.rest || tt.data != "" && c.Data != tt.data {
			t.Errorf("%v %v: %+v, data %s", tt.env, tt.args, c.Listen, c.Data)
		}
	}
}

func TestRestAddress(t *testing.T) {
	tests := []struct {
		in, addr string
		secure   bool
	}{
		{"127.0.0.1:8080", "127.0.0.1:8080", false},
		{"[::1]:8080", "[::1]:8080", false},
		{"localhost:8080", "localhost:8080", false},
		{"0.0.0.0:8443", "0.0.0.0:8443", true},
		{":8443", ":8443", true},
		{"ldap.example.com:8443", "ldap.example.com:8443", true},
		{"https://127.0.0.1:8443", "127.0.0.1:8443", true},
		{"http://0.0.0.0:8080", "0.0.0.0:8080", false},
	}
	for _, tt := range tests {
		if addr, secure := restAddress(tt.in); addr != tt.addr || secure != tt.secure {
			t.Errorf("%q: %q, %v", tt.in, addr, secure)
		}
	}
}

func TestReadPasswordFile(t *testing.T) {
	for text, want := range map[string]string{"pw": "pw", "pw\n": "pw", "pw\r\n": "pw", " p w \n": " p w ", "pw\n\n": "pw\n"} {
		name := filepath.Join(writeFiles(t, map[string]string{"s": text}), "s")
		if got, err := readPasswordFile(name); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{"": "''", "cn=admin,dc=example": "cn=admin,dc=example", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'"} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}
