package ldapserver

import (
	"bytes"
	"io"
	"net"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// handleStartTLS starts TLS towards the client (RFC 4511 section 4.14). The
// connection to the directory is another hop, with TLS or without.
func (s *session) handleStartTLS(m message.Message, value []byte) verdict {
	s.mu.Lock()
	underWay := len(s.relayed)+len(s.ops) > 0 || s.midSASL
	s.mu.Unlock()
	switch {
	case value != nil:
		return s.answerStartTLS(m, result.ProtocolError, "StartTLS takes no value")
	case s.srv.cfg.TLSConfig == nil:
		return s.answerStartTLS(m, result.ProtocolError, "StartTLS is not supported")
	case s.tls:
		return s.answerStartTLS(m, result.OperationsError, "TLS is already in place")
	case underWay:
		return s.answerStartTLS(m, result.OperationsError, "other requests are under way")
	}
	critical := false
	if err := message.EachControl(m.Controls, func(c message.Control) bool {
		critical = critical || c.Critical
		return true
	}); err != nil {
		return s.answerStartTLS(m, result.ProtocolError, "a control is malformed")
	}
	if critical {
		return s.answerStartTLS(m, result.UnavailableCriticalExtension, "StartTLS takes no critical control")
	}

	// From here on nothing leaves but the response and the handshake: what
	// others have to say waits and is sent under TLS.
	s.out.acquire()
	response := message.AppendExtendedResponse(nil, m.ID, message.ExtendedResult{Name: message.StartTLSOID})
	if err := s.out.write(response); err != nil {
		s.out.fail(err)
		s.out.release(s.raw)
		return s.over()
	}
	s.in.Advance()
	// Whatever came behind the request is taken as the beginning of the
	// handshake, so that no request can be slipped in before it.
	conn, err := s.srv.handshake(s.ctx, &prefixed{Conn: s.raw, prefix: bytes.NewReader(bytes.Clone(s.in.Unread()))})
	if err != nil {
		s.srv.cfg.Logger.DebugContext(s.ctx, "TLS handshake failed", "client", s.trail.Remote, "error", err)
		s.out.fail(err)
		s.out.release(s.raw)
		return s.over()
	}
	s.useTLS(conn)
	s.out.release(conn)
	return done
}

func (s *session) over() verdict {
	s.endSilently()
	return over
}

func (s *session) answerStartTLS(m message.Message, code result.Code, text string) verdict {
	s.out.open()
	s.out.buf = message.AppendExtendedResponse(s.out.buf, m.ID, message.ExtendedResult{Code: code, Text: text, Name: message.StartTLSOID})
	s.out.close(false)
	return done
}

// prefixed is a connection of which something was read already.
type prefixed struct {
	net.Conn
	prefix *bytes.Reader
}

func (p *prefixed) Read(b []byte) (int, error) {
	if p.prefix != nil {
		n, err := p.prefix.Read(b)
		if err == nil {
			return n, nil
		}
		if err != io.EOF {
			return n, err
		}
		p.prefix = nil
	}
	return p.Conn.Read(b)
}
