package directory

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// slapd starts one small server for a test.
func slapd(t *testing.T) *testenv.Slapd {
	t.Helper()
	return testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 20}}})
}

func reader(s *testenv.Slapd, urls ...string) Config {
	if len(urls) == 0 {
		urls = []string{s.URL}
	}
	return Config{URLs: urls, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password), TLS: s.TLSConfig()}
}

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestSearch(t *testing.T) {
	s := slapd(t)
	c := newClient(t, reader(s))
	people := "ou=people," + s.Suffix
	tests := []struct {
		name    string
		query   policy.Query
		code    result.Code // of the error; success for none
		matched string
		want    int
	}{
		{"base", policy.Query{Base: s.UserDN(1), Attributes: []string{"uid"}}, result.Success, "", 1},
		{"one level", policy.Query{Base: people, Scope: policy.SingleLevel, Attributes: []string{"1.1"}}, result.Success, "", 20},
		{"subtree and filter", policy.Query{Base: s.Suffix, Scope: policy.WholeSubtree, Filter: "(uid=user00*)"}, result.Success, "", 10},
		{"nothing found", policy.Query{Base: people, Scope: policy.WholeSubtree, Filter: "(uid=nobody)"}, result.Success, "", 0},
		{"no such base", policy.Query{Base: "uid=nobody," + people}, result.NoSuchObject, people, 0},
		{"no DN", policy.Query{Base: "nonsense"}, result.InvalidDNSyntax, "", 0},
		{"no filter", policy.Query{Base: people, Filter: "(uid="}, result.Other, "", 0},
		{"unknown critical control", policy.Query{Base: people, Controls: []policy.Control{{OID: "1.2.3.4", Critical: true}}}, result.UnavailableCriticalExtension, "", 0},
		{"unknown control", policy.Query{Base: people, Controls: []policy.Control{{OID: "1.2.3.4", Value: []byte{}}}}, result.Success, "", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.Search(t.Context(), tt.query)
			if tt.code == result.Success {
				if err != nil {
					t.Fatal(err)
				}
			} else {
				var e *result.Error
				if !errors.As(err, &e) || e.Code != tt.code || e.MatchedDN != tt.matched {
					t.Fatalf("error %#v, want %v with matched DN %q", err, tt.code, tt.matched)
				}
			}
			if len(got) != tt.want {
				t.Errorf("%d entries, want %d", len(got), tt.want)
			}
		})
	}
	e, err := policy.Read(t.Context(), c, policy.Query{Base: s.UserDN(1), Attributes: []string{"uid"}})
	if v, _ := e.Value("UID"); err != nil || v != "user001" || e.DN != s.UserDN(1) {
		t.Errorf("read %+v, %v", e, err)
	}
}

// A list that the server cut short is an error.
func TestSearchSizeLimit(t *testing.T) {
	s := slapd(t)
	mod := ldap.NewModifyRequest("olcDatabase={1}mdb,cn=config", nil)
	mod.Replace("olcLimits", []string{fmt.Sprintf("{0}dn.exact=%q size=5", s.Reader.DN)})
	if err := s.Dial(t, s.ConfigAdmin).Modify(mod); err != nil {
		t.Fatal(err)
	}
	got, err := newClient(t, reader(s)).Search(t.Context(), policy.Query{Base: s.Suffix, Scope: policy.WholeSubtree})
	if !result.Is(err, result.SizeLimitExceeded) || got != nil {
		t.Errorf("%d entries, %v", len(got), err)
	}
}

func TestTransports(t *testing.T) {
	s := slapd(t)
	trust := s.TLSConfig()
	// Nothing else is set: the name to verify comes from the URL.
	plain := &tls.Config{RootCAs: s.CAs}
	tests := []struct {
		name string
		url  string
		cfg  Config
		ok   bool
	}{
		{"ldap", s.URL, Config{}, true},
		{"ldaps", s.TLSURL, Config{TLS: trust}, true},
		{"ldaps, name from the URL", s.TLSURL, Config{TLS: plain}, true},
		{"ldaps, authority unknown", s.TLSURL, Config{TLS: &tls.Config{RootCAs: x509.NewCertPool()}}, false},
		{"ldaps, wrong name", s.TLSURL, Config{TLS: &tls.Config{RootCAs: s.CAs, ServerName: "ldap.example.net"}}, false},
		{"StartTLS", s.URL, Config{TLS: trust, StartTLS: true}, true},
		{"StartTLS, authority unknown", s.URL, Config{TLS: &tls.Config{RootCAs: x509.NewCertPool()}, StartTLS: true}, false},
		{"ldapi", s.LocalURL, Config{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.URLs = []string{tt.url}
			tt.cfg.BindDN, tt.cfg.BindPassword = s.Reader.DN, []byte(s.Reader.Password)
			c := newClient(t, tt.cfg)
			_, err := policy.Read(t.Context(), c, policy.Query{Base: s.Suffix})
			if tt.ok && err != nil || !tt.ok && !result.Is(err, result.Unavailable) {
				t.Errorf("error %v", err)
			}
			conn, err := c.Dial(t.Context())
			if (err == nil) != tt.ok {
				t.Fatalf("Dial: %v", err)
			}
			if err != nil {
				return
			}
			l := ldap.NewConn(conn, false)
			l.Start()
			defer l.Close()
			if _, err := l.WhoAmI(nil); err != nil {
				t.Errorf("speaking LDAP: %v", err)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, u := range []string{
		"", "localhost", "http://localhost", "ldap://", "ldap://host/dc=example", "ldap://user@host", "ldap://host?uid",
		"ldapi://", "ldapi://var/run", "ldapi://%2", "ldap://host:port", "cldap://host",
	} {
		if _, err := New(Config{URLs: []string{u}}); err == nil {
			t.Errorf("%q was accepted", u)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("no URL was accepted")
	}
}

// deadURL is a port on which nobody listens.
func deadURL(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "ldap://" + l.Addr().String()
}

func TestNextURL(t *testing.T) {
	s := slapd(t)
	c := newClient(t, reader(s, deadURL(t), s.URL))
	for range 4 {
		if _, err := policy.Read(t.Context(), c, policy.Query{Base: s.Suffix}); err != nil {
			t.Fatal(err)
		}
	}
	if c.servers[0].isDown() != true || c.servers[1].isDown() {
		t.Error("the dead server is not the one that counts as down")
	}

	c = newClient(t, reader(s, deadURL(t), deadURL(t)))
	if _, err := policy.Read(t.Context(), c, policy.Query{Base: s.Suffix}); !result.Is(err, result.Unavailable) {
		t.Errorf("error %v", err)
	}
	if _, err := c.Dial(t.Context()); !result.Is(err, result.Unavailable) {
		t.Errorf("Dial: error %v", err)
	}
}

func TestServiceAccountRefused(t *testing.T) {
	s := slapd(t)
	p := newProxy(t, s.URL)
	cfg := reader(s, p.url)
	cfg.BindPassword = []byte("not-the-Password")
	c := newClient(t, cfg)
	_, err := c.Search(t.Context(), policy.Query{Base: s.Suffix})
	if !result.Is(err, result.Unavailable) || !strings.Contains(err.Error(), s.Reader.DN) || !strings.Contains(err.Error(), "invalidCredentials") {
		t.Errorf("error %v", err)
	}
	if strings.Contains(fmt.Sprintf("%#v", err), "not-the-Password") {
		t.Error("the password is in the error")
	}
	for range 5 {
		if _, err := c.Search(t.Context(), policy.Query{Base: s.Suffix}); !result.Is(err, result.Unavailable) {
			t.Errorf("error %v", err)
		}
	}
	if n := p.accepted.Load(); n != 1 {
		t.Errorf("%d binds with the wrong password: the account could be locked", n)
	}
}

// A proxy stands between Client and server and can lose connections.
type proxy struct {
	url      string
	accepted atomic.Int32
	mu       sync.Mutex
	conns    []net.Conn
	// limit, if not 0, is the number of octets from the server after which
	// a connection is cut.
	limit atomic.Int64
	// silent connections get no octet from the server.
	silent atomic.Bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{url: "ldap://" + l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", strings.TrimPrefix(target, "ldap://"))
			if err != nil {
				in.Close()
				continue
			}
			p.accepted.Add(1)
			p.mu.Lock()
			p.conns = append(p.conns, in, out)
			p.mu.Unlock()
			wg.Go(func() { defer out.Close(); io.Copy(out, in) })
			wg.Go(func() {
				defer in.Close()
				if p.silent.Load() {
					io.Copy(io.Discard, out)
				} else if n := p.limit.Load(); n > 0 {
					io.CopyN(in, out, n)
				} else {
					io.Copy(in, out)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); p.cut(); wg.Wait() })
	return p
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func TestReconnect(t *testing.T) {
	s := slapd(t)
	p := newProxy(t, s.URL)
	cfg := reader(s, p.url)
	cfg.Connections = 1
	c := newClient(t, cfg)
	for i := range int32(4) {
		if _, err := policy.Read(t.Context(), c, policy.Query{Base: s.Suffix}); err != nil {
			t.Fatalf("after %d cuts: %v", i, err)
		}
		if n := p.accepted.Load(); n != i+1 {
			t.Fatalf("%d connections, want %d", n, i+1)
		}
		p.cut()
	}
}

// A connection that is lost in the middle of an answer never yields a part
// of it.
func TestLostMidway(t *testing.T) {
	s := slapd(t)
	p := newProxy(t, s.URL)
	p.limit.Store(1200)
	got, err := newClient(t, reader(s, p.url)).Search(t.Context(), policy.Query{Base: s.Suffix, Scope: policy.WholeSubtree})
	if !result.Is(err, result.Unavailable) || got != nil {
		t.Errorf("%d entries, %v", len(got), err)
	}
	if n := p.accepted.Load(); n != 2 {
		t.Errorf("%d attempts, want 2", n)
	}
}

func TestNoAnswer(t *testing.T) {
	s := slapd(t)
	p := newProxy(t, s.URL)
	cfg := reader(s, p.url)
	cfg.RequestTimeout = 100 * time.Millisecond
	cfg.BindDN = ""
	cfg.Connections = 1
	c := newClient(t, cfg)
	p.silent.Store(true)
	if _, err := c.Search(t.Context(), policy.Query{Base: s.Suffix}); !result.Is(err, result.Unavailable) {
		t.Errorf("error %v", err)
	}
	if n := p.accepted.Load(); n != 1 {
		t.Errorf("%d attempts: who has waited so long is not made to wait again", n)
	}
	if _, err := c.Bind(t.Context(), s.UserDN(1), []byte(testenv.UserPassword)); !result.Is(err, result.Unavailable) {
		t.Errorf("Bind: error %v", err)
	}
	cfg.RequestTimeout = time.Minute
	c = newClient(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := c.Search(ctx, policy.Query{Base: s.Suffix}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Bind(ctx, s.UserDN(1), []byte(testenv.UserPassword)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Bind: error %v", err)
	}
	p.cut()
}

func TestConcurrentSearches(t *testing.T) {
	s := slapd(t)
	p := newProxy(t, s.URL)
	cfg := reader(s, p.url)
	cfg.MaxRequests = 8
	c := newClient(t, cfg)
	var wg sync.WaitGroup
	for g := range 20 {
		wg.Go(func() {
			for i := range 50 {
				dn := s.UserDN((g + i) % 20)
				e, err := policy.Read(t.Context(), c, policy.Query{Base: dn, Attributes: []string{"uid"}})
				if err != nil || e.DN != dn {
					t.Errorf("read %q: %+v, %v", dn, e, err)
				}
			}
		})
	}
	wg.Wait()
	if n := p.accepted.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func TestClosed(t *testing.T) {
	s := slapd(t)
	c := newClient(t, reader(s))
	if _, err := policy.Read(t.Context(), c, policy.Query{Base: s.Suffix}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := c.Search(t.Context(), policy.Query{Base: s.Suffix}); !result.Is(err, result.Unavailable) {
		t.Errorf("error %v", err)
	}
}

func TestBind(t *testing.T) {
	s := slapd(t)
	p := newProxy(t, s.URL)
	c := newClient(t, reader(s, p.url))
	tests := []struct {
		name, dn, password string
		code               result.Code
	}{
		{"right", s.UserDN(1), testenv.UserPassword, result.Success},
		{"wrong", s.UserDN(1), "x", result.InvalidCredentials},
		{"unknown", "uid=nobody," + s.Suffix, "x", result.InvalidCredentials},
		{"no DN", "nonsense", "x", result.InvalidDNSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := c.Bind(t.Context(), tt.dn, []byte(tt.password))
			if tt.code != result.Success {
				if !result.Is(err, tt.code) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := u.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	before := p.accepted.Load()
	for _, who := range [][2]string{{s.UserDN(1), ""}, {"", "x"}, {"", ""}} {
		if _, err := c.Bind(t.Context(), who[0], []byte(who[1])); !result.Is(err, result.InvalidCredentials) {
			t.Errorf("%q: error %v", who, err)
		}
	}
	if p.accepted.Load() != before {
		t.Error("the directory was asked about an empty password")
	}
}

func TestUserConn(t *testing.T) {
	s := slapd(t)
	c := newClient(t, reader(s))
	u, err := c.Bind(t.Context(), s.UserDN(1), []byte(testenv.UserPassword))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if id := u.AuthzID(); id != "dn:"+s.UserDN(1) {
		t.Errorf("AuthzID %q", id)
	}
	value, err := u.Extended(t.Context(), "1.3.6.1.4.1.4203.1.11.3", nil)
	if err != nil || string(value) != "dn:"+s.UserDN(1) {
		t.Errorf("who am I: %q, %v", value, err)
	}
	if _, err := u.Extended(t.Context(), "1.2.3.4.5", []byte("x")); !result.Is(err, result.ProtocolError) {
		t.Errorf("unknown operation: %v", err)
	}
	if err := u.See(t.Context(), s.UserDN(1), ""); err != nil {
		t.Errorf("own entry: %v", err)
	}
	// slapd tells nobody without the right that an entry is there.
	if err := u.See(t.Context(), s.UserDN(2), ""); !result.Is(err, result.NoSuchObject) {
		t.Errorf("another's entry: %v", err)
	}
	if err := u.See(t.Context(), s.UserDN(1), "dn:"+s.UserDN(2)); !result.Is(err, result.AuthorizationDenied) {
		t.Errorf("as another: %v", err)
	}
	r, err := c.Bind(t.Context(), s.Reader.DN, []byte(s.Reader.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.See(t.Context(), s.UserDN(2), ""); err != nil {
		t.Errorf("reader: %v", err)
	}
	missing := "uid=nobody,ou=people," + s.Suffix
	var e *result.Error
	if err := r.See(t.Context(), missing, ""); !errors.As(err, &e) || e.Code != result.NoSuchObject || e.MatchedDN != "ou=people,"+s.Suffix {
		t.Errorf("missing entry: %#v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.See(ctx, missing, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// An entry that a search passes over in silence is not seen.
func TestSeeNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for _, tag := range []ber.Tag{1, 5} { // bind response, search done
			p, err := ber.ReadPacket(conn)
			if err != nil {
				return
			}
			answer := ber.NewSequence("")
			answer.AppendChild(p.Children[0])
			op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
			op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, 0, ""))
			op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
			op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
			answer.AppendChild(op)
			conn.Write(answer.Bytes())
		}
		io.Copy(io.Discard, conn)
	}()
	t.Cleanup(func() { l.Close(); <-served })
	c := newClient(t, Config{URLs: []string{"ldap://" + l.Addr().String()}})
	u, err := c.Bind(t.Context(), "cn=x", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if err := u.See(t.Context(), "cn=y", ""); !result.Is(err, result.InsufficientAccessRights) {
		t.Errorf("error %v", err)
	}
}

func TestDetect(t *testing.T) {
	s := slapd(t)
	if name, err := newClient(t, reader(s)).Detect(t.Context()); err != nil || name != OpenLDAP {
		t.Errorf("slapd: %q, %v", name, err)
	}
	attr := func(name string, values ...string) policy.Attribute {
		return policy.Attribute{Name: name, Values: values}
	}
	tests := []struct {
		want  string
		attrs []policy.Attribute
	}{
		{OpenLDAP, []policy.Attribute{attr("objectClass", "top", "OpenLDAProotDSE")}},
		{DS389, []policy.Attribute{attr("objectClass", "top"), attr("vendorName", "389 Project"), attr("nsBackendSuffix", "userroot:dc=example,dc=com")}},
		{FreeIPA, []policy.Attribute{attr("vendorName", "389 Project"), attr("ipaTopologyPluginVersion", "1.0")}},
		{ActiveDirectory, []policy.Attribute{attr("supportedCapabilities", "1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670")}},
		{ActiveDirectory, []policy.Attribute{attr("vendorName", "Samba Team (https://www.samba.org)"), attr("forestFunctionality", "4")}},
		{OpenDJ, []policy.Attribute{attr("vendorName", "Open Identity Platform Community")}},
		{OpenDJ, []policy.Attribute{attr("vendorName", "Ping Identity Corporation")}},
		{OpenDJ, []policy.Attribute{attr("vendorName", "ldapsuggest")}},
		{Behera, []policy.Attribute{attr("vendorName", "Sun Microsystems, Inc."), attr("supportedControl", "1.2.3", "1.3.6.1.4.1.42.2.27.8.5.1")}},
		{OpenLDAP, []policy.Attribute{attr("objectClass", "top", "OpenLDAProotDSE"), attr("supportedControl", "1.3.6.1.4.1.42.2.27.8.5.1")}},
		{"", []policy.Attribute{attr("vendorName", "Apache Software Foundation")}},
		{"", nil},
	}
	for _, tt := range tests {
		e := policy.Entry{Attributes: tt.attrs}
		got, sign := dialectOf(e)
		if got != tt.want || (got != "") != slices.Contains(e.Values(sign.Attribute), sign.Value) {
			t.Errorf("%v: %q by %v, want %q", tt.attrs, got, sign, tt.want)
		}
	}
}

func TestDialer(t *testing.T) {
	s := slapd(t)
	var dials atomic.Int32
	cfg := reader(s)
	cfg.URLs = nil
	cfg.Dialer = func(ctx context.Context) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(s.URL, "ldap://"))
	}
	c := newClient(t, cfg)
	if _, err := policy.Read(t.Context(), c, policy.Query{Base: s.Suffix}); err != nil || dials.Load() != 1 {
		t.Errorf("%d dials, %v", dials.Load(), err)
	}
}

// Octets that follow the answer to StartTLS in the clear belong to the TLS
// handshake, which fails on them.
func TestStartTLSReadsNoFurther(t *testing.T) {
	answers := map[string]struct {
		octets string
		ok     bool
	}{
		"success":         {"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", true},
		"long length":     {"\x30\x84\x00\x00\x00\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", true},
		"refused":         {"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00", false},
		"too long":        {"\x30\x84\x7f\xff\xff\xff", false},
		"indefinite":      {"\x30\x80\x02\x01\x01", false},
		"no message":      {"\x30\x02\x05\x00", false},
		"cut":             {"\x30\x0c\x02\x01", false},
		"nothing":         {"", false},
		"length of zeros": {"\x30\x00", false},
	}
	for name, a := range answers {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			rest := []byte("rest")
			go func() {
				defer there.Close()
				io.ReadFull(there, make([]byte, 31))
				there.Write(append([]byte(a.octets), rest...))
			}()
			err := startTLS(here)
			if (err == nil) != a.ok {
				t.Fatalf("error %v", err)
			}
			if !a.ok {
				return
			}
			if got, _ := io.ReadAll(here); !slices.Equal(got, rest) {
				t.Errorf("%q is left", got)
			}
		})
	}
}

// FuzzStartTLS gives startTLS whatever a server could answer: it must end, and
// must not take a refusal for a success.
func FuzzStartTLS(f *testing.F) {
	for _, s := range []string{
		"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00",
		"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00",
		"\x30\x84\x00\x00\x00\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00",
		"\x30\x80", "\x30\x84\xff\xff\xff\xff", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		conn := &canned{Reader: bytes.NewReader(answer)}
		if err := startTLS(conn); err == nil && !bytes.Contains(answer, []byte{0}) {
			t.Errorf("%x was taken for success", answer)
		}
	})
}

// canned is a connection whose peer has said everything already.
type canned struct {
	net.Conn
	io.Reader
}

func (c *canned) Read(p []byte) (int, error)  { return c.Reader.Read(p) }
func (c *canned) Write(p []byte) (int, error) { return len(p), nil }
