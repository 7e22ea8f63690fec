package ldapserver

import (
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// handle deals with one request of the client.
func (s *session) handle(m message.Message) verdict {
	if m.ID == 0 {
		return s.malformed("a request has the message ID 0")
	}
	if !message.IsRequest(m.Op) {
		return s.malformed("the protocol operation is not a request")
	}
	s.mu.Lock()
	_, ask := s.questions[m.ID]
	_, ours := s.ops[m.ID]
	ours = ours || s.relayed[m.ID].rewrite != nil
	s.mu.Unlock()
	switch {
	case ask:
		// The client uses the ID of a question of ours. Its answer comes
		// soon.
		return held
	case ours:
		return s.malformed("a message ID is in use")
	}
	switch m.Op {
	case message.UnbindRequest:
		if l := s.link.Load(); l != nil {
			_ = l.out.send(m.Raw)
		}
		s.endSilently()
		return over
	case message.AbandonRequest:
		return s.handleAbandon(m)
	case message.BindRequest:
		return s.handleBind(m)
	case message.ExtendedRequest:
		return s.handleExtended(m)
	}
	if v, ok := s.rewrite(m, message.Extended{}); ok {
		return v
	}
	if m.Op == message.SearchRequest {
		return s.relay(m, relayed{op: m.Op, root: s.rootWant(m.Body)})
	}
	return s.relay(m, relayed{op: m.Op})
}

// malformed ends the session as RFC 4511 section 4.1.1 demands.
func (s *session) malformed(reason string) verdict {
	s.end(result.ProtocolError, reason)
	return over
}

// answer appends a response without value; it is written with the next
// flush. An operation that knows no response gets none.
func (s *session) answer(m message.Message, code result.Code, text string) verdict {
	if op, ok := message.ResponseTo(m.Op); ok {
		s.out.open()
		s.out.buf = message.AppendResult(s.out.buf, m.ID, op, code, "", text)
		s.out.close(false)
	}
	return done
}

const unavailableText = "the directory cannot be reached"

// relay passes a request on to the directory.
func (s *session) relay(m message.Message, r relayed) verdict {
	if s.supplemented(m, r.root) {
		return done
	}
	l, err := s.directory(s.ctx)
	if err != nil {
		return s.answer(m, result.Unavailable, unavailableText)
	}
	s.mu.Lock()
	if len(s.relayed) >= s.srv.cfg.MaxRelayed {
		s.mu.Unlock()
		return s.answer(m, result.Busy, "too many requests are waiting for the directory")
	}
	s.register(m.ID, r)
	s.mu.Unlock()
	s.srv.cfg.Observer.Relayed(m.Op)
	l.append(m.Raw)
	return done
}

// register notes a request that is about to be relayed. The caller holds mu.
func (s *session) register(id int32, r relayed) {
	s.forget(id)
	s.relayed = put(s.relayed, id, r)
	if r.root != nil || r.rewrite != nil {
		s.inspected.Add(1)
	}
}

// forget drops a relayed request, and returns what there was to do with its
// answer, if anything. The caller holds mu.
func (s *session) forget(id int32) *rewrite {
	r, ok := s.relayed[id]
	if !ok {
		return nil
	}
	delete(s.relayed, id)
	if r.root != nil || r.rewrite != nil {
		s.inspected.Add(-1)
	}
	return r.rewrite
}

// supplemented lets Config.Supplement answer m, if it does. With want, its
// answer gets what is ours in the root DSE, as the directory's does.
func (s *session) supplemented(m message.Message, want *rootWant) bool {
	if s.srv.cfg.Supplement == nil {
		return false
	}
	responses, handled := s.supplement(m)
	if !handled {
		return false
	}
	if want != nil {
		responses = s.srv.root.rewriteAll(responses, want)
	}
	if len(responses) > 0 {
		s.out.open()
		s.out.buf = append(s.out.buf, responses...)
		s.out.secret = true
		s.out.close(false)
		clear(responses)
	}
	return true
}

// supplement asks Config.Supplement, under the time limit of an operation. A
// panic becomes the result other(80).
func (s *session) supplement(m message.Message) (responses []byte, handled bool) {
	ctx, cancel := s.limited(s.ctx)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			s.panicked(ctx, message.OpName(m.Op), p)
			responses, handled = nil, true
			if op, ok := message.ResponseTo(m.Op); ok {
				responses = message.AppendResult(nil, m.ID, op, result.Other, "", "internal error")
			}
		}
	}()
	s.mu.Lock()
	bindDN := s.bindDN
	s.mu.Unlock()
	return s.srv.cfg.Supplement.Supplement(ctx, bindDN, m)
}

// handleAbandon ends one of our operations without an answer, or passes the
// request on.
func (s *session) handleAbandon(m message.Message) verdict {
	id, err := message.ParseAbandon(m.Body)
	if err != nil {
		return s.malformed("an abandon request holds no message ID")
	}
	s.mu.Lock()
	op := s.ops[id]
	_, ask := s.questions[id]
	_, theirs := s.relayed[id]
	if op != nil {
		op.abandoned = true
		op.cancel()
	}
	rw := s.forget(id)
	s.mu.Unlock()
	if rw != nil {
		rw.end(result.Wrap(extop.ErrUnanswered, result.Canceled, abandonedText))
	}
	if op != nil || ask && !theirs || s.supplemented(m, nil) {
		return done
	}
	// There is nothing to abandon at a directory that was never reached.
	if l := s.link.Load(); l != nil {
		s.srv.cfg.Observer.Relayed(m.Op)
		l.append(m.Raw)
	}
	return done
}
