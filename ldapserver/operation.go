package ldapserver

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// maxCancels is how many cancel requests for one operation are kept.
const maxCancels = 4

// An operation is a request that the server works on in a goroutine of its
// own.
type operation struct {
	trail  trail.Context
	base   context.Context // with the trail and the span, without a deadline
	span   trail.Span
	cancel context.CancelFunc

	// Under session.mu.
	abandoned bool
	cancels   []int32 // message IDs of cancel requests (RFC 3909)
}

// handleExtended answers an extended request that is ours, and relays others.
func (s *session) handleExtended(m message.Message) verdict {
	e, err := message.ParseExtended(m.Body)
	if err != nil {
		return s.malformed("an extended request is malformed")
	}
	if x := s.srv.ours[string(e.Name)]; x != nil {
		return s.serveExtended(m, x, e.Value)
	}
	switch string(e.Name) {
	case message.StartTLSOID:
		return s.handleStartTLS(m, e.Value)
	case message.CancelOID:
		return s.handleCancel(m, e.Value)
	}
	if v, ok := s.rewrite(m, e); ok {
		return v
	}
	return s.relay(m, relayed{op: m.Op})
}

func (s *session) serveExtended(m message.Message, x *extended, value []byte) verdict {
	s.mu.Lock()
	midSASL, running := s.midSASL, len(s.ops)
	s.mu.Unlock()
	refuse := func(code result.Code, text string) verdict {
		s.srv.cfg.Observer.Answered(x.oid, code, 0)
		return s.answer(m, code, text)
	}
	if midSASL {
		return refuse(result.OperationsError, "a SASL bind is under way")
	}
	var controls []extop.Control
	if m.Controls != nil {
		var err error
		if controls, err = copyControls(m.Controls); err != nil {
			return refuse(result.ProtocolError, "a control is malformed")
		}
	}
	start, mark := time.Now(), s.trail.Begin()
	if x.immediate != nil {
		s.request = extop.Request{Caller: s, Name: x.oid, Value: value, Controls: controls}
		s.response = extop.Response{Value: s.response.Value[:0]}
		s.immediate = trail.Context{Context: s.ctx, Trail: mark}
		ctx, span := trail.StartRequest(&s.immediate, x.oid)
		ok, err := s.serveImmediate(ctx, x)
		if ok {
			code := s.respond(ctx, m.ID, &s.response, err, false)
			span.End(code.String())
			s.srv.cfg.Observer.Answered(x.oid, code, time.Since(start))
			return done
		}
	}
	if running >= s.srv.cfg.MaxOperations {
		return refuse(result.Busy, "too many operations are under way on this connection")
	}
	ctx, op := s.begin(m.ID, mark, x.oid)
	req := &extop.Request{Caller: s, Name: x.oid, Value: slices.Clone(value), Controls: controls}
	id := m.ID
	s.work.Add(1)
	s.srv.crew.do(func() {
		defer s.work.Done()
		s.run(ctx, id, op, x, req, start)
	})
	return done
}

// begin notes an operation that is about to run in a goroutine of its own.
func (s *session) begin(id int32, mark trail.Trail, name string) (context.Context, *operation) {
	op := &operation{trail: trail.Context{Context: s.ctx, Trail: mark}}
	op.base, op.span = trail.StartRequest(&op.trail, name)
	ctx, cancel := s.limited(op.base)
	op.cancel = cancel
	s.mu.Lock()
	s.ops = put(s.ops, id, op)
	s.mu.Unlock()
	return ctx, op
}

// put sets m[k] in a map that may not have been made.
func put[V any](m map[int32]V, k int32, v V) map[int32]V {
	if m == nil {
		m = make(map[int32]V)
	}
	m[k] = v
	return m
}

// limited bounds ctx by the time that an operation may take.
func (s *session) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if t := s.srv.cfg.OperationTimeout; t > 0 {
		return context.WithTimeout(ctx, t)
	}
	return context.WithCancel(ctx)
}

// run performs an operation and answers it.
func (s *session) run(ctx context.Context, id int32, op *operation, x *extended, req *extop.Request, start time.Time) {
	resp, err := s.call(ctx, x, req)
	canceled := ctx.Err() == context.Canceled
	op.cancel()
	// It may hold a password.
	clear(req.Value)

	abandoned, cancels := s.leave(id, op)
	defer s.left()
	if len(cancels) > 0 && canceled && err != nil {
		err = errCanceled
	}
	if !abandoned {
		code := s.respond(ctx, id, resp, err, len(cancels) == 0)
		op.span.End(code.String())
		s.srv.cfg.Observer.Answered(x.oid, code, time.Since(start))
	} else {
		op.span.End(result.Canceled.String())
		if resp != nil {
			clear(resp.Value)
		}
	}
	s.answerCancels(cancels, err == errCanceled)
}

var (
	errCanceled = result.New(result.Canceled, "the operation was canceled")
	errInternal = result.New(result.Other, "internal error")
)

// leave ends an operation before it is answered: the client may use the ID
// again as soon as it has the answer, so it is free before that is written.
// left must be called once it is.
func (s *session) leave(id int32, op *operation) (abandoned bool, cancels []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ops, id)
	s.unsent++
	return op.abandoned, op.cancels
}

func (s *session) left() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsent--
	s.changed()
}

// answerCancels answers the cancel requests for an operation that has ended.
func (s *session) answerCancels(cancels []int32, canceled bool) {
	if len(cancels) == 0 {
		return
	}
	code := result.TooLate
	if canceled {
		code = result.Success
	}
	s.out.open()
	for _, c := range cancels {
		s.out.buf = message.AppendResult(s.out.buf, c, message.ExtendedResponse, code, "", "")
	}
	s.out.close(true)
}

func (s *session) call(ctx context.Context, x *extended, req *extop.Request) (resp *extop.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(ctx, x.oid, p)
			resp, err = nil, errInternal
		}
	}()
	return x.handler.ServeExtended(ctx, req)
}

func (s *session) serveImmediate(ctx context.Context, x *extended) (ok bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(ctx, x.oid, p)
			ok, err = true, errInternal
		}
	}()
	return x.immediate.ServeImmediate(ctx, &s.request, &s.response)
}

func (s *session) panicked(ctx context.Context, what string, p any) {
	s.srv.cfg.Observer.Panicked(what)
	s.srv.cfg.Logger.ErrorContext(ctx, "panic in an operation", "operation", what,
		"client", s.trail.Remote, "panic", panicText(p), "stack", string(debug.Stack()))
}

// panicText describes the value of a panic. What the program chose itself may
// quote what it fell over; what the runtime says holds numbers and types.
func panicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", p)
}

// respond writes the outcome of an operation, and wipes its value.
func (s *session) respond(ctx context.Context, id int32, resp *extop.Response, err error, flush bool) result.Code {
	var r message.ExtendedResult
	switch {
	case err != nil:
		e := result.From(err)
		r = message.ExtendedResult{Code: e.Code, MatchedDN: e.MatchedDN, Text: e.Text}
		if e.Code == result.Other {
			s.srv.cfg.Logger.ErrorContext(ctx, "an operation failed", "client", s.trail.Remote, "error", e, "cause", e.Cause)
		}
	case resp == nil:
		r.Code, r.Text = result.Other, "internal error"
	default:
		r.Name, r.Value = resp.Name, resp.Value
		for _, c := range resp.Controls {
			r.Controls = message.AppendControl(r.Controls, c.OID, c.Critical, c.Value)
		}
	}
	s.out.open()
	s.out.buf = message.AppendExtendedResponse(s.out.buf, id, r)
	s.out.secret = s.out.secret || len(r.Value) > 0
	if flush {
		s.out.closeSoon()
	} else {
		s.out.close(false)
	}
	if resp != nil {
		clear(resp.Value)
	}
	return r.Code
}

// handleCancel cancels an operation of ours as RFC 3909 asks, or relays the
// request.
func (s *session) handleCancel(m message.Message, value []byte) verdict {
	id, err := message.ParseCancel(value)
	if err != nil {
		return s.answer(m, result.ProtocolError, "the cancel request holds no message ID")
	}
	s.mu.Lock()
	op := s.ops[id]
	_, ask := s.questions[id]
	_, theirs := s.relayed[id]
	kept := op != nil && len(op.cancels) < maxCancels
	if kept {
		op.cancels = append(op.cancels, m.ID)
		op.cancel()
	}
	s.mu.Unlock()
	switch {
	case kept:
		return done
	case op != nil:
		return s.answer(m, result.OperationsError, "the operation is being canceled")
	case ask && !theirs:
		return s.answer(m, result.NoSuchOperation, "")
	}
	return s.relay(m, relayed{op: m.Op})
}

func copyControls(controls []byte) ([]extop.Control, error) {
	var list []extop.Control
	err := message.EachControl(controls, func(c message.Control) bool {
		list = append(list, extop.Control{OID: string(c.OID), Critical: c.Critical, Value: slices.Clone(c.Value)})
		return true
	})
	return list, err
}
