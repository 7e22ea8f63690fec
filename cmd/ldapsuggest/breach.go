package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/ldapsuggest/ldapsuggest/policy/breach"
)

const breachUsage = `Usage:
  ldapsuggest breach build [--exact | --bits N] [--json] SOURCE OUTPUT
  ldapsuggest breach check [--verify] [--json] LIST

build makes a list of breached passwords of a Pwned Passwords download: a
file of SHA-1 hashes, a directory of ranges, or "-" for standard input. It
takes one pass, and memory for the index only.

  --bits N  keep N bits of each hash, 24 to 64; the default keeps as many as
            make one innocent password in 65,000 look public, at some 18 bits
            a hash
  --exact   keep whole hashes, at some 130 bits each

check reads passwords, one a line, from standard input and tells the numbers
of the lines whose passwords are in the list. It never shows a password.

  --verify  read the whole list first, and compare its checksum
  --json    print a JSON object; of build as well

generator.breachedPasswords in the configuration of serve names a list:
passwords that are in it are not suggested.

The exit code is 0 if no password was found, 3 if one was, 1 for a failure, 2
for a wrong command line.

Example:
  $ ldapsuggest breach build pwnedpasswords.txt breached.list
  $ ldapsuggest breach check breached.list < candidates.txt
`

func (p *program) breach(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return misuse("breach build or breach check?")
	}
	switch args[0] {
	case "build":
		return p.breachBuild(ctx, args[1:])
	case "check":
		return p.breachCheck(ctx, args[1:])
	case "-h", "-help", "--help":
		return flag.ErrHelp
	}
	return unknownCommand("breach", args[0], verbs(breachUsage, "breach"))
}

func (p *program) breachBuild(ctx context.Context, args []string) (err error) {
	var o breach.BuildOptions
	f := newFlags("breach build")
	f.BoolVar(&o.Exact, "exact", false, "")
	f.IntVar(&o.Bits, "bits", 0, "")
	asJSON := f.Bool("json", false, "")
	if err := parse(f, args); err != nil {
		return err
	}
	switch {
	case f.NArg() != 2:
		return misuse("breach build takes a source and an output")
	case o.Exact && o.Bits != 0:
		return misuse("--exact and --bits exclude each other")
	case o.Bits != 0 && (o.Bits < 24 || o.Bits > 64):
		return misuse("--bits must be from 24 to 64")
	}
	src, err := p.breachSource(f.Arg(0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	bar := newProgress(p.stderr)
	o.Progress = bar.update
	stats, err := breach.Build(ctx, src, f.Arg(1), o)
	bar.end()
	if err != nil {
		return err
	}
	if *asJSON {
		return p.printJSON(struct {
			File   string `json:"file"`
			Hashes int64  `json:"hashes"`
			Lines  int64  `json:"lines"`
			Octets int64  `json:"octets"`
		}{f.Arg(1), int64(stats.Hashes), int64(stats.Lines), int64(stats.Size)})
	}
	fmt.Fprintf(p.stdout, "%s: %d hashes of %d lines, %s\n", f.Arg(1), stats.Hashes, stats.Lines, octets(stats.Size))
	return nil
}

func (p *program) breachSource(name string) (*breach.Source, error) {
	if name == "-" {
		return breach.NewSource(p.stdin, "standard input", 0), nil
	}
	return breach.OpenSource(name)
}

// maxCheckedLine bounds a line of breach check.
const maxCheckedLine = 64 << 10

func (p *program) breachCheck(ctx context.Context, args []string) (err error) {
	f := newFlags("breach check")
	verify := f.Bool("verify", false, "")
	asJSON := f.Bool("json", false, "")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return misuse("breach check takes a list")
	}
	list, err := breach.Open(f.Arg(0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, list.Close()) }()
	if *verify {
		if err := list.Verify(); err != nil {
			return fmt.Errorf("%s: %w", f.Arg(0), err)
		}
	}
	if in, ok := p.stdin.(*os.File); ok && isTerminal(in) {
		return p.breachCheckOne(ctx, list, *asJSON)
	}
	buf := make([]byte, maxCheckedLine)
	defer clear(buf)
	lines := bufio.NewScanner(p.stdin)
	lines.Buffer(buf, maxCheckedLine)
	checked := 0
	public := make([]int, 0) // numbers of lines
	for line := 1; lines.Scan(); line++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		found, err := list.Password(bytes.TrimSuffix(lines.Bytes(), []byte("\r")))
		if err != nil {
			return err
		}
		checked++
		if found {
			public = append(public, line)
			if !*asJSON {
				fmt.Fprintf(p.stdout, "line %d: public\n", line)
			}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d has more than %d octets", checked+1, maxCheckedLine)
	} else if lines.Err() != nil {
		return lines.Err()
	}
	if *asJSON {
		if err := p.printJSON(checkedList(list, checked, public)); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(p.stderr, "%d of %d passwords are in the list of %s\n", len(public), checked, describeList(list))
	}
	if len(public) > 0 {
		return errRejected
	}
	return nil
}

// breachCheckOne asks for one password on the terminal.
func (p *program) breachCheckOne(ctx context.Context, list *breach.List, asJSON bool) error {
	password, err := p.promptPassword(ctx)
	if err != nil {
		return err
	}
	defer clear(password)
	public, err := list.Password(password)
	if err == nil && asJSON {
		lines := make([]int, 0)
		if public {
			lines = append(lines, 1)
		}
		err = p.printJSON(checkedList(list, 1, lines))
	}
	switch {
	case err != nil:
		return err
	case asJSON && public:
		return errRejected
	case asJSON:
	case public:
		fmt.Fprintln(p.stdout, "public")
		return errRejected
	default:
		fmt.Fprintln(p.stdout, "not in the list")
	}
	return nil
}

// A checkedLines is what breach check prints as JSON.
type checkedLines struct {
	Checked        int     `json:"checked"`
	Public         []int   `json:"publicLines"`
	Hashes         int64   `json:"hashes"`
	FalsePositives float64 `json:"falsePositives"` // the probability; 0 of whole hashes
}

func checkedList(l *breach.List, checked int, public []int) checkedLines {
	c := checkedLines{Checked: checked, Public: public, Hashes: int64(l.Count())}
	if !l.Exact() {
		c.FalsePositives = l.FalsePositives()
	}
	return c
}

func describeList(l *breach.List) string {
	if l.Exact() {
		return fmt.Sprintf("%d hashes", l.Count())
	}
	return fmt.Sprintf("%d hashes, which takes one innocent password in %.0f for one of them", l.Count(), 1/l.FalsePositives())
}
