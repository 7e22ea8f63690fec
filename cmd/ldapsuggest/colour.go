package main

import (
	"io"
	"os"
)

// The colours in use, as SGR sequences (ECMA-48).
const (
	bold  = "\x1b[1m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	dim   = "\x1b[2m"
)

// colour returns how a colour is switched on and off for w: not at all where
// w is no terminal, where NO_COLOR is set (https://no-color.org), and on a
// terminal that knows no colours.
func (p *program) colour(w io.Writer, sequence string) (on, off string) {
	if v, _ := p.env("NO_COLOR"); v != "" || !p.smart() {
		return "", ""
	}
	if f, ok := w.(*os.File); !ok || !isTerminal(f) {
		return "", ""
	}
	return sequence, "\x1b[0m"
}

// smart reports whether the terminal understands more than lines of text.
func (p *program) smart() bool {
	term, _ := p.env("TERM")
	return term != "" && term != "dumb"
}
