package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

const versionUsage = `Usage: ldapsuggest version [--json]

Prints the version.

  --json  print a JSON object

Example:
  $ ldapsuggest version
`

// release is what "git describe" says of a release. The linker sets it.
var release string

// version returns the version: of a release, or else what the go command
// knows of the sources.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

func (p *program) version(_ context.Context, args []string) error {
	f := newFlags("version")
	asJSON := f.Bool("json", false, "")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return misuse("version takes no arguments, but there is %q", f.Arg(0))
	}
	if !*asJSON {
		fmt.Fprintf(p.stdout, "ldapsuggest %s (%s)\n", version(), runtime.Version())
		return nil
	}
	return p.printJSON(struct {
		Version  string `json:"version"`
		Go       string `json:"goVersion"`
		Platform string `json:"platform"`
	}{version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
}

// printJSON prints a value as one line of JSON.
func (p *program) printJSON(v any) error {
	enc := json.NewEncoder(p.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
