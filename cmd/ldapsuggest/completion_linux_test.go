package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCompletion has the shells themselves complete command lines.
func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"ldapsuggest.yaml": "", "breached.list": "", "dir one/x": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &program{env: variables{}.lookup}
	for _, shell := range shells() {
		f, err := os.Create(filepath.Join(dir, "."+shell))
		if err != nil {
			t.Fatal(err)
		}
		p.stdout, p.stderr = f, t.Output()
		if code := p.run(t.Context(), []string{"completion", shell}); code != 0 {
			t.Fatal(code)
		}
		f.Close()
	}
	// What a line is completed to: all of want, and none of without.
	tests := []struct {
		line, want, without string
	}{
		{"ldapsuggest ", "serve suggest policy breach token export version help completion", "detect --json"},
		{"ldapsuggest s", "serve suggest", "policy"},
		{"ldapsuggest policy ", "detect explain check", "serve build"},
		{"ldapsuggest policy explain --d", "--data --dialect", "--json"},
		{"ldapsuggest policy explain --dialect op", "openldap opendj", "auto"},
		{"ldapsuggest policy explain --dialect openldap --js", "--json", "--data"},
		{"ldapsuggest serve --config ", "ldapsuggest.yaml", "--data suggest"},
		{"ldapsuggest serve --data ", "dir", "ldapsuggest.yaml"},
		{"ldapsuggest breach check br", "breached.list", "--verify"},
		{"ldapsuggest token create --api ", "adaxes nextcloud", "--entry"},
		{"ldapsuggest token ", "create list revoke", "explain"},
		{"ldapsuggest help ", "serve token", "bash help"},
		{"ldapsuggest completion ", "bash zsh fish", "serve"},
		{"ldapsuggest suggest --t", "--target --timeout", "--json"},
		{"ldapsuggest suggest -", "-H -ZZ --cacert", "serve"},
		{"ldapsuggest --v", "--version", "serve"},
	}
	completers := map[string]func(*testing.T, string) func(*testing.T, string) []string{"bash": completeBash, "zsh": completeZsh, "fish": completeFish}
	for _, shell := range shells() {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			complete := completers[shell](t, dir)
			for _, tt := range tests {
				got := complete(t, tt.line)
				for want := range strings.FieldsSeq(tt.want) {
					if !slices.ContainsFunc(got, func(s string) bool {
						return s == want || strings.HasPrefix(s, want+" ") || strings.HasPrefix(s, want+`\ `) || strings.TrimRight(s, "/=") == want
					}) {
						t.Errorf("%q: %q is missing in %q", tt.line, want, got)
					}
				}
				for w := range strings.FieldsSeq(tt.without) {
					if slices.Contains(got, w) {
						t.Errorf("%q: %q is offered", tt.line, w)
					}
				}
			}
		})
	}
}

func shellOutput(t *testing.T, dir string, command ...string) []string {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_DATA_HOME=" + dir}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%q: %v\n%s%s", command, err, out, stderr.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// completeBash calls the function as readline does.
func completeBash(_ *testing.T, dir string) func(*testing.T, string) []string {
	return func(t *testing.T, line string) []string {
		words := strings.Split(line, " ")
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = shellQuote(w)
		}
		script := fmt.Sprintf(`set -u; compopt() { :; }; . ./.bash; COMP_WORDS=(%s); COMP_CWORD=%d; _ldapsuggest ldapsuggest %s %s; printf '%%s\n' "${COMPREPLY[@]}"`,
			strings.Join(quoted, " "), len(words)-1, quoted[len(words)-1], quoted[max(len(words)-2, 0)])
		return shellOutput(t, dir, "bash", "--norc", "-c", script)
	}
}

// completeFish asks fish what it would offer.
func completeFish(_ *testing.T, dir string) func(*testing.T, string) []string {
	return func(t *testing.T, line string) []string {
		out := shellOutput(t, dir, "fish", "--no-config", "-c", "source .fish; complete -C "+shellQuote(line))
		for i, o := range out {
			out[i], _, _ = strings.Cut(o, "\t") // behind it stands what it is for
		}
		return out
	}
}

// completeZsh types lines into a zsh and has it complete them. What its
// completions add is noted in a file on the way.
func completeZsh(t *testing.T, dir string) func(*testing.T, string) []string {
	keys, tty := terminal(t)
	shown := watch(keys)
	cmd := exec.Command("zsh", "-f", "-i")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TERM=dumb", "PS1=> ", "LANG=C.UTF-8"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	const setup = `autoload -Uz compinit
compinit -D -u
. ./.zsh
zstyle ':completion:*' verbose no
compadd() {
    local -a added
    if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
        builtin compadd -A added "$@"
        print -rl -- $added >> .added
    fi
    builtin compadd "$@"
}
mark() { print -n done > .done; zle kill-whole-line }
zle -N mark
bindkey '^X' list-choices
bindkey '^Y' mark
`
	if err := os.WriteFile(filepath.Join(dir, ".setup"), []byte(setup), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(keys, ". ./.setup; print rea''dy\n"); err != nil {
		t.Fatal(err)
	}
	if !shown.until("ready\r\n") {
		t.Fatalf("zsh is not ready: %q", shown)
	}
	return func(t *testing.T, line string) []string {
		added, done := filepath.Join(dir, ".added"), filepath.Join(dir, ".done")
		for _, f := range []string{added, done} {
			if err := os.Remove(f); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		if _, err := io.WriteString(keys, line+"\x18\x19"); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if text, err := os.ReadFile(done); err == nil && len(text) > 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%q: no end: %q", line, shown)
			}
		}
		text, err := os.ReadFile(added)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}
