package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// supervisor opens a socket as systemd does, and returns what comes in.
func supervisor(t *testing.T, name string) <-chan string {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			select {
			case told <- string(buf[:n]):
			default: // the test has seen what it waits for
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return told
}

// next returns the next state that is no sign of life.
func next(t *testing.T, told <-chan string) string {
	t.Helper()
	for {
		select {
		case s := <-told:
			if s != "WATCHDOG=1" {
				return s
			}
		case <-time.After(20 * time.Second):
			t.Fatal("nothing is told")
		}
	}
}

// TestNotify runs the program as systemd does.
func TestNotify(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	told := supervisor(t, socket)
	env := variables{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": strconv.Itoa(os.Getpid())}
	p := &program{stdin: strings.NewReader(""), stdout: io.Discard, stderr: t.Output(), env: env.lookup}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- p.serve(ctx, []string{"--data", t.TempDir(), "--ldap", "127.0.0.1:0", "--ldaps", "", "--rest", ""})
	}()
	if got := next(t, told); got != "READY=1\nSTATUS=Serving ldap." {
		t.Errorf("%q", got)
	}
	select {
	case s := <-told:
		if s != "WATCHDOG=1" {
			t.Errorf("%q", s)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no sign of life")
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if got := next(t, told); !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]+$`).MatchString(got) {
		t.Errorf("%q", got)
	}
	if got := next(t, told); got != "READY=1" {
		t.Errorf("%q", got)
	}
	cancel()
	if got := next(t, told); !strings.HasPrefix(got, "STOPPING=1\n") {
		t.Errorf("%q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNotifier(t *testing.T) {
	// A name in the abstract namespace, and a watchdog that is another's.
	name := "@ldapsuggest-test-" + strconv.Itoa(os.Getpid())
	told := supervisor(t, name)
	n, err := newNotifier(variables{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}.lookup)
	if err != nil || n.watchdog != 0 {
		t.Fatalf("%+v, %v", n, err)
	}
	n.follow(t.Context(), "Here.")()
	if got := next(t, told); got != "READY=1\nSTATUS=Here." {
		t.Errorf("%q", got)
	}
	// Nobody to tell.
	n, err = newNotifier(variables{}.lookup)
	if err != nil {
		t.Fatal(err)
	}
	n.follow(t.Context(), "Here.")()
	n.reloading()()
	if _, err := newNotifier(variables{"NOTIFY_SOCKET": "/nowhere/notify"}.lookup); err == nil {
		t.Error("a socket that is not there is none to tell")
	}
}
