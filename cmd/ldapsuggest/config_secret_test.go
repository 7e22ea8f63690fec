package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each secret comes from the environment, a file that the environment or the
// configuration names, or systemd, in this order.
func TestSecrets(t *testing.T) {
	dir := writeFiles(t, map[string]string{"env": "from env file\n", "key": "from key\n", "empty": ""})
	n := 0
	for _, want := range new(config).secrets() {
		n++
		credentials := t.TempDir()
		if err := os.WriteFile(filepath.Join(credentials, want.credential()), []byte("from systemd\n"), 0o400); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			env  variables
			key  string
			want string // with an error's text behind "error: "
		}{
			{nil, "", ""},
			{variables{"CREDENTIALS_DIRECTORY": credentials}, "", "from systemd"},
			{variables{"CREDENTIALS_DIRECTORY": dir}, "", ""},
			{variables{"CREDENTIALS_DIRECTORY": credentials}, "key", "from key"},
			{variables{"CREDENTIALS_DIRECTORY": dir}, "${CREDENTIALS_DIRECTORY}/key", "from key"},
			{variables{"_FILE": filepath.Join(dir, "env")}, "key", "from env file"},
			{variables{"": "from env", "_FILE": filepath.Join(dir, "none")}, "key", "from env"},
			{variables{"": ""}, "", "error: is empty"},
			{variables{"_FILE": ""}, "", "error: _FILE is empty"},
			{variables{"_FILE": filepath.Join(dir, "none")}, "", "error: no such file"},
			{variables{"_FILE": filepath.Join(dir, "empty")}, "", "error: is empty"},
			{nil, "none", "error: no such file"},
		} {
			if tt.key != "" && want.file == nil {
				continue
			}
			env := variables{}
			for name, v := range tt.env {
				if !strings.HasPrefix(name, "CRED") {
					name = want.variable() + name
				}
				env[name] = v
			}
			c := defaultConfig()
			c.dir = dir
			var s secret
			for _, s = range c.secrets() {
				if s.name == want.name {
					break
				}
			}
			if s.file != nil {
				*s.file = tt.key
			}
			err := c.readEnvironment(env.lookup)
			if err == nil {
				err = s.read(&c)
			}
			got := string(*s.to)
			if text, bad := strings.CutPrefix(tt.want, "error: "); bad && (err == nil || !strings.Contains(err.Error(), text)) || !bad && (err != nil || got != tt.want) {
				t.Errorf("%s, %v and %q: %q, %v, want %q", want.name, tt.env, tt.key, got, err, tt.want)
			}
		}
	}
	if n < 3 {
		t.Errorf("only %d secrets", n)
	}
}

// A secret that is written into the file is refused without being quoted, and
// the right key is named.
func TestSecretInFile(t *testing.T) {
	for text, want := range map[string]string{
		"directory: {bindPassword: s3cret}":                    `line 1: unknown key "bindPassword": the secret itself must not be here: name its file with directory.bindPasswordFile, or set LDAPSUGGEST_DIRECTORY_BIND_PASSWORD`,
		"directory: {password: s3cret}":                        "directory.bindPasswordFile",
		"external: {password: s3cret}":                         "external.passwordFile, or set LDAPSUGGEST_EXTERNAL_PASSWORD",
		"tracing: {headers: {Authorization: s3cret}}":          "tracing.headersFile",
		"rest: {oidc: {clientSecret: s3cret}}":                 `unknown key "clientSecret": no key takes a secret`,
		"bindPassword: s3cret":                                 "no key takes a secret",
		"listen: {ldap: ['s3cret']}":                           "line 1: text is expected, not a list",
		"directory: {connections: s3cret}":                     "line 1: a number is expected, not text",
		"directory: s3cret":                                    "line 1: keys with values is expected, not text",
		"limits: {connections: 1.5}":                           "limits.connections: 1.5 is no whole number",
		"rest: {credentialCache: 60}":                          "rest.credentialCache: 60 has no unit",
		"rest: {credentialCache: s3cret}":                      "line 1: a time such as 5s or 1m30s is expected, not text",
		"a: &x {ldap: ''}\nlisten: {<<: *x, ldaps: ''}":        `unknown key "a"`,
		"external: {identities: [{subjet: x}]}":                `unknown key "subjet"`,
		"directory: {startTLS: s3cret}":                        "true or false is expected, not text",
		"directory: {urls: s3cret}":                            "a list is expected, not text",
		"directory: {defaultPolicy: [s3cret]}":                 "keys with values is expected, not a list",
		"directory:\n  urls: []\n  urls: []":                   "already defined",
		"audit: {maxSize: lots}":                               `"lots" is no size`,
		"rest: {rateLimit: {perSecond: s3cret}}":               "a number is expected",
		"generator: {passphrase: {words: s3cret}}":             "a number is expected",
		"external: {identities: [{uid: s3cret}]}":              "a number is expected",
		"directory: {healthInterval: 2001-01-01}":              "a time such as",
		"listen: {proxyProtocol: {trust: {s3cret: 192.0.2.1}}": "c.yaml: ",
	} {
		c := defaultConfig()
		err := c.readFile(filepath.Join(writeFiles(t, map[string]string{"c.yaml": text}), "c.yaml"))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	c := defaultConfig()
	if err := c.readFile(filepath.Join(writeFiles(t, map[string]string{"c.yaml": "listen: &l {ldap: '', ldaps: ''}\nrest: {credentialCache: 0, upstream: {}}\nlimits: {connections: 1_000}\n"}), "c.yaml")); err != nil || c.REST.CredentialCache != 0 || c.Limits.Connections != 1000 {
		t.Errorf("%v, %v", c.REST.CredentialCache, err)
	}
}
