package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A syntax is what a command line of one command may have: what completions
// and the manual pages are made of and compared with. The flags are those that
// the command parses, the words about them those of its usage text.
type syntax struct {
	path  []string // "breach", "build"
	text  string   // what it is for
	verbs []string // of a command that has some
	flags []flagSyntax
}

// A flagSyntax is one flag.
type flagSyntax struct {
	name  string // without dashes
	value string // what stands for its value in the usage text, in small letters if it is the only one; empty if it takes none
	text  string // what it means, in one line; empty if the usage text is silent
}

// usageLine matches a line of a usage text that shows a command with a verb.
var usageLine = regexp.MustCompile(`(?m)^(?:Usage:|  )\s*ldapsuggest ([a-z]+)\s+([a-z][a-z-]*)(?:\s|$)`)

// verbs returns the verbs of a command, in the order of its usage text. That
// is the one place where they are listed.
func verbs(usage, name string) []string {
	var found []string
	synopsis, _, _ := strings.Cut(usage, "\n\n")
	for _, m := range usageLine.FindAllStringSubmatch(synopsis, -1) {
		if m[1] == name && !slices.Contains(found, m[2]) {
			found = append(found, m[2])
		}
	}
	return found
}

// optionLine matches the line of a usage text that tells of a flag.
var optionLine = regexp.MustCompile(`^  (--?[A-Za-z][A-Za-z-]*)(?: ([A-Za-z]+))?(?:  +(.*))?$`)

// options returns what a usage text tells of flags, by their names.
func options(usage string) map[string]flagSyntax {
	found := make(map[string]flagSyntax)
	var last string
	for line := range strings.Lines(usage) {
		line = strings.TrimRight(line, "\n")
		if m := optionLine.FindStringSubmatch(line); m != nil {
			last = strings.TrimLeft(m[1], "-")
			found[last] = flagSyntax{last, m[2], m[3]}
		} else if o, ok := found[last]; ok && strings.HasPrefix(line, "     ") {
			o.text = strings.TrimSpace(o.text + " " + strings.TrimSpace(line))
			found[last] = o
		} else {
			last = ""
		}
	}
	return found
}

// syntaxes returns the syntax of every command and verb, by name.
func (p *program) syntaxes() ([]syntax, error) {
	quiet := &program{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, env: func(string) (string, bool) { return "", false }}
	commands := quiet.commands()
	var all []syntax
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		c := commands[name]
		s := syntax{path: []string{name}, text: summary(c.usage), verbs: verbs(c.usage, name)}
		if len(s.verbs) == 0 {
			if err := s.observe(c); err != nil {
				return nil, err
			}
			all = append(all, s)
			continue
		}
		all = append(all, s)
		for _, verb := range s.verbs {
			v := syntax{path: []string{name, verb}, text: verbSummary(c.usage, verb)}
			if err := v.observe(c); err != nil {
				return nil, err
			}
			all = append(all, v)
		}
	}
	return all, nil
}

// observe has the command tell its flags, as it does when it is asked for
// help.
func (s *syntax) observe(c command) error {
	var wanted *helpWanted
	if err := c.run(context.Background(), append(slices.Clone(s.path[1:]), "-h")); !errors.As(err, &wanted) {
		return fmt.Errorf("%s -h does not ask for help: %v", strings.Join(s.path, " "), err)
	}
	told := options(c.usage)
	wanted.flags.VisitAll(func(f *flag.Flag) {
		o := told[f.Name]
		o.name = f.Name
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			o.value = ""
		} else if o.value == "" {
			o.value = "VALUE"
		}
		s.flags = append(s.flags, o)
	})
	return nil
}

// summary is the first sentence of a usage text.
func summary(usage string) string {
	_, text, _ := strings.Cut(usage, "\n\n")
	return sentence(text)
}

// verbSummary is the sentence of a usage text that begins with a verb, or
// else its first one.
func verbSummary(usage, verb string) string {
	if _, text, ok := strings.Cut(usage, "\n\n"+verb+" "); ok {
		return sentence(text)
	}
	return summary(usage)
}

// sentence returns the first sentence of a text, on one line.
func sentence(text string) string {
	text, _, _ = strings.Cut(text, "\n\n")
	text = strings.Join(strings.Fields(text), " ")
	for _, end := range []string{". ", ": ", "; "} {
		text, _, _ = strings.Cut(text, end)
	}
	return strings.TrimSuffix(text, ".")
}
