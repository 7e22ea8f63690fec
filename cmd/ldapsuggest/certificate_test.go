package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestEnsureCertificate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	cert, key := filepath.Join(dir, certFile), filepath.Join(dir, keyFile)
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	ensure := func(at time.Time) []byte {
		t.Helper()
		if err := ensureCertificate(cert, key, at); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(cert)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := ensure(now)
	for name, mode := range map[string]os.FileMode{cert: 0o644, key: 0o600, dir: 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}

	// It is good for each of its names, as an authority and as a leaf.
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	for _, name := range names {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now}); err != nil {
			t.Error(err)
		}
	}

	// It is kept until its end is near.
	if !bytes.Equal(ensure(now.Add(certLifetime-certRenewal-time.Hour)), first) {
		t.Error("a certificate that is good for a while was replaced")
	}
	second := ensure(now.Add(certLifetime - certRenewal))
	if bytes.Equal(second, first) {
		t.Error("a certificate near its end was kept")
	}
	// The clock may have been wrong.
	third := ensure(now)
	if bytes.Equal(third, second) {
		t.Error("a certificate from the future was kept")
	}
	// Half of the pair is no pair.
	if err := os.WriteFile(key, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(ensure(now), third) {
		t.Error("a certificate without its key was kept")
	}
}
