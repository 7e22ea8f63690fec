package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// keyringInterval is the time between two looks at the files of certificates.
const keyringInterval = 10 * time.Second

// A keyring is what TLS towards clients needs, read again when its files
// change. Connections that are there keep what they began with.
type keyring struct {
	cert, key, clientCA string // names of files; clientCA may be empty
	own                 bool   // the certificate is made here, and made anew in time
	minVersion          uint16
	clientAuth          tls.ClientAuthType
	log                 *slog.Logger

	mu    sync.Mutex
	files [3][]byte // as they were read last, good or not
	told  string    // the failure that the log has told of

	current atomic.Pointer[credentials]
}

// credentials are what the files held.
type credentials struct {
	certificate tls.Certificate
	ldap, rest  *tls.Config
}

// keyring reads the configured files, or makes a certificate in the data
// directory: for first steps, so that TLS is there from the beginning.
func (c *config) keyring(log *slog.Logger) (*keyring, error) {
	k := &keyring{
		cert: c.path(c.TLS.CertFile), key: c.path(c.TLS.KeyFile), clientCA: c.path(c.TLS.ClientCAFile),
		minVersion: tlsVersions()[c.TLS.MinVersion], clientAuth: clientAuths()[c.TLS.ClientCertificate], log: log,
	}
	if k.cert == "" {
		k.cert, k.key, k.own = filepath.Join(c.Data, certFile), filepath.Join(c.Data, keyFile), true
	}
	if _, err := k.reload(); err != nil {
		return nil, err
	}
	return k, nil
}

func tlsVersions() map[string]uint16 {
	return map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}
}

func clientAuths() map[string]tls.ClientAuthType {
	return map[string]tls.ClientAuthType{
		"none": tls.NoClientCert, "request": tls.VerifyClientCertIfGiven, "require": tls.RequireAndVerifyClientCert,
	}
}

// reload reads the files if they have changed since they were last read, and
// reports whether they had. If they are no good, what was read before them
// stays in use.
func (k *keyring) reload() (changed bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.own {
		if err := ensureCertificate(k.cert, k.key, time.Now()); err != nil {
			return false, fmt.Errorf("make a certificate: %w", err)
		}
	}
	var files [3][]byte
	for i, name := range []string{k.cert, k.key, k.clientCA} {
		if name == "" {
			continue
		}
		if files[i], err = os.ReadFile(name); err != nil {
			return false, fmt.Errorf("tls: %w", err)
		}
	}
	same := true
	for i := range files {
		same = same && bytes.Equal(files[i], k.files[i])
	}
	if same {
		return false, nil
	}
	for _, f := range k.files {
		clear(f)
	}
	k.files = files
	c := new(credentials)
	if c.certificate, err = tls.X509KeyPair(files[0], files[1]); err != nil {
		return true, fmt.Errorf("tls: %s and %s: %w", k.cert, k.key, err)
	}
	c.ldap = &tls.Config{Certificates: []tls.Certificate{c.certificate}, MinVersion: k.minVersion, ClientAuth: k.clientAuth}
	if k.clientCA != "" {
		c.ldap.ClientCAs = x509.NewCertPool()
		if !c.ldap.ClientCAs.AppendCertsFromPEM(files[2]) {
			return true, fmt.Errorf("tls: %s holds no certificate", k.clientCA)
		}
	}
	// HTTP knows its callers by other means than certificates.
	c.rest = &tls.Config{Certificates: []tls.Certificate{c.certificate}, MinVersion: k.minVersion, NextProtos: httpProtocols()}
	k.current.Store(c)
	return true, nil
}

// refresh reads the files again if they have changed, and tells the log. A
// failure that lasts is told once.
func (k *keyring) refresh() {
	changed, err := k.reload()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err != nil && err.Error() != k.told:
		k.log.Error("the certificate is not replaced", "error", err)
		k.told = err.Error()
	case err == nil && changed:
		k.log.Info("the certificate is replaced", "expires", k.expires())
		k.told = ""
	}
}

// expires is when the certificate in use ends.
func (k *keyring) expires() time.Time { return k.current.Load().certificate.Leaf.NotAfter }

// serverTLS has each handshake use what a keyring holds at that moment.
func serverTLS(now func() *keyring, of func(*credentials) *tls.Config) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return of(now().current.Load()), nil
		},
	}
}

// httpProtocols are what HTTPS offers by ALPN. net/http looks for it in the
// configuration of the server, TLS in that of the handshake.
func httpProtocols() []string { return []string{"h2", "http/1.1"} }

func forLDAP(c *credentials) *tls.Config { return c.ldap }
func forREST(c *credentials) *tls.Config { return c.rest }

// checkTLS finds what is wrong with the keys below tls.
func (c *config) checkTLS() error {
	t := &c.TLS
	if (t.CertFile == "") != (t.KeyFile == "") {
		return errors.New("tls: certFile and keyFile belong together")
	}
	if _, ok := tlsVersions()[t.MinVersion]; !ok {
		return fmt.Errorf("tls.minVersion: %q is none of 1.2, 1.3", t.MinVersion)
	}
	if _, ok := clientAuths()[t.ClientCertificate]; !ok {
		return fmt.Errorf("tls.clientCertificate: %q is none of none, request, require", t.ClientCertificate)
	}
	if (t.ClientCertificate == "none") != (t.ClientCAFile == "") {
		return errors.New("tls: clientCertificate and clientCAFile belong together: without authorities of their own, certificates of clients prove nothing")
	}
	return nil
}

// certificates returns those in a PEM file. What is none is passed over.
func certificates(text []byte) (list []*x509.Certificate) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			list = append(list, cert)
		}
	}
	return list
}
