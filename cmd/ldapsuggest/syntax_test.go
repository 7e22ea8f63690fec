package main

import (
	"bytes"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// syntaxesOf returns the syntax of every command.
func syntaxesOf(t *testing.T) []syntax {
	t.Helper()
	all, err := (&program{}).syntaxes()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// flagPattern matches a flag in a text.
var flagPattern = regexp.MustCompile("(?:^|[\\s`|(\\[{'\"]|\\\\fB)(--?[A-Za-z][A-Za-z-]*)")

// flagsIn returns the flags that a text names, without dashes. Those of other
// programs stand in examples, which are not looked at.
func flagsIn(text string) map[string]bool {
	found := make(map[string]bool)
	for _, m := range flagPattern.FindAllStringSubmatch(text, -1) {
		found[strings.TrimLeft(m[1], "-")] = true
	}
	return found
}

// section returns a section of a page.
func section(text, title string) string {
	_, rest, _ := strings.Cut("\n"+text, "\n## "+title+"\n")
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

// TestFlagsAreTold wants each flag of each command to stand in its usage
// text, in its page and in its manual page, and no other.
func TestFlagsAreTold(t *testing.T) {
	commands := (&program{}).commands()
	flags := make(map[string]map[string]bool) // by command: of all its verbs
	for _, s := range syntaxesOf(t) {
		of := flags[s.path[0]]
		if of == nil {
			of = make(map[string]bool)
			flags[s.path[0]] = of
		}
		for _, f := range s.flags {
			of[f.name] = true
			if f.text == "" {
				t.Errorf("the usage text of %s does not tell what %s is", s.name(), dashed(f.name))
			}
		}
		if s.text == "" {
			t.Errorf("the usage text of %s does not tell what it is for", s.name())
		}
	}
	if len(flags) < 9 || len(flags["suggest"]) < 10 {
		t.Fatalf("%d commands, %d flags of suggest", len(flags), len(flags["suggest"]))
	}
	differ := func(where string, told, taken map[string]bool) {
		for name := range told {
			if !taken[name] {
				t.Errorf("%s: %s is no flag", where, dashed(name))
			}
		}
		for name := range taken {
			if !told[name] {
				t.Errorf("%s: nothing about %s", where, dashed(name))
			}
		}
	}
	inOverview := []string{"version", "help"} // they have no pages of their own
	overview, err := os.ReadFile("../../docs/commands/ldapsuggest.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, taken := range flags {
		told := make(map[string]bool)
		for o := range options(commands[name].usage) {
			told[o] = true
		}
		differ("usage of "+name, told, taken)
		synopsis, _, _ := strings.Cut(commands[name].usage, "\n\n")
		for f := range flagsIn(synopsis) {
			if !taken[f] && name != "help" {
				t.Errorf("usage of %s: %s is no flag", name, dashed(f))
			}
		}
		if slices.Contains(inOverview, name) {
			if !strings.Contains(string(overview), "`"+name+"`") {
				t.Errorf("docs/commands/ldapsuggest.md does not name %s", name)
			}
			continue
		}
		if !strings.Contains(string(overview), "["+name+"]("+name+".md)") {
			t.Errorf("docs/commands/ldapsuggest.md does not name %s", name)
		}
		page, err := os.ReadFile("../../docs/commands/" + name + ".md")
		if err != nil {
			t.Error(err)
			continue
		}
		told = flagsIn(section(string(page), "Options"))
		differ("docs/commands/"+name+".md", told, taken)
		for f := range flagsIn(section(string(page), "Synopsis")) {
			if !taken[f] {
				t.Errorf("docs/commands/%s.md: %s is no flag", name, dashed(f))
			}
		}
		manual, err := os.ReadFile("../../man/ldapsuggest-" + name + ".1")
		if err != nil {
			t.Error(err)
			continue
		}
		_, opts, _ := strings.Cut(string(manual), "\n.Sh OPTIONS\n")
		opts, _, _ = strings.Cut(opts, "\n.Sh ")
		opts = regexp.MustCompile(`(?m)^\.(Bl|Bd) .*$`).ReplaceAllString(opts, "") // the macros' own
		differ("man/ldapsuggest-"+name+".1", flagsIn(strings.ReplaceAll(opts, `\-`, "-")), taken)
	}
}

// TestVerbsAreTold wants the overview to show each command, and the pages each
// verb.
func TestVerbsAreTold(t *testing.T) {
	for _, s := range syntaxesOf(t) {
		if len(s.path) == 1 && !regexp.MustCompile(`(?m)^  ldapsuggest `+s.path[0]+`\b`).MatchString(usage) {
			t.Errorf("the usage text does not show %s", s.name())
		}
		if len(s.path) == 2 {
			page, err := os.ReadFile("../../docs/commands/" + s.path[0] + ".md")
			if err != nil {
				t.Error(err)
			} else if !strings.Contains(section(string(page), "Synopsis"), "ldapsuggest "+s.name()) {
				t.Errorf("docs/commands/%s.md does not show %s", s.path[0], s.name())
			}
		}
	}
}

// TestFlagsAreCompleted wants each flag of each command in the completions of
// each shell.
func TestFlagsAreCompleted(t *testing.T) {
	all := syntaxesOf(t)
	for _, s := range all {
		for _, f := range s.flags {
			var bash, zsh, fish bytes.Buffer
			one := []syntax{{path: s.path, text: s.text, flags: []flagSyntax{f}}}
			bashCompletion(&bash, one)
			zshCompletion(&zsh, one)
			fishCompletion(&fish, one)
			if !strings.Contains(bash.String(), dashed(f.name)) || !strings.Contains(zsh.String(), dashed(f.name)+"[") && !strings.Contains(zsh.String(), dashed(f.name)+"=[") ||
				!regexp.MustCompile(`-[sol] `+f.name+` `).MatchString(fish.String()) {
				t.Errorf("%s of %s is missing", dashed(f.name), s.name())
			}
		}
	}
}

// TestHelp asks each command how it is used, in every way.
func TestHelp(t *testing.T) {
	for _, s := range syntaxesOf(t) {
		name := s.path[0]
		lines := [][]string{{"help", name}, append(slices.Clone(s.path), "-h"), append(slices.Clone(s.path), "--help")}
		for _, args := range lines {
			var out, problems bytes.Buffer
			p := &program{stdin: strings.NewReader(""), stdout: &out, stderr: &problems, env: variables{}.lookup}
			if code := p.run(t.Context(), args); code != 0 || problems.Len() > 0 {
				t.Errorf("%q: %d, %s", args, code, problems.String())
			}
			if text := out.String(); text != p.commands()[name].usage || !strings.HasPrefix(text, "Usage:") || !strings.Contains(text, "\nExample") {
				t.Errorf("%q: %s", args, text)
			}
		}
	}
}

// TestMisuse gives each command an option and an argument that it does not
// know.
func TestMisuse(t *testing.T) {
	for _, s := range syntaxesOf(t) {
		for _, wrong := range [][]string{{"--frobnicate"}, {"--frobnicate=1", "x"}} {
			var out, problems bytes.Buffer
			p := &program{stdin: strings.NewReader(""), stdout: &out, stderr: &problems, env: variables{}.lookup}
			args := append(slices.Clone(s.path), wrong...)
			if code := p.run(t.Context(), args); code != exitUsage || out.Len() > 0 {
				t.Errorf("%q: %d, %s", args, code, out.String())
			}
			if text := problems.String(); !strings.Contains(text, "frobnicate") || !strings.Contains(text, "hint: see ldapsuggest help "+s.path[0]) {
				t.Errorf("%q: %s", args, text)
			}
		}
	}
}

func TestUsageTextsAreRead(t *testing.T) {
	const text = `Usage:
  ldapsuggest thing make [--quick] FILE
  ldapsuggest thing take
  ldapsuggest other less

make makes it. It takes long.

  -q          be quiet; default
              not
  --quick     at once
  --to FILE   where to,
              and why
  --rather-long NAME
              what is longer

  --for this  only that
  --lone
  text that is no option

Example:
  $ ldapsuggest thing make --x
`
	if got := verbs(text, "thing"); !slices.Equal(got, []string{"make", "take"}) {
		t.Errorf("%q", got)
	}
	want := map[string]flagSyntax{
		"q": {"q", "", "be quiet; default not"}, "quick": {"quick", "", "at once"}, "to": {"to", "FILE", "where to, and why"},
		"rather-long": {"rather-long", "NAME", "what is longer"}, "lone": {"lone", "", ""},
		"for": {"for", "this", "only that"},
	}
	if got := options(text); !maps.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got := verbSummary(text, "make"); got != "makes it" {
		t.Errorf("%q", got)
	}
	if got := verbSummary(text, "take"); got != "make makes it" {
		t.Errorf("%q", got)
	}
}
