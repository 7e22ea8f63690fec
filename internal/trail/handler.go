package trail

import (
	"context"
	"log/slog"
)

// Handler returns a handler that adds to each record what its context is
// about, and gives it to next:
//
//	conn     identifier of the connection
//	op       identifier of the operation
//	request  identifier that the client gave the request
//	trace    identifier of the trace
//
// Those that there are none of are left out.
func Handler(next slog.Handler) slog.Handler { return handler{next} }

type handler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	t := From(ctx)
	if t == nil {
		return h.Handler.Handle(ctx, r)
	}
	var space [4]slog.Attr
	add := append(space[:0], slog.String("conn", t.Connection.ID))
	if t.Number > 0 {
		add = append(add, slog.String("op", t.Operation()))
	}
	if t.Request != "" {
		add = append(add, slog.String("request", t.Request))
	}
	if t.TraceID != "" {
		add = append(add, slog.String("trace", t.TraceID))
	}
	r = r.Clone()
	r.AddAttrs(add...)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
