package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/ldapserver"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// The ways in which the directory learns whom a connection proves.
const (
	viaPlain    = "saslPlain"
	viaExternal = "saslExternal"
)

// externalConfig is the key external of the configuration file.
type externalConfig struct {
	Via          string             `yaml:"via"`
	Account      string             `yaml:"account"`
	PasswordFile string             `yaml:"passwordFile"`
	Identities   []externalIdentity `yaml:"identities"`
}

// An externalIdentity is what a connection has to prove to be bound as DN.
// One of the others is set.
type externalIdentity struct {
	Subject string  `yaml:"subject"` // of a certificate, a DN
	Email   string  `yaml:"email"`   // among the subject alternative names of a certificate
	URI     string  `yaml:"uri"`     // likewise
	UID     *uint32 `yaml:"uid"`     // of a process
	DN      string  `yaml:"dn"`
}

// checkExternal finds what is wrong with the key external.
func (c *config) checkExternal() error {
	x := &c.External
	if x.Via == "" {
		if len(x.Identities) > 0 || x.Account != "" || c.externalPassword != nil {
			return errors.New("external: via is missing")
		}
		return nil
	}
	switch {
	case x.Via != viaPlain && x.Via != viaExternal:
		return fmt.Errorf("external.via: %q is none of saslPlain, saslExternal", x.Via)
	case len(c.Directory.URLs) == 0:
		return errors.New("external: the embedded directory knows no authorization identities")
	case (x.Via == viaPlain) != (x.Account != "" && c.externalPassword != nil):
		return errors.New("external: account and its password (passwordFile or LDAPSUGGEST_EXTERNAL_PASSWORD) belong to saslPlain")
	case slices.Contains(c.externalPassword, 0):
		return errors.New("external: SASL PLAIN knows no password with NUL")
	}
	for _, s := range c.Directory.URLs {
		if local, protected := c.reach(s); x.Via == viaExternal && !local {
			return fmt.Errorf("external.via: saslExternal needs a local socket, but there is %s", s)
		} else if !protected {
			return fmt.Errorf("external.via: saslPlain would send a password in the clear to %s", s)
		}
	}
	for i, id := range x.Identities {
		if err := id.check(); err != nil {
			return fmt.Errorf("external.identities: number %d: %w", i+1, err)
		}
	}
	return nil
}

// reach tells whether a server is reached by a local socket, and whether
// nobody can read what is sent there.
func (c *config) reach(server string) (local, protected bool) {
	if len(server) >= 8 && server[:8] == "ldapi://" {
		return true, true
	}
	u, err := url.Parse(server)
	if err != nil {
		return false, false
	}
	ip := net.ParseIP(u.Hostname())
	return false, u.Scheme == "ldaps" || c.Directory.StartTLS || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func (id *externalIdentity) check() error {
	n := 0
	for _, set := range []bool{id.Subject != "", id.Email != "", id.URI != "", id.UID != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		return errors.New("one of subject, email, uri and uid is needed")
	}
	if id.Subject != "" {
		if _, err := dn.Parse(id.Subject); err != nil {
			return fmt.Errorf("subject: %q is no DN", id.Subject)
		}
	}
	if d, err := dn.Parse(id.DN); err != nil || d.IsRoot() {
		return fmt.Errorf("dn: %q is no DN of an entry", id.DN)
	}
	return nil
}

// proves reports whether a client's connection proves the identity. A
// certificate counts only if it was verified.
func (id *externalIdentity) proves(p ldapserver.Peer) bool {
	if id.UID != nil {
		return p.Local && p.UID == *id.UID
	}
	if p.TLS == nil || len(p.TLS.VerifiedChains) == 0 {
		return false
	}
	cert := p.TLS.VerifiedChains[0][0]
	switch {
	case id.Subject != "":
		return sameSubject(cert, id.Subject)
	case id.Email != "":
		return slices.Contains(cert.EmailAddresses, id.Email)
	case id.URI != "":
		return slices.ContainsFunc(cert.URIs, func(u *url.URL) bool { return u.String() == id.URI })
	}
	return false
}

// sameSubject compares the whole subject of a certificate. What cannot be
// compared is another one's.
func sameSubject(cert *x509.Certificate, subject string) bool {
	want, err := dn.Parse(subject)
	if err != nil || want.IsRoot() {
		return false
	}
	// crypto/x509's Subject leaves out what it does not know, such as DC.
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(cert.RawSubject, &rdns); err != nil || len(rest) > 0 {
		return false
	}
	names := map[string]string{
		"2.5.4.3": "cn", "2.5.4.5": "serialNumber", "2.5.4.6": "c", "2.5.4.7": "l", "2.5.4.8": "st", "2.5.4.9": "street",
		"2.5.4.10": "o", "2.5.4.11": "ou", "2.5.4.12": "title", "2.5.4.4": "sn", "2.5.4.42": "givenName",
		"0.9.2342.19200300.100.1.1": "uid", "0.9.2342.19200300.100.1.25": "dc", "1.2.840.113549.1.9.1": "emailAddress",
	}
	var got dn.DN
	for _, rdn := range slices.Backward(rdns) { // the last comes first in a DN's text
		var out dn.RDN
		for _, a := range rdn {
			value, ok := a.Value.(string)
			if !ok {
				return false
			}
			kind := a.Type.String()
			if name, ok := names[kind]; ok {
				kind = name
			}
			out = append(out, dn.AVA{Type: kind, Value: value})
		}
		got.RDNs = append(got.RDNs, out)
	}
	return got.Equal(want)
}

// external returns how clients bind by EXTERNAL, nil if they do not. A
// connection that proves several identities has none: it would depend on an
// order who a client is.
func (c *config) external(log *slog.Logger) func(ldapserver.Peer) (ldapserver.ExternalBind, bool) {
	x := c.External
	if x.Via == "" {
		return nil
	}
	return func(p ldapserver.Peer) (ldapserver.ExternalBind, bool) {
		var found *externalIdentity
		for i := range x.Identities {
			if id := &x.Identities[i]; id.proves(p) {
				if found != nil {
					log.Warn("a connection proves several identities, and has none", "first", found.DN, "second", id.DN)
					return ldapserver.ExternalBind{}, false
				}
				found = id
			}
		}
		if found == nil {
			return ldapserver.ExternalBind{}, false
		}
		b := ldapserver.ExternalBind{DN: found.DN, Mechanism: "EXTERNAL", Credentials: []byte("dn:" + found.DN)}
		if x.Via == viaPlain {
			b.Mechanism = "PLAIN"
			b.Credentials = append(append(append(b.Credentials, 0), x.Account...), 0)
			b.Credentials = append(b.Credentials, c.externalPassword...)
		}
		return b, true
	}
}
