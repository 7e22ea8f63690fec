package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A notifier tells systemd of the program's state, by the protocol of
// sd_notify(3): datagrams to a local socket. One without a socket tells
// nobody. That a state could not be told is no reason to stop serving, so
// nothing here fails but for an address that is none.
type notifier struct {
	conn     net.Conn
	watchdog time.Duration // how often a sign of life is expected; 0 for never
}

// newNotifier returns a notifier for the socket that the environment names.
func newNotifier(env environment) (*notifier, error) {
	name, _ := env("NOTIFY_SOCKET")
	if name == "" {
		return &notifier{}, nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	n := &notifier{conn: conn}
	usec, _ := env("WATCHDOG_USEC")
	if v, err := strconv.ParseInt(usec, 10, 64); err == nil && v > 0 {
		pid, given := env("WATCHDOG_PID")
		if !given || pid == strconv.Itoa(os.Getpid()) {
			n.watchdog = time.Duration(v) * time.Microsecond
		}
	}
	return n, nil
}

func (n *notifier) tell(state string) {
	if n.conn != nil {
		_ = n.conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = n.conn.Write([]byte(state))
	}
}

// follow tells that the program is ready, gives signs of life, and tells that
// it stops once ctx ends. stop waits for what is under way.
func (n *notifier) follow(ctx context.Context, status string) (stop func()) {
	n.tell("READY=1\nSTATUS=" + status)
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		var sign <-chan time.Time
		if n.watchdog > 0 {
			t := time.NewTicker(n.watchdog / 2)
			defer t.Stop()
			sign = t.C
		}
		for {
			select {
			case <-sign:
				n.tell("WATCHDOG=1")
			case <-ctx.Done():
				n.tell("STOPPING=1\nSTATUS=Requests under way are ended.")
				return
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
		if n.conn != nil {
			n.conn.Close()
		}
	}
}

// reloading tells that the configuration is being read, until done.
func (n *notifier) reloading() (done func()) {
	state := "RELOADING=1"
	if now := monotonic(); now > 0 {
		state += fmt.Sprintf("\nMONOTONIC_USEC=%d", now.Microseconds())
	}
	n.tell(state)
	return func() { n.tell("READY=1") }
}

// status names the doors, for who asks systemd how the program is.
func (f *frontend) status() string {
	var names []string
	for _, d := range f.doors {
		names = append(names, d.name)
	}
	return "Serving " + strings.Join(names, ", ") + "."
}
