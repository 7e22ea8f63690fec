package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a configuration file holds, reading it ends, and an error is one
// line.
func FuzzConfigFile(f *testing.F) {
	example, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example))
	for _, text := range []string{
		"", "---", "listen: &l {<<: *l}", "listen: &l {ldap: '', <<: [*l, *l]}", "external: {identities: &x [*x]}",
		"rest: {oidc: &a {<<: &b {<<: [*a, *a]}}}", "? [a]\n: b", "limits: {connections: .inf}", "a: !!binary x", "data: &d x\nlisten: {ldap: *d}",
		"directory: {defaultPolicy: {? {a: b} : c}}", "log: ~", "listen:\n  - <<: {}", "tls: {<<: {certFile: x}}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := defaultConfig()
		if err := c.readFile(name); err != nil && strings.ContainsRune(err.Error(), '\n') {
			t.Errorf("%q", err)
		}
	})
}
