package restbridge

import (
	"context"
	"net"
	"net/http"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
)

// requestIDHeader names the request, for those who look for it in a log.
const requestIDHeader = "X-Request-Id"

// maxTraceState is what a tracestate header must be able to hold (W3C Trace
// Context, section 3.3.1.5). Longer ones are dropped.
const maxTraceState = 512

// connContext names a connection.
func (s *Server) connContext(ctx context.Context, c net.Conn) context.Context {
	return trail.New(ctx, trail.Trail{Connection: s.cfg.Trails.Connection("rest", c.RemoteAddr().String())})
}

// mark names a request, in its context and in the header of the response. A
// name that the client gives it is kept beside our own, if it is
// well-formed, and is the one that the client gets back.
func (s *Server) mark(rec *recorder, r *http.Request) (*http.Request, trail.Span) {
	var conn *trail.Connection
	if t := trail.From(r.Context()); t != nil {
		conn = t.Connection
	} else {
		conn = s.cfg.Trails.Connection("rest", r.RemoteAddr)
	}
	rec.trail = trail.Context{Context: r.Context(), Trail: conn.Begin()}
	t := &rec.trail.Trail
	if given := r.Header[requestIDHeader]; len(given) == 1 {
		t.Request, _ = trail.RequestID(given[0])
	}
	if parent := r.Header["Traceparent"]; len(parent) == 1 {
		if id, ok := trail.TraceParent(parent[0]); ok {
			t.TraceID, t.Parent = id, parent[0]
			if state := r.Header["Tracestate"]; len(state) == 1 && len(state[0]) <= maxTraceState {
				t.State = state[0]
			}
		}
	}
	id := t.Request
	if id == "" {
		id = t.Operation()
	}
	rec.Header().Set(requestIDHeader, id)
	ctx, span := trail.StartRequest(&rec.trail, "REST")
	return r.WithContext(ctx), span
}

// end ends the span of a request.
func (r *recorder) end(span trail.Span, method, route string) {
	if route == "" {
		route = "none"
	}
	span.Name(method + " " + route)
	span.String("http.request.method", method)
	span.String("http.route", route)
	span.Int("http.response.status_code", r.status)
	if r.caller != "" {
		span.DN("ldapsuggest.caller", r.caller)
	}
	code := r.result
	if r.status >= 500 && code == result.Success {
		code = result.Other
	}
	span.End(code.String())
}
