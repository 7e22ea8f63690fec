package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// makePair writes a certificate for localhost and returns it.
func makePair(t *testing.T, dir, name string) tls.Certificate {
	t.Helper()
	cert, key := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	if err := makeCertificate(cert, key, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}, time.Now()); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// echo serves TLS, and sends back what it gets.
func echo(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); io.Copy(c, c) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func dialEcho(t *testing.T, addr string, cfg *tls.Config) (*tls.Conn, error) {
	t.Helper()
	if cfg == nil {
		cfg = &tls.Config{InsecureSkipVerify: true}
	}
	c, err := tls.Dial("tcp", addr, cfg)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c, echoes(c)
}

// echoes finds out whether the server has taken the handshake.
func echoes(c *tls.Conn) error {
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

// New certificates are used by new connections, while those that are there
// go on; files that do not fit together are not used.
func TestKeyringReload(t *testing.T) {
	dir := t.TempDir()
	first, second := makePair(t, dir, "first"), makePair(t, dir, "second")
	install := func(cert, key string) {
		copyFile(t, filepath.Join(dir, cert+".crt"), filepath.Join(dir, "tls.crt"))
		copyFile(t, filepath.Join(dir, key+".key"), filepath.Join(dir, "tls.key"))
	}
	install("first", "first")
	c := defaultConfig()
	c.TLS.CertFile, c.TLS.KeyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	k, err := c.keyring(slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]*tls.Config{"ldap": serverTLS(always(k), forLDAP), "rest": serverTLS(always(k), forREST)} {
		install("first", "first")
		if _, err := k.reload(); err != nil {
			t.Fatal(err)
		}
		addr := echo(t, cfg)
		serves := func(want tls.Certificate) *tls.Conn {
			t.Helper()
			conn, err := dialEcho(t, addr, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !conn.ConnectionState().PeerCertificates[0].Equal(want.Leaf) {
				t.Errorf("%s: another certificate is served", name)
			}
			return conn
		}
		old := serves(first)

		install("second", "first") // half of a change
		if changed, err := k.reload(); !changed || err == nil {
			t.Errorf("%s: a pair that does not fit: %v, %v", name, changed, err)
		}
		serves(first)
		install("second", "second")
		if changed, err := k.reload(); !changed || err != nil {
			t.Errorf("%s: reload: %v, %v", name, changed, err)
		}
		serves(second)
		if changed, err := k.reload(); changed || err != nil {
			t.Errorf("%s: nothing has changed: %v, %v", name, changed, err)
		}
		if err := echoes(old); err != nil {
			t.Errorf("%s: a connection did not outlive the change: %v", name, err)
		}
		if err := os.Remove(filepath.Join(dir, "tls.key")); err != nil {
			t.Fatal(err)
		}
		if _, err := k.reload(); err == nil {
			t.Errorf("%s: a missing file is no error", name)
		}
		serves(second)
	}
}

// A pair that does not fit is told once, and the next one that does.
func TestKeyringRefresh(t *testing.T) {
	dir := t.TempDir()
	makePair(t, dir, "tls")
	c := defaultConfig()
	c.TLS.CertFile, c.TLS.KeyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	var log strings.Builder
	k, err := c.keyring(slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	before := k.current.Load()
	k.refresh()
	if k.current.Load() != before || log.Len() > 0 {
		t.Errorf("nothing has changed, but: %s", log.String())
	}
	for range 2 {
		if err := os.WriteFile(filepath.Join(dir, "tls.key"), []byte("none"), 0o600); err != nil {
			t.Fatal(err)
		}
		k.refresh()
	}
	if k.current.Load() != before || strings.Count(log.String(), "the certificate is not replaced") != 1 {
		t.Error(log.String())
	}
	makePair(t, dir, "tls")
	k.refresh()
	if k.current.Load() == before || strings.Count(log.String(), "the certificate is replaced") != 1 {
		t.Error(log.String())
	}
}

func always(k *keyring) func() *keyring { return func() *keyring { return k } }

func TestClientCertificates(t *testing.T) {
	dir := t.TempDir()
	makePair(t, dir, "server")
	ca := issue(t, nil, x509.ExtKeyUsageClientAuth)
	if err := writePEM(filepath.Join(dir, "ca.crt"), 0o600, "CERTIFICATE", ca.Certificate[0]); err != nil {
		t.Fatal(err)
	}
	stranger := makePair(t, dir, "stranger")
	tests := []struct {
		mode string
		cert *tls.Certificate
		ok   bool
	}{
		{"none", nil, true}, {"none", &stranger, true},
		{"request", nil, true}, {"request", &stranger, false},
		{"require", nil, false}, {"require", &stranger, false},
	}
	client, server := issue(t, &ca, x509.ExtKeyUsageClientAuth), issue(t, &ca, x509.ExtKeyUsageServerAuth)
	for _, mode := range []string{"request", "require"} {
		for cert, ok := range map[*tls.Certificate]bool{&client: true, &server: false} {
			tests = append(tests, struct {
				mode string
				cert *tls.Certificate
				ok   bool
			}{mode, cert, ok})
		}
	}
	for _, tt := range tests {
		c := defaultConfig()
		c.TLS.CertFile, c.TLS.KeyFile = filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
		if c.TLS.ClientCertificate = tt.mode; tt.mode != "none" {
			c.TLS.ClientCAFile = filepath.Join(dir, "ca.crt")
		}
		if err := c.checkTLS(); err != nil {
			t.Fatal(err)
		}
		k, err := c.keyring(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		cfg := &tls.Config{InsecureSkipVerify: true}
		if tt.cert != nil {
			// Whatever the server asks for.
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return tt.cert, nil }
		}
		if _, err := dialEcho(t, echo(t, serverTLS(always(k), forLDAP)), cfg); (err == nil) != tt.ok {
			t.Errorf("%s, certificate %v: %v", tt.mode, tt.cert != nil, err)
		}
		if _, err := dialEcho(t, echo(t, serverTLS(always(k), forREST)), cfg); err != nil {
			t.Errorf("%s: REST: %v", tt.mode, err)
		}
	}
}

func TestMinVersion(t *testing.T) {
	dir := t.TempDir()
	makePair(t, dir, "tls")
	for version, refused := range map[string]uint16{"1.2": tls.VersionTLS11, "1.3": tls.VersionTLS12} {
		c := defaultConfig()
		c.TLS.CertFile, c.TLS.KeyFile, c.TLS.MinVersion = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), version
		k, err := c.keyring(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for name, cfg := range map[string]*tls.Config{"ldap": serverTLS(always(k), forLDAP), "rest": serverTLS(always(k), forREST)} {
			addr := echo(t, cfg)
			if _, err := dialEcho(t, addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: refused}); err == nil {
				t.Errorf("%s %s: %s was taken", name, version, tls.VersionName(refused))
			}
			if _, err := dialEcho(t, addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: refused + 1}); err != nil {
				t.Errorf("%s %s: %v", name, version, err)
			}
		}
	}
	for _, set := range []func(*config){
		func(c *config) { c.TLS.MinVersion = "1.1" },
		func(c *config) { c.TLS.ClientCertificate = "maybe" },
		func(c *config) { c.TLS.ClientCertificate = "require" },
		func(c *config) { c.TLS.ClientCAFile = "ca.pem" },
		func(c *config) { c.TLS.CertFile = "x" },
	} {
		c := defaultConfig()
		set(&c)
		if c.checkTLS() == nil {
			t.Error(fmt.Sprintf("%+v", c.TLS), "was taken")
		}
	}
}

// issue makes a certificate that another one has signed, nil for an authority.
func issue(t *testing.T, by *tls.Certificate, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "jo", Organization: []string{"Example"}},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{usage},
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	} else {
		template.Subject.CommonName = "authority"
		template.IsCA, template.BasicConstraintsValid, template.ExtKeyUsage = true, true, nil
		template.KeyUsage = x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
