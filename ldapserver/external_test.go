package ldapserver

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// proxying starts a slapd in which a service account that is known by its
// local socket, or by name and password, may act as the users, and as nobody
// else.
func proxying(t *testing.T) *testenv.Slapd {
	t.Helper()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{SASL: true, Databases: []testenv.SlapdDatabase{{
		Users:  5,
		Access: []string{`to dn.base="cn=front,dc=example,dc=com" attrs=entry,objectClass,authzTo,userPassword by anonymous auth by * none`},
		LDIF: `
dn: cn=front,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: front
userPassword: front-Secret
`,
	}}})
	admin := s.Dial(t, s.Admin)
	mod := ldap.NewModifyRequest("cn=front,dc=example,dc=com", nil)
	mod.Add("authzTo", []string{"dn.regex:^uid=user[0-9]+,ou=people,dc=example,dc=com$"})
	if err := admin.Modify(mod); err != nil {
		t.Fatal(err)
	}
	mod = ldap.NewModifyRequest("cn=config", nil)
	mod.Replace("olcAuthzPolicy", []string{"to"})
	mod.Replace("olcSaslSecProps", []string{"none"})
	mod.Replace("olcAuthzRegexp", []string{
		"{0}^.*,cn=peercred,cn=external,cn=auth$ cn=front,dc=example,dc=com",
		"{1}^uid=front,(cn=[^,]+,)*cn=auth$ cn=front,dc=example,dc=com",
	})
	if err := s.Dial(t, s.ConfigAdmin).Modify(mod); err != nil {
		t.Fatal(err)
	}
	return s
}

func dialLocal(s *testenv.Slapd) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		path, err := url.PathUnescape(strings.TrimPrefix(s.LocalURL, "ldapi://"))
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
}

// onSocket serves cfg on a local socket and returns a client of it.
func onSocket(t *testing.T, cfg Config) *wire {
	t.Helper()
	srv := New(cfg)
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	serve(t, srv, func() error { return srv.Serve(l) })
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &wire{t, conn, message.NewReader(conn, message.Limits{})}
}

// TestExternal binds by what the client's socket proves, in both ways to get
// there at a real directory.
func TestExternal(t *testing.T) {
	s := proxying(t)
	me := uint32(os.Getuid())
	by := func(mechanism string, credentials func(dn string) string, dn string) func(Peer) (ExternalBind, bool) {
		return func(p Peer) (ExternalBind, bool) {
			if !p.Local || p.UID != me || p.TLS != nil {
				return ExternalBind{}, false
			}
			return ExternalBind{DN: dn, Mechanism: mechanism, Credentials: []byte(credentials(dn))}, true
		}
	}
	authz := func(dn string) string { return "dn:" + dn }
	plain := func(dn string) string { return "dn:" + dn + "\x00front\x00front-Secret" }
	ignoring := func(string) string { return "" } // the authorization identity is lost on the way
	for _, tt := range []struct {
		name     string
		external func(Peer) (ExternalBind, bool)
		code     result.Code
		notice   bool
	}{
		{"EXTERNAL", by("EXTERNAL", authz, s.UserDN(1)), result.Success, false},
		{"PLAIN", by("PLAIN", plain, s.UserDN(2)), result.Success, false},
		{"not allowed", by("EXTERNAL", authz, s.Admin.DN), result.InsufficientAccessRights, false},
		{"not allowed by PLAIN", by("PLAIN", plain, s.Admin.DN), result.InsufficientAccessRights, false},
		{"wrong password", by("PLAIN", func(dn string) string { return "dn:" + dn + "\x00front\x00wrong" }, s.UserDN(1)), result.InvalidCredentials, false},
		{"left with the rights of the server", by("EXTERNAL", ignoring, s.UserDN(1)), 0, true},
		{"unknown", func(Peer) (ExternalBind, bool) { return ExternalBind{}, false }, result.InappropriateAuthentication, false},
		{"not supported", nil, result.AuthMethodNotSupported, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := onSocket(t, Config{Dial: dialLocal(s), External: tt.external, Extended: ops(nil)})
			w.send(saslBind(1, "EXTERNAL", ""), ext(2, whoOID, nil))
			if tt.notice {
				w.wantNotice(result.Unavailable)
				return
			}
			w.want(1, message.BindResponse, tt.code)
			want := ""
			if tt.code == result.Success {
				x, _ := tt.external(Peer{Local: true, UID: me})
				want = "dn:" + x.DN
			}
			if r := w.want(2, message.ExtendedResponse, 0); string(r.Value) != want {
				t.Errorf("the client is %q, want %q", r.Value, want)
			}
			// The directory knows the connection as the same.
			w.send(ext(3, message.WhoAmIOID, nil))
			if r := w.want(3, message.ExtendedResponse, 0); string(r.Value) != want {
				t.Errorf("the directory says %q, want %q", r.Value, want)
			}
		})
	}
}

// TestExternalAuthzID lets clients ask for an identity themselves.
func TestExternalAuthzID(t *testing.T) {
	s := proxying(t)
	w := onSocket(t, Config{Dial: dialLocal(s), External: func(Peer) (ExternalBind, bool) {
		return ExternalBind{DN: s.UserDN(1), Mechanism: "EXTERNAL", Credentials: []byte("dn:" + s.UserDN(1))}, true
	}})
	for i, tt := range []struct {
		asked string
		code  result.Code
	}{
		{"dn:" + strings.ToUpper(s.UserDN(1)), result.Success},
		{"dn:" + s.UserDN(2), result.InvalidCredentials},
		{"u:user001", result.InvalidCredentials},
		{"dn:", result.InvalidCredentials},
	} {
		w.send(saslBind(int32(i+1), "EXTERNAL", tt.asked))
		w.want(int32(i+1), message.BindResponse, tt.code)
	}
	// A bind that was refused leaves nobody.
	w.send(ext(9, message.WhoAmIOID, nil))
	if r := w.want(9, message.ExtendedResponse, 0); len(r.Value) > 0 {
		t.Errorf("the client is %q", r.Value)
	}
}

// TestExternalRootDSE offers the mechanism to those whom it can serve.
func TestExternalRootDSE(t *testing.T) {
	for _, known := range []bool{true, false} {
		w := onSocket(t, Config{Dial: dialSlapd, External: func(p Peer) (ExternalBind, bool) {
			return ExternalBind{DN: "cn=x", Mechanism: "EXTERNAL"}, known
		}})
		w.send(message.AppendBaseSearch(nil, 1, "", nil, "supportedSASLMechanisms"))
		m, _ := w.next()
		if got := strings.Contains(string(m.Body), "EXTERNAL"); got != known {
			t.Errorf("offered: %v, want %v", got, known)
		}
	}
}

// TestPeerTLS tells a client by its certificate.
func TestPeerTLS(t *testing.T) {
	cert, err := tls.LoadX509KeyPair(slapd.CAFile, strings.TrimSuffix(slapd.CAFile, "crt")+"key")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan Peer, 1)
	cfg := tlsConfig(t)
	cfg.ClientAuth = tls.RequireAnyClientCert
	srv := New(Config{Dial: dialSlapd, TLSConfig: cfg, External: func(p Peer) (ExternalBind, bool) {
		seen <- p
		return ExternalBind{}, false
	}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, srv, func() error { return srv.ServeTLS(l) })
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: slapd.CAs, Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	w := &wire{t, conn, message.NewReader(conn, message.Limits{})}
	w.send(saslBind(1, "EXTERNAL", ""))
	w.want(1, message.BindResponse, result.InappropriateAuthentication)
	if p := <-seen; p.Local || p.TLS == nil || len(p.TLS.PeerCertificates) != 1 || len(p.TLS.VerifiedChains) != 0 {
		t.Errorf("peer %+v", p)
	}
}
