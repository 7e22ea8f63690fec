package ldapserver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// A rewrite is a request that a Rewriter completes, from its arrival to its
// answer. It is an operation of ours while the Rewriter works on it, and a
// relayed request while the directory has it, under the client's message ID
// all the time: so abandon and cancel reach it wherever it is.
type rewrite struct {
	id       int32
	tag      byte   // of the client's protocolOp
	oid      string // that the Rewriter is configured under
	rewriter extop.Rewriter
	req      *extop.Relayed
	controls []byte // as they arrived
	start    time.Time

	base  context.Context // with the trail and the span, without a deadline
	span  trail.Span      // from the arrival to the answer
	write trail.Span      // of the directory's work; nil while it has none

	sent *extop.Rewritten // what the directory gets; nil if it is not known yet
}

const (
	abandonedText = "the request was abandoned"
	lostText      = "the connection ended before the directory's answer came"
)

// rewriter returns the Rewriter for a request, nil if there is none.
func (s *session) rewriter(m message.Message, name []byte) (oid string, rw extop.Rewriter) {
	cfg := &s.srv.cfg
	if m.Controls != nil && len(cfg.RewriteControls) > 0 {
		// A malformed control is the directory's to refuse.
		_ = message.EachControl(m.Controls, func(c message.Control) bool {
			if found := cfg.RewriteControls[string(c.OID)]; found != nil {
				oid, rw = string(c.OID), found
			}
			return rw == nil
		})
	}
	if rw == nil && m.Op == message.ExtendedRequest {
		if found := cfg.RewriteExtended[string(name)]; found != nil {
			oid, rw = string(name), found
		}
	}
	return oid, rw
}

// rewrite has a request completed, if a Rewriter wants that. e is what an
// extended request contains.
func (s *session) rewrite(m message.Message, e message.Extended) (verdict, bool) {
	oid, rw := s.rewriter(m, e.Name)
	if rw == nil {
		return done, false
	}
	controls, err := copyControls(m.Controls)
	if err != nil {
		return done, false
	}
	req := &extop.Relayed{Caller: s, Tag: m.Op, Body: m.Body, Name: string(e.Name), Value: e.Value, Controls: controls}
	if !rw.Rewrites(req) {
		return done, false
	}
	s.mu.Lock()
	midSASL, running := s.midSASL, len(s.ops)
	s.mu.Unlock()
	refuse := func(code result.Code, text string) (verdict, bool) {
		s.srv.cfg.Observer.Answered(oid, code, 0)
		return s.answer(m, code, text), true
	}
	switch {
	case midSASL:
		return refuse(result.OperationsError, "a SASL bind is under way")
	case running >= s.srv.cfg.MaxOperations:
		return refuse(result.Busy, "too many operations are under way on this connection")
	}
	req.Body, req.Value = slices.Clone(m.Body), slices.Clone(e.Value)
	r := &rewrite{id: m.ID, tag: m.Op, oid: oid, rewriter: rw, req: req, controls: slices.Clone(m.Controls), start: time.Now()}
	ctx, op := s.begin(m.ID, s.trail.Begin(), oid)
	r.base, r.span = op.base, op.span
	s.work.Go(func() {
		sent, err := s.callRewriter(ctx, r)
		// They may hold a password.
		clear(req.Body)
		clear(req.Value)
		if err != nil {
			s.answerUnsent(ctx, op, r, err)
			return
		}
		r.sent = sent
		s.advance(ctx, op, r)
	})
	return done, true
}

func (s *session) callRewriter(ctx context.Context, r *rewrite) (sent *extop.Rewritten, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(ctx, r.oid, p)
			sent, err = nil, errInternal
		}
	}()
	if sent, err = r.rewriter.Rewrite(ctx, r.req); err == nil && sent == nil {
		err = errInternal
	}
	return sent, err
}

// callRetry asks what to do after a refusal; nil is to pass it on.
func (s *session) callRetry(ctx context.Context, r *rewrite, m message.Message, refused message.Result) (next *extop.Rewritten) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(ctx, r.oid, p)
			next = nil
		}
	}()
	if r.sent.Retry == nil || refused.Code == result.Success {
		return nil
	}
	controls, err := copyControls(m.Controls)
	if err != nil {
		return nil
	}
	return r.sent.Retry(ctx, extop.Refusal{Code: refused.Code, Text: string(refused.Text), Controls: controls})
}

// advance gives the directory what the Rewriter has made.
func (s *session) advance(ctx context.Context, op *operation, r *rewrite) {
	for {
		raw := r.message()
		m, err := message.Scan(raw, message.Limits{MaxSize: len(raw), MaxDepth: s.srv.cfg.MaxDepth + 1})
		if err != nil {
			s.answerUnsent(ctx, op, r, result.Wrap(err, result.Other, "internal error"))
			return
		}
		var responses []byte
		handled := false
		if s.srv.cfg.Supplement != nil {
			responses, handled = s.supplement(m)
		}
		if !handled {
			err := s.send(ctx, op, r, raw)
			clear(raw)
			if err != nil {
				s.answerUnsent(ctx, op, r, err)
			}
			return
		}
		clear(raw)
		final, err := message.Scan(responses, message.Limits{MaxSize: len(responses)})
		var res message.Result
		if err == nil {
			res, err = message.ParseResult(final.Body)
		}
		if err != nil {
			s.answerUnsent(ctx, op, r, result.Wrap(err, result.Other, "internal error"))
			return
		}
		next := s.callRetry(ctx, r, final, res)
		if next == nil {
			s.finish(op, r, final, res)
			return
		}
		r.sent.Wipe()
		r.sent = next
	}
}

// message returns the LDAPMessage for the directory.
func (r *rewrite) message() []byte {
	tag, body, _, _ := message.Element(r.sent.Op)
	controls := r.controls
	if r.sent.Without != "" {
		controls = nil
		for rest := r.controls; len(rest) > 0; {
			seq, after, err := message.Expect(rest, 0x30)
			if err != nil {
				break
			}
			if oid, _, err := message.Expect(seq, 0x04); err == nil && string(oid) != r.sent.Without {
				controls = append(controls, rest[:len(rest)-len(after)]...)
			}
			rest = after
		}
	}
	size := 32 + len(body) + len(controls)
	return message.AppendMessage(make([]byte, 0, size), r.id, tag, body, controls)
}

// send passes a completed request on to the directory. From then on it is a
// relayed request.
func (s *session) send(ctx context.Context, op *operation, r *rewrite, raw []byte) error {
	l, err := s.directory(ctx)
	switch {
	case err != nil:
		return result.Wrap(err, result.Unavailable, unavailableText)
	case r.sent.Protected && !private(l.conn):
		return result.New(result.ConfidentialityRequired, "the operation requires that the connection to the directory is protected by TLS, too")
	}
	// With the writer held, so that an abandon or cancel that finds the
	// request among the relayed ones comes behind it.
	l.out.open()
	defer l.out.close(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case op.abandoned || s.gone || len(op.cancels) > 0:
		return context.Canceled
	case ctx.Err() != nil:
		return ctx.Err()
	case len(s.relayed) >= s.srv.cfg.MaxRelayed:
		return result.New(result.Busy, "too many requests are waiting for the directory")
	}
	delete(s.ops, r.id)
	op.cancel()
	s.register(r.id, relayed{op: r.sent.Op[0], rewrite: r})
	s.srv.cfg.Observer.Relayed(r.sent.Op[0])
	_, r.write = trail.Start(r.base, trail.Client, "directory write")
	l.out.buf = append(l.out.buf, raw...)
	l.out.secret = true
	return nil
}

// private reports whether a connection to the directory cannot be read on
// the way.
func private(conn net.Conn) bool {
	for {
		if _, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
			return true
		}
		wrapped, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return local(conn.RemoteAddr())
		}
		conn = wrapped.NetConn()
	}
}

// rewriteAnswered takes the directory's answer to a completed request.
func (s *session) rewriteAnswered(l *link, m message.Message) error {
	res, err := message.ParseResult(m.Body)
	if err != nil {
		return errDirectory
	}
	s.mu.Lock()
	r := s.forget(m.ID)
	if r != nil {
		r.write.End(res.Code.String())
	}
	switch {
	case r == nil: // abandoned this moment
		s.mu.Unlock()
		return l.toClient(m.Raw)
	case res.Code != result.Success && res.Code != result.Canceled && r.sent.Retry != nil && s.bind == nil && s.ending == nil:
		// Whether to try again may take a while.
		ctx, cancel := s.limited(r.base)
		op := &operation{cancel: cancel}
		s.ops = put(s.ops, r.id, op)
		s.mu.Unlock()
		raw := slices.Clone(m.Raw)
		s.work.Go(func() { s.retry(ctx, op, r, raw) })
		return nil
	}
	s.unsent++
	s.mu.Unlock()
	defer s.left()
	s.answerRewritten(r, m, res, true)
	return nil
}

func (s *session) retry(ctx context.Context, op *operation, r *rewrite, raw []byte) {
	m, err := message.Scan(raw, message.Limits{MaxSize: len(raw)})
	var res message.Result
	if err == nil {
		res, err = message.ParseResult(m.Body)
	}
	if err != nil {
		s.answerUnsent(ctx, op, r, errInternal)
		return
	}
	next := s.callRetry(ctx, r, m, res)
	if next == nil {
		s.finish(op, r, m, res)
		return
	}
	r.sent.Wipe()
	r.sent = next
	s.advance(ctx, op, r)
}

// finish gives the directory's answer to a request that is an operation of
// ours again. Whoever wanted it canceled comes too late.
func (s *session) finish(op *operation, r *rewrite, m message.Message, res message.Result) {
	op.cancel()
	abandoned, cancels := s.leave(r.id, op)
	defer s.left()
	s.answerRewritten(r, m, res, !abandoned)
	s.answerCancels(cancels, false)
}

// answerRewritten gives the directory's answer, with what is to be added to it.
func (s *session) answerRewritten(r *rewrite, m message.Message, res message.Result, answer bool) {
	var err *result.Error
	if res.Code != result.Success {
		err = &result.Error{Code: res.Code, MatchedDN: string(res.MatchedDN), Text: string(res.Text)}
	}
	// Before the client knows, so that nothing is done that is not recorded.
	r.done(err)
	if answer {
		s.out.open()
		s.out.buf = r.appendResponse(s.out.buf, m, res)
		s.out.secret = true
		s.out.close(true)
	}
	s.srv.cfg.Observer.Answered(r.oid, res.Code, time.Since(r.start))
	r.close(res.Code)
}

// appendResponse appends what the client gets for the directory's answer m.
func (r *rewrite) appendResponse(dst []byte, m message.Message, res message.Result) []byte {
	own, _ := message.ResponseTo(r.tag)
	expected, _ := message.ResponseTo(r.sent.Op[0])
	success := res.Code == result.Success
	if m.Op != expected || !success && m.Op == own {
		return append(dst, m.Raw...)
	}
	// The LDAPResult keeps its octets, and what follows it in an extended
	// response if it is one for the client too.
	body := make([]byte, 0, len(m.Body)+len(r.sent.Value)+8)
	n := 0
	for rest := m.Body; len(rest) > 0; n++ {
		tag, _, after, err := message.Element(rest)
		if err != nil {
			break
		}
		keep := n < 3 || tag == 0xa3 || own == expected && !(tag == 0x8b && r.sent.Value != nil)
		if keep {
			body = append(body, rest[:len(rest)-len(after)]...)
		}
		rest = after
	}
	controls := m.Controls
	if success {
		if own == message.ExtendedResponse && r.sent.Value != nil {
			body = message.AppendElement(body, 0x8b, r.sent.Value)
		}
		if len(r.sent.Controls) > 0 {
			controls = slices.Clip(controls)
			for _, c := range r.sent.Controls {
				controls = message.AppendControl(controls, c.OID, c.Critical, c.Value)
			}
			defer clear(controls[len(m.Controls):])
		}
	}
	dst = message.AppendMessage(dst, r.id, own, body, controls)
	clear(body)
	return dst
}

// answerUnsent answers a request that the directory has not got.
func (s *session) answerUnsent(ctx context.Context, op *operation, r *rewrite, err error) {
	canceled := ctx.Err() == context.Canceled
	op.cancel()
	abandoned, cancels := s.leave(r.id, op)
	defer s.left()
	canceled = canceled && len(cancels) > 0
	if canceled {
		err = errCanceled
	}
	e := result.From(err)
	if e.Code == result.Other && e != errInternal {
		s.srv.cfg.Logger.ErrorContext(ctx, "an operation failed", "client", s.trail.Remote, "error", e, "cause", e.Cause)
	}
	r.done(&result.Error{Code: e.Code, MatchedDN: e.MatchedDN, Text: e.Text, Cause: errors.Join(extop.ErrUnsent, e.Cause)})
	if !abandoned {
		tag, _ := message.ResponseTo(r.tag)
		s.out.open()
		s.out.buf = message.AppendResult(s.out.buf, r.id, tag, e.Code, e.MatchedDN, e.Text)
		s.out.close(true)
	}
	s.srv.cfg.Observer.Answered(r.oid, e.Code, time.Since(r.start))
	r.close(e.Code)
	s.answerCancels(cancels, canceled)
}

// end is for a request that is not answered.
func (r *rewrite) end(err *result.Error) {
	r.done(err)
	r.close(err.Code)
}

// done tells the Rewriter how the request ended.
func (r *rewrite) done(err *result.Error) {
	if r.sent != nil && r.sent.Done != nil {
		r.sent.Done(err)
	}
}

// close wipes what was sent, and ends the spans.
func (r *rewrite) close(code result.Code) {
	if r.sent != nil {
		r.sent.Wipe()
	}
	if r.write != nil {
		r.write.End(code.String())
	}
	r.span.End(code.String())
}

// forgetRewrites drops the requests among relayed that a Rewriter completed,
// and returns them to be ended. The caller holds mu.
func (s *session) forgetRewrites() []*rewrite {
	if s.inspected.Load() == 0 {
		return nil
	}
	var dropped []*rewrite
	for id, r := range s.relayed {
		if r.rewrite != nil {
			dropped = append(dropped, s.forget(id))
		}
	}
	return dropped
}
