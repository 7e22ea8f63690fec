package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestColour has colours on terminals that know them, for those who want them.
func TestColour(t *testing.T) {
	keys, tty := terminal(t)
	shown := watch(keys)
	for _, tt := range []struct {
		env  variables
		want bool
	}{
		{variables{"TERM": "xterm"}, true},
		{variables{"TERM": "xterm", "NO_COLOR": ""}, true},
		{variables{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{variables{"TERM": "dumb"}, false},
		{variables{}, false},
	} {
		p := &program{stderr: tty, env: tt.env.lookup}
		on, off := p.colour(tty, red)
		if (on == red && off != "") != tt.want {
			t.Errorf("%v: %q, %q", tt.env, on, off)
		}
	}
	p := &program{stderr: tty, env: variables{"TERM": "xterm"}.lookup}
	p.complain(errors.New("broken"), "")
	if !shown.until("broken\x1b[0m") || !strings.Contains(shown.String(), "ldapsuggest: \x1b[31mbroken") {
		t.Errorf("%q", shown)
	}
	var out bytes.Buffer
	p.stderr = &out
	p.complain(errors.New("broken"), "")
	if out.String() != "ldapsuggest: broken\n" {
		t.Errorf("%q", out.String())
	}
}
