package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const unitDir = "../../deploy/systemd"

// units returns the units of the tree in a directory of their own, the
// program's place replaced by that of this one.
func units(t *testing.T) (dir string, names []string) {
	t.Helper()
	dir = t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(unitDir + "/*")
	if err != nil || len(files) < 2 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		unit := strings.ReplaceAll(string(text), "/usr/local/bin/ldapsuggest", exe)
		name := filepath.Base(f)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return dir, names
}

// TestUnits has systemd read the units, and judge what the service is left
// with: less than 1.5 of 10.
func TestUnits(t *testing.T) {
	dir, names := units(t)
	verify := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, names...)...)
	verify.Dir = dir
	if out, err := verify.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	// A unit that is wrong is found to be: silence means something.
	if err := os.WriteFile(filepath.Join(dir, "wrong.service"), []byte("[Service]\nExecStart=/nowhere/program\nNoNewPrivilege=yes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	verify = exec.Command("systemd-analyze", "verify", "--man=no", "wrong.service")
	verify.Dir = dir
	if out, err := verify.CombinedOutput(); err == nil && len(out) == 0 {
		t.Error("systemd-analyze finds nothing wrong with anything")
	}
	for threshold, good := range map[string]bool{"15": true, "5": false} {
		security := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+threshold, "ldapsuggest.service")
		security.Dir = dir
		if out, err := security.CombinedOutput(); (err == nil) != good || !strings.Contains(string(out), "Overall exposure level") {
			t.Errorf("threshold %s: %v\n%s", threshold, err, out)
		}
	}
}

// directives returns what a unit sets.
func directives(t *testing.T, file string) map[string][]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	set := make(map[string][]string)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(key, "#") {
			set[key] = append(set[key], value)
		}
	}
	return set
}

// TestUnitsFit wants the units to say what the program understands.
func TestUnitsFit(t *testing.T) {
	service := directives(t, unitDir+"/ldapsuggest.service")
	args := strings.Fields(service["ExecStart"][0])
	if args[0] != "/usr/local/bin/ldapsuggest" || args[1] != "serve" {
		t.Errorf("%q", args)
	}
	var serve syntax
	for _, s := range syntaxesOf(t) {
		if s.name() == "serve" {
			serve = s
		}
	}
	for _, a := range args[2:] {
		if strings.HasPrefix(a, "-") && !slices.ContainsFunc(serve.flags, func(f flagSyntax) bool { return dashed(f.name) == a }) {
			t.Errorf("serve has no flag %s", a)
		}
	}
	var c config
	var credentials []string
	for _, s := range c.secrets() {
		credentials = append(credentials, s.credential())
	}
	page := readPages(t)["docs/running.md"]
	for _, name := range credentials {
		if !strings.Contains(page, "\n| `"+name+"` | ") {
			t.Errorf("docs/running.md does not tell of the credential %s", name)
		}
	}
	for _, l := range service["LoadCredential"] {
		name, _, _ := strings.Cut(l, ":")
		if !slices.Contains(credentials, name) {
			t.Errorf("no secret is the credential %s, but %q", name, credentials)
		}
	}
	if service["Type"][0] != "notify" || service["ExecReload"][0] != "/bin/kill -HUP $MAINPID" {
		t.Errorf("%q", service)
	}
	files, err := filepath.Glob(unitDir + "/*.socket")
	if err != nil || len(files) != 3 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		socket := directives(t, file)
		name := socket["FileDescriptorName"][0]
		if !slices.Contains([]string{"ldap", "ldaps", "rest", "ldapi", "metrics"}, name) || filepath.Base(file) != "ldapsuggest-"+name+".socket" || socket["Service"][0] != "ldapsuggest.service" {
			t.Errorf("%s: %q", file, socket)
		}
	}
}
