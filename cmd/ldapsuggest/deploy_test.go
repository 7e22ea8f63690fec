package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDeployedConfigurations reads the configurations of the image and of
// docker-compose.yml, with the secrets that only containers have in a
// directory of the test.
func TestDeployedConfigurations(t *testing.T) {
	tests := []struct {
		file string
		urls int
	}{
		{"docker", 0},
		{"compose", 2},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../../deploy", tt.file, "ldapsuggest.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			dir := writeFiles(t, map[string]string{"reader.password": "secret\n"})
			file := filepath.Join(dir, "ldapsuggest.yaml")
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "/run/secrets/", dir+"/")), 0o600); err != nil {
				t.Fatal(err)
			}
			c := loadConfig(t, nil, "--config", file)
			if len(c.Directory.URLs) != tt.urls || c.Data != "/data" {
				t.Errorf("%d servers, data in %s", len(c.Directory.URLs), c.Data)
			}
			// The ports that the image tells of, and the health check's.
			if l := c.Listen; l.LDAP != ":1389" || l.LDAPS != ":1636" || l.REST != ":8443" || l.Metrics != ":9389" {
				t.Errorf("%+v", l)
			}
		})
	}
}
