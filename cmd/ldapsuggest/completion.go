package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

const completionUsage = `Usage: ldapsuggest completion SHELL

Prints what makes a shell complete the commands, options and files of
ldapsuggest. SHELL is bash, zsh or fish.

Example:
  $ ldapsuggest completion bash > ~/.local/share/bash-completion/completions/ldapsuggest
  $ ldapsuggest completion zsh > /usr/local/share/zsh/site-functions/_ldapsuggest
  $ ldapsuggest completion fish > ~/.config/fish/completions/ldapsuggest.fish
`

func (p *program) completion(_ context.Context, args []string) error {
	f := newFlags("completion")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return misuse("completion takes one shell: %s", strings.Join(shells(), ", "))
	}
	write := map[string]func(io.Writer, []syntax){"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[f.Arg(0)]
	if write == nil {
		err := &usageError{text: fmt.Sprintf("completion: %q is none of %s", f.Arg(0), strings.Join(shells(), ", "))}
		err.near = nearest(f.Arg(0), shells())
		return err
	}
	all, err := p.syntaxes()
	if err != nil {
		return err
	}
	write(p.stdout, all)
	return nil
}

func shells() []string { return []string{"bash", "zsh", "fish"} }

// What may stand at a place of the command line.
const (
	anyFile      = "file"
	anyDirectory = "directory"
)

// values returns what the value of a flag may be: words, or else a kind of
// file, or else nothing that can be known.
func (f flagSyntax) values() (words []string, kind string) {
	switch f.name {
	case "dialect":
		return append([]string{"auto"}, dialectNames()...), ""
	case "api":
		return restbridge.APIs(), ""
	}
	switch f.value {
	case "FILE":
		return nil, anyFile
	case "DIR":
		return nil, anyDirectory
	}
	if f.value == strings.ToLower(f.value) {
		return []string{f.value}, ""
	}
	return nil, ""
}

// arguments returns the same of what stands behind the flags of a command.
func (s syntax) arguments(all []syntax) (words []string, kind string) {
	switch strings.Join(s.path, " ") {
	case "help":
		for _, c := range all {
			if len(c.path) == 1 && c.path[0] != "help" {
				words = append(words, c.path[0])
			}
		}
		return words, ""
	case "completion":
		return shells(), ""
	case "breach build", "breach check", "export":
		return nil, anyFile
	}
	return s.verbs, ""
}

// written returns the flags as they are written, help included.
func (s syntax) written() []string {
	if len(s.verbs) > 0 {
		return []string{"--help"}
	}
	flags := []string{"--help"}
	for _, f := range s.flags {
		flags = append(flags, dashed(f.name))
	}
	slices.Sort(flags)
	return flags
}

func (s syntax) name() string { return strings.Join(s.path, " ") }

// bashCompletion needs bash 4 and nothing of the package bash-completion.
func bashCompletion(w io.Writer, all []syntax) {
	fmt.Fprint(w, `# Completions of ldapsuggest for bash, made by "ldapsuggest completion bash".

_ldapsuggest() {
    local cur=$2 command=${COMP_WORDS[1]} kind= words= i
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W '`, strings.Join(topLevel(all), " "), ` --help --version' -- "$cur")
        return
    fi
    case $command in
`)
	for _, s := range all {
		if len(s.verbs) > 0 {
			fmt.Fprintf(w, "    %s) ((COMP_CWORD > 2)) && command+=\" ${COMP_WORDS[2]}\" ;;\n", s.path[0])
		}
	}
	fmt.Fprint(w, `    esac
    case "$command ${COMP_WORDS[COMP_CWORD-1]}" in
`)
	for _, s := range all {
		for _, f := range s.flags {
			if f.value == "" {
				continue
			}
			words, kind := f.values()
			if kind == "" && len(words) == 0 {
				kind = "none"
			}
			pattern := fmt.Sprintf("%q", s.name()+" "+dashed(f.name))
			if len(f.name) > 1 {
				pattern += fmt.Sprintf("|%q", s.name()+" -"+f.name)
			}
			fmt.Fprintf(w, "    %s) kind=%s words='%s' ;;\n", pattern, kind, strings.Join(words, " "))
		}
	}
	fmt.Fprint(w, `    *)
        case $command in
`)
	for _, s := range all {
		words, kind := s.arguments(all)
		fmt.Fprintf(w, "        %s) kind=%s words='%s'\n            [[ $cur == -* ]] && kind= words='%s' ;;\n",
			bashPattern(s.name()), kind, strings.Join(words, " "), strings.Join(s.written(), " "))
	}
	fmt.Fprint(w, `        esac ;;
    esac
    case $kind in
    none) return ;;
    file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    directory) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur") ;;
    esac
}
complete -F _ldapsuggest ldapsuggest
`)
}

func bashPattern(s string) string {
	if strings.Contains(s, " ") {
		return fmt.Sprintf("%q", s)
	}
	return s
}

func topLevel(all []syntax) []string {
	var names []string
	for _, s := range all {
		if len(s.path) == 1 {
			names = append(names, s.path[0])
		}
	}
	return names
}

// zshCompletion is an autoloaded function for compsys.
func zshCompletion(w io.Writer, all []syntax) {
	fmt.Fprint(w, `#compdef ldapsuggest
# Completions of ldapsuggest for zsh, made by "ldapsuggest completion zsh".

_ldapsuggest() {
    local curcontext=$curcontext state line ret=1
    local -A opt_args
    _arguments -C '(- *)--help[show how it is used]' '(- *)--version[print the version]' '1: :->command' '*:: :->rest' && ret=0
    case $state in
    command)
`)
	zshDescribe(w, "        ", all, func(s syntax) bool { return len(s.path) == 1 })
	fmt.Fprint(w, `        ;;
    rest)
        local command=$words[1]
        case $command in
`)
	for _, s := range all {
		if len(s.verbs) == 0 {
			continue
		}
		fmt.Fprintf(w, "        %s)\n            if ((CURRENT == 2)); then\n", s.path[0])
		zshDescribe(w, "                ", all, func(v syntax) bool { return len(v.path) == 2 && v.path[0] == s.path[0] })
		fmt.Fprint(w, "                return ret\n            fi\n            command+=\" $words[2]\"\n            shift words\n            ((CURRENT--)) ;;\n")
	}
	fmt.Fprint(w, "        esac\n        case $command in\n")
	for _, s := range all {
		if len(s.verbs) > 0 {
			continue
		}
		fmt.Fprintf(w, "        %s)\n            _arguments '(- *)--help[show how it is used]'", bashPattern(s.name()))
		for _, f := range s.flags {
			fmt.Fprintf(w, " \\\n                %s", zshFlag(f))
		}
		words, kind := s.arguments(all)
		if rest := zshAction(words, kind); rest != " " {
			fmt.Fprintf(w, " \\\n                %s", zshQuote("*: :"+rest))
		}
		fmt.Fprint(w, " && ret=0 ;;\n")
	}
	fmt.Fprint(w, `        esac ;;
    esac
    return ret
}

# Sourced, it is registered; autoloaded, it is what was asked for.
if [[ $funcstack[1] == _ldapsuggest ]]; then
    _ldapsuggest "$@"
else
    compdef _ldapsuggest ldapsuggest
fi
`)
}

// zshDescribe offers the last words of some commands, with what they are for.
func zshDescribe(w io.Writer, indent string, all []syntax, which func(syntax) bool) {
	fmt.Fprintf(w, "%slocal -a choices=(\n", indent)
	for _, s := range all {
		if which(s) {
			fmt.Fprintf(w, "%s    %s\n", indent, zshQuote(s.path[len(s.path)-1]+":"+strings.ReplaceAll(s.text, ":", `\:`)))
		}
	}
	fmt.Fprintf(w, "%s)\n%s_describe command choices && ret=0\n", indent, indent)
}

func zshFlag(f flagSyntax) string {
	text := strings.NewReplacer(`[`, `\[`, `]`, `\]`, `:`, `\:`).Replace(f.text)
	spec := dashed(f.name)
	if f.value != "" && strings.HasPrefix(spec, "--") {
		spec += "=" // its value may stand behind that as well
	}
	spec += "[" + text + "]"
	if f.value != "" {
		words, kind := f.values()
		spec += ":" + f.value + ":" + zshAction(words, kind)
	}
	return zshQuote(spec)
}

func zshAction(words []string, kind string) string {
	switch {
	case len(words) > 0:
		return "(" + strings.Join(words, " ") + ")"
	case kind == anyFile:
		return "_files"
	case kind == anyDirectory:
		return "_files -/"
	}
	return " "
}

// zshQuote writes s so that a POSIX shell reads it as one word.
func zshQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func fishCompletion(w io.Writer, all []syntax) {
	fmt.Fprint(w, `# Completions of ldapsuggest for fish, made by "ldapsuggest completion fish".

# Succeeds where the words before the cursor are a command, perhaps with
# more behind it.
function __ldapsuggest_at
    set -l words (commandline -opc)
    test (count $words) -gt (count $argv); or return 1
    for i in (seq (count $argv))
        test $words[(math $i + 1)] = $argv[$i]; or return 1
    end
end

# Succeeds where the words before the cursor are this and no more.
function __ldapsuggest_only
    set -l words (commandline -opc)
    test (count $words) -eq (math (count $argv) + 1); and __ldapsuggest_at $argv
end

complete -c ldapsuggest -f
complete -c ldapsuggest -n __ldapsuggest_only -l version -d 'print the version'
complete -c ldapsuggest -l help -d 'show how it is used'
`)
	for _, s := range all {
		last := len(s.path) - 1
		fmt.Fprintf(w, "complete -c ldapsuggest -n '%s' -a %s -d %s\n",
			strings.TrimSpace("__ldapsuggest_only "+strings.Join(s.path[:last], " ")), s.path[last], fishQuote(s.text))
	}
	for _, s := range all {
		at := "'__ldapsuggest_at " + s.name() + "'"
		for _, f := range s.flags {
			form := "-o"
			if d := dashed(f.name); strings.HasPrefix(d, "--") {
				form = "-l"
			} else if len(f.name) == 1 {
				form = "-s"
			}
			fmt.Fprintf(w, "complete -c ldapsuggest -n %s %s %s -d %s", at, form, f.name, fishQuote(f.text))
			if f.value != "" {
				words, kind := f.values()
				switch {
				case len(words) > 0:
					fmt.Fprintf(w, " -x -a '%s'", strings.Join(words, " "))
				case kind == anyFile:
					fmt.Fprint(w, " -r -F")
				case kind == anyDirectory:
					fmt.Fprint(w, " -x -a '(__fish_complete_directories)'")
				default:
					fmt.Fprint(w, " -x")
				}
			}
			fmt.Fprintln(w)
		}
		if len(s.verbs) > 0 {
			continue
		}
		switch words, kind := s.arguments(all); {
		case kind != "":
			fmt.Fprintf(w, "complete -c ldapsuggest -n %s -F\n", at)
		case len(words) > 0:
			fmt.Fprintf(w, "complete -c ldapsuggest -n %s -a '%s'\n", at, strings.Join(words, " "))
		}
	}
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
