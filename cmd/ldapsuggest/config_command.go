package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/ldapsuggest/ldapsuggest"
)

const configUsage = `Usage:
  ldapsuggest config check  [--config FILE] [--data DIR] [--json] [DN ...]
  ldapsuggest config print  [--config FILE] [--data DIR]
  ldapsuggest config schema

check finds what would keep "serve" from working with a configuration, before
it is used: values, certificates and keys, permissions of files, listeners,
every server of the directory, and each right that the service account lacks,
with the commands that grant it. It tries the policies of the entries DN too.
It changes nothing.

print prints the configuration that "serve" would have, of the file, the
environment and the defaults together, as YAML without secrets.

schema prints the JSON Schema of the configuration file, for editors.

  --config FILE  configuration file of serve; default $LDAPSUGGEST_CONFIG
  --data DIR     data directory of serve
  --json         print JSON
  --timeout T    give up after this time; default 1m

The exit code of check is 0 if there is no error, whatever the warnings; that
of the first error otherwise: 9 for the configuration, 4 if something cannot
be reached, 5 if the service account is refused, 6 if it lacks a right, 1 for
anything else; 2 for a wrong command line.

Example:
  $ ldapsuggest config check --config ldapsuggest.yaml uid=jo,ou=people,dc=example,dc=com
`

func (p *program) config(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return misuse("config check, config print or config schema?")
	}
	run, ok := map[string]func(context.Context, []string) error{
		"check": p.configCheck, "print": p.configPrint, "schema": p.configSchema,
	}[args[0]]
	if !ok {
		if args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
			return flag.ErrHelp
		}
		return unknownCommand("config", args[0], []string{"check", "print", "schema"})
	}
	return run(ctx, args[1:])
}

func (p *program) configSchema(_ context.Context, args []string) error {
	f := newFlags("config schema")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return misuse("config schema takes no arguments, but there is %q", f.Arg(0))
	}
	_, err := io.WriteString(p.stdout, ldapsuggest.ConfigSchema)
	return err
}

// configFlags are the flags by which serve finds its configuration.
func configFlags(name string) (f *flag.FlagSet, file, data *string) {
	f = newFlags(name)
	return f, f.String("config", "", ""), f.String("data", "", "")
}

// serveArgs are the arguments with which serve has this configuration.
func serveArgs(file, data string) (args []string) {
	if file != "" {
		args = append(args, "--config", file)
	}
	if data != "" {
		args = append(args, "--data", data)
	}
	return args
}

func (p *program) configPrint(_ context.Context, args []string) error {
	f, file, data := configFlags("config print")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return misuse("config print takes no arguments, but there is %q", f.Arg(0))
	}
	c, err := p.serveConfig(serveArgs(*file, *data))
	if err != nil {
		return err
	}
	defer c.forget()
	enc := yaml.NewEncoder(p.stdout)
	enc.SetIndent(2)
	if err := enc.Encode(c.printable(reflect.ValueOf(*c))); err != nil {
		return err
	}
	return enc.Close()
}

// printable returns a struct of the configuration as a mapping in the order of
// its keys, as it may be written into a file elsewhere.
func (c *config) printable(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for f, fv := range v.Fields() {
		key := f.Tag.Get("yaml")
		if key == "" {
			continue
		}
		var value yaml.Node
		switch x := fv.Interface().(type) {
		case time.Duration:
			value.SetString(x.String())
		case []string:
			value.Kind = yaml.SequenceNode
			value.Style = yaml.FlowStyle
			for _, s := range x {
				item := new(yaml.Node)
				item.SetString(redacted(s))
				value.Content = append(value.Content, item)
			}
		case string:
			if strings.HasSuffix(key, "File") || key == "breachedPasswords" {
				x = c.path(x)
			}
			value.SetString(redacted(x))
		default:
			if fv.Kind() == reflect.Struct {
				value = *c.printable(fv)
			} else if err := value.Encode(x); err != nil {
				value.SetString(fmt.Sprint(x))
			}
		}
		name := new(yaml.Node)
		name.SetString(key)
		n.Content = append(n.Content, name, &value)
	}
	return n
}

// redacted takes the password out of a URL.
func redacted(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.User == nil || u.Host == "" {
		return s
	}
	return u.Redacted()
}
