package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A choice is one of those that a user picks from. The text may be a secret:
// it is not copied but to the screen.
type choice struct {
	text []byte
	note string // why it is perhaps not a good one
}

// A picker has a user pick one of some choices on a terminal. It draws on the
// alternate screen, which the terminal takes away afterwards, so that those
// that were not picked are neither left there nor in what can be scrolled back
// to.
type picker struct {
	keys, screen *os.File
	about        []string // lines above the choices
	choices      []choice

	bold, dim, off string // empty without colours
}

// escapeTime is how long the rest of a key's sequence may take: less, and the
// key Escape alone it is.
const escapeTime = 50 * time.Millisecond

// pick returns the index of the choice, and errInterrupted if the user leaves
// without one or ctx ends. The terminal is as it was when pick returns.
func (p *picker) pick(ctx context.Context) (int, error) {
	restore, err := rawMode(p.keys)
	if err != nil {
		return p.ask(ctx)
	}
	defer restore()
	resized, stop := resizes()
	defer stop()
	const (
		enter = "\x1b[?1049h\x1b[?25l\x1b[?7l" // alternate screen, no cursor, no wrapping
		leave = "\x1b[?7h\x1b[?25h\x1b[2J\x1b[?1049l"
	)
	if _, err := io.WriteString(p.screen, enter); err != nil {
		return 0, err
	}
	defer io.WriteString(p.screen, leave)

	typed := typing(p.keys)
	c := cursor{count: len(p.choices)}
	for {
		if err := p.draw(&c); err != nil {
			return 0, err
		}
		var wait <-chan time.Time
		if len(c.partial) > 0 {
			wait = time.After(escapeTime)
		}
		select {
		case <-ctx.Done():
			return 0, errInterrupted
		case <-resized:
			continue
		case <-wait:
			c.partial = nil
			return 0, errInterrupted
		case octets, ok := <-typed:
			if !ok {
				return 0, errInterrupted
			}
			c.feed(octets)
		}
		switch {
		case c.left:
			return 0, errInterrupted
		case c.taken:
			return c.at, nil
		}
	}
}

// typing passes on what is typed. The goroutine ends with the file, or with
// the program.
func typing(keys io.Reader) <-chan []byte {
	typed := make(chan []byte)
	go func() {
		defer close(typed)
		for {
			buf := make([]byte, 64)
			n, err := keys.Read(buf)
			if n > 0 {
				typed <- buf[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	return typed
}

// A cursor is where the user is in a list.
type cursor struct {
	count       int
	at          int
	digits      int    // of a number that is being typed
	partial     []byte // of a key's sequence
	taken, left bool
}

// feed moves the cursor by what was typed, up to what ends the choice.
func (c *cursor) feed(octets []byte) {
	b := append(c.partial, octets...)
	c.partial = nil
	for len(b) > 0 && !c.taken && !c.left {
		if b[0] == 0x1b {
			n, key, whole := sequence(b)
			if !whole {
				c.partial = bytes.Clone(b)
				return
			}
			c.move(key)
			b = b[n:]
			continue
		}
		c.key(b[0])
		b = b[1:]
	}
}

// sequence reads a key's sequence, as ECMA-48 and the terminals' application
// mode have it: its length, and the final octet of those without parameters or
// with a number.
func sequence(b []byte) (n int, key string, whole bool) {
	if len(b) < 2 {
		return 0, "", false
	}
	if b[1] == 0x1b {
		return 1, "escape", true
	}
	if b[1] != '[' && b[1] != 'O' {
		return 2, "", true // Alt with a key
	}
	for i := 2; i < len(b); i++ {
		if b[i] >= 0x40 && b[i] <= 0x7e {
			return i + 1, string(b[2 : i+1]), true
		}
	}
	return len(b), "", len(b) > 32 // endless: no key of a keyboard
}

func (c *cursor) move(key string) {
	c.digits = 0
	switch key {
	case "A":
		c.at = max(c.at-1, 0)
	case "B":
		c.at = min(c.at+1, c.count-1)
	case "H", "1~", "7~":
		c.at = 0
	case "F", "4~", "8~":
		c.at = c.count - 1
	case "5~":
		c.at = max(c.at-10, 0)
	case "6~":
		c.at = min(c.at+10, c.count-1)
	case "escape":
		c.left = true
	}
}

func (c *cursor) key(b byte) {
	switch {
	case b >= '0' && b <= '9':
		n := c.digits*10 + int(b-'0')
		if n < 1 || n > c.count {
			n = int(b - '0') // a new number
		}
		if n < 1 || n > c.count {
			c.digits = 0
			return
		}
		c.digits, c.at = n, n-1
		// More digits cannot make another number of the list.
		c.taken = n*10 > c.count
		return
	case b == '\r', b == '\n':
		c.taken = true
	case b == 'q', b == 'Q', b == 3, b == 4: // Ctrl-C and Ctrl-D
		c.left = true
	case b == 'k', b == 16: // Ctrl-P
		c.at = max(c.at-1, 0)
	case b == 'j', b == 14: // Ctrl-N
		c.at = min(c.at+1, c.count-1)
	}
	c.digits = 0
}

// draw draws everything anew.
func (p *picker) draw(c *cursor) error {
	rows, columns := windowSize(p.screen)
	about := p.about
	if most := max(rows-6, 0); len(about) > most {
		about = about[:most] // the list matters more
	}
	visible := min(max(rows-len(about)-3, 1), len(p.choices))
	first := min(max(c.at-visible/2, 0), len(p.choices)-visible)

	var frame bytes.Buffer
	size := 256 + len(about)*(utf8.UTFMax*columns+16)
	for _, o := range p.choices {
		size += utf8.UTFMax*columns + len(p.bold) + len(p.off) + len(o.note) + 64
	}
	frame.Grow(size) // growing would leave copies of passwords behind
	defer func() { clear(frame.Bytes()[:frame.Len()]) }()
	frame.WriteString("\x1b[H\x1b[J")
	for _, line := range about {
		writePrintable(&frame, []byte(line), columns)
		frame.WriteString("\r\n")
	}
	if len(about) > 0 {
		frame.WriteString("\r\n")
	}
	width := len(strconv.Itoa(len(p.choices)))
	for i := first; i < first+visible; i++ {
		mark, on := " ", ""
		if i == c.at {
			mark, on = ">", p.bold
		}
		fmt.Fprintf(&frame, "%s%s %*d  ", on, mark, width, i+1)
		left := writePrintable(&frame, p.choices[i].text, columns-width-4)
		if on != "" {
			frame.WriteString(p.off)
		}
		if note := p.choices[i].note; note != "" && left > 3 {
			frame.WriteString("  " + p.dim)
			writePrintable(&frame, []byte(note), left-2)
			frame.WriteString(p.off)
		}
		frame.WriteString("\r\n")
	}
	frame.WriteString("\r\n" + p.dim)
	writePrintable(&frame, []byte("number, arrows, Enter: take  q: none"), columns)
	frame.WriteString(p.off)
	_, err := p.screen.Write(frame.Bytes())
	return err
}

// writePrintable writes text for a terminal, at most so many characters: what
// is no character to look at, and might be a command to the terminal, is
// replaced. It returns how many more there would be room for.
func writePrintable(w *bytes.Buffer, text []byte, columns int) (left int) {
	left = columns
	for len(text) > 0 && left > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case left == 1 && len(text) > n:
			r = '…'
		case !unicode.IsPrint(r):
			r = utf8.RuneError
		}
		w.WriteRune(r)
		text = text[n:]
		left--
	}
	return left
}

// ask is pick for a terminal that knows lines only.
func (p *picker) ask(ctx context.Context) (int, error) {
	width := len(strconv.Itoa(len(p.choices)))
	size := 256
	for _, line := range p.about {
		size += len(line)*utf8.UTFMax + 1
	}
	for _, o := range p.choices {
		size += len(o.text)*utf8.UTFMax + len(o.note)*utf8.UTFMax + width + 16
	}
	var list bytes.Buffer
	list.Grow(size)
	defer func() { clear(list.Bytes()[:list.Len()]) }()
	for _, line := range p.about {
		writePrintable(&list, []byte(line), len(line))
		list.WriteByte('\n')
	}
	for i, o := range p.choices {
		fmt.Fprintf(&list, "%*d  ", width+1, i+1)
		writePrintable(&list, o.text, len(o.text))
		if o.note != "" {
			list.WriteString("  ")
			writePrintable(&list, []byte(o.note), len(o.note))
		}
		list.WriteByte('\n')
	}
	if _, err := p.screen.Write(list.Bytes()); err != nil {
		return 0, err
	}
	typed := typing(p.keys)
	for {
		fmt.Fprintf(p.screen, "Number, q for none: ")
		select {
		case <-ctx.Done():
			fmt.Fprintln(p.screen)
			return 0, errInterrupted
		case line, ok := <-typed:
			answer := strings.TrimSpace(string(line))
			if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(p.choices) {
				return n - 1, nil
			}
			if !ok || answer == "q" {
				return 0, errInterrupted
			}
		}
	}
}
