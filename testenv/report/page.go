package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// DocsVariable is the environment variable that names the directory of the
// documentation. Benchmarks write into it only if it is set.
const DocsVariable = "LDAPSUGGEST_BENCH_DOCS"

// Page is the page that the sections are on, below the directory of the
// documentation; the figures are in the directory beside it.
const (
	Page    = "benchmarks.md"
	Figures = "benchmarks"
)

// Sections returns the names of the sections that the page has a place for.
func Sections() []string {
	return []string{"load", "idle", "start", "rate", "acceptance", "users", "policies", "idle-connections", "busy-connections", "count"}
}

// Replace returns a page with the content of one section replaced. A page
// must have the section's comments exactly once.
func Replace(page, section, content string) (string, error) {
	begin, end := "<!-- bench: "+section+" -->\n", "<!-- /bench: "+section+" -->\n"
	if strings.Count(page, begin) != 1 || strings.Count(page, end) != 1 {
		return "", fmt.Errorf("report: the page must have %q and %q once each", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	before, rest, _ := strings.Cut(page, begin)
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("report: the section %s ends before it begins", section)
	}
	return before + begin + "\n" + strings.Trim(content, "\n") + "\n\n" + end + after, nil
}

// A Section is what one benchmark has to say.
type Section struct {
	Name    string
	Figures map[string]Figure // by the name of the file, without ".svg"

	text strings.Builder
	errs []error
}

// Printf appends a paragraph.
func (s *Section) Printf(format string, args ...any) {
	fmt.Fprintf(&s.text, "\n"+format+"\n", args...)
}

// Table appends a table.
func (s *Section) Table(t Table) {
	text, err := t.Markdown()
	s.errs = append(s.errs, err)
	s.text.WriteString("\n" + text)
}

// Figure appends a figure, kept in a file of the name with ".svg" behind.
func (s *Section) Figure(name string, f Figure) {
	if s.Figures == nil {
		s.Figures = make(map[string]Figure)
	}
	s.Figures[name] = f
	s.Printf("![%s](%s/%s.svg)", f.Title, Figures, name)
}

// Write writes the section into the documentation in dir.
func (s *Section) Write(dir string) error {
	errs := s.errs
	if !slices.Contains(Sections(), s.Name) {
		errs = append(errs, fmt.Errorf("report: %s is no section of the page", s.Name))
	}
	for name, f := range s.Figures {
		svg, err := f.SVG()
		if err == nil {
			err = os.MkdirAll(filepath.Join(dir, Figures), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, Figures, name+".svg"), svg, 0o644)
		}
		errs = append(errs, err)
	}
	path := filepath.Join(dir, Page)
	page, err := os.ReadFile(path)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	text, err := Replace(string(page), s.Name, s.text.String())
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// Publish prints the section, and writes it into the documentation that
// DocsVariable names, if it does.
func (s *Section) Publish(b testing.TB) {
	b.Helper()
	// Not by b.Log, which cuts what benchmarks have to say.
	fmt.Printf("\nsection %s\n%s\n", s.Name, s.text.String())
	dir := os.Getenv(DocsVariable)
	if dir == "" {
		if err := errors.Join(s.errs...); err != nil {
			b.Error(err)
		}
		return
	}
	if err := s.Write(dir); err != nil {
		b.Error(err)
	}
}

// QuickVariable is the environment variable that asks for less of everything,
// to see whether all runs.
const QuickVariable = "LDAPSUGGEST_BENCH_QUICK"

// Pick returns full, or quick if QuickVariable is set.
func Pick(full, quick int) int {
	if os.Getenv(QuickVariable) != "" {
		return quick
	}
	return full
}
