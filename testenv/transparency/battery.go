package transparency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Battery is a list of commands that are run in order, on data that was
// made for it.
type Battery struct {
	Name  string
	Cases []Case

	// SameData says that the cases change nothing, so that both runs can be
	// on the very same data.
	SameData bool
}

// A Case is one command of a battery.
type Case struct {
	Command string         // for the shell
	Line    int            // of the battery's file
	Status  map[string]int // that it exits with, by the name of the server; servers that it is not for are left out

	// Through is the exit status through the front end where the difference
	// is meant to be.
	Through map[string]int
}

// For returns the battery with the cases for one server.
func (b Battery) For(server string) Battery {
	b.Cases = slices.DeleteFunc(slices.Clone(b.Cases), func(c Case) bool {
		_, ok := c.Status[server]
		return !ok
	})
	return b
}

// LoadBatteries reads the files *.txt of a directory. None, or one without
// cases, is an error.
func LoadBatteries(files fs.FS) ([]Battery, error) {
	names, err := fs.Glob(files, "*.txt")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("transparency: there are no batteries")
	}
	var all []Battery
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		b, err := ParseBattery(strings.TrimSuffix(name, ".txt"), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// ParseBattery reads a table of cases. Its first line names the servers;
// each further line has an exit status or "-" for each, and the command. A
// difference that is meant to be has two exit statuses, as in "0>7". The line
// "same data" sets SameData. Empty lines and those that begin with "#" are left
// out.
func ParseBattery(name, text string) (Battery, error) {
	b := Battery{Name: name}
	var servers []string
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		wrong := func(format string, args ...any) (Battery, error) {
			return Battery{}, fmt.Errorf("transparency: battery %s, line %d: %s", name, i+1, fmt.Sprintf(format, args...))
		}
		if servers == nil {
			servers = strings.Fields(line)
			continue
		}
		if line == "same data" {
			b.SameData = true
			continue
		}
		c := Case{Line: i + 1, Status: make(map[string]int), Through: make(map[string]int)}
		rest := line
		for _, server := range servers {
			var field string
			field, rest, _ = strings.Cut(strings.TrimLeft(rest, " \t"), " ")
			if field == "-" {
				continue
			}
			field, other, differs := strings.Cut(field, ">")
			var err error
			if c.Status[server], err = exitStatus(field); err != nil {
				return wrong("%v", err)
			}
			if !differs {
				continue
			}
			if c.Through[server], err = exitStatus(other); err != nil {
				return wrong("%v", err)
			}
		}
		if c.Command = strings.TrimSpace(rest); c.Command == "" {
			return wrong("no command")
		}
		if len(c.Status) == 0 {
			return wrong("the case is for no server")
		}
		b.Cases = append(b.Cases, c)
	}
	if len(b.Cases) == 0 {
		return Battery{}, fmt.Errorf("transparency: battery %s has no cases", name)
	}
	return b, nil
}

func exitStatus(field string) (int, error) {
	status, err := strconv.Atoi(field)
	if err != nil || status < 0 || status > 255 {
		return 0, fmt.Errorf("%q is no exit status", field)
	}
	return status, nil
}

// Check compares the outcome of a case when server is asked itself with that
// through the front end, and returns what is wrong, in words, and "" if
// nothing is.
func (c Case) Check(server string, direct, through Outcome) string {
	var wrong strings.Builder
	if want := c.Status[server]; direct.Status != want {
		fmt.Fprintf(&wrong, "asked directly, the exit status is %d, want %d\n%s", direct.Status, want, end(direct.Output))
	}
	want, differs := c.Through[server]
	if !differs {
		want = direct.Status
	}
	if through.Status != want {
		fmt.Fprintf(&wrong, "through the front end, the exit status is %d, want %d\n%s", through.Status, want, end(through.Output))
	}
	switch d := Diff(direct.Output, through.Output); {
	case differs && d == "":
		fmt.Fprintf(&wrong, "what is listed as a difference is none any more\n%s", end(through.Output))
	case !differs && d != "":
		fmt.Fprintf(&wrong, "- directly, + through the front end\n%s", d)
	}
	return wrong.String()
}

// end returns the last lines of an output.
func end(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	s = strings.Join(lines[max(0, len(lines)-12):], "\n")
	return s[max(0, len(s)-1500):] + "\n"
}

// A Runner runs commands against one server.
type Runner struct {
	// Dir is where commands run.
	Dir string

	// Environment is added to that of the process. URL and TLSURL are where
	// the server is asked.
	Environment map[string]string

	// Prelude is shell text put before each command.
	Prelude string

	// Normalize removes from the output what differs between two runs on
	// the same server. Nil leaves it as it is.
	Normalize func(string) string
}

// An Outcome is how a command ended.
type Outcome struct {
	Status int
	Output string // of both kinds
}

// caseTime is the time that a command has. Those that take it are killed and
// fail: it is there for commands that would never end.
const caseTime = time.Minute

// Run runs one command. That it cannot be run is an error, its exit status
// is not.
func (r Runner) Run(ctx context.Context, command string) (Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, caseTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", r.Prelude+"\n"+command)
	cmd.Dir = r.Dir
	cmd.Env = os.Environ()
	for _, name := range slices.Sorted(maps.Keys(r.Environment)) {
		cmd.Env = append(cmd.Env, name+"="+r.Environment[name])
	}
	// The shell's children too are to end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return Outcome{}, fmt.Errorf("transparency: %s: %w; it has written\n%s", command, ctx.Err(), out.String())
	case err != nil && !errors.As(err, &exit):
		return Outcome{}, fmt.Errorf("transparency: %s: %w", command, err)
	case cmd.ProcessState.ExitCode() == 126 || cmd.ProcessState.ExitCode() == 127:
		return Outcome{}, fmt.Errorf("transparency: %s: a program is missing (.ci/packages lists those that tests need):\n%s", command, out.String())
	}
	text := out.String()
	if r.Normalize != nil {
		text = r.Normalize(text)
	}
	return Outcome{cmd.ProcessState.ExitCode(), text}, nil
}

// RunAll runs the commands of a battery one after the other.
func (r Runner) RunAll(ctx context.Context, b Battery) ([]Outcome, error) {
	outcomes := make([]Outcome, len(b.Cases))
	for i, c := range b.Cases {
		var err error
		if outcomes[i], err = r.Run(ctx, c.Command); err != nil {
			return nil, fmt.Errorf("battery %s, line %d: %w", b.Name, c.Line, err)
		}
	}
	return outcomes, nil
}

// Diff returns the first lines in which two texts differ, with those before
// them, and "" if they are the same.
func Diff(direct, through string) string {
	if direct == through {
		return ""
	}
	a, b := strings.Split(direct, "\n"), strings.Split(through, "\n")
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	var out strings.Builder
	show := func(mark string, lines []string) {
		for i, line := range lines {
			if i == 12 {
				fmt.Fprintf(&out, "%s...\n", mark)
				break
			}
			fmt.Fprintf(&out, "%s%s\n", mark, line)
		}
	}
	show("  ", a[max(0, same-3):same])
	show("- ", a[same:])
	show("+ ", b[same:])
	return out.String()
}

// Programs copies the files of a directory to dir, for commands to use.
func Programs(dir string, files fs.FS) error {
	names, err := fs.Glob(files, "*")
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errors.New("transparency: there are no programs")
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
