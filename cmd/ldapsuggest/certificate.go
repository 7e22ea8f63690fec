package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The files of the certificate that is made when none is configured.
const (
	certFile = "tls.crt"
	keyFile  = "tls.key"
)

const (
	certLifetime = 365 * 24 * time.Hour
	certRenewal  = 30 * 24 * time.Hour // before its end
)

// ensureCertificate keeps the certificate that is there if it is good for a
// while longer, so that clients which trust it go on doing so.
func ensureCertificate(cert, key string, now time.Time) error {
	names, addresses := ownNames()
	pair, err := tls.LoadX509KeyPair(cert, key)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return err
	case err != nil:
		// Not there, or half written.
	default:
		leaf := pair.Leaf
		covers := !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(leaf.DNSNames, n) })
		if covers && now.Before(leaf.NotAfter.Add(-certRenewal)) && !now.Before(leaf.NotBefore) {
			return nil
		}
	}
	return makeCertificate(cert, key, names, addresses, now)
}

// ownNames are the names under which clients of first steps come.
func ownNames() ([]string, []net.IP) {
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "" && host != "localhost" {
		names = append(names, host)
	}
	return names, []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}
}

func makeCertificate(cert, key string, names []string, addresses []net.IP, now time.Time) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	// It is its own authority, so that clients can be told to trust exactly
	// it; it may sign nothing else.
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: names[len(names)-1], Organization: []string{"ldapsuggest, made by itself"}},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(certLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		DNSNames:              names,
		IPAddresses:           addresses,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(cert), 0o700); err != nil {
		return err
	}
	if err := writePEM(key, 0o600, "PRIVATE KEY", pkcs8); err != nil {
		return err
	}
	return writePEM(cert, 0o644, "CERTIFICATE", der)
}

func writePEM(name string, mode fs.FileMode, kind string, der []byte) error {
	return replaceFile(name, mode, func(w io.Writer) error {
		return pem.Encode(w, &pem.Block{Type: kind, Bytes: der})
	})
}
