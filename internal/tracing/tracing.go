package tracing

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/ldapsuggest/ldapsuggest/internal/trail"
)

// Config configures a Provider.
type Config struct {
	// Endpoint is the URL of the collector, such as
	// https://collector.example.com:4318. Without a path, /v1/traces is
	// asked.
	Endpoint string

	// Headers are sent with each request, such as an authorization.
	Headers map[string]string

	// TLS is for https. Nil means the zero Config.
	TLS *tls.Config

	// SampleRatio is the share of traces that begin here and are recorded, 0
	// to 1. Of a trace that a caller began, the caller decides.
	SampleRatio float64

	// IncludeDNs records who asked about whom.
	IncludeDNs bool

	// Version is that of the program.
	Version string

	// Names are the names of operations by OID, for spans.
	Names map[string]string

	// Log is told when the collector fails and when it works again. Nil means
	// nobody is.
	Log *slog.Logger
}

// A Provider sends spans. It is a trail.Tracer.
type Provider struct {
	provider    *sdktrace.TracerProvider
	tracer      trace.Tracer
	connections *http.Transport // to the collector
	names       map[string]string
	dns         bool
}

var _ trail.Tracer = (*Provider)(nil)

const (
	scope       = "github.com/ldapsuggest/ldapsuggest"
	defaultPath = "/v1/traces"

	maxText       = 1024 // octets of an attribute
	maxAttributes = 32
	exportTimeout = 10 * time.Second
)

// CheckEndpoint reports what is wrong with Config.Endpoint.
func CheckEndpoint(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("it must be a URL such as https://collector.example.com:4318")
	}
	return nil
}

// New returns a Provider. It does not wait for the collector.
func New(cfg Config) (*Provider, error) {
	if err := CheckEndpoint(cfg.Endpoint); err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	u, _ := url.Parse(cfg.Endpoint)
	if strings.Trim(u.Path, "/") == "" {
		u.Path = defaultPath
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	tlsConfig := cfg.TLS
	if tlsConfig == nil {
		tlsConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	connections := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: tlsConfig, TLSHandshakeTimeout: exportTimeout,
		IdleConnTimeout: time.Minute, MaxIdleConns: 2, ForceAttemptHTTP2: true,
	}
	// Each is given, so that no environment variable of OpenTelemetry's
	// changes what the configuration says.
	options := []otlptracehttp.Option{
		otlptracehttp.WithEndpointURL(u.String()),
		otlptracehttp.WithHeaders(cfg.Headers),
		otlptracehttp.WithHTTPClient(&http.Client{Transport: connections, Timeout: exportTimeout}),
		otlptracehttp.WithTimeout(exportTimeout),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}),
	}
	if u.Scheme == "http" {
		options = append(options, otlptracehttp.WithInsecure())
	}
	spans, err := otlptrace.New(context.Background(), otlptracehttp.NewClient(options...))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit, limits.AttributeCountLimit = maxText, maxAttributes
	p := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&exporter{next: spans, log: cfg.Log}),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.SampleRatio))),
		sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "ldapsuggest"),
			attribute.String("service.version", cfg.Version),
		)),
	)
	return &Provider{p, p.Tracer(scope), connections, cfg.Names, cfg.IncludeDNs}, nil
}

// Shutdown sends what is left, as long as ctx lasts.
func (p *Provider) Shutdown(ctx context.Context) error {
	defer p.connections.CloseIdleConnections()
	return p.provider.Shutdown(ctx)
}

// Start implements trail.Tracer.
func (p *Provider) Start(ctx context.Context, kind trail.Kind, name string) (context.Context, trail.Span) {
	if n, ok := p.names[name]; ok {
		name = n
	}
	kinds := [...]trace.SpanKind{trail.Internal: trace.SpanKindInternal, trail.Server: trace.SpanKindServer, trail.Client: trace.SpanKindClient}
	t := trail.From(ctx)
	if kind == trail.Server && t != nil && t.Parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": t.Parent, "tracestate": t.State})
	}
	ctx, s := p.tracer.Start(ctx, name, trace.WithSpanKind(kinds[kind]))
	out := span{s, p.dns}
	if kind == trail.Server && t != nil && s.IsRecording() {
		out.String("ldapsuggest.conn", t.Connection.ID)
		out.String("ldapsuggest.op", t.Operation())
		out.String("ldapsuggest.door", t.Door)
		out.String("client.address", t.Remote)
		if t.Request != "" {
			out.String("ldapsuggest.request", t.Request)
		}
	}
	return ctx, out
}

// A span is a trail.Span.
type span struct {
	trace.Span
	dns bool
}

func (s span) Name(name string) { s.Span.SetName(name) }

func (s span) String(key, value string) {
	if s.IsRecording() {
		s.SetAttributes(attribute.String(key, strings.ToValidUTF8(value, "\uFFFD")))
	}
}

func (s span) Int(key string, value int) {
	if s.IsRecording() {
		s.SetAttributes(attribute.Int(key, value))
	}
}

func (s span) DN(key, value string) {
	if s.dns && value != "" {
		s.String(key, value)
	}
}

// End implements trail.Span. An answer that says no is no failure: those are
// the results that an operator has to look into.
func (s span) End(result string) {
	if s.IsRecording() {
		s.SetAttributes(attribute.String("ldapsuggest.result", result))
		switch result {
		case "other", "unavailable", "busy", "timeLimitExceeded", "operationsError":
			s.SetStatus(codes.Error, result)
		}
	}
	s.Span.End()
}

func (s span) TraceID() string {
	if c := s.SpanContext(); c.IsSampled() {
		return c.TraceID().String()
	}
	return ""
}

// Current returns the span of ctx. If there is none, it does nothing.
func (p *Provider) Current(ctx context.Context) trail.Span {
	return span{trace.SpanFromContext(ctx), p.dns}
}

// An exporter tells the log of failures, which the library would give to a
// handler of the whole process, with what the collector wrote.
type exporter struct {
	next   sdktrace.SpanExporter
	log    *slog.Logger
	failed atomic.Bool
}

// ExportSpans implements sdktrace.SpanExporter.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.next.ExportSpans(ctx, spans)
	switch {
	case err != nil && !e.failed.Swap(true):
		e.log.Warn("spans cannot be sent to the collector", "error", reason(err))
	case err == nil && e.failed.Swap(false):
		e.log.Info("spans are sent to the collector again")
	}
	return nil
}

// reason leaves out what the collector wrote.
func reason(err error) string {
	text, _, _ := strings.Cut(err.Error(), "body: ")
	return strings.TrimRight(text, " (:")
}

// Shutdown implements sdktrace.SpanExporter.
func (e *exporter) Shutdown(ctx context.Context) error { return e.next.Shutdown(ctx) }

// Transport gives the trace of a request's context on to the server, by the
// header traceparent.
func Transport(next http.RoundTripper) http.RoundTripper { return transport{next} }

type transport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if trace.SpanContextFromContext(r.Context()).IsValid() {
		r = r.Clone(r.Context())
		propagation.TraceContext{}.Inject(r.Context(), propagation.HeaderCarrier(r.Header))
	}
	return t.next.RoundTrip(r)
}
