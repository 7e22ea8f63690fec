package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
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

	current atomic.Pointer[credentials]
}

// credentials are what the files held.
type credentials struct {
	certificate tls.Certificate
	clientCAs   *x509.CertPool
	ldap        *tls.Config
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
	if k.clientCA != "" {
		c.clientCAs = x509.NewCertPool()
		if !c.clientCAs.AppendCertsFromPEM(files[2]) {
			return true, fmt.Errorf("tls: %s holds no certificate", k.clientCA)
		}
	}
	c.ldap = &tls.Config{
		Certificates: []tls.Certificate{c.certificate},
		MinVersion:   k.minVersion,
		ClientAuth:   k.clientAuth,
		ClientCAs:    c.clientCAs,
	}
	k.current.Store(c)
	return true, nil
}

// watch reads the files again when they change, until ctx ends, and at each
// hangup.
func (k *keyring) watch(ctx context.Context, hangup <-chan os.Signal) {
	tick := time.NewTicker(keyringInterval)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-hangup:
			told = ""
		}
		changed, err := k.reload()
		switch {
		case err != nil && err.Error() != told:
			k.log.Error("the certificate is not replaced", "error", err)
			told = err.Error()
		case err == nil && changed:
			k.log.Info("the certificate is replaced", "expires", k.expires())
			told = ""
		}
	}
}

// expires is when the certificate in use ends.
func (k *keyring) expires() time.Time { return k.current.Load().certificate.Leaf.NotAfter }

// ldapConfig is for the LDAP door.
func (k *keyring) ldapConfig() *tls.Config {
	c := k.current.Load().ldap.Clone()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.current.Load().ldap, nil }
	return c
}

// restConfig is for HTTP, which knows its callers by other means than
// certificates.
func (k *keyring) restConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     k.minVersion,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &k.current.Load().certificate, nil },
	}
}

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
