package ldapserver

import (
	"bytes"
	"context"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// lowestID bounds the message IDs of questions from below. They count down
// from message.MaxID, where clients seldom are, and start over here. An ID
// that the client uses is skipped, and a client's request with the ID of a
// question is held until the question is answered.
const lowestID = message.MaxID - 1<<20

// A question is a request of our own on the caller's directory connection.
// Its responses are not passed on.
type question struct {
	entries int

	// then is called in the goroutine that reads the directory, with the
	// final response, or with an error if there will be none. The message
	// is valid during the call only.
	then func(entries int, final message.Message, err error)
}

// register notes a question and returns its message ID.
func (s *session) registerQuestion(q *question) int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.questions == nil {
		s.questions = make(map[int32]*question)
	}
	for {
		id := s.lastID
		if s.lastID--; s.lastID <= lowestID {
			s.lastID = message.MaxID
		}
		_, theirs := s.relayed[id]
		_, ours := s.ops[id]
		_, asked := s.questions[id]
		if !theirs && !ours && !asked {
			s.questions[id] = q
			return id
		}
	}
}

// answered takes a response to a question.
func (s *session) answered(m message.Message) {
	s.mu.Lock()
	q := s.questions[m.ID]
	if m.Op == message.SearchResultEntry {
		q.entries++
	}
	final := message.IsFinal(m.Op)
	if final {
		delete(s.questions, m.ID)
		s.changed()
	}
	s.mu.Unlock()
	if final {
		q.then(q.entries, m, nil)
	}
}

// fail ends all questions without an answer.
func (s *session) fail(err error) {
	s.mu.Lock()
	questions := s.questions
	s.questions = nil
	s.changed()
	s.mu.Unlock()
	for _, q := range questions {
		q.then(q.entries, message.Message{}, err)
	}
}

// outcome is what a question has brought.
type outcome struct {
	entries int
	result  message.Result
	err     error
}

func newOutcome(entries int, final message.Message, err error) outcome {
	o := outcome{entries: entries, err: err}
	if err == nil {
		o.result, o.err = message.ParseResult(final.Body)
	}
	o.result.MatchedDN = bytes.Clone(o.result.MatchedDN)
	o.result.Text = bytes.Clone(o.result.Text)
	o.result.Name = bytes.Clone(o.result.Name)
	o.result.Value = bytes.Clone(o.result.Value)
	return o
}

// ask puts a question to the directory, as the caller, and waits for the
// outcome. A question that is given up is not abandoned at the directory:
// every one gets its response, which must not reach the client.
func (s *session) ask(ctx context.Context, encode func(dst []byte, id int32) []byte) outcome {
	if s.srv.cfg.Supplement != nil {
		if o, ok := s.askSupplement(encode); ok {
			return o
		}
	}
	l, err := s.directory(ctx)
	if err != nil {
		return outcome{err: result.Wrap(err, result.Unavailable, unavailableText)}
	}
	s.mu.Lock()
	waiting := len(s.questions)
	s.mu.Unlock()
	if waiting >= 2*s.srv.cfg.MaxOperations {
		return outcome{err: result.New(result.Busy, "too many operations are under way on this connection")}
	}
	answer := make(chan outcome, 1)
	q := &question{then: func(entries int, final message.Message, err error) {
		answer <- newOutcome(entries, final, err)
	}}
	id := s.registerQuestion(q)
	l.out.open()
	l.out.buf = encode(l.out.buf, id)
	l.out.closeSoon()
	select {
	case o := <-answer:
		return o
	case <-ctx.Done():
		return outcome{err: ctx.Err()}
	}
}

// askSupplement lets Config.Supplement answer a question, if it does.
func (s *session) askSupplement(encode func(dst []byte, id int32) []byte) (outcome, bool) {
	m, err := message.Scan(encode(nil, message.MaxID), message.Limits{})
	if err != nil {
		return outcome{err: err}, true
	}
	responses, handled := s.supplement(m)
	if !handled {
		return outcome{}, false
	}
	entries := 0
	for len(responses) > 0 {
		size, ok, err := message.Size(responses, message.Limits{})
		if err != nil || !ok || size > len(responses) {
			break
		}
		r, err := message.Scan(responses[:size], message.Limits{})
		switch {
		case err != nil:
			return outcome{err: err}, true
		case message.IsFinal(r.Op):
			return newOutcome(entries, r, nil), true
		case r.Op == message.SearchResultEntry:
			entries++
		}
		responses = responses[size:]
	}
	return outcome{err: result.New(result.Unavailable, unavailableText)}, true
}

// See implements extop.Caller.
func (s *session) See(ctx context.Context, dn, authzID string) error {
	o := s.ask(ctx, func(dst []byte, id int32) []byte {
		var controls []byte
		if authzID != "" {
			controls = message.AppendControl(nil, extop.ProxiedAuthorizationOID, true, []byte(authzID))
		}
		return message.AppendBaseSearch(dst, id, dn, controls, message.NoAttributes)
	})
	switch {
	case o.err != nil:
		return o.err
	case o.result.Code != result.Success:
		return &result.Error{Code: o.result.Code, MatchedDN: string(o.result.MatchedDN), Text: string(o.result.Text)}
	case o.entries == 0:
		return result.New(result.InsufficientAccessRights, "the entry is not visible to you")
	}
	return nil
}

// identify asks the directory who the connection is (RFC 4532), and whether it
// knows the question at all. It must not wait: it is called where the answer
// is read.
func (s *session) identify(l *link, then func(authzID string, known bool)) {
	q := &question{then: func(_ int, final message.Message, err error) {
		authzID := ""
		o := newOutcome(0, final, err)
		if o.err == nil && o.result.Code == result.Success {
			authzID = string(slices.Clone(o.result.Value))
		}
		// A server that does not recognize a request answers so (RFC 4511
		// section 4.12).
		then(authzID, o.err != nil || o.result.Code != result.ProtocolError)
	}}
	id := s.registerQuestion(q)
	l.out.open()
	l.out.buf = message.AppendExtendedRequest(l.out.buf, id, message.WhoAmIOID, nil, nil)
	l.out.close(true)
}
