package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded"
)

const exportUsage = `Usage: ldapsuggest export [--data DIR] [--json] [FILE]
       ldapsuggest export --for openldap [--ppm 2.5|2.6] [--drop] [--suffix DN] [--data DIR] [--json] [FILE]

Writes the embedded directory as LDIF, hashes of passwords included, to FILE
or to standard output. The server must not be running. "ldapsuggest serve
--ldif FILE" makes the same directory of it.

With --for openldap it is LDIF for slapadd: one naming context, with policies
as entries of slapo-ppolicy. What slapd cannot hold is an error that names it.

  --data DIR      data directory; default ldapsuggest-data
  --json          tell of FILE as a JSON object on standard output
  --for openldap  for slapadd
  --ppm RELEASE   slapd has the check module ppm: of 2.5, or of 2.6 and later
  --drop          leave out what slapd cannot hold, and tell
  --suffix DN     the naming context; default the only one

Examples:
  $ ldapsuggest export backup.ldif
  $ ldapsuggest export --for openldap --ppm 2.6 directory.ldif
`

// An exported is what --json prints.
type exported struct {
	File   string `json:"file"`
	Octets int64  `json:"octets"`

	// For OpenLDAP.
	DefaultPolicy string   `json:"defaultPolicy,omitempty"`
	Modules       []string `json:"modules,omitempty"`
	Lost          []string `json:"lost,omitempty"`
	Notes         []string `json:"notes,omitempty"`
}

// export opens the store itself, so that what it writes is one state.
func (p *program) export(ctx context.Context, args []string) (err error) {
	f := newFlags("export")
	data := f.String("data", "", "")
	asJSON := f.Bool("json", false, "")
	product := f.String("for", "", "")
	var o embedded.OpenLDAPExport
	f.StringVar(&o.PPM, "ppm", "", "")
	f.BoolVar(&o.Drop, "drop", false, "")
	f.StringVar(&o.Suffix, "suffix", "", "")
	if err := parse(f, args); err != nil {
		return err
	}
	switch {
	case f.NArg() > 1:
		return misuse("export takes one file")
	case f.NArg() == 0 && *asJSON:
		return misuse("--json needs a file: the entries go to standard output")
	case *product != "" && *product != "openldap":
		return misuse("--for: %q is not openldap", *product)
	case *product == "" && o != (embedded.OpenLDAPExport{}):
		return misuse("--ppm, --drop and --suffix go with --for openldap")
	case o.PPM != "" && o.PPM != "2.5" && o.PPM != "2.6":
		return misuse("--ppm: %q is neither 2.5 nor 2.6", o.PPM)
	}
	if *data == "" {
		*data = defaultConfig().Data
		if v, ok := p.env("LDAPSUGGEST_DATA"); ok {
			*data = v
		}
	}
	if _, err := os.Stat(filepath.Join(*data, storeFile)); err != nil {
		return &hinted{fmt.Errorf("%s holds no directory", *data), "--data names the data directory"}
	}
	d, err := embedded.Open(ctx, embedded.Config{Dir: *data})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	var report embedded.OpenLDAPReport
	write := d.Export
	if *product != "" {
		write = func(w io.Writer) (err error) {
			report, err = d.ExportOpenLDAP(ctx, w, o)
			return lostDemands(err)
		}
	}
	if f.NArg() == 0 {
		err := write(p.stdout)
		p.printReport(report)
		return err
	}
	file := &metered{bar: newProgress(p.stderr), verb: "written"}
	err = replaceFile(f.Arg(0), 0o600, func(w io.Writer) error {
		file.w = w
		return write(file)
	})
	file.bar.end()
	switch {
	case err != nil:
		return err
	case *asJSON:
		return p.printJSON(exported{f.Arg(0), file.done, report.DefaultPolicy, report.Modules, report.Lost, report.Notes})
	}
	p.printReport(report)
	return nil
}

// lostDemands tells what to do about what slapd cannot hold.
func lostDemands(err error) error {
	var lost *embedded.LostError
	if !errors.As(err, &lost) {
		return err
	}
	return &hinted{fmt.Errorf("OpenLDAP cannot hold all that is in force here:\n  %s", strings.Join(lost.Lost, "\n  ")),
		"change the policies, name the check module with --ppm, or leave it out with --drop"}
}

// printReport tells what slapd needs for what was written.
func (p *program) printReport(r embedded.OpenLDAPReport) {
	if r.DefaultPolicy == "" {
		return
	}
	fmt.Fprintf(p.stderr, "olcPPolicyDefault: %s\n", r.DefaultPolicy)
	for _, m := range r.Modules {
		fmt.Fprintf(p.stderr, "slapd needs the module %s\n", m)
	}
	for _, l := range r.Lost {
		fmt.Fprintf(p.stderr, "left out: %s\n", l)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(p.stderr, "note: %s\n", n)
	}
}
