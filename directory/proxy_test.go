package directory

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
)

func addr(s string) *net.TCPAddr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

// Another implementation reads our headers.
func TestProxyHeader(t *testing.T) {
	tests := []struct{ client, server, wantClient, wantServer string }{
		{"192.0.2.1:1025", "198.51.100.2:389", "192.0.2.1:1025", "198.51.100.2:389"},
		{"[2001:db8::1]:65535", "[2001:db8::2]:636", "[2001:db8::1]:65535", "[2001:db8::2]:636"},
		{"[::ffff:192.0.2.1]:1025", "198.51.100.2:389", "192.0.2.1:1025", "198.51.100.2:389"},
		{"[fe80::1%eth0]:1025", "[fe80::2%eth0]:389", "[fe80::1]:1025", "[fe80::2]:389"},
		{"[2001:db8::1]:7", "[2001:db8::2]:8", "[2001:db8::1]:7", "[2001:db8::2]:8"},
	}
	for version := 1; version <= 2; version++ {
		for _, tt := range tests {
			s, _ := WithSource(t.Context(), addr(tt.client), addr(tt.server)).Value(sourceKey{}).(source)
			raw := append(appendHeader(nil, version, s), "rest"...)
			in := bufio.NewReader(bytes.NewReader(raw))
			h, err := proxyproto.Read(in)
			if err != nil {
				t.Fatalf("version %d, %v: %v: %q", version, tt.client, err, raw)
			}
			if int(h.Version) != version || h.Command.IsLocal() || h.SourceAddr.String() != tt.wantClient || h.DestinationAddr.String() != tt.wantServer {
				t.Errorf("version %d, %v: %+v", version, tt.client, h)
			}
			if rest, _ := in.Peek(4); string(rest) != "rest" {
				t.Errorf("version %d, %v: %q follows", version, tt.client, rest)
			}
		}
		h, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(appendHeader(nil, version, source{}))))
		if err != nil || version == 2 && !h.Command.IsLocal() || h.TransportProtocol != proxyproto.UNSPEC {
			t.Errorf("version %d, no addresses: %+v, %v", version, h, err)
		}
	}
	// One address of each family.
	mixed := source{netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("[2001:db8::2]:389")}
	if h, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(appendHeader(nil, 2, mixed)))); err != nil || h.TransportProtocol != proxyproto.TCPv6 {
		t.Errorf("mixed: %+v, %v", h, err)
	}
	if got := string(appendHeader(nil, 1, mixed)); got != "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 389\r\n" {
		t.Errorf("mixed: %q", got)
	}
	unix := WithSource(t.Context(), &net.UnixAddr{}, addr("192.0.2.1:1"))
	if unix.Value(sourceKey{}) != nil {
		t.Error("the address of a socket was taken")
	}
}

// slapd's pldap listener takes the client's address from the header, for its
// log and its access control, and knows our own connections from relayed ones.
func TestProxyHeaderSlapd(t *testing.T) {
	s := mortal(t)
	s.Stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	l.Close()
	slapdPath, err := exec.LookPath("slapd")
	if err != nil {
		slapdPath = "/usr/sbin/slapd"
	}
	logName := filepath.Join(t.TempDir(), "log")
	logFile, err := os.Create(logName)
	if err != nil {
		t.Fatal(err)
	}
	defer logFile.Close()
	cmd := exec.Command(slapdPath, "-F", filepath.Join(s.Dir, "slapd.d"), "-d", "stats", "-h", "pldap://"+host)
	cmd.Stderr = logFile
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()

	c := newClient(t, Config{URLs: []string{"ldap://" + host}, ProxyProtocol: 2})
	eventually(t, "slapd answers", func() bool {
		c.servers[0].succeed()
		return c.check(t.Context(), c.servers[0]) == nil
	})
	ctx, cancel := context.WithCancel(WithSource(t.Context(), addr("192.0.2.77:4711"), addr("198.51.100.2:389")))
	defer cancel()
	u, err := c.Bind(ctx, s.Reader.DN, []byte(s.Reader.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if err := u.See(ctx, s.Suffix, ""); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(logName)
	if err != nil || !strings.Contains(string(text), "192.0.2.77:4711") || !strings.Contains(string(text), "127.0.0.1:") {
		t.Errorf("%v; slapd's log:\n%s", err, text)
	}

	// Without the header, slapd hangs up.
	plain := newClient(t, Config{URLs: []string{"ldap://" + host}})
	if err := plain.check(t.Context(), plain.servers[0]); err == nil {
		t.Error("slapd took a connection without the header")
	}
}
