package restbridge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestFront has one Server after the other answer on a connection that stays.
func TestFront(t *testing.T) {
	var now atomic.Pointer[Server]
	turn := func(api string) *Server {
		t.Helper()
		s, err := New(Config{Generate: &operation{}, Authenticate: &people{}, WithoutDirectory: api != "directory"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	now.Store(turn("directory"))
	front := NewFront(Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { now.Load().ServeHTTP(w, r) }))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- front.Serve(l) }()
	var dialed atomic.Int32
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialed.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}}
	defer client.CloseIdleConnections()
	status := func() int {
		t.Helper()
		resp, err := client.Post("http://"+l.Addr().String()+"/directory/v1/suggestPassword", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	if code := status(); code != http.StatusUnauthorized {
		t.Errorf("status %d", code)
	}
	old := now.Swap(turn("none"))
	if err := old.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if code := status(); code != http.StatusNotFound {
		t.Errorf("status %d of what is not served any more", code)
	}
	if n := dialed.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if err := front.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
