package ldif

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

// width is where lines are folded, as RFC 2849 examples are.
const width = 76

// A Writer writes content records. Flush it at the end.
type Writer struct {
	// Bare leaves out the line "version: 1", which slapadd does not take.
	Bare bool

	out *bufio.Writer
	any bool
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{out: bufio.NewWriter(w)} }

// Write writes one entry.
func (w *Writer) Write(e policy.Entry) error {
	if len(e.Attributes) == 0 {
		return errors.New("ldif: an entry without attributes cannot be written")
	}
	if w.any {
		w.out.WriteByte('\n')
	} else if !w.Bare {
		w.out.WriteString("version: 1\n\n")
	}
	w.any = true
	w.line("dn", e.DN)
	for _, a := range e.Attributes {
		for _, v := range a.Values {
			w.line(a.Name, v)
		}
	}
	return w.Flush()
}

// Flush writes out what is buffered.
func (w *Writer) Flush() error { return w.out.Flush() }

func (w *Writer) line(name, value string) {
	line := name + ":"
	switch {
	case value == "":
	case safe(value):
		line += " " + value
	default:
		line += ": " + base64.StdEncoding.EncodeToString([]byte(value))
	}
	for max := width; len(line) > max; max = width - 1 {
		w.out.WriteString(line[:max])
		w.out.WriteString("\n ")
		line = line[max:]
	}
	w.out.WriteString(line)
	w.out.WriteByte('\n')
}

// safe reports whether value is a SAFE-STRING that also survives editors
// which trim the ends of lines.
func safe(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' {
			return false
		}
	}
	switch value[0] {
	case ' ', ':', '<':
		return false
	}
	return value[len(value)-1] != ' '
}
