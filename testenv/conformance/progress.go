package conformance

import (
	"fmt"
	"os"
	"strings"
)

// progress draws a bar on the terminal, past go test, which keeps a test's
// output back until the test ends.
type progress struct {
	terminal *os.File // nil for none
	name     string
	all      int
	drawn    int
}

const progressWidth = 40

// newProgress returns the bar where LDAPSUGGEST_PROGRESS asks for it.
func newProgress(name string, all int) *progress {
	p := &progress{name: name, all: all, drawn: -1}
	if os.Getenv("LDAPSUGGEST_PROGRESS") != "" {
		// Without a terminal there is no bar.
		p.terminal, _ = os.OpenFile("/dev/tty", os.O_WRONLY, 0)
	}
	return p
}

func (p *progress) at(n int) {
	percent := 100 * n / max(p.all, 1)
	if p.terminal == nil || percent == p.drawn {
		return
	}
	p.drawn = percent
	full := progressWidth * percent / 100
	fmt.Fprintf(p.terminal, "\r%s [%s%s] %d of %d policies", p.name, strings.Repeat("#", full), strings.Repeat(".", progressWidth-full), n, p.all)
}

func (p *progress) close() {
	if p.terminal != nil {
		fmt.Fprintf(p.terminal, "\r\x1b[K")
		_ = p.terminal.Close()
	}
}
