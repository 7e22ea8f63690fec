package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

const suggestUsage = `Usage: ldapsuggest suggest [-H URL] -D DN (-w PASSWORD | -W | -y FILE) [-ZZ] [--target DN | --policy DN] [-n COUNT] [--attempts N] [--json | --pick]

Asks a server for passwords by the Generate Password extended operation.
Passwords go to standard output, one a line, all else to standard error. If
standard output is a terminal, it shows the policy and a list to pick from,
and prints the one that was picked.

  -H URL          server; default ldap://127.0.0.1:1389
  -D DN           who asks
  -w PASSWORD     its password; other users of the machine can see it
  -W              ask for the password
  -y FILE         read the password from a file
  -x              simple authentication, which is the only one
  -ZZ             StartTLS, and no further if it fails
  --cacert FILE   certificate to trust (PEM); default $LDAPTLS_CACERT
  --target DN     passwords for this entry, which need not exist
  --policy DN     passwords under this policy
  -n COUNT        number of passwords; default 1, and 5 to pick from
  --attempts N    how often to try for one that passes validation; default 5,
                  0 for no validation
  --json          print the JSON object of the REST API
  --pick          let one be picked on the terminal, wherever standard output
                  goes; --pick=false for never
  --rest URL      the server's REST door, which tells more about the policy
                  for the list: why it is in force, and the entropy; default
                  $LDAPSUGGEST_REST_URL
  --timeout T     give up after this time; default 30s

The exit code is 0 if no password was found unacceptable, 3 if one was (it is
printed none the less). "man ldapsuggest" lists the others.

Example:
  $ ldapsuggest suggest -H ldaps://ldap.example.com -D uid=help,ou=people,dc=example,dc=com -W \
      --target uid=jo,ou=people,dc=example,dc=com -n 3
`

// suggestOptions are the flags of suggest.
type suggestOptions struct {
	url, dn, password, passwordFile, caFile string
	rest                                    string
	ask, startTLS, json, pick               bool
	target, policy                          string
	count, attempts                         int
	timeout                                 time.Duration
}

func (p *program) suggestOptions(args []string) (*suggestOptions, error) {
	var o suggestOptions
	f := newFlags("suggest")
	f.StringVar(&o.url, "H", "ldap://127.0.0.1:1389", "")
	f.StringVar(&o.dn, "D", "", "")
	f.StringVar(&o.password, "w", "", "")
	f.StringVar(&o.passwordFile, "y", "", "")
	f.BoolVar(&o.ask, "W", false, "")
	f.Bool("x", true, "")
	f.BoolVar(&o.startTLS, "ZZ", false, "")
	f.StringVar(&o.caFile, "cacert", "", "")
	f.StringVar(&o.target, "target", "", "")
	f.StringVar(&o.policy, "policy", "", "")
	f.IntVar(&o.count, "n", extop.DefaultPasswordCount, "")
	f.IntVar(&o.attempts, "attempts", extop.DefaultValidationAttempts, "")
	f.BoolVar(&o.json, "json", false, "")
	f.BoolVar(&o.pick, "pick", false, "")
	f.StringVar(&o.rest, "rest", "", "")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "")
	if err := parse(f, args); err != nil {
		return nil, err
	}
	given := make(map[string]bool)
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["pick"] {
		o.pick = !o.json && p.canPick() && isTerminalFile(p.stdout)
	}
	if o.pick && !given["n"] {
		o.count = pickFrom
	}
	ways := 0
	for _, given := range []bool{o.password != "", o.ask, o.passwordFile != ""} {
		if given {
			ways++
		}
	}
	switch {
	case f.NArg() > 0:
		return nil, misuse("suggest takes no arguments, but there is %q", f.Arg(0))
	case o.dn == "":
		return nil, misuse("-D is missing: only who is known gets a password")
	case ways != 1:
		return nil, misuse("one of -w, -W and -y is needed")
	case o.target != "" && o.policy != "":
		return nil, misuse("--target and --policy exclude each other")
	case o.count < 1:
		return nil, misuse("-n must be at least 1")
	case o.attempts < 0:
		return nil, misuse("--attempts must be at least 0")
	case o.timeout <= 0:
		return nil, misuse("--timeout must be more than nothing")
	case o.pick && o.json:
		return nil, misuse("--json and --pick exclude each other")
	case o.pick && !p.canPick():
		return nil, misuse("--pick needs a terminal, to show the list and to read the choice")
	}
	if o.rest == "" {
		o.rest, _ = p.env("LDAPSUGGEST_REST_URL")
	}
	if o.caFile == "" {
		o.caFile, _ = p.env("LDAPTLS_CACERT")
	}
	return &o, nil
}

func (o *suggestOptions) request() extop.GeneratePasswordRequest {
	r := extop.GeneratePasswordRequest{Count: o.count, Attempts: o.attempts}
	switch {
	case o.target != "":
		r.Selection, r.DN = extop.SelectTargetEntry, o.target
	case o.policy != "":
		r.Selection, r.DN = extop.SelectPolicyDN, o.policy
	}
	return r
}

func (p *program) suggest(ctx context.Context, args []string) error {
	o, err := p.suggestOptions(args)
	if err != nil {
		return err
	}
	res, told, err := p.askForPasswords(ctx, o)
	if err != nil {
		if o.json {
			p.stdout.Write(restbridge.EncodeError(err))
		}
		return asked{server: o.url, front: true, dn: o.dn, target: o.target}.explain(err)
	}
	defer res.Wipe()
	if o.pick && len(res.Passwords) > 0 {
		at, err := p.pickPassword(ctx, res, told, o)
		if err != nil {
			return err
		}
		return p.printPicked(res, at)
	}
	if err := p.printPasswords(res, o); err != nil {
		return err
	}
	rejected := false
	for i, pw := range res.Passwords {
		if len(pw.Errors) > 0 {
			rejected = true
			fmt.Fprintf(p.stderr, "ldapsuggest: password %d would be refused: %s\n", i+1, strings.Join(pw.Errors, "; "))
		}
	}
	if rejected {
		return errRejected
	}
	return nil
}

func (p *program) printPasswords(res *extop.GeneratePasswordResult, o *suggestOptions) error {
	var out []byte
	defer func() { clear(out) }()
	if o.json {
		var err error
		if out, err = restbridge.EncodeSuggestedPasswords(res); err != nil {
			return err
		}
	} else {
		name := res.PolicyDN
		if name == "" {
			name = "none in force"
		}
		fmt.Fprintf(p.stderr, "policy: %s\n", name)
		size := 0
		for _, pw := range res.Passwords {
			size += len(pw.Password.Bytes()) + 1
		}
		out = make([]byte, 0, size)
		for _, pw := range res.Passwords {
			out = append(append(out, pw.Password.Bytes()...), '\n')
		}
		if len(res.Passwords) < o.count {
			fmt.Fprintf(p.stderr, "ldapsuggest: the server gives at most %d at a time\n", len(res.Passwords))
		}
	}
	_, err := p.stdout.Write(out)
	return err
}

// askForPasswords binds and performs the operation. To pick from the
// passwords, it also asks what is told about the policy, which may fail.
func (p *program) askForPasswords(ctx context.Context, o *suggestOptions) (*extop.GeneratePasswordResult, *aboutPolicy, error) {
	tlsConfig, err := clientTLS(o.caFile)
	if err != nil {
		return nil, nil, fmt.Errorf("--cacert: %w", err)
	}
	client, err := directory.New(directory.Config{
		URLs: []string{o.url}, StartTLS: o.startTLS, TLS: tlsConfig,
		DialTimeout: o.timeout, RequestTimeout: o.timeout,
	})
	if err != nil {
		return nil, nil, misuse("-H: %s", strings.TrimPrefix(err.Error(), "directory: "))
	}
	defer client.Close()
	password, err := p.bindPassword(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	defer clear(password)
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	conn, err := client.Bind(ctx, o.dn, password)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	value, err := conn.Extended(ctx, extop.GeneratePasswordRequestOID, o.request().Encode())
	defer clear(value)
	if err != nil {
		return nil, nil, err
	}
	res, err := extop.DecodeGeneratePasswordResult(value)
	if err != nil || !o.pick {
		return res, nil, err
	}
	return res, o.aboutPolicy(ctx, conn, tlsConfig, password), nil
}

func (p *program) bindPassword(ctx context.Context, o *suggestOptions) ([]byte, error) {
	switch {
	case o.passwordFile != "":
		return readPasswordFile(o.passwordFile)
	case o.ask:
		return p.promptPassword(ctx)
	}
	return []byte(o.password), nil
}

// promptPassword asks on the terminal, or reads a line of standard input if
// there is none.
func (p *program) promptPassword(ctx context.Context) ([]byte, error) {
	// What is typed as soon as the question is there must not be shown.
	if f, ok := p.stdin.(*os.File); ok {
		if restore, err := echoOff(f); err == nil {
			defer restore()
		}
	}
	fmt.Fprint(p.stderr, "Password: ")
	defer fmt.Fprintln(p.stderr)
	type answer struct {
		line []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(io.LimitReader(p.stdin, 4096)).ReadBytes('\n')
		answered <- answer{bytes.TrimRight(line, "\r\n"), err}
	}()
	select {
	case <-ctx.Done(): // interrupted: the terminal must show again what is typed
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, errInterrupted
		}
		return nil, ctx.Err()
	case a := <-answered:
		if len(a.line) > 0 {
			return a.line, nil
		}
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return nil, a.err
		}
		return nil, errors.New("no password was given")
	}
}
