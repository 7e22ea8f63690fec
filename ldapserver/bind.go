package ldapserver

import (
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// A bind is a bind request that the directory has. Everything behind it waits
// (RFC 4511 section 4.2.1).
type bind struct {
	id          int32
	auth        byte
	name        string
	anonymous   bool   // a simple bind that authenticates nobody
	layer       bool   // success may install a security layer
	identifying bool   // answered; the directory is asked who that is
	external    string // DN that the directory is asked to take the connection for

	// instead is the response to a bind that the server has refused. The
	// directory was sent an anonymous one in its stead, so that it forgets
	// who the connection was, as RFC 4511 section 4.2.1 demands.
	instead []byte
}

// securityLayers reports whether a SASL mechanism may install a security
// layer.
func securityLayers(mechanism []byte) bool {
	for _, m := range []string{"GSSAPI", "GSS-SPNEGO", "DIGEST-MD5", "KERBEROS_V4", "SRP"} {
		if strings.EqualFold(m, string(mechanism)) {
			return true
		}
	}
	return false
}

// external is the mechanism that takes the identity from the connection. On
// the connection to the directory that is the server's, never the client's.
func external(mechanism []byte) bool { return strings.EqualFold("EXTERNAL", string(mechanism)) }

// The steps of Microsoft's NTLM bind (Sicily), the last of which may install a
// security layer.
const (
	sicilyDiscovery = 0x89
	sicilyResponse  = 0x8b
)

// handleBind relays a bind and makes what follows wait for its outcome.
func (s *session) handleBind(m message.Message) verdict {
	b, err := message.ParseBind(m.Body)
	if err != nil {
		return s.malformed("a bind request is malformed")
	}
	// Before a bind, what is under way is completed (RFC 4511 section 4.2.1).
	s.mu.Lock()
	underWay := len(s.ops) + s.unsent
	s.mu.Unlock()
	if underWay > 0 {
		return held
	}
	p := &bind{id: m.ID, auth: b.Auth, name: string(b.Name)}
	refused, code := "", result.AuthMethodNotSupported
	raw := m.Raw
	switch b.Auth {
	case message.AuthSimple:
		// Without a password nobody is authenticated, name or not (RFC 4513
		// sections 5.1.1 and 5.1.2).
		p.anonymous = len(b.Name) == 0 || !b.HasPassword
	case message.AuthSASL:
		p.layer = securityLayers(b.Mechanism)
		if external(b.Mechanism) {
			raw, code, refused = s.bindExternal(m, p)
		}
	default:
		// Any other choice is for the directory to refuse.
		p.layer = b.Auth >= sicilyDiscovery && b.Auth <= sicilyResponse
	}
	if p.layer && !s.srv.cfg.PassSecurityLayers {
		refused = "mechanisms that may install a security layer are not supported here; use another mechanism under TLS"
	}
	s.unbound()
	if refused != "" {
		p.instead = message.AppendResult(nil, m.ID, message.BindResponse, code, "", refused)
	} else if s.srv.cfg.Supplement != nil {
		// Only a bind that fails can be answered beside the directory.
		p.instead, _ = s.supplement(m)
	}
	if p.instead != nil {
		return s.refuseBind(m, p)
	}
	l, err := s.directory(s.ctx)
	if err != nil {
		return s.answer(m, result.Unavailable, unavailableText)
	}
	s.sendBind(l, p, raw)
	return done
}

// refuseBind answers a bind without the directory, which has to forget who the
// connection was first, if it has ever heard of it.
func (s *session) refuseBind(m message.Message, p *bind) verdict {
	l := s.link.Load()
	if l == nil {
		clear(m.Raw) // it may hold a password
		s.out.open()
		s.out.buf = append(s.out.buf, p.instead...)
		s.out.close(false)
		return done
	}
	// An anonymous bind: version 3, no name, no password.
	id := m.ID
	clear(m.Raw)
	s.sendBind(l, p, message.AppendMessage(nil, id, message.BindRequest, []byte{0x02, 1, 3, 0x04, 0, message.AuthSimple, 0}, nil))
	return done
}

func (s *session) sendBind(l *link, p *bind, raw []byte) {
	s.mu.Lock()
	s.bind = p
	s.register(p.id, relayed{op: message.BindRequest})
	s.mu.Unlock()
	s.srv.cfg.Observer.Relayed(message.BindRequest)
	l.out.open()
	l.out.buf = append(l.out.buf, raw...)
	l.out.secret = true
	l.out.close(true)
	// It holds a password.
	clear(raw)
}

// unbound makes the session anonymous.
func (s *session) unbound() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity, s.bindDN, s.bound, s.midSASL = "", "", false, false
}

// bindAnswered takes the directory's answer to a bind.
func (s *session) bindAnswered(l *link, m message.Message) error {
	s.mu.Lock()
	s.unsent++
	defer func() {
		s.mu.Lock()
		s.unsent--
		s.changed()
		s.mu.Unlock()
	}()
	p := s.bind
	if p != nil && (p.id != m.ID || p.identifying) {
		p = nil
	}
	var rewrites []*rewrite
	if p != nil {
		// What was sent before the bind has been answered or abandoned.
		rewrites = s.forgetRewrites()
		for id := range s.relayed {
			s.forget(id)
		}
		clear(s.questions)
	}
	s.mu.Unlock()
	for _, rw := range rewrites {
		rw.end(result.New(result.Unavailable, lostText))
	}
	if p == nil {
		return l.toClient(m.Raw)
	}
	r, err := message.ParseResult(m.Body)
	if err != nil {
		return errDirectory
	}
	if p.external != "" && p.instead == nil {
		return s.externalAnswered(l, p, r)
	}
	reply := m.Raw
	if p.instead != nil {
		reply = p.instead
	}
	// The client has the answer before anything behind the bind goes on.
	err = l.toClient(reply)
	switch {
	case p.instead != nil:
		s.conclude(p)
	case r.Code == result.Success:
		s.bindSucceeded(l, p)
	case r.Code == result.SASLBindInProgress:
		s.mu.Lock()
		s.midSASL = true
		s.mu.Unlock()
		s.conclude(p)
	default:
		s.conclude(p)
	}
	return err
}

// conclude lets go on what waits for a bind.
func (s *session) conclude(p *bind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bind == p {
		s.bind = nil
		s.changed()
	}
}

// bindSucceeded notes who the connection is. Where the bind does not tell, the
// directory is asked. Of a directory that has no Who am I (Samba), the name is
// taken that it has accepted with a password; after SASL there is none, and the
// caller stays anonymous to our operations.
func (s *session) bindSucceeded(l *link, p *bind) {
	s.mu.Lock()
	s.bound = !p.anonymous
	switch {
	case p.layer && (p.auth == message.AuthSASL || p.auth == sicilyResponse):
		s.opaque = true
	case p.anonymous:
	case p.auth == message.AuthSimple && strings.Contains(p.name, "="):
		s.identity, s.bindDN = "dn:"+p.name, p.name
	default:
		// SASL, or a name that is no DN, as Active Directory takes.
		p.identifying = true
	}
	s.mu.Unlock()
	if !p.identifying {
		s.conclude(p)
		return
	}
	s.identify(l, func(authzID string, known bool) {
		if !known && p.auth == message.AuthSimple {
			// In one case, for the limits on each caller.
			authzID = "u:" + strings.ToLower(p.name)
		}
		s.mu.Lock()
		if dn, ok := strings.CutPrefix(authzID, "dn:"); ok {
			s.bindDN = dn
		}
		if authzID != "dn:" {
			s.identity = authzID
		}
		s.mu.Unlock()
		s.conclude(p)
	})
}
