// Command ldapsuggest serves the LDAP front end with its REST door, and asks
// such a server for passwords.
//
// One file a subcommand; config.go has the configuration that serve reads.
// The packages below do the work: nothing that another program could use is
// here.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

const usage = `Usage:
  ldapsuggest serve   [--config FILE] [--data DIR] [--ldap ADDR] [--ldaps ADDR] [--rest ADDR]
  ldapsuggest suggest [-H URL] -D DN (-w PASSWORD | -W | -y FILE) [--target DN | --policy DN] [-n COUNT]
  ldapsuggest config  check | print | schema  [--config FILE]
  ldapsuggest policy  detect | explain | check | list  [--config FILE | -H URL -D DN -y FILE] [DN]
  ldapsuggest breach  build SOURCE OUTPUT | check LIST
  ldapsuggest token   create --entry DN --api API | list | revoke ID
  ldapsuggest export  [--data DIR] [FILE]
  ldapsuggest health  [--config FILE | --url URL]
  ldapsuggest completion SHELL
  ldapsuggest version [--json]
  ldapsuggest help [COMMAND]

ldapsuggest puts the Generate Password extended operation in front of any
directory: passwords that the directory's own policy accepts.

Example:
  $ ldapsuggest serve &
  $ ldapsuggest suggest -D cn=admin,dc=example,dc=com -y ldapsuggest-data/admin.password -n 3

"ldapsuggest help COMMAND" tells more.
`

// A program is one run of the command, with all that it touches outside.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            environment
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default action is back: a second one ends
	// the program at once.
	context.AfterFunc(ctx, stop)
	p := &program{os.Stdin, os.Stdout, os.Stderr, os.LookupEnv}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// A command is a subcommand.
type command struct {
	usage string
	run   func(ctx context.Context, args []string) error
}

func (p *program) commands() map[string]command {
	return map[string]command{
		"serve":      {serveUsage, p.serve},
		"suggest":    {suggestUsage, p.suggest},
		"config":     {configUsage, p.config},
		"policy":     {policyUsage, p.policy},
		"breach":     {breachUsage, p.breach},
		"token":      {tokenUsage, p.token},
		"export":     {exportUsage, p.export},
		"health":     {healthUsage, p.health},
		"completion": {completionUsage, p.completion},
		"version":    {versionUsage, p.version},
		"help":       {usage, p.help},
	}
}

func (p *program) run(ctx context.Context, args []string) int {
	name := "help"
	if len(args) > 0 {
		name = args[0]
		args = args[1:]
	}
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	commands := p.commands()
	c, ok := commands[name]
	if !ok {
		p.complain(unknownCommand("", name, slices.Collect(maps.Keys(commands))), "")
		return exitUsage
	}
	err := c.run(ctx, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(p.stdout, c.usage)
	case err != nil && !errors.Is(err, errRejected) && !errors.Is(err, errInterrupted):
		p.complain(err, name)
	}
	return exitCode(err)
}

func (p *program) help(_ context.Context, args []string) error {
	f := newFlags("help")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() == 0 {
		io.WriteString(p.stdout, usage)
		return nil
	}
	name := f.Arg(0)
	commands := p.commands()
	c, ok := commands[name]
	if !ok {
		return unknownCommand("", name, slices.Collect(maps.Keys(commands)))
	}
	known := verbs(c.usage, name)
	switch {
	case f.NArg() > 2, f.NArg() == 2 && len(known) == 0:
		return misuse("help takes one command")
	case f.NArg() == 2 && !slices.Contains(known, f.Arg(1)):
		return unknownCommand(name, f.Arg(1), known)
	}
	io.WriteString(p.stdout, c.usage)
	return nil
}

// newFlags returns a set of flags whose errors are usage errors.
func newFlags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	return f
}

// A helpWanted is a command line that asks for help. It carries the flags that
// the command takes, which is how completions are made of them.
type helpWanted struct{ flags *flag.FlagSet }

func (*helpWanted) Error() string { return flag.ErrHelp.Error() }
func (*helpWanted) Unwrap() error { return flag.ErrHelp }

func parse(f *flag.FlagSet, args []string) error {
	err := f.Parse(args)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, flag.ErrHelp):
		return &helpWanted{f}
	}
	wrong := &usageError{text: err.Error()}
	if name, ok := strings.CutPrefix(wrong.text, "flag provided but not defined: -"); ok {
		var known []string
		f.VisitAll(func(k *flag.Flag) { known = append(known, k.Name) })
		if near := nearest(strings.TrimPrefix(name, "-"), known); near != "" {
			wrong.near = dashed(near)
		}
	}
	return wrong
}

// dashed is a flag as it is written: two dashes before a word.
func dashed(name string) string {
	if len(name) == 1 || name == strings.ToUpper(name) {
		return "-" + name
	}
	return "--" + name
}
