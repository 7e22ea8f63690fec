package mdoc

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the manual pages")

// root is the module's.
const root = "../../"

// date is that of the last change of the documentation which users should
// notice.
var date = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// manualPages returns the pages of man by their file names.
func manualPages(t *testing.T) map[string]string {
	t.Helper()
	manual := func(target string) string {
		base, ok := strings.CutSuffix(filepath.Base(target), ".md")
		switch {
		case base == "configuration", strings.HasSuffix(target, "config.example.yaml"):
			return "ldapsuggest.yaml 5"
		case !ok:
			return ""
		}
		if _, err := os.Stat(root + "docs/commands/" + base + ".md"); err != nil || strings.Contains(target, "rest/") {
			return ""
		}
		return commandPage(base) + " 1"
	}
	pages := make(map[string]string)
	add := func(p Page) {
		p.Date, p.Manual = date, manual
		text, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		pages[p.Name+"."+string(rune('0'+p.Section))] = text
	}
	files, err := filepath.Glob(root + "docs/commands/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		add(Page{Name: commandPage(name), Section: 1, Text: read(t, file)})
	}
	add(Page{
		Name: "ldapsuggest.yaml", Section: 5, Description: "configuration of ldapsuggest",
		Text:         read(t, root+"docs/configuration.md"),
		LiteralTitle: "Every key", Literal: read(t, root+"config.example.yaml"),
	})
	if len(pages) < 5 {
		t.Fatalf("only %d pages", len(pages))
	}
	return pages
}

// commandPage is the name of a command's manual page.
func commandPage(command string) string {
	if command == "ldapsuggest" {
		return command
	}
	return "ldapsuggest-" + command
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestManualPages wants the pages in man to be what the documentation says.
func TestManualPages(t *testing.T) {
	pages := manualPages(t)
	if *update {
		for name, text := range pages {
			if err := os.WriteFile(root+"man/"+name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range pages {
		if got, err := os.ReadFile(root + "man/" + name); err != nil || string(got) != text {
			t.Errorf("man/%s is not what the documentation says: run go test ./internal/mdoc -update", name)
		}
	}
	files, err := filepath.Glob(root + "man/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := pages[filepath.Base(f)]; !ok {
			t.Errorf("%s is the page of nothing", f)
		}
	}
}

// TestLint has mandoc read the pages. What it says about pages that it cannot
// find counts only for those that are not here.
func TestLint(t *testing.T) {
	dir := t.TempDir()
	pages := manualPages(t)
	for name, text := range pages {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("mandoc", "-T", "lint", "-W", "style", file).CombinedOutput()
		if len(out) == 0 && err != nil {
			t.Fatalf("mandoc: %v", err)
		}
		for line := range strings.Lines(string(out)) {
			if _, ref, ok := strings.Cut(line, "referenced manual not found: Xr "); ok {
				fields := strings.Fields(ref)
				if len(fields) >= 2 && pages[fields[0]+"."+fields[1]] != "" {
					continue
				}
			}
			t.Error(strings.TrimPrefix(strings.TrimSpace(line), "mandoc: "+dir+"/"))
		}
	}
}

// TestLintFinds has mandoc find what is wrong, so that silence means something.
func TestLintFinds(t *testing.T) {
	cmd := exec.Command("mandoc", "-T", "lint", "-W", "style")
	cmd.Stdin = strings.NewReader(".Dd x\n.Dt A 1\n.Os\n.Sh NAME\n.Nm a\n.Nd b\n.Sh DESCRIPTION\n.Xx\n")
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("unknown macro")) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestRendered reads pages as users do.
func TestRendered(t *testing.T) {
	pages := manualPages(t)
	for name, want := range map[string][]string{
		"ldapsuggest-policy.1": {"LDAPSUGGEST-POLICY(1)", "ldapsuggest-policy – what kind of directory it is", "--dialect NAME", "PASSWORD HISTORY", "$ ldapsuggest policy explain --config ldapsuggest.yaml", "ldapsuggest.yaml(5)"},
		"ldapsuggest-breach.1": {"$ ldapsuggest breach check --verify breached.list < candidates.txt"},
		"ldapsuggest.yaml.5":   {"LDAPSUGGEST_DIRECTORY_URLS", `bindPasswordFile: "reader.secret"`},
	} {
		cmd := exec.Command("mandoc", "-T", "utf8", "-O", "width=200")
		cmd.Stdin = strings.NewReader(pages[name])
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// Bold and italics are struck over.
		text := string(out)
		for i := strings.IndexByte(text, '\b'); i > 0; i = strings.IndexByte(text, '\b') {
			r := []rune(text[:i])
			text = string(r[:len(r)-1]) + text[i+1:]
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s has no %q:\n%s", name, w, text)
			}
		}
	}
}

func TestEncode(t *testing.T) {
	p := Page{Name: "x-y", Section: 1, Date: date, Manual: func(target string) string {
		if target == "z.md" {
			return "x-z 1"
		}
		return ""
	}, Text: "# x y\n\n## Name\n\nx y – does it\n\n## Description\n\n" +
		".dot and 'quote'. Next: **bold**, *it*, `a\\b`, see [z](z.md#there) and [w](w.md).\n\n- one\n  more\n- two\n\n1. first\n2. second\n\n" +
		"<!-- example: e -->\n\n    $ x y\n\n    .z\n\n| a | b |\n|---|---|\n| `-x` | c \\| d |\n\n## See also\n\n[z](z.md), [w](../w.md), RFC 1\n"}
	got, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `.Dd November 21, 2026
.Dt X-Y 1
.Os
.Sh NAME
.Nm x-y
.Nd does it
.Sh DESCRIPTION
\&.dot and \(aqquote\(aq.
Next: \fBbold\fR, \fIit\fR, \fBa\eb\fR, see \fBx\-z\fR(1) and w.
.Bl -bullet -compact
.It
one more
.It
two
.El
.Bl -enum -compact
.It
first
.It
second
.El
.Bd -literal -offset indent
$ x y

\&.z
.Ed
.Bl -tag -width Ds
.It \&\fB\-x\fR
c | d
.El
.Sh SEE ALSO
.Xr x-z 1
.Pp
In the documentation: w.md, RFC 1.
`
	if got != want {
		t.Errorf("%s", got)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, text := range []string{"## Name\n\nno dash\n", "> quoted\n", "```\ncode\n```\n", "| a |\n", "| a | b |\n|---|---|\n| 1 |\n", "| a | b |\n|---|---|\n| | |\n", "## See also\n\n- a\n"} {
		if got, err := (Page{Name: "x", Section: 1, Text: text}).Encode(); err == nil {
			t.Errorf("%q:\n%s", text, got)
		}
	}
	if !slices.Equal(cells(`| a | b \| c | |`), []string{"a", "b | c", ""}) {
		t.Errorf("%q", cells(`| a | b \| c | |`))
	}
}
