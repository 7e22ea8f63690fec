package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"
)

func TestIdentifiers(t *testing.T) {
	s := NewSource()
	a, b := s.Connection("ldap", "192.0.2.1:1"), s.Connection("rest", "192.0.2.2:2")
	first, second, other := a.Begin(), a.Begin(), b.Begin()
	for _, tt := range []struct{ name, got, want string }{
		{"connection", a.ID, s.instance + "-1"},
		{"next connection", b.ID, s.instance + "-2"},
		{"operation", first.Operation(), s.instance + "-1.1"},
		{"next operation", second.Operation(), s.instance + "-1.2"},
		{"operation of another connection", other.Operation(), s.instance + "-2.1"},
		{"no operation", (&Trail{Connection: a}).Operation(), ""},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	if len(s.instance) != 8 || s.instance == NewSource().instance {
		t.Errorf("instance %q", s.instance)
	}
}

func TestHandler(t *testing.T) {
	s := NewSource()
	s.instance = "00c0ffee"
	conn := s.Connection("ldap", "192.0.2.1:389")
	op := conn.Begin()
	traced := conn.Begin()
	traced.Request, traced.TraceID = "job-7", "4bf92f3577b34da6a3ce929d0e0e4736"
	tests := []struct {
		name string
		ctx  context.Context
		want string
	}{
		{"nothing", t.Context(), `{"msg":"m","a":1}`},
		{"connection", New(t.Context(), Trail{Connection: conn}), `{"msg":"m","a":1,"conn":"00c0ffee-1"}`},
		{"operation", New(t.Context(), op), `{"msg":"m","a":1,"conn":"00c0ffee-1","op":"00c0ffee-1.1"}`},
		{"below", context.WithoutCancel(New(t.Context(), op)), `{"msg":"m","a":1,"conn":"00c0ffee-1","op":"00c0ffee-1.1"}`},
		{"traced", New(t.Context(), traced), `{"msg":"m","a":1,"conn":"00c0ffee-1","op":"00c0ffee-1.2","request":"job-7","trace":"4bf92f3577b34da6a3ce929d0e0e4736"}`},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		next := slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		}})
		slog.New(Handler(next)).InfoContext(tt.ctx, "m", "a", 1)
		if got := strings.TrimSpace(out.String()); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestHandlerIsOne(t *testing.T) {
	var out bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out.Reset()
		return Handler(slog.NewJSONHandler(&out, nil))
	}, func(t *testing.T) map[string]any {
		m := make(map[string]any)
		if err := json.Unmarshal(out.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	})
}

// TestDroppedLines: a line that is not written costs nothing for its
// identifiers, nor does a span without a tracer, nor the context of an
// operation in memory that is there.
func TestDroppedLines(t *testing.T) {
	log := slog.New(Handler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn})))
	conn := NewSource().Connection("ldap", "192.0.2.1:389")
	var ctx Context
	parent := t.Context()
	allocs := testing.AllocsPerRun(100, func() {
		ctx = Context{Context: parent, Trail: conn.Begin()}
		log.LogAttrs(&ctx, slog.LevelInfo, "audit", slog.String("operation", "x"))
		_, span := Start(&ctx, Internal, "generate")
		span.Int("passwords", 1)
		span.DN("policy", "cn=default")
		span.End("success")
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestContextIsKnown: a context whose parent is a Context is ended with it
// without a goroutine of its own.
func TestContextIsKnown(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	child, stop := context.WithTimeout(New(parent, NewSource().Connection("rest", "").Begin()), time.Hour)
	defer stop()
	cancel()
	if child.Err() == nil { // at once: a goroutine would take a moment
		t.Error("the child has not ended with its parent")
	}
}

func TestRequestID(t *testing.T) {
	tests := []struct {
		id string
		ok bool
	}{
		{"", false},
		{"a", true},
		{"0b8f3a52-8d8c-4b8e-9a5f-3a0f1ad2a1b5", true},
		{"01ARZ3NDEKTSV4RRFFQ69G5FAV", true},
		{"aGVsbG8+/w==", true},
		{strings.Repeat("a", 64), true},
		{strings.Repeat("a", 65), false},
		{"a b", false},
		{"a\nop=1", false},
		{"a\x00", false},
		{"a\"b", false},
		{"<script>", false},
		{"é", false},
	}
	for _, tt := range tests {
		if id, ok := RequestID(tt.id); ok != tt.ok || ok && id != tt.id {
			t.Errorf("%q: %q, %v", tt.id, id, ok)
		}
	}
}

func TestTraceParent(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	tests := []struct {
		header string
		ok     bool
	}{
		{"00-" + trace + "-00f067aa0ba902b7-01", true},
		{"00-" + trace + "-00f067aa0ba902b7-00", true},
		{"cc-" + trace + "-00f067aa0ba902b7-01", true},
		{"cc-" + trace + "-00f067aa0ba902b7-01-what-the-future-brings", true},
		{"cc-" + trace + "-00f067aa0ba902b7-01.what", false},
		{"00-" + trace + "-00f067aa0ba902b7-01-more", false},
		{"ff-" + trace + "-00f067aa0ba902b7-01", false},
		{"00-" + strings.ToUpper(trace) + "-00f067aa0ba902b7-01", false},
		{"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", false},
		{"00-" + trace + "-0000000000000000-01", false},
		{"00-" + trace + "-00f067aa0ba902b7-1", false},
		{"00-" + trace + "-00f067aa0ba902b7_01", false},
		{"", false},
		{"cc-" + trace + "-00f067aa0ba902b7-01-" + strings.Repeat("x", 100), false},
	}
	for _, tt := range tests {
		got, ok := TraceParent(tt.header)
		if ok != tt.ok || ok && got != trace {
			t.Errorf("%q: %q, %v", tt.header, got, ok)
		}
	}
}

// FuzzHeaders: whatever comes, what is accepted can be written into a header
// and a line of text as it stands.
func FuzzHeaders(f *testing.F) {
	f.Add("job-7")
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := RequestID(s)
		trace, ok2 := TraceParent(s)
		if ok && (len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })) {
			t.Errorf("accepted %q", id)
		}
		if ok2 && (len(trace) != 32 || strings.Trim(trace, "0123456789abcdef") != "") {
			t.Errorf("accepted %q", trace)
		}
	})
}

// BenchmarkOff is what an operation costs for its identifiers and spans where
// nothing is logged and nobody traces.
func BenchmarkOff(b *testing.B) {
	log := slog.New(Handler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn})))
	conn := NewSource().Connection("ldap", "192.0.2.1:389")
	parent := b.Context()
	var mark Context
	b.ReportAllocs()
	for b.Loop() {
		mark = Context{Context: parent, Trail: conn.Begin()}
		ctx, request := StartRequest(&mark, "generatePassword")
		_, span := Start(ctx, Internal, "generate")
		log.LogAttrs(ctx, slog.LevelInfo, "audit")
		span.End("success")
		request.End("success")
	}
}

// BenchmarkLogged is what the identifiers cost in a line.
func BenchmarkLogged(b *testing.B) {
	ctx := New(b.Context(), NewSource().Connection("ldap", "192.0.2.1:389").Begin())
	for _, tt := range []struct {
		name string
		h    slog.Handler
	}{{"without", slog.NewTextHandler(io.Discard, nil)}, {"with", Handler(slog.NewTextHandler(io.Discard, nil))}} {
		b.Run(tt.name, func(b *testing.B) {
			log := slog.New(tt.h)
			b.ReportAllocs()
			for b.Loop() {
				log.LogAttrs(ctx, slog.LevelInfo, "audit", slog.String("operation", "x"))
			}
		})
	}
}
