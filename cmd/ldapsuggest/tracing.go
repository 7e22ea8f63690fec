package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/textproto"
	"os"
	"time"

	"github.com/ldapsuggest/ldapsuggest/internal/tracing"
)

// tracingConfig is the key tracing of the configuration file. Without an
// endpoint nothing is traced.
type tracingConfig struct {
	Endpoint    string  `yaml:"endpoint"`
	SampleRatio float64 `yaml:"sampleRatio"`
	IncludeDNs  bool    `yaml:"includeDNs"`
	HeadersFile string  `yaml:"headersFile"`
	CAFile      string  `yaml:"caFile"`
}

func defaultTracing() tracingConfig { return tracingConfig{SampleRatio: 0.1} }

// tracingTime is how long the last spans may take to be sent.
const tracingTime = 5 * time.Second

func (c *config) checkTracing() error {
	t := &c.Tracing
	switch {
	case t.SampleRatio < 0 || t.SampleRatio > 1:
		return errors.New("tracing.sampleRatio: a number from 0 to 1 is expected")
	case t.Endpoint == "":
		if t.HeadersFile != "" || t.CAFile != "" || t.IncludeDNs {
			return errors.New("tracing: endpoint is missing")
		}
		return nil
	}
	if err := tracing.CheckEndpoint(t.Endpoint); err != nil {
		return fmt.Errorf("tracing.endpoint: %w", err)
	}
	if _, err := c.tracingHeaders(); err != nil {
		return err
	}
	if _, err := clientTLS(c.path(t.CAFile)); err != nil {
		return fmt.Errorf("tracing.caFile: %w", err)
	}
	return nil
}

// tracingHeaders reads lines "Name: value". They may hold a secret: errors
// quote none.
func (c *config) tracingHeaders() (map[string]string, error) {
	if c.Tracing.HeadersFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.path(c.Tracing.HeadersFile))
	if err != nil {
		return nil, fmt.Errorf("tracing.headersFile: %w", err)
	}
	text = append(bytes.TrimSpace(text), "\n\n"...)
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(text))).ReadMIMEHeader()
	if err != nil || len(header) == 0 {
		return nil, errors.New("tracing.headersFile: lines such as \"Authorization: Bearer ...\" are expected")
	}
	headers := make(map[string]string, len(header))
	for name, values := range header {
		headers[name] = values[len(values)-1]
	}
	return headers, nil
}

// openTracing returns what spans are sent by, nil if there is nothing.
func (c *config) openTracing(log *slog.Logger) (*tracing.Provider, error) {
	t := &c.Tracing
	if t.Endpoint == "" {
		return nil, nil
	}
	headers, err := c.tracingHeaders()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := clientTLS(c.path(t.CAFile))
	if err != nil {
		return nil, fmt.Errorf("tracing.caFile: %w", err)
	}
	return tracing.New(tracing.Config{
		Endpoint: t.Endpoint, Headers: headers, TLS: tlsConfig, SampleRatio: t.SampleRatio, IncludeDNs: t.IncludeDNs,
		Version: version(), Names: operationNames(), Log: log,
	})
}

// closeTracing sends what is left.
func closeTracing(p *tracing.Provider, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), tracingTime)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		log.Warn("the last spans are lost", "error", err)
	}
}

// traceWith has requests traced under g from now on.
func (f *frontend) traceWith(g *generation) {
	if p := g.back.tracing; p != nil {
		f.trails.Trace(p)
	} else {
		f.trails.Trace(nil)
	}
}
