package ldapserver

import "net"

// Limits are the bounds of a Config that may change while a Server serves.
// Each 0 and each negative value means what it does there.
type Limits struct {
	Connections        int // Config.MaxConnections
	AddressConnections int // Config.MaxAddressConnections
	Handshakes         int // Config.MaxHandshakes
	Partial            int // Config.MaxPartial
}

// SetLimits replaces the limits. Connections that are there stay, even if
// they are too many now.
func (s *Server) SetLimits(l Limits) {
	cfg := Config{MaxConnections: l.Connections, MaxAddressConnections: l.AddressConnections, MaxHandshakes: l.Handshakes, MaxPartial: l.Partial}
	cfg.setDefaults()
	s.mu.Lock()
	s.cfg.MaxConnections, s.cfg.MaxAddressConnections = cfg.MaxConnections, cfg.MaxAddressConnections
	s.mu.Unlock()
	s.handshakes.limit(cfg.MaxHandshakes)
	s.partial.limit(cfg.MaxPartial)
}

const drainedText = "the server of the directory is taken out of use"

// Drain lets the connections finish what they have sent, and then ends them
// with a notice of disconnection, whose connection to the directory is one
// that chosen reports true for. It returns how many there are, without
// waiting for them.
func (s *Server) Drain(chosen func(directory net.Conn) bool) int {
	var sessions []*session
	s.mu.Lock()
	for sess := range s.sessions {
		sessions = append(sessions, sess)
	}
	s.mu.Unlock()
	n := 0
	for _, sess := range sessions {
		if l := sess.link.Load(); l != nil && chosen(l.conn) {
			n++
			sess.drain(drainedText)
		}
	}
	return n
}
