package main

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"path/filepath"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// TestTLSDefaults holds what docs/guides/tls.md says is in force where
// nothing is configured, on both doors.
func TestTLSDefaults(t *testing.T) {
	c := defaultConfig()
	c.Data = t.TempDir()
	k, err := c.keyring(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(k.current.Load().certificate.Leaf)
	client := func(minVersion, maxVersion uint16, suites ...uint16) *tls.Config {
		return &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: minVersion, MaxVersion: maxVersion, CipherSuites: suites}
	}
	tests := []struct {
		name string
		cfg  *tls.Config
		ok   bool
	}{
		{"1.3", client(tls.VersionTLS13, tls.VersionTLS13), true},
		{"1.2", client(tls.VersionTLS12, tls.VersionTLS12), true},
		{"1.1", client(tls.VersionTLS10, tls.VersionTLS11), false},
		{"1.0", client(tls.VersionTLS10, tls.VersionTLS10), false},
		{"RC4", client(tls.VersionTLS12, tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA), false},
		{"3DES", client(tls.VersionTLS12, tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA), false},
		{"RSA key exchange", client(tls.VersionTLS12, tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256), false},
		{"another name", &tls.Config{RootCAs: roots, ServerName: "ldap.example.com"}, false},
	}
	for door, of := range map[string]func(*credentials) *tls.Config{"LDAP": forLDAP, "REST": forREST} {
		addr := echo(t, serverTLS(always(k), of))
		for _, tt := range tests {
			t.Run(door+" "+tt.name, func(t *testing.T) {
				if _, err := dialEcho(t, addr, tt.cfg); (err == nil) != tt.ok {
					t.Errorf("handshake: %v", err)
				}
			})
		}
	}
}

// TestDirectoryTLSDefaults has servers that the front end must not speak to.
func TestDirectoryTLSDefaults(t *testing.T) {
	dir := t.TempDir()
	good := makePair(t, dir, "good")
	other := makePair(t, dir, "other")
	c := defaultConfig()
	c.Directory.CAFile = filepath.Join(dir, "good.crt")
	trust, err := c.directoryTLS()
	if err != nil {
		t.Fatal(err)
	}
	if trust.InsecureSkipVerify || trust.Renegotiation != tls.RenegotiateNever || trust.MinVersion != tls.VersionTLS12 {
		t.Errorf("towards the directory: %+v", trust)
	}
	for _, tt := range []struct {
		name   string
		server *tls.Config
		host   string
		ok     bool
	}{
		{"good", &tls.Config{Certificates: []tls.Certificate{good}}, "127.0.0.1", true},
		{"unknown authority", &tls.Config{Certificates: []tls.Certificate{other}}, "127.0.0.1", false},
		{"another address", &tls.Config{Certificates: []tls.Certificate{good}}, "127.0.0.2", false},
		{"1.1", &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "127.0.0.1", false},
		{"RSA key exchange", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, "127.0.0.1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", net.JoinHostPort(tt.host, "0"))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			got := make(chan int, 1)
			go func() {
				n := 0
				for {
					conn, err := l.Accept()
					if err != nil {
						got <- n
						return
					}
					m, _ := tls.Server(conn, tt.server).Read(make([]byte, 512))
					n += m
					conn.Close()
				}
			}()
			client, err := directory.New(directory.Config{URLs: []string{"ldaps://" + l.Addr().String()}, TLS: trust, BindDN: "cn=reader", BindPassword: []byte("secret-Pw1")})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, err := policy.Read(t.Context(), client, policy.Query{}); err == nil {
				t.Error("a server that answers nothing was read")
			}
			l.Close()
			if n := <-got; (n > 0) != tt.ok {
				t.Errorf("the server was sent %d octets", n)
			}
		})
	}
}
