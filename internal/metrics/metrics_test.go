package metrics

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// nothing is a directory without entries.
type nothing struct{}

func (nothing) Search(context.Context, policy.Query) ([]policy.Entry, error) { return nil, nil }

// used returns metrics in which everything has been counted once.
func used() *Metrics {
	m := New(Config{
		Version:    "v1.2.3",
		Operations: map[string]string{extop.GeneratePasswordRequestOID: "generatePassword"},
		Directory: func() []directory.ServerHealth {
			return []directory.ServerHealth{{URL: "ldap://a", Up: true, Connections: 3}, {URL: "ldap://b", Draining: true}}
		},
		CertificateExpires: func() time.Time { return time.Unix(1e9, 0) },
	})
	m.ConnectionOpened()
	m.ConnectionOpened()
	m.ConnectionClosed()
	m.ConnectionRefused()
	m.Disconnected(result.Busy)
	m.Relayed(message.SearchRequest)
	m.Relayed(0xff)
	m.Answered(extop.GeneratePasswordRequestOID, result.Success, time.Millisecond)
	m.Answered("1.2.3.4", result.Success, time.Millisecond)
	m.Panicked("")
	m.AuditLines("file", 2, true)
	m.AuditLines("syslog", 1, false)
	m.Audit(extop.AuditRecord{Question: extop.Question{OID: extop.GeneratePasswordRequestOID}, Returned: 3, Rejected: 1})
	m.Audit(extop.AuditRecord{Err: result.New(result.NoSuchObject, "")})
	m.REST("/directory/v1/suggestPassword", 200, time.Second)
	m.REST("", 404, time.Second)
	_, _ = m.Directory(nothing{}).Search(context.Background(), policy.Query{})
	m.resolutions.WithLabelValues("success").Observe(1)
	m.cached.Inc()
	return m
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	body, err := io.ReadAll(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Code, string(body)
}

func TestMetrics(t *testing.T) {
	m := used()
	code, text := get(t, m.Handler(func(context.Context) error { return nil }), "/metrics")
	if code != http.StatusOK {
		t.Fatalf("status %d: %s", code, text)
	}
	for _, want := range []string{
		"ldapsuggest_ldap_connections 1\n",
		"ldapsuggest_ldap_connections_accepted_total 2\n",
		"ldapsuggest_ldap_connections_refused_total 1\n",
		`ldapsuggest_ldap_disconnections_total{result="busy"} 1` + "\n",
		`ldapsuggest_ldap_relayed_requests_total{operation="` + message.OpName(message.SearchRequest) + `"} 1` + "\n",
		`ldapsuggest_ldap_relayed_requests_total{operation="other"} 1` + "\n",
		`ldapsuggest_ldap_request_duration_seconds_count{operation="generatePassword",result="success"} 1` + "\n",
		`ldapsuggest_ldap_request_duration_seconds_count{operation="other",result="success"} 1` + "\n",
		`ldapsuggest_panics_total{operation="other"} 1` + "\n",
		`ldapsuggest_operations_total{operation="generatePassword",result="success"} 1` + "\n",
		`ldapsuggest_operations_total{operation="other",result="noSuchObject"} 1` + "\n",
		`ldapsuggest_passwords_total{outcome="accepted"} 2` + "\n",
		`ldapsuggest_passwords_total{outcome="rejected"} 1` + "\n",
		`ldapsuggest_rest_request_duration_seconds_count{route="none",status="404"} 1` + "\n",
		`ldapsuggest_directory_search_duration_seconds_count{result="success"} 1` + "\n",
		`ldapsuggest_policy_resolutions_cached_total 1` + "\n",
		`ldapsuggest_directory_server_up{server="ldap://a"} 1` + "\n",
		`ldapsuggest_directory_server_up{server="ldap://b"} 0` + "\n",
		`ldapsuggest_directory_server_draining{server="ldap://b"} 1` + "\n",
		`ldapsuggest_directory_server_connections{server="ldap://a"} 3` + "\n",
		"ldapsuggest_tls_certificate_expiry_timestamp_seconds 1e+09\n",
		`version="v1.2.3"`,
		"go_goroutines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestLint holds every metric to the naming rules of Prometheus.
func TestLint(t *testing.T) {
	m := used()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "ldapsuggest_") {
			ours++
		}
	}
	if ours < 18 {
		t.Errorf("only %d metrics are there to be looked at", ours)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if _, err := testutil.GatherAndCount(m.registry); err != nil {
		t.Error(err)
	}
}

func TestHealth(t *testing.T) {
	up := false
	m := New(Config{Directory: func() []directory.ServerHealth {
		return []directory.ServerHealth{{Up: false}, {Up: up}, {Up: true, Draining: true}}
	}})
	var failure error
	h := m.Handler(func(context.Context) error { return failure })
	is := func(path string, want int, text string) {
		t.Helper()
		if code, body := get(t, h, path); code != want || !strings.Contains(body, text) {
			t.Errorf("%s: %d %q, want %d %q", path, code, body, want, text)
		}
	}
	is("/livez", 200, "ok")
	is("/readyz", 503, "no server of the directory answers")
	up = true
	failure = result.New(result.UnwillingToPerform, "the default policy is not known")
	is("/readyz", 503, "the default policy is not known") // it never was
	failure = nil
	is("/readyz", 200, "ok")
	failure = result.New(result.UnwillingToPerform, "the default policy is not known")
	is("/readyz", 200, "ok") // clients that need none are served
	failure = result.Wrap(io.EOF, result.Unavailable, "the connection to the directory was lost")
	is("/readyz", 503, "was lost")
	up = false
	failure = nil
	is("/readyz", 503, "no server")
	is("/livez", 200, "ok")
	is("/elsewhere", 404, "")
}

// Counting must not show beside an operation of two microseconds.
func BenchmarkOperation(b *testing.B) {
	m := used()
	r := extop.AuditRecord{Question: extop.Question{OID: extop.GeneratePasswordRequestOID}, Returned: 1}
	b.ReportAllocs()
	for b.Loop() {
		m.Answered(extop.GeneratePasswordRequestOID, result.Success, time.Microsecond)
		m.Audit(r)
	}
}
