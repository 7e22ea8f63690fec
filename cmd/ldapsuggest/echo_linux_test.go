package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal: what a user types is written to keys.
func terminal(t *testing.T) (keys, tty *os.File) {
	t.Helper()
	keys, tty, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close(); tty.Close() })
	return keys, tty
}

func openTerminal() (keys, tty *os.File, err error) {
	if keys, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			keys.Close()
		}
	}()
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	return keys, tty, err
}

func showsTyping(t *testing.T, tty *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// A writerFunc is an io.Writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestTypedPasswordsAreNotShown(t *testing.T) {
	keys, tty := terminal(t)
	if !isTerminal(tty) || !showsTyping(t, tty) {
		t.Fatal("this is no terminal")
	}
	asked := false
	p := &program{stdin: tty, stderr: writerFunc(func(text []byte) (int, error) {
		if strings.HasPrefix(string(text), "Password:") {
			asked = true
			if showsTyping(t, tty) {
				t.Error("what is typed is shown")
			}
			if _, err := keys.WriteString("tr0ub4dor\n"); err != nil {
				t.Error(err)
			}
		}
		return len(text), nil
	})}
	for name, read := range map[string]func() ([]byte, error){
		"bind":  func() ([]byte, error) { return p.promptPassword(t.Context()) },
		"check": func() ([]byte, error) { return p.passwordToCheck(t.Context()) },
	} {
		asked = false
		password, err := read()
		if err != nil || string(password) != "tr0ub4dor" || !asked {
			t.Errorf("%s: %q, %v", name, password, err)
		}
		if !showsTyping(t, tty) {
			t.Errorf("%s: nothing is shown any more", name)
		}
	}
}

func TestFilesAreNoTerminals(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if isTerminal(null) {
		t.Error("the null device is a terminal")
	}
}
