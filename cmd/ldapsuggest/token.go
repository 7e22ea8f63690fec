package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
	"github.com/ldapsuggest/ldapsuggest/restbridge/token"
)

const tokenUsage = `Usage:
  ldapsuggest token create --entry DN --api API[,API] [--expires TIME] [--name NAME] [--json]
  ldapsuggest token list   [--json]
  ldapsuggest token revoke [--json] ID

Makes, lists and revokes API tokens for the REST API. A token stands for an
entry of the directory, for some APIs and for a time. A running server sees a
change at once.

create prints the token on standard output. It is not kept, so it cannot be
shown again.

list prints what is known of each token: its ID, when it ends, its APIs, its
entry and its name.

revoke takes away the token with an ID.

  --entry DN      the entry that the token acts as
  --api API       what it may be used for: adaxes, directory, ecgrid,
                  nextcloud, separated by commas
  --expires TIME  when it ends: days (90d), a duration (12h) or a date
                  (2027-01-31); default 90d
  --name NAME     what it is for, for the list
  --json          print JSON, one object for each token
  --config FILE   configuration file of serve; default $LDAPSUGGEST_CONFIG
  --data DIR      data directory of serve, which tokens.json is in; default
                  ldapsuggest-data

Example:
  $ ldapsuggest token create --entry uid=help,ou=people,dc=example,dc=com --api adaxes --name "ticket system"
`

func (p *program) token(_ context.Context, args []string) error {
	if len(args) == 0 {
		return misuse("token create, token list or token revoke?")
	}
	switch args[0] {
	case "create":
		return p.tokenCreate(args[1:])
	case "list":
		return p.tokenList(args[1:])
	case "revoke":
		return p.tokenRevoke(args[1:])
	case "-h", "-help", "--help":
		return flag.ErrHelp
	}
	return unknownCommand("token", args[0], verbs(tokenUsage, "token"))
}

// tokenFlags are the flags of all token commands.
func tokenFlags(name string) (f *flag.FlagSet, configFile, data *string) {
	f = newFlags(name)
	return f, f.String("config", "", ""), f.String("data", "", "")
}

// tokenStore opens the store that serve has with the same configuration.
func (p *program) tokenStore(configFile, data string) (*token.Store, string, error) {
	c := defaultConfig()
	if configFile == "" {
		configFile, _ = p.env("LDAPSUGGEST_CONFIG")
	}
	if configFile != "" {
		if err := c.readFile(configFile); err != nil {
			return nil, "", misconfigured(err)
		}
		c.Data = c.path(c.Data)
	}
	if v, ok := p.env("LDAPSUGGEST_DATA"); ok {
		c.Data = v
	}
	if data != "" {
		c.Data = data
	}
	file := c.tokensFile()
	return token.Open(file), file, nil
}

func (p *program) tokenCreate(args []string) error {
	f, configFile, data := tokenFlags("token create")
	var t token.Token
	f.StringVar(&t.Entry, "entry", "", "")
	f.StringVar(&t.Name, "name", "", "")
	apis := f.String("api", "", "")
	expires := f.String("expires", "90d", "")
	asJSON := f.Bool("json", false, "")
	if err := parse(f, args); err != nil {
		return err
	}
	name, err := dn.Parse(t.Entry)
	switch {
	case f.NArg() > 0:
		return misuse("token create takes no arguments, but there is %q", f.Arg(0))
	case t.Entry == "":
		return misuse("--entry is missing: a token acts as an entry of the directory")
	case err != nil || name.IsRoot():
		return misuse("--entry: %q is no DN of an entry", t.Entry)
	case *apis == "":
		return misuse("--api is missing: one or more of %s", strings.Join(restbridge.APIs(), ", "))
	case strings.ContainsFunc(t.Name, func(r rune) bool { return r < ' ' }):
		return misuse("--name has a control character")
	}
	for api := range strings.SplitSeq(*apis, ",") {
		if !slices.Contains(restbridge.APIs(), api) {
			return misuse("--api: %q is none of %s", api, strings.Join(restbridge.APIs(), ", "))
		}
		if !t.For(api) {
			t.APIs = append(t.APIs, api)
		}
	}
	if t.Expires, err = parseExpiry(*expires, time.Now()); err != nil {
		return err
	}
	store, file, err := p.tokenStore(*configFile, *data)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	t, secret, err := store.Create(t)
	if err != nil {
		return err
	}
	if *asJSON {
		t.Hash = "" // nobody needs it
		return p.printJSON(struct {
			token.Token
			Secret string `json:"token"`
		}{t, secret})
	}
	fmt.Fprintf(p.stderr, "token %s for %s, until %s; it is not shown again:\n", t.ID, t.Entry, t.Expires.Format(time.RFC3339))
	_, err = fmt.Fprintln(p.stdout, secret)
	return err
}

// parseExpiry reads when a token ends: days, a duration or a date, whose
// beginning in UTC it then is.
func parseExpiry(s string, now time.Time) (time.Time, error) {
	var at time.Time
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return at, misuse("--expires: %q is no number of days", s)
		}
		at = now.AddDate(0, 0, int(n))
	} else if d, err := time.ParseDuration(s); err == nil {
		at = now.Add(d)
	} else if at, err = time.Parse(time.DateOnly, s); err != nil {
		return at, misuse("--expires: %q is none of 90d, 12h, 2027-01-31", s)
	}
	if !at.After(now) {
		return at, misuse("--expires: %q is not in the future", s)
	}
	return at, nil
}

func (p *program) tokenList(args []string) error {
	f, configFile, data := tokenFlags("token list")
	asJSON := f.Bool("json", false, "")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return misuse("token list takes no arguments, but there is %q", f.Arg(0))
	}
	store, _, err := p.tokenStore(*configFile, *data)
	if err != nil {
		return err
	}
	tokens, err := store.List()
	if err != nil {
		return err
	}
	if *asJSON {
		enc := json.NewEncoder(p.stdout)
		for _, t := range tokens {
			t.Hash = "" // nobody needs it
			if err := enc.Encode(t); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tEXPIRES\tAPIS\tENTRY\tNAME")
	for _, t := range tokens {
		end := t.Expires.Format("2006-01-02 15:04Z")
		if !time.Now().Before(t.Expires) {
			end = "expired"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.ID, end, strings.Join(t.APIs, ","), t.Entry, t.Name)
	}
	return w.Flush()
}

func (p *program) tokenRevoke(args []string) error {
	f, configFile, data := tokenFlags("token revoke")
	asJSON := f.Bool("json", false, "")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return misuse("token revoke takes one ID")
	}
	store, _, err := p.tokenStore(*configFile, *data)
	if err != nil {
		return err
	}
	err = store.Revoke(f.Arg(0))
	if errors.Is(err, token.ErrNotFound) {
		return &hinted{&reworded{fmt.Sprintf("no token has the ID %q", f.Arg(0)), errNotFound}, "ldapsuggest token list shows the IDs"}
	}
	if err == nil && *asJSON {
		return p.printJSON(struct {
			Revoked string `json:"revoked"`
		}{f.Arg(0)})
	}
	return err
}
