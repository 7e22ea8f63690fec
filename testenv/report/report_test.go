package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestTable(t *testing.T) {
	table := Table{Header: []string{"a", "b"}}
	table.Add("x|y", "")
	table.Add("1\n2", "3")
	got, err := table.Markdown()
	if want := "| a | b |\n|---|---|\n| x\\|y | |\n| 1 2 | 3 |\n"; err != nil || got != want {
		t.Errorf("got\n%s, %v, want\n%s", got, err, want)
	}
	table.Add("too", "many", "cells")
	if _, err := table.Markdown(); err == nil {
		t.Error("a row of the wrong length went unnoticed")
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 1: "1", 12: "12", 100: "100", 999.6: "1,000", 1e6: "1,000,000", 12345.6: "12,346", -1234: "-1,234",
		1.234: "1.23", 12.34: "12.3", 0.5: "0.5", 0.01234: "0.0123", 0.1: "0.1", 20: "20",
	} {
		if got := Number(x); got != want {
			t.Errorf("%v is shown as %q, want %q", x, got, want)
		}
	}
	if got := Number(math.NaN()); got != "–" {
		t.Errorf("what is no number is shown as %q", got)
	}
}

func TestCode(t *testing.T) {
	if a, b := Code("pwgen -s"), Code("a`b"); a != "`pwgen -s`" || b != "`` a`b ``" {
		t.Errorf("%s, %s", a, b)
	}
}

func TestReplace(t *testing.T) {
	const page = "# Title\n\n<!-- bench: a -->\nold\n<!-- /bench: a -->\n\nmine\n\n<!-- bench: b -->\n<!-- /bench: b -->\n"
	got, err := Replace(page, "a", "\nnew\n")
	if want := "# Title\n\n<!-- bench: a -->\n\nnew\n\n<!-- /bench: a -->\n\nmine\n\n<!-- bench: b -->\n<!-- /bench: b -->\n"; err != nil || got != want {
		t.Errorf("got\n%s, %v", got, err)
	}
	again, err := Replace(got, "a", "new")
	if err != nil || again != got {
		t.Errorf("replaced again:\n%s, %v", again, err)
	}
	for name, page := range map[string]string{
		"missing":     "# Title\n",
		"not ended":   "<!-- bench: a -->\n",
		"twice":       strings.Repeat("<!-- bench: a -->\n<!-- /bench: a -->\n", 2),
		"wrong order": "<!-- /bench: a -->\n<!-- bench: a -->\n",
	} {
		if _, err := Replace(page, "a", "new"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestUpstream(t *testing.T) {
	for version, want := range map[string]string{
		"2.5.13+dfsg-5": "2.5.13", "2.2.3.dfsg.1-5+b2": "2.2.3", "2:4.17.12+dfsg-0+deb12u1": "4.17.12", "1.4.5-1+b1": "1.4.5", "2.08-2": "2.08", "3.0": "3.0",
	} {
		if got := upstream(version); got != want {
			t.Errorf("%s: %q, want %q", version, got, want)
		}
	}
}

// TestMachine wants the sentence to say all that a reader needs to judge the
// figures.
func TestMachine(t *testing.T) {
	got := NewMachine().Describe("slapd 2.5")
	for _, want := range []string{"20", "Go 1.", "slapd 2.5", "Load average", " before, "} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

var sample = Figure{Title: "Time & memory", X: "users", Panels: []Panel{
	{"µs for a request", []Series{
		{"ours", []Point{{100, 45}, {1000, 46}, {1e4, 47}, {1e5, 52}, {1e6, 70}}},
		{"slapd <direct>", []Point{{100, 20}, {1e6, 33}}},
	}},
	{"MiB", []Series{
		{"a", []Point{{100, 14}, {1e6, 14.2}}}, {"b", []Point{{100, 1}}}, {"c", []Point{{100, 2000}}}, {"d", []Point{{100, 0.3}}},
	}},
}}

func TestSVG(t *testing.T) {
	got, err := sample.SVG()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "figure.svg")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("not what %s says; -update writes it anew", golden)
	}
	elements, attributes := wellFormed(t, got)
	if elements["polyline"] != 6 || elements["title"] != 1 || elements["circle"] == 0 || elements["path"] == 0 {
		t.Errorf("elements %v", elements)
	}
	for _, a := range attributes {
		if strings.Contains(a, "NaN") || strings.Contains(a, "Inf") {
			t.Errorf("attribute %q", a)
		}
	}
}

// wellFormed reads XML to its end, and returns how often each element occurs
// and the values of all attributes.
func wellFormed(t *testing.T, text []byte) (elements map[string]int, attributes []string) {
	t.Helper()
	elements = make(map[string]int)
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return elements, attributes
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
			for _, a := range e.Attr {
				attributes = append(attributes, a.Value)
			}
		}
	}
}

func TestSVGRefuses(t *testing.T) {
	for name, f := range map[string]Figure{
		"no points": {Title: "x"},
		"zero":      {Panels: []Panel{{"y", []Series{{"s", []Point{{0, 1}}}}}}},
		"negative":  {Panels: []Panel{{"y", []Series{{"s", []Point{{1, -1}}}}}}},
		"no number": {Panels: []Panel{{"y", []Series{{"s", []Point{{1, math.NaN()}}}}}}},
		"five":      {Panels: []Panel{{"y", make([]Series, 5)}}},
	} {
		if _, err := f.SVG(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAxis(t *testing.T) {
	for _, tt := range []struct {
		values    []float64
		low, high float64
		ticks     int
	}{
		{[]float64{100, 1e6}, 100, 1e6, 5},
		{[]float64{45, 70}, 20, 200, 4},
		{[]float64{14, 14.2}, 5, 50, 4},
		{[]float64{0.3, 2000}, 0.2, 2000, 4},
		{[]float64{1}, 0.2, 2, 4},
	} {
		a := newAxis(tt.values, 0, 1)
		if math.Abs(a.low/tt.low-1) > 1e-9 || math.Abs(a.high/tt.high-1) > 1e-9 || len(a.ticks()) != tt.ticks {
			t.Errorf("%v: from %v to %v, ticks %v; want %+v", tt.values, a.low, a.high, a.ticks(), tt)
		}
		for _, v := range tt.values {
			if at := a.at(v); at < 0 || at > 1+1e-9 {
				t.Errorf("%v: %v is at %v", tt.values, v, at)
			}
		}
	}
}

// TestPage wants the page to have a place for each section, no other, and
// figures in each.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", Page))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, name := range Sections() {
		if _, err := Replace(page, name, ""); err != nil {
			t.Error(err)
			continue
		}
		_, content, _ := strings.Cut(page, "<!-- bench: "+name+" -->")
		content, _, _ = strings.Cut(content, "<!-- /bench: "+name+" -->")
		if !strings.Contains(content, "|---|") || !strings.Contains(content, "Load average") {
			t.Errorf("the section %s has no figures; make bench writes them", name)
		}
	}
	if n := strings.Count(page, "<!-- bench: "); n != len(Sections()) {
		t.Errorf("the page has %d sections, want %d", n, len(Sections()))
	}
}

// TestWrite keeps what is on the page by hand.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, Page)
	if err := os.WriteFile(path, []byte("by hand\n<!-- bench: rate -->\n<!-- /bench: rate -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Section{Name: "rate"}
	s.Printf("measured %d", 1)
	s.Figure("curve", sample)
	if err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if want := "by hand\n<!-- bench: rate -->\n\nmeasured 1\n\n![Time & memory](benchmarks/curve.svg)\n\n<!-- /bench: rate -->\n"; err != nil || string(page) != want {
		t.Errorf("%q, %v", page, err)
	}
	svg, err := os.ReadFile(filepath.Join(dir, Figures, "curve.svg"))
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, svg)
	if err := (&Section{Name: "other"}).Write(dir); err == nil {
		t.Error("a section that the page has no place for was written")
	}
	s.Table(Table{Header: []string{"a"}, Rows: [][]string{{"1", "2"}}})
	if err := s.Write(dir); err == nil {
		t.Error("a bad table was written")
	}
}
