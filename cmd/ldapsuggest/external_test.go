package main

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"log/slog"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/ldapserver"
)

func subjectOf(t *testing.T, name pkix.Name) []byte {
	t.Helper()
	b, err := asn1.Marshal(name.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestExternalIdentities(t *testing.T) {
	uid := uint32(1000)
	c := defaultConfig()
	c.External.Via = viaPlain
	c.External.Account = "front"
	c.externalPassword = []byte("secret")
	c.External.Identities = []externalIdentity{
		{Subject: "cn=Jo,o=example", DN: "uid=jo,dc=example,dc=com"},
		{Subject: `UID=jo\, with a comma,DC=example`, DN: "uid=domain,dc=example,dc=com"},
		{Email: "jo@example.com", DN: "uid=mail,dc=example,dc=com"},
		{URI: "spiffe://example.com/jo", DN: "uid=uri,dc=example,dc=com"},
		{UID: &uid, DN: "uid=local,dc=example,dc=com"},
	}
	external := c.external(slog.New(slog.DiscardHandler))

	ca := issue(t, nil, x509.ExtKeyUsageClientAuth)
	leaf := issue(t, &ca, x509.ExtKeyUsageClientAuth).Leaf // CN=jo,O=Example
	withNames := func(subject bool, email, uri string) *x509.Certificate {
		cert := *leaf
		if !subject {
			cert.RawSubject = subjectOf(t, pkix.Name{CommonName: "other"})
		}
		if email != "" {
			cert.EmailAddresses = []string{email}
		}
		if uri != "" {
			u, err := url.Parse(uri)
			if err != nil {
				t.Fatal(err)
			}
			cert.URIs = []*url.URL{u}
		}
		return &cert
	}
	verified := func(cert *x509.Certificate) ldapserver.Peer {
		return ldapserver.Peer{TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, VerifiedChains: [][]*x509.Certificate{{cert, ca.Leaf}}}}
	}
	unverified := verified(leaf)
	unverified.TLS.VerifiedChains = nil
	longer := *leaf
	longer.RawSubject = subjectOf(t, pkix.Name{CommonName: "jo", Organization: []string{"Example"}, ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, Value: "evil"},
	}})
	domain := *leaf
	domain.RawSubject = subjectOf(t, pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, Value: "example"},
		{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: "jo, with a comma"},
	}})
	tests := []struct {
		name string
		peer ldapserver.Peer
		dn   string
	}{
		{"nothing", ldapserver.Peer{}, ""},
		{"subject", verified(leaf), "uid=jo,dc=example,dc=com"},
		{"subject with more", verified(&longer), ""},
		{"domain components", verified(&domain), "uid=domain,dc=example,dc=com"},
		{"not verified", unverified, ""},
		{"TLS without certificate", ldapserver.Peer{TLS: &tls.ConnectionState{}}, ""},
		{"email", verified(withNames(false, "jo@example.com", "")), "uid=mail,dc=example,dc=com"},
		{"another email", verified(withNames(false, "bo@example.com", "")), ""},
		{"URI", verified(withNames(false, "", "spiffe://example.com/jo")), "uid=uri,dc=example,dc=com"},
		{"several", verified(withNames(true, "jo@example.com", "")), ""},
		{"process", ldapserver.Peer{Local: true, UID: 1000}, "uid=local,dc=example,dc=com"},
		{"another process", ldapserver.Peer{Local: true, UID: 0}, ""},
		{"no process", ldapserver.Peer{UID: 1000}, ""},
	}
	for _, tt := range tests {
		b, ok := external(tt.peer)
		if ok != (tt.dn != "") || b.DN != tt.dn {
			t.Errorf("%s: %q, %v, want %q", tt.name, b.DN, ok, tt.dn)
		}
		if want := "dn:" + tt.dn + "\x00front\x00secret"; ok && (b.Mechanism != "PLAIN" || string(b.Credentials) != want) {
			t.Errorf("%s: %s %q", tt.name, b.Mechanism, b.Credentials)
		}
	}
}

func TestCheckExternal(t *testing.T) {
	uid := uint32(1)
	dir := writeFiles(t, map[string]string{"pw": "secret\n", "nul": "a\x00b"})
	good := func() config {
		c := defaultConfig()
		c.dir = dir
		c.Directory.URLs = []string{"ldaps://ldap.example.com"}
		c.External = externalConfig{Via: viaPlain, Account: "front", PasswordFile: "pw",
			Identities: []externalIdentity{{UID: &uid, DN: "cn=x"}}}
		return c
	}
	c := good()
	if err := c.check(); err != nil || string(c.externalPassword) != "secret" {
		t.Fatal(err)
	}
	c = good()
	c.External.Via, c.External.Account, c.External.PasswordFile = viaExternal, "", ""
	c.Directory.URLs = []string{"ldapi://" + url.QueryEscape(filepath.Join(dir, "s"))}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*config){
		"no via":            func(c *config) { c.External.Via = "" },
		"unknown via":       func(c *config) { c.External.Via = "kerberos" },
		"embedded":          func(c *config) { c.Directory.URLs = nil },
		"in the clear":      func(c *config) { c.Directory.URLs = []string{"ldap://ldap.example.com"} },
		"not local":         func(c *config) { c.External.Via, c.External.Account, c.External.PasswordFile = viaExternal, "", "" },
		"no account":        func(c *config) { c.External.Account = "" },
		"no password":       func(c *config) { c.External.PasswordFile = "none" },
		"NUL":               func(c *config) { c.External.PasswordFile = "nul" },
		"no condition":      func(c *config) { c.External.Identities[0].UID = nil },
		"two conditions":    func(c *config) { c.External.Identities[0].Email = "x" },
		"no DN":             func(c *config) { c.External.Identities[0].DN = "" },
		"bad DN":            func(c *config) { c.External.Identities[0].DN = "x" },
		"subject is no DN":  func(c *config) { c.External.Identities[0].UID, c.External.Identities[0].Subject = nil, "x" },
		"account of nobody": func(c *config) { c.External.Via = viaExternal },
	} {
		c := good()
		spoil(&c)
		if c.check() == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
