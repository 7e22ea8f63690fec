package trail

import "context"

// A Tracer makes the spans of traces. internal/tracing has one that speaks
// OpenTelemetry.
type Tracer interface {
	// Start begins a span below the one that ctx has, and returns a context
	// that has it.
	Start(ctx context.Context, kind Kind, name string) (context.Context, Span)
}

// A Kind says on which side of a question a span is.
type Kind int

// The kinds of spans.
const (
	Internal Kind = iota // work of our own
	Server               // a request of a client
	Client               // a question to the directory
)

// A Span is a piece of work with a beginning and an end. Its attributes are
// read by people who may not read the directory: never give it a password, nor
// a value of an entry.
type Span interface {
	// Name gives the span another name.
	Name(name string)

	String(key, value string)
	Int(key string, value int)

	// DN is String for what names a person. It is left out unless the
	// operator wants it.
	DN(key, value string)

	// End ends the span, as failed if result is not empty and not "success".
	End(result string)

	// TraceID returns the identifier of the trace, empty if it is not
	// recorded.
	TraceID() string
}

// Start begins a span for what ctx is about. Without a tracer it returns ctx
// and a span that does nothing, and allocates nothing.
func Start(ctx context.Context, kind Kind, name string) (context.Context, Span) {
	_, tracer := traced(ctx)
	if tracer == nil {
		return ctx, noSpan{}
	}
	return (*tracer).Start(ctx, kind, name)
}

// StartRequest is Start for the request of a client that ctx is about. From
// then on, its Trail names the trace.
func StartRequest(ctx context.Context, name string) (context.Context, Span) {
	t, tracer := traced(ctx)
	if tracer == nil {
		return ctx, noSpan{}
	}
	ctx, span := (*tracer).Start(ctx, Server, name)
	if id := span.TraceID(); id != "" {
		t.TraceID = id
	}
	return ctx, span
}

func traced(ctx context.Context) (*Trail, *Tracer) {
	t := From(ctx)
	if t == nil {
		return nil, nil
	}
	return t, t.Connection.source.tracer.Load()
}

type noSpan struct{}

func (noSpan) Name(string)           {}
func (noSpan) String(string, string) {}
func (noSpan) Int(string, int)       {}
func (noSpan) DN(string, string)     {}
func (noSpan) End(string)            {}
func (noSpan) TraceID() string       { return "" }
