package mdoc

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A Page is a manual page.
type Page struct {
	Name        string // "ldapsuggest-policy"
	Section     int    // of the manual, 1 for commands
	Description string // one line; empty if the section Name of the text has it
	Text        string // Markdown
	Date        time.Time

	// Literal is shown as it is at the end of the description, under
	// LiteralTitle. Empty for none.
	LiteralTitle, Literal string

	// Manual tells which manual page a linked page is, such as
	// "ldapsuggest-policy 1"; empty if it is none.
	Manual func(target string) string
}

// titles are the sections whose titles have another meaning in manual pages.
var titles = map[string]string{"History": "PASSWORD HISTORY"}

// Encode returns the page as mdoc.
func (p Page) Encode() (string, error) {
	e := &encoder{page: p}
	e.macro(".Dd %s", p.Date.Format("January 2, 2006"))
	e.macro(".Dt %s %d", strings.ToUpper(p.Name), p.Section)
	e.macro(".Os")
	if p.Description != "" {
		e.name(p.Description)
		e.macro(".Sh DESCRIPTION")
	}
	blocks, err := split(p.Text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.Name, err)
	}
	for _, b := range blocks {
		if err := e.block(b); err != nil {
			return "", fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	if p.Literal != "" {
		e.macro(".Ss %s", inline(p.LiteralTitle, nil))
		e.literal(strings.TrimRight(p.Literal, "\n"))
	}
	if p.Description != "" && len(e.references) > 0 {
		e.section = "See also"
		e.macro(".Sh SEE ALSO")
	}
	e.seeAlso()
	return e.out.String(), nil
}

type encoder struct {
	page       Page
	out        strings.Builder
	section    string
	fresh      bool     // nothing has been written below the last heading
	references []string // manual pages, "name section"
	others     []string // other things to see
}

func (e *encoder) macro(format string, args ...any) {
	fmt.Fprintf(&e.out, format+"\n", args...)
	e.fresh = strings.HasPrefix(format, ".Sh") || strings.HasPrefix(format, ".Ss")
}

// paragraph begins one: below a heading there is one already.
func (e *encoder) paragraph() {
	if !e.fresh {
		e.macro(".Pp")
	}
	e.fresh = false
}

func (e *encoder) name(description string) {
	e.macro(".Sh NAME")
	e.macro(".Nm %s", e.page.Name)
	e.macro(".Nd %s", inline(description, nil))
}

// A block is what empty lines enclose, or a list.
type block struct {
	kind  byte // '#' heading, 'l' literal, '|' table, '-' or '1' list, 'p' paragraph
	lines []string
}

func split(text string) ([]block, error) {
	var blocks []block
	var b block
	end := func() {
		if len(b.lines) > 0 {
			blocks = append(blocks, b)
		}
		b = block{}
	}
	empty := false
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		kind := byte('p')
		switch {
		case strings.TrimSpace(line) == "":
			if b.kind != 'l' {
				end()
			}
			empty = true
			continue
		case strings.HasPrefix(line, "<!--"):
			end()
			continue
		case strings.HasPrefix(line, "    ") && (b.kind == 0 || b.kind == 'l'):
			kind, line = 'l', line[4:]
		case strings.HasPrefix(line, "#"):
			kind = '#'
		case strings.HasPrefix(line, "|"):
			kind = '|'
		case strings.HasPrefix(line, "- "):
			kind = '-'
		case number.MatchString(line):
			kind = '1'
		case strings.HasPrefix(line, "  ") && (b.kind == '-' || b.kind == '1'):
			kind = b.kind
		case strings.HasPrefix(line, "```"), strings.HasPrefix(line, ">"):
			return nil, fmt.Errorf("line %d: %q is Markdown that is not known here", n+1, line)
		}
		switch {
		case kind != b.kind || kind == '#':
			end()
			b.kind = kind
		case kind == 'l' && empty:
			b.lines = append(b.lines, "")
		}
		b.lines = append(b.lines, line)
		empty = false
	}
	end()
	return blocks, nil
}

func (e *encoder) block(b block) error {
	if e.section == "See also" && b.kind != '#' {
		if b.kind != 'p' {
			return fmt.Errorf("the section See also is more than a list of links")
		}
		e.collect(strings.Join(b.lines, " "))
		return nil
	}
	switch b.kind {
	case '#':
		e.heading(b.lines[0])
	case 'l':
		e.literal(strings.Join(b.lines, "\n"))
	case '|':
		return e.table(b.lines)
	case '-':
		e.list("-bullet", b.lines)
	case '1':
		e.list("-enum", b.lines)
	case 'p':
		if e.section == "Name" {
			_, description, ok := strings.Cut(strings.Join(b.lines, " "), " – ")
			if !ok {
				return fmt.Errorf("the section Name has no dash")
			}
			e.macro(".Nm %s", e.page.Name)
			e.macro(".Nd %s", inline(description, nil))
			return nil
		}
		e.paragraph()
		e.text(strings.Join(b.lines, " "))
	}
	return nil
}

func (e *encoder) heading(line string) {
	title := strings.TrimSpace(strings.TrimLeft(line, "#"))
	level := len(line) - len(strings.TrimLeft(line, "#"))
	if e.page.Description != "" {
		level++ // the page's own sections are parts of the description
		if level == 2 {
			return
		}
	}
	switch level {
	case 1: // the name is in the section Name
	case 2:
		e.section = title
		if other := titles[title]; other != "" {
			title = other
		}
		e.macro(".Sh %s", strings.ToUpper(title))
	default:
		e.macro(".Ss %s", inline(title, nil))
	}
}

// literal writes lines as they are.
func (e *encoder) literal(text string) {
	if e.section == "Synopsis" {
		e.macro(".Bd -literal")
	} else {
		e.macro(".Bd -literal -offset indent")
	}
	for line := range strings.SplitSeq(text, "\n") {
		e.macro("%s", guard(escape(line)))
	}
	e.macro(".Ed")
	e.fresh = false
}

// table writes a table as a list: its first cell that is not empty, and what
// belongs to it.
func (e *encoder) table(lines []string) error {
	if len(lines) < 3 || !strings.HasPrefix(lines[1], "|-") {
		return fmt.Errorf("%q is no table with a head", lines[0])
	}
	head := cells(lines[0])
	e.macro(".Bl -tag -width Ds")
	for _, line := range lines[2:] {
		row := cells(line)
		if len(row) != len(head) {
			return fmt.Errorf("%q has %d cells, not %d", line, len(row), len(head))
		}
		first := slices.IndexFunc(row, func(c string) bool { return c != "" })
		if first < 0 {
			return fmt.Errorf("%q is empty", line)
		}
		e.macro(".It %s", quoteItem(inline(row[first], e.link)))
		for i, cell := range row[first+1:] {
			switch title := head[first+1+i]; {
			case cell == "":
			case title != "" && len(head) > 2:
				e.text(title + ": " + cell + ".")
			default:
				e.text(cell)
			}
		}
	}
	e.macro(".El")
	return nil
}

// cells returns the cells of a row. A "\|" is no border.
func cells(line string) []string {
	line = strings.ReplaceAll(strings.Trim(strings.TrimSpace(line), "|"), `\|`, "\x00")
	row := strings.Split(line, "|")
	for i, c := range row {
		row[i] = strings.ReplaceAll(strings.TrimSpace(c), "\x00", "|")
	}
	return row
}

// quoteItem keeps mdoc from reading macros in the words of an item.
func quoteItem(s string) string { return `\&` + s }

// number matches the beginning of an item of a list with numbers.
var number = regexp.MustCompile(`^\d+\. `)

func (e *encoder) list(kind string, lines []string) {
	e.macro(".Bl %s -compact", kind)
	var item []string
	end := func() {
		if len(item) > 0 {
			e.macro(".It")
			e.text(strings.Join(item, " "))
		}
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "- ") || number.MatchString(line) {
			end()
			item = nil
			_, line, _ = strings.Cut(line, " ")
		}
		item = append(item, strings.TrimSpace(line))
	}
	end()
	e.macro(".El")
}

// sentenceEnd matches the end of a sentence within a line. mdoc wants the next
// one on a line of its own, which is how it knows where the wider spaces go.
var sentenceEnd = regexp.MustCompile(`([.!?](?:[)"]|\\f[BIR])*) `)

// width bounds a line, as mdoc wants it.
const width = 78

// text writes a paragraph, a sentence a line.
func (e *encoder) text(text string) {
	for sentence := range strings.SplitSeq(sentenceEnd.ReplaceAllString(inline(text, e.link), "$1\n"), "\n") {
		line := ""
		for word := range strings.FieldsSeq(sentence) {
			if line != "" && len(line)+1+len(word) > width {
				e.macro("%s", guard(line))
				line = ""
			}
			line = strings.TrimPrefix(line+" "+word, " ")
		}
		if line != "" {
			e.macro("%s", guard(line))
		}
	}
}

// link says what stands in place of a link.
func (e *encoder) link(text, target string) string {
	if m := e.manual(target); m != "" {
		name, section, _ := strings.Cut(m, " ")
		if m != fmt.Sprintf("%s %d", e.page.Name, e.page.Section) && !slices.Contains(e.references, m) {
			e.references = append(e.references, m)
		}
		return `\fB` + escape(name) + `\fR(` + section + `)`
	}
	if strings.Contains(target, "://") {
		return escape(text) + " <" + escape(target) + ">"
	}
	return emphasis(text)
}

func (e *encoder) manual(target string) string {
	if e.page.Manual == nil {
		return ""
	}
	target, _, _ = strings.Cut(target, "#")
	return e.page.Manual(path.Clean(target))
}

// collect notes what the section See also names.
func (e *encoder) collect(text string) {
	for _, m := range linkPattern.FindAllStringSubmatch(text, -1) {
		switch ref := e.manual(m[2]); {
		case ref != "" && !slices.Contains(e.references, ref):
			e.references = append(e.references, ref)
		case ref == "":
			e.others = append(e.others, m[2])
		}
	}
	for rest := range strings.SplitSeq(linkPattern.ReplaceAllString(text, ""), ",") {
		if rest = strings.Trim(rest, " ."); rest != "" {
			e.others = append(e.others, rest)
		}
	}
}

// seeAlso writes the last section: manual pages by section and name, and then
// the rest of the documentation.
func (e *encoder) seeAlso() {
	if e.section != "See also" {
		return
	}
	slices.SortFunc(e.references, func(a, b string) int {
		an, as, _ := strings.Cut(a, " ")
		bn, bs, _ := strings.Cut(b, " ")
		return cmp.Or(cmp.Compare(as, bs), cmp.Compare(an, bn))
	})
	for i, r := range e.references {
		comma := " ,"
		if i == len(e.references)-1 {
			comma = ""
		}
		e.macro(".Xr %s%s", r, comma)
	}
	var files []string
	for _, o := range e.others {
		o = strings.TrimLeft(o, "./")
		if !slices.Contains(files, o) {
			files = append(files, o)
		}
	}
	if len(files) > 0 {
		if len(e.references) > 0 {
			e.macro(".Pp")
		}
		e.text("In the documentation: " + strings.Join(files, ", ") + ".")
	}
}

var (
	linkPattern = regexp.MustCompile(`\[([^\]]+)\]\(([^)\s]+)\)`)
	spans       = regexp.MustCompile("`[^`]+`|" + linkPattern.String() + `|\*\*[^*]+\*\*|\*[^*\s][^*]*\*`)
)

// inline writes the spans of a line. link is what stands in place of a link.
func inline(s string, link func(text, target string) string) string {
	var b strings.Builder
	for len(s) > 0 {
		m := spans.FindStringIndex(s)
		if m == nil {
			b.WriteString(escape(s))
			break
		}
		b.WriteString(escape(s[:m[0]]))
		span := s[m[0]:m[1]]
		switch {
		case span[0] == '[':
			l := linkPattern.FindStringSubmatch(span)
			if link == nil {
				b.WriteString(escape(l[1]))
			} else {
				b.WriteString(link(l[1], l[2]))
			}
		default:
			b.WriteString(emphasis(span))
		}
		s = s[m[1]:]
	}
	return b.String()
}

// emphasis writes one span without links.
func emphasis(span string) string {
	switch {
	case strings.HasPrefix(span, "`"):
		return `\fB` + escape(strings.Trim(span, "`")) + `\fR`
	case strings.HasPrefix(span, "**"):
		return `\fB` + escape(strings.Trim(span, "*")) + `\fR`
	case strings.HasPrefix(span, "*"):
		return `\fI` + escape(strings.Trim(span, "*")) + `\fR`
	}
	return escape(span)
}

// escape writes characters so that they stand for themselves.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '`':
			b.WriteString("\\(ga")
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r == '–':
			b.WriteString(`\(en`)
		case r == '…':
			b.WriteString("...")
		case r >= utf8.RuneSelf:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// guard keeps a line from being taken for a macro.
func guard(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}
