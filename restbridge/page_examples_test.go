package restbridge

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// The APIs whose pages have an example in each language, and what that
// prints.
var pageExamples = map[string]string{
	"suggest-password":      `(\S{16}\n){3}`,
	"validate-password":     `The password is shorter than 8 characters\.\n`,
	"password-requirements": `The password must contain at least 8 characters\.\n`,
	"effective-policy":      `cn=policy [0-9.]+\n`,
	"password-policies":     `cn=policy [tT]rue\n`,
	"adaxes":                `"?\S{12,20}"?\n`,
	"ecgrid":                `\S{16}\n`,
	"nextcloud":             `\S{12,} .*[A-Z][a-z]+.*\n`,
}

// TestPageExamples runs the examples of the API pages in Python, Go and
// Node.js, and those in curl that no script of cmd/ldapsuggest runs, against a
// server that has all APIs.
func TestPageExamples(t *testing.T) {
	c := dial(t, &full{demands: []policy.Demand{{Rule: rule.Length{Min: 8}}}})
	replace := strings.NewReplacer(
		"http://127.0.0.1:8080", c.URL,
		"DC=example,DC=com", "dc=example,dc=com", // which is how the server's directory spells it
		"    $ curl", "curl -sS",
	)
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// All examples in Go become one program: to link each would take longer
	// than everything else.
	imports, cases := "", ""
	marker := regexp.MustCompile(`(?m)^<!-- example: (python|go|node) -->\n\n((?:(?:    .*)?\n)+)`)
	commands := make(map[string][]string)
	for page := range pageExamples {
		text, err := os.ReadFile("../docs/rest/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		languages := make(map[string]bool)
		for _, m := range marker.FindAllStringSubmatch(string(text), -1) {
			language, code := m[1], replace.Replace(m[2])
			languages[language] = true
			code = strings.TrimSpace(strings.ReplaceAll("\n"+code, "\n    ", "\n")) + "\n"
			name := page + "/" + language
			switch language {
			case "python":
				commands[name] = []string{"python3", write(page+".py", code)}
			case "node":
				commands[name] = []string{"node", write(page+".mjs", code)}
			case "go":
				pkg := strings.ReplaceAll(page, "-", "")
				code = strings.Replace(code, "package main", "package "+pkg, 1)
				write(filepath.Join(pkg, "main.go"), strings.Replace(code, "func main()", "func Main()", 1))
				imports += "\t\"examples/" + pkg + "\"\n"
				cases += "\tcase \"" + page + "\":\n\t\t" + pkg + ".Main()\n"
				commands[name] = []string{filepath.Join(dir, "examples"), page}
			}
		}
		if page == "adaxes" {
			command := regexp.MustCompile(`(?m)^    \$ curl (?:.*\\\n)*.*\n`).FindString(string(text))
			commands[page+"/curl"] = []string{"sh", "-c", replace.Replace(command)}
		}
		for _, want := range []string{"python", "go", "node"} {
			if !languages[want] {
				t.Errorf("%s has no example in %s", page, want)
			}
		}
	}
	write("go.mod", "module examples\n\ngo 1.24\n")
	write("main.go", "package main\n\nimport (\n\t\"os\"\n\n"+imports+")\n\nfunc main() {\n\tswitch os.Args[1] {\n"+cases+"\t}\n}\n")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", "examples", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	probes := map[string][]string{"python3": {"-c", "import requests"}, "node": {"-e", "fetch"}}
	missing := make(map[string]bool)
	for program, args := range probes {
		if err := exec.CommandContext(t.Context(), program, args...).Run(); err != nil {
			t.Logf("not run: %s is not on this machine (%v)", program, err)
			missing[program] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		command := commands[name]
		if missing[command[0]] {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
			cmd.Env = append(os.Environ(), "LDAP_USER=jo", "LDAP_PASSWORD=s3cret:Pw", "TOKEN="+c.secret, "CANDIDATE=bla5", "no_proxy=*")
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			page, _, _ := strings.Cut(name, "/")
			if err != nil || !regexp.MustCompile(`^`+pageExamples[page]+`$`).Match(out) {
				t.Errorf("%v: %s%s", err, out, stderr.String())
			}
		})
	}
	if len(commands) != 3*len(pageExamples)+1 {
		t.Errorf("%d examples of %d pages", len(commands), len(pageExamples))
	}
}
