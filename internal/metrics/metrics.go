package metrics

import (
	"log/slog"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// Config says what there is to look at when the metrics are read.
type Config struct {
	// Version is that of the program.
	Version string

	// Operations are the names of extended operations and controls by OID.
	// Others count as "other".
	Operations map[string]string

	// Directory returns the health of the directory's servers. May be nil.
	Directory func() []directory.ServerHealth

	// CertificateExpires returns when the certificate ends that clients are
	// shown. May be nil.
	CertificateExpires func() time.Time

	// Log is told of resolutions, at the level of debugging, and of searches
	// that failed. May be nil.
	Log *slog.Logger
}

// Metrics are the metrics of one program. It is an ldapserver.Observer.
type Metrics struct {
	cfg      Config
	registry *prometheus.Registry

	connections   prometheus.Gauge
	opened        prometheus.Counter
	refused       prometheus.Counter
	disconnected  *prometheus.CounterVec
	relayed       [256]prometheus.Counter // by tag
	answered      *prometheus.HistogramVec
	panicked      *prometheus.CounterVec
	operations    *prometheus.CounterVec
	passwords     *prometheus.CounterVec
	rest          *prometheus.HistogramVec
	resolutions   *prometheus.HistogramVec
	cached        prometheus.Counter
	searches      *prometheus.HistogramVec
	auditLines    *prometheus.CounterVec
	server        map[string]*prometheus.Desc
	certificate   *prometheus.Desc
	reload        reload
	relayedMetric *prometheus.CounterVec

	// What almost every operation adds to, found without hashing labels.
	succeeded          map[string]success // by OID
	accepted, rejected prometheus.Counter // passwords
}

// success are an operation's metrics for the result success.
type success struct {
	answered prometheus.Observer
	ended    prometheus.Counter
}

var _ ldapserver.Observer = (*Metrics)(nil)

// buckets reach from what is answered from memory, 10 µs, to timeouts.
func buckets() []float64 { return prometheus.ExponentialBuckets(10e-6, 4, 11) }

// New returns metrics that are all zero, in a registry of their own.
func New(cfg Config) *Metrics {
	m := &Metrics{cfg: cfg, registry: prometheus.NewRegistry()}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "ldapsuggest", Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "ldapsuggest", Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	histograms := func(name, help string, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "ldapsuggest", Name: name, Help: help, Buckets: buckets()}, labels)
		m.registry.MustRegister(h)
		return h
	}
	m.connections = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "ldapsuggest", Name: "ldap_connections", Help: "LDAP clients that are connected."})
	m.registry.MustRegister(m.connections)
	m.opened = counter("ldap_connections_accepted_total", "LDAP clients that have connected.")
	m.refused = counter("ldap_connections_refused_total", "LDAP clients that were refused because there are too many connections.")
	m.disconnected = counters("ldap_disconnections_total", "LDAP connections that were ended with a notice of disconnection, by its result.", "result")
	m.relayedMetric = counters("ldap_relayed_requests_total", "LDAP requests that were passed on to the directory, by operation.", "operation")
	m.answered = histograms("ldap_request_duration_seconds", "Time that LDAP requests took that are answered or completed here, by operation and result.", "operation", "result")
	m.panicked = counters("panics_total", "Failures of the program itself that were contained, by operation.", "operation")
	m.operations = counters("operations_total", "Operations that have ended, through either door, by operation and result.", "operation", "result")
	m.passwords = counters("passwords_total", "Passwords that were given out, by whether validation found them acceptable.", "outcome")
	m.rest = histograms("rest_request_duration_seconds", "Time that REST requests took, by route and status.", "route", "status")
	m.resolutions = histograms("policy_resolution_duration_seconds", "Time that finding the policy in force took, by result.", "result")
	m.cached = counter("policy_resolutions_cached_total", "Policies that were found without a question to the directory.")
	m.searches = histograms("directory_search_duration_seconds", "Time that searches of the service account took, by result.", "result")
	m.reload = newReload(m.registry)
	m.auditLines = counters("audit_lines_total", "Lines of the audit log, by destination and whether they were written or lost.", "destination", "outcome")
	m.accepted, m.rejected = m.passwords.WithLabelValues("accepted"), m.passwords.WithLabelValues("rejected")
	m.succeeded = make(map[string]success, len(cfg.Operations))
	for oid, name := range cfg.Operations {
		ok := result.Success.String()
		m.succeeded[oid] = success{m.answered.WithLabelValues(name, ok), m.operations.WithLabelValues(name, ok)}
	}
	for op := range m.relayed {
		name := "other"
		if message.IsRequest(byte(op)) {
			name = message.OpName(byte(op))
		}
		m.relayed[op] = m.relayedMetric.WithLabelValues(name)
	}
	m.server = map[string]*prometheus.Desc{}
	for name, help := range map[string]string{
		"up":          "Whether a server of the directory answered last.",
		"draining":    "Whether a server of the directory gets no new connections.",
		"connections": "Relayed connections to a server of the directory.",
	} {
		m.server[name] = prometheus.NewDesc("ldapsuggest_directory_server_"+name, help, []string{"server"}, nil)
	}
	m.certificate = prometheus.NewDesc("ldapsuggest_tls_certificate_expiry_timestamp_seconds", "When the certificate ends that clients are shown.", nil, nil)
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "ldapsuggest", Name: "build_info", Help: "The program's version, as labels of the value 1.",
		ConstLabels: prometheus.Labels{"version": cfg.Version, "go_version": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(build, looked{m}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// looked collects what is looked at when the metrics are read.
type looked struct{ *Metrics }

// Describe implements prometheus.Collector.
func (m looked) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range m.server {
		ch <- d
	}
	ch <- m.certificate
}

// Collect implements prometheus.Collector.
func (m looked) Collect(ch chan<- prometheus.Metric) {
	if m.cfg.Directory != nil {
		truth := map[bool]float64{true: 1}
		for _, s := range m.cfg.Directory() {
			for name, v := range map[string]float64{"up": truth[s.Up], "draining": truth[s.Draining], "connections": float64(s.Connections)} {
				ch <- prometheus.MustNewConstMetric(m.server[name], prometheus.GaugeValue, v, s.URL)
			}
		}
	}
	if m.cfg.CertificateExpires != nil {
		ch <- prometheus.MustNewConstMetric(m.certificate, prometheus.GaugeValue, float64(m.cfg.CertificateExpires().Unix()))
	}
}

func (m *Metrics) operation(oid string) string {
	if name, ok := m.cfg.Operations[oid]; ok {
		return name
	}
	return "other"
}

// ConnectionOpened implements ldapserver.Observer.
func (m *Metrics) ConnectionOpened() {
	m.connections.Inc()
	m.opened.Inc()
}

// ConnectionClosed implements ldapserver.Observer.
func (m *Metrics) ConnectionClosed() { m.connections.Dec() }

// ConnectionRefused implements ldapserver.Observer.
func (m *Metrics) ConnectionRefused() { m.refused.Inc() }

// Disconnected implements ldapserver.Observer.
func (m *Metrics) Disconnected(code result.Code) {
	m.disconnected.WithLabelValues(code.String()).Inc()
}

// Relayed implements ldapserver.Observer.
func (m *Metrics) Relayed(op byte) { m.relayed[op].Inc() }

// Answered implements ldapserver.Observer.
func (m *Metrics) Answered(oid string, code result.Code, took time.Duration) {
	if s, ok := m.succeeded[oid]; ok && code == result.Success {
		s.answered.Observe(took.Seconds())
		return
	}
	m.answered.WithLabelValues(m.operation(oid), code.String()).Observe(took.Seconds())
}

// Panicked implements ldapserver.Observer.
func (m *Metrics) Panicked(oid string) { m.panicked.WithLabelValues(m.operation(oid)).Inc() }

// Audit counts what an audit record tells.
func (m *Metrics) Audit(r extop.AuditRecord) {
	s, ok := m.succeeded[r.OID]
	switch {
	case r.Err == nil && ok:
		s.ended.Inc()
	case r.Err == nil:
		m.operations.WithLabelValues(m.operation(r.OID), result.Success.String()).Inc()
	default:
		m.operations.WithLabelValues(m.operation(r.OID), r.Err.Code.String()).Inc()
	}
	if r.Returned > 0 {
		m.accepted.Add(float64(r.Returned - r.Rejected))
		m.rejected.Add(float64(r.Rejected))
	}
}

// AuditLines counts lines that a destination of the audit log has got, or will
// never get.
func (m *Metrics) AuditLines(destination string, lines int, written bool) {
	outcome := "lost"
	if written {
		outcome = "written"
	}
	m.auditLines.WithLabelValues(destination, outcome).Add(float64(lines))
}

// REST counts a REST request. The route is the pattern that it matched, empty
// for none.
func (m *Metrics) REST(route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.rest.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
}
