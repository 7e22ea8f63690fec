package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/ldapsuggest/ldapsuggest/internal/trail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A receiver is a collector that keeps what it gets.
type receiver struct {
	*httptest.Server

	mu      sync.Mutex
	status  int // 0 for 200
	body    string
	headers []http.Header
	paths   []string
	spans   []*tracepb.Span
	service string
}

func newReceiver(t *testing.T) *receiver {
	r := new(receiver)
	r.Server = httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) receive(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status != 0 {
		http.Error(w, r.body, r.status)
		return
	}
	zipped, err := gzip.NewReader(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	raw, err := io.ReadAll(zipped)
	var m collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(raw, &m)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.headers, r.paths = append(r.headers, req.Header), append(r.paths, req.URL.Path)
	for _, resource := range m.ResourceSpans {
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				r.service = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
}

// span returns the one span with a name.
func (r *receiver) span(t *testing.T, name string) *tracepb.Span {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var found *tracepb.Span
	for _, s := range r.spans {
		if s.Name == name {
			if found != nil {
				t.Fatalf("two spans %q", name)
			}
			found = s
		}
	}
	if found == nil {
		t.Fatalf("no span %q", name)
	}
	return found
}

func attributes(s *tracepb.Span) map[string]any {
	m := make(map[string]any)
	for _, a := range s.Attributes {
		if text := a.Value.GetStringValue(); text != "" {
			m[a.Key] = text
		} else {
			m[a.Key] = a.Value.GetIntValue()
		}
	}
	return m
}

// request makes the spans of one request, and ends them.
func request(p *Provider, mark func(*trail.Trail), end string) string {
	source := trail.NewSource()
	source.Trace(p)
	t := source.Connection("rest", "192.0.2.7:40022").Begin()
	if mark != nil {
		mark(&t)
	}
	base := trail.New(context.Background(), t)
	ctx, outer := trail.StartRequest(base, "1.3.6.1.4.1.30221.2.6.62")
	outer.DN("ldapsuggest.target", "uid=amina,ou=people,dc=example,dc=com")
	outer.DN("ldapsuggest.policy", "")
	outer.String("not UTF-8", "a\xffb")
	below, search := trail.Start(ctx, trail.Client, "directory search")
	search.Int("ldap.entries", 3)
	search.End("success")
	_ = below
	_, drawn := trail.Start(ctx, trail.Internal, "generate")
	drawn.End("")
	outer.End(end)
	return base.Trail.TraceID
}

func start(t *testing.T, cfg Config) *Provider {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	return p
}

func flush(t *testing.T, p *Provider) {
	t.Helper()
	if err := p.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}

var names = map[string]string{"1.3.6.1.4.1.30221.2.6.62": "generatePassword"}

func TestSpans(t *testing.T) {
	for _, dns := range []bool{false, true} {
		r := newReceiver(t)
		p := start(t, Config{Endpoint: r.URL, Headers: map[string]string{"Authorization": "Bearer sesame"}, SampleRatio: 1, IncludeDNs: dns, Names: names})
		id := request(p, func(m *trail.Trail) { m.Request = "job-7" }, "success")
		flush(t, p)

		outer, search, drawn := r.span(t, "generatePassword"), r.span(t, "directory search"), r.span(t, "generate")
		if hex.EncodeToString(outer.TraceId) != id || len(outer.ParentSpanId) != 0 {
			t.Errorf("trace %x, parent %x; the log says %s", outer.TraceId, outer.ParentSpanId, id)
		}
		for _, below := range []*tracepb.Span{search, drawn} {
			if !bytes.Equal(below.ParentSpanId, outer.SpanId) || !bytes.Equal(below.TraceId, outer.TraceId) {
				t.Errorf("%s is not below the request", below.Name)
			}
		}
		if outer.Kind != tracepb.Span_SPAN_KIND_SERVER || search.Kind != tracepb.Span_SPAN_KIND_CLIENT || drawn.Kind != tracepb.Span_SPAN_KIND_INTERNAL {
			t.Errorf("kinds %v, %v, %v", outer.Kind, search.Kind, drawn.Kind)
		}
		a := attributes(outer)
		if a["ldapsuggest.door"] != "rest" || a["client.address"] != "192.0.2.7:40022" || a["ldapsuggest.request"] != "job-7" ||
			a["ldapsuggest.result"] != "success" || a["not UTF-8"] != "a\uFFFDb" || !strings.HasPrefix(a["ldapsuggest.op"].(string), a["ldapsuggest.conn"].(string)+".") {
			t.Errorf("%v", a)
		}
		if _, ok := a["ldapsuggest.target"]; ok != dns {
			t.Errorf("includeDNs %v: %v", dns, a)
		}
		if attributes(search)["ldap.entries"] != int64(3) || outer.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET {
			t.Errorf("%v, status %v", search, outer.Status)
		}
		if r.headers[0].Get("Authorization") != "Bearer sesame" || r.paths[0] != "/v1/traces" || r.service != "ldapsuggest" {
			t.Errorf("sent to %s for %s with %v", r.paths[0], r.service, r.headers[0])
		}
	}
}

// TestCallersTrace: a trace that a REST caller began goes on, and the caller
// says whether it is recorded.
func TestCallersTrace(t *testing.T) {
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, tt := range []struct {
		flags string
		ratio float64
		spans int
	}{{"01", 0, 3}, {"00", 1, 0}} {
		r := newReceiver(t)
		p := start(t, Config{Endpoint: r.URL + "/otlp/traces", SampleRatio: tt.ratio})
		request(p, func(m *trail.Trail) {
			m.Parent, m.State, m.TraceID = "00-"+trace+"-"+parent+"-"+tt.flags, "vendor=x", trace
		}, "unavailable")
		flush(t, p)
		if len(r.spans) != tt.spans {
			t.Errorf("flags %s: %d spans", tt.flags, len(r.spans))
		}
		for _, s := range r.spans {
			if s.Kind == tracepb.Span_SPAN_KIND_SERVER && (hex.EncodeToString(s.ParentSpanId) != parent || s.TraceState != "vendor=x" || s.Status.Code != tracepb.Status_STATUS_CODE_ERROR) {
				t.Errorf("%v", s)
			}
			if hex.EncodeToString(s.TraceId) != trace {
				t.Errorf("trace %x", s.TraceId)
			}
		}
		if tt.spans > 0 && !slices.Contains(r.paths, "/otlp/traces") {
			t.Errorf("sent to %q", r.paths)
		}
	}
}

func TestNotSampled(t *testing.T) {
	r := newReceiver(t)
	p := start(t, Config{Endpoint: r.URL, SampleRatio: 0})
	if id := request(p, nil, "success"); id != "" {
		t.Errorf("trace %s", id)
	}
	flush(t, p)
	if len(r.spans) != 0 {
		t.Errorf("%d spans", len(r.spans))
	}
}

// TestCollectorFails: nobody notices but the log, which is told once, and not
// what the collector wrote.
func TestCollectorFails(t *testing.T) {
	r := newReceiver(t)
	var log bytes.Buffer
	p := start(t, Config{Endpoint: r.URL, SampleRatio: 1, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for _, status := range []int{503, 400, 0} {
		r.mu.Lock()
		r.status, r.body = status, "what the collector wrote"
		r.mu.Unlock()
		request(p, nil, "success")
		if err := p.provider.ForceFlush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	flush(t, p)
	if got := log.String(); strings.Count(got, "cannot be sent") != 1 || strings.Count(got, "sent to the collector again") != 1 || strings.Contains(got, "what the collector wrote") {
		t.Errorf("told\n%s", got)
	}
}

// TestTransport: what is asked of other servers for a request belongs to its
// trace.
func TestTransport(t *testing.T) {
	r := newReceiver(t)
	p := start(t, Config{Endpoint: r.URL, SampleRatio: 1})
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get("Traceparent")) }))
	defer server.Close()
	base := server.Client().Transport
	client := &http.Client{Transport: Transport(base)}
	source := trail.NewSource()
	source.Trace(p)
	ctx, span := trail.StartRequest(trail.New(t.Context(), source.Connection("rest", "").Begin()), "x")
	for _, ctx := range []context.Context{t.Context(), ctx} {
		req, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	span.End("success")
	if id, ok := trail.TraceParent(got[1]); got[0] != "" || !ok || id != span.TraceID() {
		t.Errorf("%q, trace %s", got, span.TraceID())
	}
}

func TestCheckEndpoint(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://collector.example.com:4318":    true,
		"http://127.0.0.1:4318/v1/traces":       true,
		"":                                      false,
		"collector:4318":                        false,
		"grpc://collector:4317":                 false,
		"https://user:secret@collector.example": false,
		"https://collector.example/?key=secret": false,
	} {
		if err := CheckEndpoint(url); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := New(Config{Endpoint: "x"}); err == nil {
		t.Error("a bad endpoint is taken")
	}
}
