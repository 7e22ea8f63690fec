package metrics

import "github.com/prometheus/client_golang/prometheus"

// reload is what is known of the configuration in use.
type reload struct {
	successful prometheus.Gauge // the last attempt to read it
	since      prometheus.Gauge
}

func newReload(registry *prometheus.Registry) reload {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "ldapsuggest", Name: name, Help: help})
		registry.MustRegister(g)
		return g
	}
	r := reload{
		gauge("config_last_reload_successful", "Whether the configuration was taken over when it was last read."),
		gauge("config_last_reload_success_timestamp_seconds", "When the configuration in use was read."),
	}
	r.successful.Set(1)
	r.since.SetToCurrentTime()
	return r
}

// Reloaded notes that the configuration was read again, and whether it is in
// use now.
func (m *Metrics) Reloaded(inUse bool) {
	if !inUse {
		m.reload.successful.Set(0)
		return
	}
	m.reload.successful.Set(1)
	m.reload.since.SetToCurrentTime()
}
