// Package metrics counts what the program does, for Prometheus, and tells
// whether it is alive and ready.
//
// It is the only package that knows Prometheus: what others can import tells
// an observer, and depends on no library for metrics. No label holds a name,
// an address or a DN of a client.
package metrics
