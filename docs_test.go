package ldapsuggest_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the text of each page of the documentation by its path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	pages := make(map[string]string)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		pages[filepath.ToSlash(path)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 20 {
		t.Fatalf("only %d pages found", len(pages))
	}
	return pages
}

// block matches a run of indented lines, or what a fence encloses.
var block = regexp.MustCompile("(?ms)^```.*?^```$|(?:^    [^\n]*\n(?:\n+(?:    ))?)+")

// headings returns the headings of a level ("#" for the title).
func headings(text, level string) []string {
	var found []string
	for _, m := range regexp.MustCompile(`(?m)^`+level+` (.*)$`).FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		found = append(found, m[1])
	}
	return found
}

// anchor returns the fragment by which a heading is linked to.
func anchor(heading string) string {
	return strings.ReplaceAll(regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// TestLinks follows every link of the documentation that stays in the tree.
func TestLinks(t *testing.T) {
	pages := documents(t)
	links := 0
	for page, text := range pages {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if u.Scheme != "" {
				continue
			}
			links++
			target := page
			if u.Path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(page), u.Path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			} else if u.Fragment != "" && !slices.ContainsFunc(headings(pages[target], "##+"), func(h string) bool { return anchor(h) == u.Fragment }) {
				t.Errorf("%s links to %s, which has no such heading", page, m[1])
			}
		}
	}
	if links == 0 {
		t.Fatal("no links found")
	}
}

// TestReadmeNamesAll keeps README.md the way to every page, by links, and to
// every command.
func TestReadmeNamesAll(t *testing.T) {
	pages := documents(t)
	readme := pages["README.md"]
	reached := map[string]bool{"README.md": true}
	for queue := []string{"README.md"}; len(queue) > 0; queue = queue[1:] {
		for _, m := range regexp.MustCompile(`\]\(([^)\s#]+)`).FindAllStringSubmatch(block.ReplaceAllString(pages[queue[0]], ""), -1) {
			target := filepath.ToSlash(filepath.Join(filepath.Dir(queue[0]), m[1]))
			if _, ok := pages[target]; ok && !reached[target] {
				reached[target] = true
				queue = append(queue, target)
			}
		}
	}
	for page := range pages {
		if public := strings.HasPrefix(page, "docs/") || !strings.Contains(page, "/"); public && !reached[page] {
			t.Errorf("no links lead from README.md to %s; docs/README.md is the index", page)
		}
	}
	usage, err := os.ReadFile("cmd/ldapsuggest/main.go")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^  ldapsuggest ([a-z]+)`).FindAllStringSubmatch(string(usage), -1)
	if len(commands) < 5 {
		t.Fatalf("only %d commands found", len(commands))
	}
	for _, c := range commands {
		if !strings.Contains(readme, "`"+c[1]+"`") && !strings.Contains(readme, "["+c[1]+"]") {
			t.Errorf("README.md does not name the command %s", c[1])
		}
	}
}

// TestManualPages holds the order of the sections of manual pages.
func TestManualPages(t *testing.T) {
	kinds := []struct {
		dir            string
		order, needed  []string
		titleIsTheName bool
	}{
		{"docs/operations",
			[]string{"Name", "OID", "Synopsis", "Description", "Result codes", "Controls", "Limits", "Examples", "See also"},
			[]string{"Name", "OID", "Synopsis", "Description", "Result codes", "Examples", "See also"}, true},
		{"docs/dialects",
			[]string{"Name", "Description", "Resolution", "Attributes read", "ppm", "Rights needed", "History", "Notice of changes", "Limits", "Examples", "See also"},
			[]string{"Name", "Description", "Resolution", "Attributes read", "Rights needed", "History", "Notice of changes", "Limits", "See also"}, true},
		{"docs/commands",
			[]string{"Name", "Synopsis", "Description", "Commands", "Options", "History", "Environment", "Files", "Exit status", "Examples", "Limits", "See also"},
			[]string{"Name", "Synopsis", "Description", "Exit status", "Examples", "See also"}, true},
		{"docs/rest",
			[]string{"Name", "Description", "Commands", "Request", "Whose rights", "JSON Web Tokens", "Response", "Status", "Limits", "Example", "See also"},
			[]string{"Name", "Example", "See also"}, false},
	}
	pages := documents(t)
	for _, k := range kinds {
		n := 0
		for page, text := range pages {
			if !strings.HasPrefix(page, k.dir+"/") {
				continue
			}
			n++
			got := headings(text, "##")
			last := -1
			for _, h := range got {
				i := slices.Index(k.order, h)
				if i < 0 {
					t.Errorf("%s: the section %q is not one of %q", page, h, k.order)
				} else if i <= last {
					t.Errorf("%s: the section %q comes too late", page, h)
				}
				last = max(last, i)
			}
			for _, h := range k.needed {
				if !slices.Contains(got, h) {
					t.Errorf("%s: no section %q", page, h)
				}
			}
			title := headings(text, "#")
			if len(title) != 1 {
				t.Errorf("%s: titles %q", page, title)
			} else if k.titleIsTheName && !strings.Contains(text, "\n## Name\n\n"+title[0]+" – ") {
				t.Errorf("%s: the section Name does not begin with %q", page, title[0]+" –")
			}
		}
		if n == 0 {
			t.Errorf("no page in %s", k.dir)
		}
	}
}

// TestPageForEach wants a page for each operation, named by its OID, and for
// each dialect.
func TestPageForEach(t *testing.T) {
	pages := documents(t)
	var operations strings.Builder
	for page, text := range pages {
		if strings.HasPrefix(page, "docs/operations/") || strings.HasPrefix(page, "docs/rest/") {
			operations.WriteString(text)
		}
	}
	files, err := filepath.Glob("extop/*.go")
	if err != nil {
		t.Fatal(err)
	}
	operation := regexp.MustCompile(`(?m)^func New\w+\(cfg `)
	oids := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !operation.Match(src) {
			continue // the codec of what a door answers
		}
		for _, m := range regexp.MustCompile(`(?m)^\s*(?:const )?([A-Z]\w*OID)\s*= "([0-9.]+)"`).FindAllStringSubmatch(string(src), -1) {
			oids++
			if !regexp.MustCompile(`(?m)(^|[^0-9.])` + regexp.QuoteMeta(m[2]) + `([^0-9]|$)`).MatchString(operations.String()) {
				t.Errorf("%s: no page has the OID of %s, %s", file, m[1], m[2])
			}
		}
	}
	if oids < 5 {
		t.Errorf("only %d OIDs found", oids)
	}
	dialects, err := filepath.Glob("policy/dialect/*/doc.go")
	if err != nil || len(dialects) == 0 {
		t.Fatalf("%d dialects: %v", len(dialects), err)
	}
	for _, d := range dialects {
		if name := filepath.Base(filepath.Dir(d)); pages["docs/dialects/"+name+".md"] == "" {
			t.Errorf("the dialect %s has no page", name)
		}
	}
}

// TestDocumentedRights compares the rights that pages tell to grant with
// those that the service accounts of the test servers have.
func TestDocumentedRights(t *testing.T) {
	tests := []struct {
		page, source string
		right        *regexp.Regexp
		rights       int
	}{
		{"docs/dialects/ds389.md", "testenv/ds389_policies.go", regexp.MustCompile(`\(targetattr=.* allow \([a-z,]*\) `), 2},
		{"docs/dialects/activedirectory.md", "testenv/samba/populate.py", regexp.MustCompile(`\(A;CI;[A-Z]+;;;`), 1},
	}
	pages := documents(t)
	for _, tt := range tests {
		source, err := os.ReadFile(tt.source)
		if err != nil {
			t.Fatal(err)
		}
		rights := tt.right.FindAllString(pages[tt.page], -1)
		if len(rights) != tt.rights {
			t.Errorf("%s: %d rights, want %d", tt.page, len(rights), tt.rights)
		}
		for _, r := range rights {
			if !strings.Contains(string(source), r) {
				t.Errorf("%s: %s does not grant %s", tt.page, tt.source, r)
			}
		}
	}
}
