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
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
)

// Exit codes besides 0.
const (
	exitFailure  = 1
	exitUsage    = 2
	exitRejected = 3 // suggest, policy check: a password would be refused; breach check: one is public
)

const usage = `Usage:
  ldapsuggest serve   [--config FILE] [--data DIR] [--ldap ADDR] [--ldaps ADDR] [--rest ADDR]
  ldapsuggest suggest [-H URL] -D DN (-w PASSWORD | -W | -y FILE) [--target DN | --policy DN] [-n COUNT]
  ldapsuggest policy  detect | explain | check  [--config FILE | -H URL -D DN -y FILE] [DN]
  ldapsuggest breach  build SOURCE OUTPUT | check LIST
  ldapsuggest token   create --entry DN --api API | list | revoke ID
  ldapsuggest export  [--data DIR] [FILE]
  ldapsuggest version
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
		"serve":   {serveUsage, p.serve},
		"suggest": {suggestUsage, p.suggest},
		"policy":  {policyUsage, p.policy},
		"breach":  {breachUsage, p.breach},
		"token":   {tokenUsage, p.token},
		"export":  {exportUsage, p.export},
		"version": {"Usage: ldapsuggest version\n\nPrints the version.\n", p.version},
		"help":    {usage, p.help},
	}
}

// A usageError is a command line that cannot be understood.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func misuse(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// A hinted error tells what to do about it.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// errRejected is an answer with a password that the directory would refuse.
var errRejected = errors.New("a password would be refused")

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
	c, ok := p.commands()[name]
	if !ok {
		p.complain(misuse("unknown command %q", name), "")
		return exitUsage
	}
	err := c.run(ctx, args)
	var wrong *usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(p.stdout, c.usage)
		return 0
	case errors.Is(err, errRejected):
		return exitRejected
	case errors.As(err, &wrong):
		p.complain(err, name)
		return exitUsage
	}
	p.complain(err, name)
	return exitFailure
}

// complain prints an error and what to do about it.
func (p *program) complain(err error, name string) {
	fmt.Fprintf(p.stderr, "ldapsuggest: %v\n", err)
	var h *hinted
	var wrong *usageError
	switch {
	case errors.As(err, &h):
		fmt.Fprintf(p.stderr, "ldapsuggest: hint: %s\n", h.hint)
	case errors.As(err, &wrong):
		fmt.Fprintf(p.stderr, "ldapsuggest: hint: %s\n", strings.TrimSpace("see ldapsuggest help "+name))
	}
}

func (p *program) help(_ context.Context, args []string) error {
	switch len(args) {
	case 0:
		io.WriteString(p.stdout, usage)
	case 1:
		c, ok := p.commands()[args[0]]
		if !ok {
			return misuse("unknown command %q", args[0])
		}
		io.WriteString(p.stdout, c.usage)
	default:
		return misuse("help takes one command")
	}
	return nil
}

func (p *program) version(_ context.Context, args []string) error {
	if len(args) > 0 {
		return misuse("version takes no arguments")
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("the program was built without version information")
	}
	fmt.Fprintf(p.stdout, "ldapsuggest %s (%s)\n", info.Main.Version, info.GoVersion)
	return nil
}

// newFlags returns a set of flags whose errors are usage errors.
func newFlags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	return f
}

func parse(f *flag.FlagSet, args []string) error {
	err := f.Parse(args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return &usageError{err.Error()}
}
