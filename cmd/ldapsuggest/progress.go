package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A progress draws a bar for work that is measured in octets.
type progress struct {
	w     io.Writer
	began time.Time
	drawn time.Time // when it was drawn last
	verb  string    // what is done, where it is not known to how much; "" for "read"
}

// newProgress returns a progress for a terminal, and nil, whose methods do
// nothing, for anything else: a log needs no bars.
func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); !ok || !isTerminal(f) {
		return nil
	}
	return &progress{w: w, began: time.Now()}
}

// redraw is how often a bar moves.
const redraw = 100 * time.Millisecond

// update draws the bar for done octets of all, 0 if that is not known.
func (p *progress) update(done, all int64) {
	now := time.Now()
	if p == nil || now.Sub(p.drawn) < redraw && done != all {
		return
	}
	p.drawn = now
	fmt.Fprintf(p.w, "\r\x1b[K%s", progressLine(p.verb, done, all, now.Sub(p.began)))
}

// end takes the bar away.
func (p *progress) end() {
	if p != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// A metered is a file whose reading or writing moves a bar.
type metered struct {
	r         io.Reader
	w         io.Writer
	bar       *progress
	verb      string // what is done to octets whose number is not known
	done, all int64
}

func (m *metered) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.count(n)
	return n, err
}

func (m *metered) Write(b []byte) (int, error) {
	n, err := m.w.Write(b)
	m.count(n)
	return n, err
}

func (m *metered) count(n int) {
	m.done += int64(n)
	if m.bar != nil {
		m.bar.verb = m.verb
	}
	m.bar.update(m.done, m.all)
}

// progressLine is a line of less than 80 columns.
func progressLine(verb string, done, all int64, since time.Duration) string {
	rate := 0.0
	if s := since.Seconds(); s > 0 {
		rate = float64(done) / s
	}
	speed := octets(int64(rate)) + "/s"
	if all <= 0 {
		return fmt.Sprintf("%s %s, %s", octets(done), cmp.Or(verb, "read"), speed)
	}
	const width = 30
	part := min(float64(done)/float64(all), 1)
	full := int(part * width)
	line := fmt.Sprintf("[%s%s] %3d%% of %s, %s", strings.Repeat("=", full), strings.Repeat(" ", width-full), int(part*100), octets(all), speed)
	if rate > 0 && done < all {
		left := time.Duration(float64(all-done)/rate) * time.Second
		line += fmt.Sprintf(", %v left", left)
	}
	return line
}

// octets is a number of octets for people: "1.5 GB".
func octets(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v := float64(n)
	for _, unit := range []string{"kB", "MB", "GB"} {
		if v /= 1000; v < 999.95 {
			return fmt.Sprintf("%.1f %s", v, unit)
		}
	}
	return fmt.Sprintf("%.1f TB", v/1000)
}
