package restbridge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// TestRequestID: each response names its request, by the client's name for
// it if that is one, and the lines of the log have it.
func TestRequestID(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	ours := regexp.MustCompile(`^[0-9a-f]{8}-[0-9]+\.[0-9]+$`)
	tests := []struct {
		name           string
		header         http.Header
		request, trace string // accepted; empty for none
	}{
		{"none", nil, "", ""},
		{"request ID", http.Header{"X-Request-Id": {"job-7"}}, "job-7", ""},
		{"trace", http.Header{"Traceparent": {"00-" + trace + "-00f067aa0ba902b7-01"}}, "", trace},
		{"both", http.Header{"X-Request-Id": {"job-7"}, "Traceparent": {"00-" + trace + "-00f067aa0ba902b7-00"}}, "job-7", trace},
		{"too long", http.Header{"X-Request-Id": {strings.Repeat("x", 65)}}, "", ""},
		{"not text", http.Header{"X-Request-Id": {"a b=\"c\""}}, "", ""},
		{"twice", http.Header{"X-Request-Id": {"a", "b"}}, "", ""},
		{"bad trace", http.Header{"Traceparent": {"00-" + strings.ToUpper(trace) + "-00f067aa0ba902b7-01"}}, "", ""},
	}
	var inside []trail.Trail
	answer := func(ctx context.Context) (*extop.GeneratePasswordResult, error) {
		inside = append(inside, *trail.From(ctx))
		return &extop.GeneratePasswordResult{Passwords: []extop.GeneratedPassword{{Password: password("x")}}}, nil
	}
	log := new(testenv.Output)
	b := start(t, answer, func(c *Config) {
		c.Log = slog.New(trail.Handler(slog.NewTextHandler(log, nil)))
	})
	seen := make(map[string]bool)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest("POST", b.URL+"/directory/v1/suggestPassword", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth("jo", "s3cret:Pw")
			req.Header.Set("Content-Type", "application/json")
			for name, values := range tt.header {
				req.Header[name] = values
			}
			resp, err := b.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			got := resp.Header["X-Request-Id"]
			in := inside[len(inside)-1]
			op := in.Operation()
			want := tt.request
			if want == "" {
				want = op
			}
			if resp.StatusCode != 200 || len(got) != 1 || got[0] != want {
				t.Errorf("status %d, named %q, want %q", resp.StatusCode, got, want)
			}
			if !ours.MatchString(op) || seen[op] || in.Request != tt.request || in.TraceID != tt.trace || in.Door != "rest" {
				t.Errorf("operation %s: %+v", op, in)
			}
			seen[op] = true
			all := strings.Split(strings.TrimSpace(log.String()), "\n")
			line := all[len(all)-1]
			for _, part := range []string{"msg=rest ", " conn=" + in.ID, " op=" + op} {
				if !strings.Contains(line, part) {
					t.Errorf("no %q in %s", part, line)
				}
			}
			if strings.Contains(line, " request=") != (tt.request != "") || strings.Contains(line, " trace="+trace) != (tt.trace != "") {
				t.Errorf("%s", line)
			}
		})
	}
}

// TestFailureHasID: a response that says that something failed names the
// request too, and the line that says why.
func TestFailureHasID(t *testing.T) {
	log := new(testenv.Output)
	b := start(t, fails(result.Wrap(errors.New("why"), result.Unavailable, "no")), func(c *Config) {
		c.Log = slog.New(trail.Handler(slog.NewTextHandler(log, nil)))
	})
	for _, path := range []string{"/directory/v1/suggestPassword", "/nothing"} {
		req, err := http.NewRequest("POST", b.URL+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("jo", "s3cret:Pw")
		req.Header.Set("Content-Type", "application/json")
		resp, err := b.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		id := resp.Header.Get("X-Request-Id")
		if id == "" || !strings.Contains(log.String(), " op="+id+"\n") {
			t.Errorf("%s: no line of %q in\n%s", path, id, log)
		}
		if path != "/nothing" && !regexp.MustCompile(`cause=why conn=\S+ op=`+regexp.QuoteMeta(id)).MatchString(log.String()) {
			t.Errorf("no cause of %s in\n%s", id, log)
		}
	}
}

// TestSignInFailed: failures are told of, with a name only if somebody has
// it: it may be a password in the wrong field.
func TestSignInFailed(t *testing.T) {
	const amina = "uid=amina,ou=people,dc=example,dc=com"
	down := result.New(result.Unavailable, "the directory cannot be reached")
	var mu sync.Mutex
	var got []SignInFailure
	users, err := NewBinder(Binder{
		Bind: func(_ context.Context, dn string, _ []byte) (Session, error) {
			return nil, result.New(result.InvalidCredentials, "")
		},
		Directory: searches(func(q policy.Query) ([]policy.Entry, error) {
			switch {
			case strings.Contains(q.Filter, "(uid=amina)"):
				return []policy.Entry{{DN: amina}}, nil
			case strings.Contains(q.Filter, "(uid=down)"):
				return nil, down
			}
			return nil, nil
		}),
		Bases: []string{"dc=example,dc=com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Generate: &operation{}, Authenticate: users,
		SignInFailed: func(ctx context.Context, f SignInFailure) {
			mu.Lock()
			defer mu.Unlock()
			if trail.From(ctx) == nil {
				t.Error("a failure of no request")
			}
			got = append(got, f)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, method, username string
		set                    func(*http.Request)
		code                   result.Code
	}{
		{"wrong password", "basic", "amina", func(r *http.Request) { r.SetBasicAuth("amina", "wrong") }, result.InvalidCredentials},
		{"DN", "basic", amina, func(r *http.Request) { r.SetBasicAuth(amina, "wrong") }, result.InvalidCredentials},
		{"password as name", "basic", "", func(r *http.Request) { r.SetBasicAuth("Tr0ub4dor&3", "x") }, result.InvalidCredentials},
		{"directory down", "basic", "", func(r *http.Request) { r.SetBasicAuth("down", "x") }, result.Unavailable},
		{"bearer", "bearer", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer nothing") }, result.InvalidCredentials},
		{"nobody", "", "", func(*http.Request) {}, result.InvalidCredentials},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got = nil
			r := httptest.NewRequest("POST", "https://localhost/directory/v1/suggestPassword", strings.NewReader("{}"))
			r.Header.Set("Content-Type", "application/json")
			tt.set(r)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if tt.method == "" {
				if len(got) != 0 {
					t.Errorf("a request without credentials counts as %+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Method != tt.method || got[0].Username != tt.username || got[0].Err.Code != tt.code {
				t.Errorf("%+v, status %d", got, w.Code)
			}
		})
	}
}

// searches answers every search.
type searches func(q policy.Query) ([]policy.Entry, error)

func (f searches) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) { return f(q) }
