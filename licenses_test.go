package ldapsuggest_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write THIRD_PARTY anew")

// thirdParty is the file that goes out with the program: what is linked into
// it, under which licences, and their texts.
const thirdParty = "THIRD_PARTY"

// allowedLicenses are those that may be linked, by what their texts say and
// others' do not. A new one is a decision.
var allowedLicenses = []struct {
	name  string
	marks []string
}{
	{"Apache-2.0", []string{"Apache License Version 2.0", "Grant of Patent License"}},
	{"MIT", []string{"Permission is hereby granted, free of charge, to any person obtaining a copy", "The above copyright notice and this permission notice shall be included"}},
	{"BSD-3-Clause", []string{"Redistributions of source code must retain", "Redistributions in binary form must reproduce", "Neither the name of|may be used to endorse or promote"}},
	{"BSD-2-Clause", []string{"Redistributions of source code must retain", "Redistributions in binary form must reproduce"}},
	{"ISC", []string{"Permission to use, copy, modify, and/?(or)? ?distribute this software for any purpose with or without fee"}},
}

// refusedLicenses must not be taken for one of the above by what a text has
// in common with it.
var refusedLicenses = regexp.MustCompile(`GNU (LESSER |AFFERO )?GENERAL PUBLIC|Mozilla Public License|Server Side Public|Business Source|Commons Clause|advertising materials mentioning`)

// licenseOf names the licence of a text.
func licenseOf(text string) (string, error) {
	flat := strings.Join(strings.Fields(text), " ")
	if m := refusedLicenses.FindString(flat); m != "" {
		return "", fmt.Errorf("it speaks of %q", m)
	}
	var found []string
	for _, l := range allowedLicenses {
		if !slices.ContainsFunc(l.marks, func(mark string) bool { return !regexp.MustCompile(mark).MatchString(flat) }) {
			found = append(found, l.name)
		}
	}
	if i := slices.Index(found, "BSD-2-Clause"); i >= 0 && slices.Contains(found, "BSD-3-Clause") {
		found = slices.Delete(found, i, i+1)
	}
	if len(found) == 0 {
		return "", errors.New("it is none that is allowed")
	}
	return strings.Join(found, " and "), nil
}

// A component is something that is in the program.
type component struct {
	name, version, license string
	texts                  []string
}

// linked returns the modules of which a package is linked into the program,
// and what is embedded in it.
func linked(t *testing.T) []component {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=Module,Standard", "./cmd/ldapsuggest")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs := make(map[string][2]string) // version and directory by path
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Module *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module != nil && !p.Module.Main {
			dirs[p.Module.Path] = [2]string{p.Module.Version, p.Module.Dir}
		}
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs["the Go standard library and runtime"] = [2]string{"", strings.TrimSpace(string(root))}
	var found []component
	for name, at := range dirs {
		found = append(found, componentIn(t, name, at[0], at[1]))
	}
	const eff = "policy/generate/wordlist/README.md"
	text, err := os.ReadFile(eff)
	if err != nil {
		t.Fatal(err)
	}
	found = append(found, component{"word lists of the Electronic Frontier Foundation", "2016", "CC-BY-3.0-US", []string{"README.md of " + filepath.Dir(eff) + ":\n\n" + string(text)}})
	slices.SortFunc(found, func(a, b component) int { return strings.Compare(a.name, b.name) })
	return found
}

// componentIn reads the licence in a module's directory, and the notices that
// have to go with it.
func componentIn(t *testing.T, name, version, dir string) component {
	t.Helper()
	c := component{name: name, version: version}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"} {
		for _, e := range entries {
			base, _, _ := strings.Cut(strings.ToUpper(e.Name()), ".")
			if base != kind || e.IsDir() {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if kind != "NOTICE" && kind != "PATENTS" {
				license, err := licenseOf(string(text))
				if err != nil {
					t.Errorf("the licence of %s cannot be taken: %v", name, err)
				}
				c.license = license
			}
			c.texts = append(c.texts, strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")))
		}
	}
	if c.license == "" {
		t.Errorf("%s has no licence that is known", name)
	}
	return c
}

// render writes the file. A text that several have stands there once.
func render(components []component) string {
	var b strings.Builder
	b.WriteString("What is linked into ldapsuggest or embedded in it, for linux/amd64.\nMade by \"make licenses\"; TestThirdParty keeps it current.\n\n")
	users := make(map[string][]string)
	var order []string
	for _, c := range components {
		fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(c.name+" "+c.version)+": "+c.license)
		for _, text := range c.texts {
			if users[text] == nil {
				order = append(order, text)
			}
			users[text] = append(users[text], c.name)
		}
	}
	for _, text := range order {
		fmt.Fprintf(&b, "\n%s\n\nOf %s:\n\n%s\n", strings.Repeat("-", 79), strings.Join(users[text], ", "), text)
	}
	return b.String()
}

// TestThirdParty wants every module that is linked to have a licence that is
// allowed, and THIRD_PARTY to have its text.
func TestThirdParty(t *testing.T) {
	components := linked(t)
	if len(components) < 20 {
		t.Fatalf("only %d components found", len(components))
	}
	want := render(components)
	if *update {
		if err := os.WriteFile(thirdParty, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(thirdParty)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not current: run make licenses", thirdParty)
	}
}

func TestLicenseOf(t *testing.T) {
	mit, err := os.ReadFile("LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	const bsd = "Redistributions of source code must retain the above. Redistributions in binary form must reproduce the above."
	for name, tt := range map[string]struct{ text, want string }{
		"this one":            {string(mit), "Apache-2.0"},
		"two clauses":         {bsd, "BSD-2-Clause"},
		"three clauses":       {bsd + " Neither the name of X", "BSD-3-Clause"},
		"four clauses":        {bsd + " All advertising materials mentioning", ""},
		"GPL":                 {"GNU GENERAL PUBLIC LICENSE Version 3", ""},
		"MPL":                 {"Mozilla Public License Version 2.0", ""},
		"MIT under the LGPL":  {"Permission is hereby granted, free of charge, to any person obtaining a copy. The above copyright notice and this permission notice shall be included. GNU LESSER GENERAL PUBLIC LICENSE", ""},
		"all rights reserved": {"Copyright 2026. All rights reserved.", ""},
	} {
		got, err := licenseOf(tt.text)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestThreatModelTests wants the tests that the threat model names to exist.
func TestThreatModelTests(t *testing.T) {
	text, err := os.ReadFile("docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	have := make(map[string]bool)
	err = filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllSubmatch(src, -1) {
			have[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllSubmatch(text, -1)
	if len(named) < 30 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, m := range named {
		if !have[string(m[1])] {
			t.Errorf("docs/threat-model.md names %s, which does not exist", m[1])
		}
	}
}
