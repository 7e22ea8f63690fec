package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
	"github.com/ldapsuggest/ldapsuggest/restbridge/token"
)

const (
	benchBody  = `{"numberOfPasswords": 2, "validationAttempts": 5}`
	benchRound = 250 * time.Millisecond
)

// constant decodes the body of suggestPassword with encoding/json, and always
// answers the same.
func constant(w http.ResponseWriter, r *http.Request) {
	var body struct {
		PolicyDN string `json:"passwordPolicyDN"`
		TargetDN string `json:"targetEntryDN"`
		Count    int    `json:"numberOfPasswords"`
		Attempts int    `json:"validationAttempts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Count != 2 {
		http.Error(w, "no such body", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "300")
	_, _ = io.WriteString(w, `{"answer":"`+strings.Repeat("x", 300-13)+`"}`)
}

// serveBench serves h on the loopback interface until the benchmark ends.
func serveBench(b *testing.B, serve func(net.Listener) error, shutdown func(context.Context) error) (addr string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serve(l) }()
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := shutdown(ctx); err != nil {
			b.Error(err)
		}
		if err := <-done; err != http.ErrServerClosed {
			b.Error(err)
		}
	})
	return l.Addr().String()
}

// A restClient is one connection that is kept alive. It allocates nothing for
// a request.
type restClient struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
}

func dialREST(b *testing.B, addr, authorization string) *restClient {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return &restClient{conn, bufio.NewReader(conn), fmt.Appendf(nil,
		"POST /directory/v1/suggestPassword HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		addr, authorization, len(benchBody), benchBody)}
}

// ask makes one request and takes the answer.
func (c *restClient) ask() error {
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	length := -1
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")):
			return fmt.Errorf("%s", line)
		case bytes.HasPrefix(line, []byte("Content-Length: ")):
			length = 0
			for _, d := range line[len("Content-Length: "):] {
				length = 10*length + int(d-'0')
			}
		case len(line) == 0:
			if length < 200 {
				return fmt.Errorf("an answer of %d octets", length)
			}
			_, err := c.in.Discard(length)
			return err
		}
	}
}

// load has clients ask for the time of a round.
func load(b *testing.B, clients []*restClient) (perSecond float64, p50 time.Duration, allocs float64) {
	b.Helper()
	took := make([][]time.Duration, len(clients))
	for i := range took {
		took[i] = make([]time.Duration, 0, 100_000)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for last := began; last.Sub(began) < benchRound; {
				if err := c.ask(); err != nil {
					b.Error(err)
					return
				}
				now := time.Now()
				took[i] = append(took[i], now.Sub(last))
				last = now
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	runtime.ReadMemStats(&after)
	all := slices.Concat(took...)
	if len(all) == 0 {
		b.Fatal("no request was answered")
	}
	slices.Sort(all)
	n := float64(len(all))
	return n / elapsed.Seconds(), all[len(all)/2], float64(after.Mallocs-before.Mallocs) / n
}

// BenchmarkSuggestPassword compares the REST door on the embedded directory
// with a handler that decodes the same body and answers a constant. Rounds of
// both alternate, so that what else the machine does hits both.
func BenchmarkSuggestPassword(b *testing.B) {
	log := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c := defaultConfig()
	c.Data = b.TempDir()
	c.REST.RateLimit.PerSecond = 0
	p := &program{stdout: io.Discard, stderr: io.Discard, env: func(string) (string, bool) { return "", false }}
	if err := c.check(); err != nil {
		b.Fatal(err)
	}
	back, err := p.openBackend(b.Context(), &c, log)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(back.close)
	rest, err := newREST(&c, back, operations{
		generate: extop.NewGeneratePassword(extop.GeneratePasswordConfig{Policies: back.counted(), Audit: back.audit(log)}),
		quality:  extop.NewPasswordQuality(extop.PasswordQualityConfig{Policies: back.counted(), Audit: back.audit(log)}),
	}, log)
	if err != nil {
		b.Fatal(err)
	}
	ours := serveBench(b, rest.Serve, rest.Shutdown)
	plain := &http.Server{Handler: http.HandlerFunc(constant)}
	theirs := serveBench(b, plain.Serve, plain.Shutdown)

	_, secret, err := token.Open(filepath.Join(c.Data, "tokens.json")).Create(token.Token{
		Entry: back.admin.dn, APIs: []string{restbridge.DirectoryAPI}, Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		b.Fatal(err)
	}
	basic := base64.StdEncoding.EncodeToString([]byte(back.admin.dn + ":" + back.admin.newPassword))
	for _, who := range []struct{ name, authorization string }{{"basic", "Basic " + basic}, {"token", "Bearer " + secret}} {
		for _, n := range []int{64, 1} {
			b.Run(who.name+"/"+strconv.Itoa(n), func(b *testing.B) {
				var us, them []*restClient
				for range n {
					us = append(us, dialREST(b, ours, who.authorization))
					them = append(them, dialREST(b, theirs, who.authorization))
				}
				load(b, us)
				load(b, them)
				var rates, ratios, added, allocs []float64
				for b.Loop() {
					rate, p50, a := load(b, us)
					constantRate, constantP50, ca := load(b, them)
					rates, ratios = append(rates, rate), append(ratios, rate/constantRate)
					added, allocs = append(added, float64(p50-constantP50)/float64(time.Microsecond)), append(allocs, a-ca)
				}
				b.ReportMetric(0, "ns/op") // of a round: says nothing
				b.ReportMetric(median(rates), "req/s")
				b.ReportMetric(median(ratios), "ratio")
				b.ReportMetric(median(added), "added-p50-µs")
				b.ReportMetric(median(allocs), "added-allocs/req")
			})
		}
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
