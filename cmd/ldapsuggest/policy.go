package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

const policyUsage = `Usage:
  ldapsuggest policy detect  [DIRECTORY] [--json] [DN ...]
  ldapsuggest policy explain [DIRECTORY] [--json] [DN | --policy DN]
  ldapsuggest policy check   [DIRECTORY] [--json] [DN | --policy DN]
  ldapsuggest policy list    [DIRECTORY] [--json]

detect tells what kind of directory it is and by which sign, and tries what a
suggestion takes: the default policy, the service account's own and those of
the entries named. What may not be read is told with the right to grant.

explain tells which policy is in force for the entry DN, which need not
exist, and why; every rule with the attribute that it comes from; and how
passwords are made. Without DN it is the default policy.

check reads a password, one line, from standard input, or asks for it on a
terminal, and tells whether the directory would accept it. It changes nothing.

list prints all policies: whether a password can satisfy them, the entropy of
a suggestion in bits, and which demands exclude each other.

DIRECTORY is read as its service account. The default is what serve stands
in front of: the configuration, or else the embedded directory, which must
not be running then.

  --config FILE   configuration file of serve; default $LDAPSUGGEST_CONFIG
  --data DIR      data directory of the embedded directory
  -H URL          another directory, or a running ldapsuggest server
  -D DN           who reads it; default anonymous
  -w PASSWORD     its password; other users of the machine can see it
  -W              ask for the password (not with check)
  -y FILE         read the password from a file
  -x              simple authentication, which is the only one
  -ZZ             StartTLS, and no further if it fails
  --cacert FILE   certificate to trust (PEM); default $LDAPTLS_CACERT
  --dialect NAME  how policies are kept; default auto
  --policy DN     this policy, instead of one in force for an entry
  --json          print JSON: the objects of the REST API
  --timeout T     give up after this time; default 30s

The exit code is 0 if all was read, or the password is accepted; 3 if the
password is refused; 1 if something could not be read; 2 for a wrong command
line. "man ldapsuggest" lists the others.

Example:
  $ ldapsuggest policy explain --config ldapsuggest.yaml uid=jo,ou=people,dc=example,dc=com
  $ ldapsuggest policy check -H ldap://127.0.0.1:1389 -D cn=admin,dc=example,dc=com \
      -y ldapsuggest-data/admin.password uid=jo,ou=people,dc=example,dc=com
`

func (p *program) policy(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return misuse("policy detect, policy explain, policy check or policy list?")
	}
	run, ok := map[string]func(context.Context, *policyOptions) error{
		"detect": p.policyDetect, "explain": p.policyExplain, "check": p.policyCheck, "list": p.policyList,
	}[args[0]]
	if !ok {
		if args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
			return flag.ErrHelp
		}
		return unknownCommand("policy", args[0], verbs(policyUsage, "policy"))
	}
	o, err := p.policyOptions(args[0], args[1:])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	return run(ctx, o)
}

// policyOptions are the flags of the policy commands.
type policyOptions struct {
	command                                       string
	config, data, url, dn, password, passwordFile string
	caFile, dialect, policy                       string
	ask, startTLS, json                           bool
	timeout                                       time.Duration
	names                                         []string
}

func (p *program) policyOptions(command string, args []string) (*policyOptions, error) {
	o := policyOptions{command: "policy " + command}
	f := newFlags(o.command)
	f.StringVar(&o.config, "config", "", "")
	f.StringVar(&o.data, "data", "", "")
	f.StringVar(&o.url, "H", "", "")
	f.StringVar(&o.dn, "D", "", "")
	f.StringVar(&o.password, "w", "", "")
	f.StringVar(&o.passwordFile, "y", "", "")
	f.BoolVar(&o.ask, "W", false, "")
	f.Bool("x", true, "")
	f.BoolVar(&o.startTLS, "ZZ", false, "")
	f.StringVar(&o.caFile, "cacert", "", "")
	f.StringVar(&o.dialect, "dialect", "", "")
	f.StringVar(&o.policy, "policy", "", "")
	f.BoolVar(&o.json, "json", false, "")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "")
	if err := parse(f, args); err != nil {
		return nil, err
	}
	o.names = f.Args()
	ways := 0
	for _, given := range []bool{o.password != "", o.ask, o.passwordFile != ""} {
		if given {
			ways++
		}
	}
	switch {
	case command == "list" && (len(o.names) > 0 || o.policy != ""):
		return nil, misuse("%s takes no DN: it lists all policies", o.command)
	case command != "detect" && len(o.names) > 1:
		return nil, misuse("%s takes one DN", o.command)
	case command == "detect" && o.policy != "":
		return nil, misuse("%s takes no --policy", o.command)
	case len(o.names) > 0 && o.policy != "":
		return nil, misuse("a DN and --policy exclude each other")
	case o.url != "" && (o.config != "" || o.data != ""):
		return nil, misuse("-H names another directory than --config and --data")
	case o.url == "" && (o.dn != "" || ways > 0 || o.startTLS || o.caFile != ""):
		return nil, misuse("-D, -w, -W, -y, -ZZ and --cacert need -H")
	case (o.dn != "") != (ways == 1) || ways > 1:
		return nil, misuse("-D needs one of -w, -W and -y, and they need -D")
	case o.ask && command == "check":
		return nil, misuse("-W and the password to check would both be read from standard input: use -y")
	case o.timeout <= 0:
		return nil, misuse("--timeout must be more than nothing")
	}
	for _, name := range o.names {
		if name == "" {
			return nil, misuse("the DN is empty")
		}
	}
	return &o, nil
}

// selection is whose policy is meant. The name may be other than a DN where
// the directory knows entries so.
func (o *policyOptions) selection(ctx context.Context, policies *policy.Service) (policy.Selection, error) {
	if len(o.names) == 0 {
		return policy.Selection{PolicyDN: o.policy}, nil
	}
	target, err := policies.ResolveName(ctx, o.names[0])
	return policy.Selection{Target: target}, err
}

// directoryConfig is the configuration of the directory to read.
func (p *program) directoryConfig(ctx context.Context, o *policyOptions) (*config, error) {
	c := defaultConfig()
	if o.url != "" {
		c.Directory.URLs = []string{o.url}
		c.Directory.StartTLS = o.startTLS
		c.Directory.BindDN = o.dn
		if c.Directory.CAFile = o.caFile; o.caFile == "" {
			c.Directory.CAFile, _ = p.env("LDAPTLS_CACERT")
		}
		switch {
		case o.ask:
			password, err := p.promptPassword(ctx)
			if err != nil {
				return nil, err
			}
			c.bindPassword = password
		case o.passwordFile != "":
			password, err := readPasswordFile(o.passwordFile)
			if err != nil {
				return nil, err
			}
			c.bindPassword = password
		case o.password != "":
			c.bindPassword = []byte(o.password)
		}
	} else {
		if o.config == "" {
			o.config, _ = p.env("LDAPSUGGEST_CONFIG")
		}
		if o.config != "" {
			if err := c.readFile(o.config); err != nil {
				return nil, misconfigured(err)
			}
			c.Data = c.path(c.Data)
		}
		if err := c.readEnvironment(p.env); err != nil {
			return nil, misconfigured(err)
		}
		if o.data != "" {
			c.Data = o.data
		}
	}
	if o.dialect != "" {
		c.Directory.Dialect = o.dialect
	}
	return &c, misconfigured(c.check())
}

// openPolicies opens the directory as serve does.
func (p *program) openPolicies(ctx context.Context, o *policyOptions) (*config, *backend, error) {
	c, err := p.directoryConfig(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	ber.MaxPacketLengthBytes = maxDirectoryMessage
	quiet := slog.New(slog.DiscardHandler)
	if len(c.Directory.URLs) > 0 {
		back, err := p.openBackend(ctx, c, quiet)
		if err != nil {
			return nil, nil, o.explain(err)
		}
		return c, back, nil
	}
	if _, err := os.Stat(filepath.Join(c.Data, storeFile)); err != nil {
		return nil, nil, &hinted{fmt.Errorf("%s holds no directory, and none is configured", c.Data),
			`name a directory with -H or --config; "ldapsuggest serve" makes one of its own`}
	}
	c.adminPassword = nil // reading changes nothing
	back, err := p.openBackend(ctx, c, quiet)
	if errors.Is(err, embedded.ErrInUse) {
		return nil, nil, &hinted{err, fmt.Sprintf(
			`"ldapsuggest serve" has it open: ask that with -H ldap://127.0.0.1:1389 -D ADMIN-DN -y %s`, shellQuote(filepath.Join(c.Data, adminPasswordFile)))}
	}
	return c, back, err
}

// explain adds to a failure what to do about it, where its text does not say.
func (o *policyOptions) explain(err error) error {
	target := ""
	if len(o.names) == 1 {
		target = o.names[0]
	}
	return asked{server: o.where(), dn: o.dn, target: target}.explain(err)
}

func (o *policyOptions) where() string {
	if o.url != "" {
		return o.url
	}
	return "the configured directory"
}

// failure prints an error as JSON if that is wanted, and returns it for the
// terminal.
func (p *program) failure(err error, o *policyOptions, encode func(error) []byte) error {
	if o.json {
		p.stdout.Write(encode(err))
	}
	return o.explain(err)
}

// indent writes a paragraph with each line indented.
func indent(w io.Writer, by, text string) {
	fmt.Fprintln(w, by+strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by))
}

// policyName is how a policy is named for people.
func policyName(dn string) string {
	if dn == "" {
		return "none in force"
	}
	return dn
}

// effective resolves the policy that the arguments mean. The caller closes
// the backend, which is nil if there is an error; one of the directory's is
// reported as o asks.
func (p *program) effective(ctx context.Context, o *policyOptions) (*backend, *policy.Effective, error) {
	_, back, err := p.openPolicies(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	sel, err := o.selection(ctx, back.policies)
	if err == nil {
		var eff *policy.Effective
		if eff, err = back.policies.Resolve(ctx, sel); err == nil {
			return back, eff, nil
		}
	}
	back.close()
	return nil, nil, p.failure(err, o, restbridge.EncodeError)
}
