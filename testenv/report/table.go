package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Table is a table in Markdown. Each row has as many cells as the header.
type Table struct {
	Header []string
	Rows   [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Markdown returns the table with a line end behind each row. A row of the
// wrong length is an error, since Markdown would drop or shift cells silently.
func (t *Table) Markdown() (string, error) {
	var b strings.Builder
	row := func(cells []string) error {
		if len(cells) != len(t.Header) {
			return fmt.Errorf("report: a row of %d cells in a table of %d columns: %q", len(cells), len(t.Header), cells)
		}
		b.WriteString("|")
		for _, c := range cells {
			// The cell "x" and the cell "" both have one blank on each side.
			b.WriteString(strings.TrimRight(" "+cell(c), " ") + " |")
		}
		b.WriteString("\n")
		return nil
	}
	if err := row(t.Header); err != nil {
		return "", err
	}
	b.WriteString(strings.Repeat("|---", len(t.Header)) + "|\n")
	for _, r := range t.Rows {
		if err := row(r); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// cell makes a text safe for one cell.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
}

// Code returns a text as code, for command lines and their characters.
func Code(s string) string {
	if strings.Contains(s, "`") {
		return "`` " + s + " ``"
	}
	return "`" + s + "`"
}

// Number returns a figure as the tables show it: three digits that count, and
// all digits of whole numbers from there on, with a comma before each three.
func Number(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	places := 0
	if a := math.Abs(x); a > 0 && a < 100 {
		places = min(2-int(math.Floor(math.Log10(a))), 6)
	}
	s := strconv.FormatFloat(x, 'f', places, 64)
	whole, fraction, _ := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction
}
