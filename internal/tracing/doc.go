// Package tracing sends the spans of traces to an OpenTelemetry collector, by
// OTLP over HTTP.
//
// It is the only package that knows OpenTelemetry: what others can import
// starts spans by package trail, and depends on nothing for them.
//
// Spans say what was done, how long it took and how it ended. They hold no
// value of an entry and no password, and a DN only where [Config.IncludeDNs]
// is set. A collector that cannot be reached holds nobody up: spans that there
// is no room for are dropped.
package tracing
