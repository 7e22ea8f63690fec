package ldapserver

import (
	"crypto/tls"
	"net"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A Peer is what a client's connection itself proves of the client.
type Peer struct {
	// TLS is the state of the TLS connection, nil without TLS. A client has
	// proved to be the subject of a certificate if VerifiedChains is not
	// empty.
	TLS *tls.ConnectionState

	// UID and GID are those of the process at the other end of a local
	// socket, if Local is set.
	Local    bool
	UID, GID uint32
}

// An ExternalBind is the SASL bind by which a client's directory connection
// becomes that of the client: the server proves who it is, and asks for the
// client's identity as the authorization identity (RFC 4422 section 3.4.1).
type ExternalBind struct {
	// DN is as whom the client is bound. It is compared with what the
	// directory says after the bind: a directory that does not support
	// authorization identities would leave the client with the server's own
	// rights.
	DN string

	// Mechanism and Credentials are those of the bind. They are one step.
	// Credentials is wiped once it is sent.
	Mechanism   string
	Credentials []byte
}

// peer returns what the client's connection proves.
func (s *session) peer() Peer {
	var p Peer
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if c, ok := conn.(*tls.Conn); ok {
		state := c.ConnectionState()
		p.TLS = &state
	}
	if c, ok := s.raw.(*net.UnixConn); ok {
		p.UID, p.GID, p.Local = peerCredentials(c)
	}
	return p
}

// bindExternal makes of a client's bind by EXTERNAL the bind that stands for
// it at the directory. Without one it returns why.
func (s *session) bindExternal(m message.Message, p *bind) (raw []byte, code result.Code, refused string) {
	if s.srv.cfg.External == nil {
		return nil, result.AuthMethodNotSupported, "the mechanism EXTERNAL is not supported here"
	}
	x, ok := s.srv.cfg.External(s.peer())
	if !ok {
		return nil, result.InappropriateAuthentication, "the connection proves no identity that is known here"
	}
	defer clear(x.Credentials)
	if asked := externalAuthzID(m.Body); asked != "" && !isDN(asked, x.DN) {
		return nil, result.InvalidCredentials, "the connection does not prove the identity that is asked for"
	}
	p.external = x.DN
	sasl := message.AppendElement(nil, 0x04, x.Mechanism)
	sasl = message.AppendElement(sasl, 0x04, x.Credentials)
	defer clear(sasl)
	body := append([]byte{0x02, 1, 3}, 0x04, 0)
	body = message.AppendElement(body, message.AuthSASL, sasl)
	defer clear(body)
	return message.AppendMessage(nil, m.ID, message.BindRequest, body, nil), 0, ""
}

// externalAuthzID returns the authorization identity that a client's bind by
// EXTERNAL asks for, empty for that of the connection. What is malformed is
// taken for one that nobody has.
func externalAuthzID(body []byte) string {
	const nobody = "malformed"
	_, rest, err := message.Expect(body, 0x02)
	if err == nil {
		_, rest, err = message.Expect(rest, 0x04)
	}
	var sasl []byte
	if err == nil {
		sasl, _, err = message.Expect(rest, message.AuthSASL)
	}
	if err == nil {
		_, rest, err = message.Expect(sasl, 0x04)
	}
	if err != nil {
		return nobody
	}
	if len(rest) == 0 {
		return ""
	}
	credentials, _, err := message.Expect(rest, 0x04)
	if err != nil {
		return nobody
	}
	return string(credentials)
}

// isDN reports whether an authorization identity (RFC 4513 section 5.2.1.8)
// is a DN.
func isDN(authzID, name string) bool {
	if len(authzID) < 3 || authzID[:3] != "dn:" {
		return false
	}
	a, err := dn.Parse(authzID[3:])
	if err != nil || a.IsRoot() {
		return false
	}
	b, err := dn.Parse(name)
	return err == nil && a.Equal(b)
}

// externalAnswered takes the directory's answer to a bind of bindExternal.
// The client is told of success only once the directory has said that the
// connection is the client's.
func (s *session) externalAnswered(l *link, p *bind, r message.Result) error {
	switch r.Code {
	case result.Success:
	case result.SASLBindInProgress:
		// There is no further step. The bind must not be left half done.
		s.end(result.Unavailable, "the directory did not take on the identity")
		return nil
	default:
		// What it says of the server's own credentials is not for clients.
		s.srv.cfg.Logger.ErrorContext(s.ctx, "the directory refuses an identity mapped from a connection",
			"identity", p.external, "code", r.Code.String(), "text", string(r.Text))
		err := l.toClient(message.AppendResult(nil, p.id, message.BindResponse, r.Code, "", "the directory refuses the identity of the connection"))
		s.conclude(p)
		return err
	}
	s.mu.Lock()
	p.identifying = true
	s.mu.Unlock()
	s.identify(l, func(authzID string, _ bool) {
		if !isDN(authzID, p.external) {
			s.srv.cfg.Logger.ErrorContext(s.ctx, "the directory did not take on an identity mapped from a connection",
				"identity", p.external, "instead", authzID)
			s.end(result.Unavailable, "the directory did not take on the identity")
			return
		}
		s.mu.Lock()
		s.bound = true
		s.bindDN, s.identity = authzID[3:], authzID
		s.mu.Unlock()
		if l.toClient(message.AppendResult(nil, p.id, message.BindResponse, result.Success, "", "")) == nil {
			s.conclude(p)
		}
	})
	return nil
}

// rootWant is rootDSE.want for this client.
func (s *session) rootWant(body []byte) *rootWant {
	w := s.srv.root.want(body)
	if w != nil && s.srv.cfg.External != nil {
		x, ok := s.srv.cfg.External(s.peer())
		clear(x.Credentials)
		w.external = ok
	}
	return w
}

// mechanisms are the SASL mechanisms to add to those of the directory.
func (w *rootWant) mechanisms() []string {
	if w.external {
		return []string{"EXTERNAL"}
	}
	return nil
}
