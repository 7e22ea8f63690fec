package listen

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "inherit" {
		inheritAsChild()
		return
	}
	goleak.VerifyTestMain(m)
}

func tcp(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l net.Listener, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

const (
	proxyIP  = "127.0.0.2"
	directIP = "127.0.0.3"
)

func trusting(t *testing.T) net.Listener {
	l := Proxied(tcp(t), ProxyConfig{
		Trust: []netip.Prefix{netip.MustParsePrefix(proxyIP + "/32")},
		Log:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	t.Cleanup(func() { l.Close() })
	return l
}

// v2 is a header of version 2.
func v2(command, family byte, rest ...byte) string {
	return "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{0x20 | command, family, 0, byte(len(rest))}) + string(rest)
}

func TestProxied(t *testing.T) {
	tests := []struct{ name, header, remote, local string }{
		{"version 1", "PROXY TCP4 192.0.2.1 198.51.100.1 1025 389\r\n", "192.0.2.1:1025", "198.51.100.1:389"},
		{"version 1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 1025 389\r\n", "[2001:db8::1]:1025", "[2001:db8::2]:389"},
		{"version 1, unknown", "PROXY UNKNOWN\r\n", "", ""},
		{"version 2", v2(1, 0x11, 192, 0, 2, 1, 198, 51, 100, 1, 4, 1, 1, 133), "192.0.2.1:1025", "198.51.100.1:389"},
		{"version 2, local", v2(0, 0x00), "", ""},
		{"version 2, local with addresses", v2(0, 0x11, 192, 0, 2, 1, 198, 51, 100, 1, 4, 1, 1, 133), "", ""},
		{"version 2, with TLVs", v2(1, 0x11, 192, 0, 2, 1, 198, 51, 100, 1, 4, 1, 1, 133, 0xe0, 0, 1, 'x'), "192.0.2.1:1025", "198.51.100.1:389"},
		{"a proxy here, a client here", "PROXY TCP4 127.0.0.9 127.0.0.1 1025 389\r\n", "127.0.0.9:1025", "127.0.0.1:389"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := trusting(t)
			client := dial(t, l, proxyIP)
			if tt.remote == "" {
				tt.remote, tt.local = client.LocalAddr().String(), l.Addr().String()
			}
			fmt.Fprint(client, tt.header, "hello")
			conn := accept(t, l)
			if got := conn.RemoteAddr().String(); got != tt.remote {
				t.Errorf("client %s, want %s", got, tt.remote)
			}
			if got := conn.LocalAddr().String(); got != tt.local {
				t.Errorf("arrived at %s, want %s", got, tt.local)
			}
			got := make([]byte, 5)
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
				t.Errorf("read %q, %v", got, err)
			}
			fmt.Fprint(conn, "bye")
			if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Error(err)
			}
			if got, err := io.ReadAll(client); err != nil || string(got) != "bye" {
				t.Errorf("the client read %q, %v", got, err)
			}
		})
	}
}

// elsewhere has connections that come from another machine.
type elsewhere struct{ net.Listener }

type elsewhereConn struct{ net.Conn }

func (e elsewhere) Accept() (net.Conn, error) {
	c, err := e.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return elsewhereConn{c}, nil
}

func (elsewhereConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 1234}
}

// A proxy elsewhere cannot make its client seem to be on this machine.
func TestProxiedLoopback(t *testing.T) {
	for _, header := range []string{
		"PROXY TCP4 127.0.0.1 127.0.0.1 1025 389\r\n",
		"PROXY TCP6 ::1 ::1 1025 389\r\n",
		v2(1, 0x11, 127, 0, 0, 1, 127, 0, 0, 1, 4, 1, 1, 133),
		v2(1, 0x31, make([]byte, 216)...),
		"PROXY TCP6 ::ffff:127.0.0.1 ::ffff:127.0.0.1 1025 389\r\n",
	} {
		l := Proxied(elsewhere{tcp(t)}, ProxyConfig{Trust: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
		client := dial(t, l, "127.0.0.1")
		fmt.Fprint(client, header)
		conn := accept(t, l)
		if got := conn.RemoteAddr().String(); got != "10.0.0.7:1234" {
			t.Errorf("%q: client %s", header, got)
		}
		l.Close()
	}
}

func TestProxiedRefuses(t *testing.T) {
	for name, sent := range map[string]string{
		"no header":      "0\x05\x02\x01\x01\x42\x00 and more, so that it is as long as a header",
		"half a header":  "PROXY TCP4 192.0.2.1",
		"bad address":    "PROXY TCP4 192.0.2.999 198.51.100.1 1025 389\r\n",
		"version 3":      "\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x00",
		"endless line":   "PROXY TCP4 " + strings.Repeat("1", 4000),
		"addresses gone": v2(1, 0x11, 1, 2, 3),
		"nothing":        "",
	} {
		t.Run(name, func(t *testing.T) {
			l := trusting(t)
			client := dial(t, l, proxyIP)
			fmt.Fprint(client, sent)
			_ = client.(*net.TCPConn).CloseWrite()
			if got, err := io.ReadAll(client); len(got) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
}

// Who is not trusted is a client itself: a header is for the protocol above
// to refuse. And nobody waits for a trusted one that says nothing.
func TestProxiedUntrusted(t *testing.T) {
	l := trusting(t)
	dial(t, l, proxyIP) // silent
	client := dial(t, l, directIP)
	const header = "PROXY TCP4 192.0.2.1 198.51.100.1 1025 389\r\n"
	fmt.Fprint(client, header)
	conn := accept(t, l)
	if conn.RemoteAddr().String() != client.LocalAddr().String() {
		t.Errorf("client %v", conn.RemoteAddr())
	}
	got := make([]byte, len(header))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != header {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestProxiedWaiting(t *testing.T) {
	l := Proxied(tcp(t), ProxyConfig{Trust: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, MaxWaiting: 2, Timeout: time.Hour})
	var silent []net.Conn
	for range 3 {
		silent = append(silent, dial(t, l, proxyIP))
	}
	// One of them is closed, the others wait until the listener is closed.
	ended := make(chan error, len(silent))
	var wg sync.WaitGroup
	for _, c := range silent {
		wg.Go(func() {
			_, err := c.Read(make([]byte, 1))
			ended <- err
		})
	}
	if err := <-ended; errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("nobody was refused")
	}
	l.Close()
	wg.Wait()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
}

func TestUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ldapi")
	l, err := Unix(path, 0o660)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Unix(path, 0o660); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a socket in use: %v", err)
	}
	// What a process leaves that was killed.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	l, err = Unix(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Unix(path, 0o600); err == nil {
		t.Error("a file was replaced")
	}
}

// inheritAsChild is what the test runs as a process started by systemd.
func inheritAsChild() {
	os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	found, err := Inherited(os.LookupEnv)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"ldap", "rest", "unknown"} {
		for _, l := range found[name] {
			fmt.Println(name, l.Addr())
			conn, err := l.Accept()
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Fprint(conn, name)
			conn.Close()
			l.Close()
		}
	}
}

func TestInherited(t *testing.T) {
	var files []*os.File
	var addrs []net.Addr
	add := func(l net.Listener) {
		t.Helper()
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		t.Cleanup(func() { f.Close() })
		files, addrs = append(files, f), append(addrs, l.Addr())
	}
	add(tcp(t))
	add(tcp(t))
	add(tcp(t))
	path := filepath.Join(t.TempDir(), "socket")
	u, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	u.(*net.UnixListener).SetUnlinkOnClose(false)
	add(u)
	cmd := exec.Command(os.Args[0], "inherit")
	cmd.ExtraFiles = files
	cmd.Env = append(os.Environ(), "LISTEN_FDS=4", "LISTEN_FDNAMES=ldap:ldap:rest")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"ldap", "ldap", "rest", "unknown"} {
		conn, err := net.Dial(addrs[i].Network(), addrs[i].String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if got, err := io.ReadAll(conn); string(got) != want {
			t.Errorf("listener %d: %q, %v", i, got, err)
		}
		conn.Close()
	}
	if err := cmd.Wait(); err != nil || strings.Count(out.String(), "\n") != 4 {
		t.Errorf("%v:\n%s", err, &out)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("systemd's socket is gone: %v", err)
	}
}

func TestInheritedNothing(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"nothing":      {},
		"another's":    {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
		"no number":    {"LISTEN_PID": fmt.Sprint(os.Getpid()), "LISTEN_FDS": "many"},
		"negative":     {"LISTEN_PID": fmt.Sprint(os.Getpid()), "LISTEN_FDS": "-1"},
		"not there":    {"LISTEN_PID": fmt.Sprint(os.Getpid()), "LISTEN_FDS": "1"},
		"none of them": {"LISTEN_PID": fmt.Sprint(os.Getpid()), "LISTEN_FDS": "0"},
	} {
		// A descriptor far beyond those of the test stands for the first.
		found, err := inherited(func(k string) (string, bool) { v, ok := env[k]; return v, ok }, 900)
		wantErr := map[string]bool{"no number": true, "negative": true, "not there": true}[name]
		if len(found) > 0 || (err != nil) != wantErr {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
}
