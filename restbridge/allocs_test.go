package restbridge

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
)

// A sink is a response that nobody keeps.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

// What a request over HTTP costs in memory besides net/http and the operation
// itself is bounded: it is most of what can make the door slow.
func TestRequestAllocates(t *testing.T) {
	answer := returns("cn=policy", extop.GeneratedPassword{Password: password("x")})
	s, err := New(Config{
		Generate: &quiet{answer: answer}, Authenticate: &people{}, CredentialCache: time.Hour,
		Rate: RateLimit{PerSecond: 1e6, Burst: 1e6}, AddressRate: RateLimit{PerSecond: 1e6, Burst: 1e6},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	const text = `{"numberOfPasswords": 2, "validationAttempts": 5}`
	body := strings.NewReader(text)
	r := httptest.NewRequest("POST", "https://localhost"+path, nil)
	r.SetBasicAuth("jo", "s3cret:Pw")
	r.Header.Set("Content-Type", "application/json")
	r.Body, r.ContentLength = io.NopCloser(body), int64(len(text))
	w := &sink{header: make(http.Header)}
	n := testing.AllocsPerRun(200, func() {
		body.Reset(text)
		clear(w.header)
		s.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			t.Fatalf("status %d", w.status)
		}
	})
	if n > 32 { // 26; the race detector adds some
		t.Errorf("%v allocations", n)
	}
}

// quiet is an operation that notes nothing.
type quiet struct {
	answer func(context.Context) (*extop.GeneratePasswordResult, error)
}

func (q *quiet) Do(ctx context.Context, _ extop.Caller, _ extop.GeneratePasswordRequest, _ []extop.Control) (*extop.GeneratePasswordResult, error) {
	return q.answer(ctx)
}
