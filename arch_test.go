package ldapsuggest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ldapsuggest/ldapsuggest"

type goPackage struct {
	ImportPath string
	Doc        string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// packages lists the module's packages, short import paths first.
func packages(t *testing.T) map[string]goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps=false", "-json=ImportPath,Doc,Dir,GoFiles,Imports,Deps", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	found := make(map[string]goPackage)
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			found[strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")] = p
		}
	}
	if len(found) < 5 {
		t.Fatalf("only %d packages found", len(found))
	}
	return found
}

// TestDependencies holds the rules that keep the rooms apart.
func TestDependencies(t *testing.T) {
	rules := []struct {
		under  string   // the packages that the rule binds
		not    []string // what they must not depend on, even indirectly
		reason string
	}{
		{"policy", []string{"net", "net/http", "github.com/go-asn1-ber/asn1-ber", "github.com/go-ldap/ldap/v3", module + "/ldapserver", module + "/restbridge", module + "/directory"},
			"rules must judge a password in any program, whatever brought it there"},
		{"policy/generate", []string{module + "/policy", module + "/extop/result"}, "the generators stand alone"},
		{"policy/rule", []string{module + "/policy"}, "a rule gives the same verdict wherever it was read"},
		{"policy", []string{"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/trace"}, "tracing is behind package trail"},
		{"extop", []string{"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/trace"}, "tracing is behind package trail"},
		{"ldapserver", []string{"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/trace"}, "tracing is behind package trail"},
		{"restbridge", []string{"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/trace"}, "tracing is behind package trail"},
		{"internal/trail", []string{"net", module + "/policy", module + "/extop", module + "/extop/result"}, "it is a leaf that all others may depend on"},
		{"internal/audit", []string{module + "/extop", module + "/ldapserver", module + "/restbridge"}, "it writes what it is given"},
		{"extop/result", []string{module + "/policy", module + "/extop"}, "it is the vocabulary of all others"},
		{"extop", []string{module + "/ldapserver", module + "/restbridge", "net/http"}, "both doors call it"},
		{"ldapserver", []string{module + "/restbridge"}, "the doors do not know each other"},
		{"ldapserver/message", []string{module + "/policy", module + "/extop"}, "framing knows no operations"},
		{"restbridge", []string{module + "/ldapserver"}, "the doors do not know each other"},
	}
	all := packages(t)
	for _, r := range rules {
		bound := 0
		for path, p := range all {
			if path != r.under && !strings.HasPrefix(path, r.under+"/") {
				continue
			}
			bound++
			for _, bad := range r.not {
				if p.ImportPath == bad || strings.HasPrefix(p.ImportPath, bad+"/") && bad != module+"/policy" {
					continue
				}
				if slices.Contains(p.Deps, bad) {
					t.Errorf("%s depends on %s: %s", path, bad, r.reason)
				}
			}
		}
		if bound == 0 {
			t.Errorf("no package %s: is the rule out of date?", r.under)
		}
	}
}

// TestPackageDocs wants one package comment for each package.
func TestPackageDocs(t *testing.T) {
	for path, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("package %s has no package comment", path)
		}
	}
}

// TestArchitectureMap keeps the map of packages in ARCHITECTURE.md true.
func TestArchitectureMap(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	inMap := make(map[string]bool)
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9/]+|\\.)` \\|").FindAllSubmatch(text, -1) {
		inMap[strings.TrimPrefix(string(m[1]), ".")] = true
	}
	all := packages(t)
	for path := range all {
		if !inMap[path] {
			t.Errorf("package %q is missing from the map in ARCHITECTURE.md", path)
		}
	}
	for path := range inMap {
		if _, ok := all[path]; !ok {
			t.Errorf("ARCHITECTURE.md lists %q, which is no package", path)
		}
	}
}

// TestNoGlobalState refuses init functions and skipped tests in the tree.
func TestNoGlobalState(t *testing.T) {
	checks := []struct {
		pattern *regexp.Regexp
		why     string
	}{
		{regexp.MustCompile(`(?m)^func init\(\)`), "an init function: construct it where it is used"},
		// ppm alone may be missing: Debian does not ship it, and its source
		// may be out of reach. It is then named.
		{regexp.MustCompile(`\bt\.Skip(f|Now)?\((?:[^"]|"(?:[^p]|p[^p]|pp[^m]))`), "a skipped test: a missing real server is a failure"},
	}
	files := 0
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || path == "arch_test.go" {
			return err
		}
		files++
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, c := range checks {
			if c.pattern.Match(src) {
				t.Errorf("%s: %s", path, c.why)
			}
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files: %v", files, err)
	}
}
