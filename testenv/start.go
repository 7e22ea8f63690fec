package testenv

import (
	"context"
	"os"
	"testing"
	"time"
)

// A runner is a server that this package can run for a test.
type runner interface {
	Stop()
	Log() string
	running() (bool, error) // with how it ended
}

// startForTest starts a server in a directory of its own. When the test ends,
// the server is stopped and the directory removed; a server that has ended by
// itself fails the test.
func startForTest[S runner](t testing.TB, name string, limit time.Duration, start func(ctx context.Context, dir string) (S, error)) S {
	t.Helper()
	// Not t.TempDir: the path of a local socket must be short.
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	s, err := start(ctx, dir)
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	t.Cleanup(func() {
		if ok, err := s.running(); !ok {
			t.Errorf("testenv: %s ended by itself: %v", name, err)
		}
		s.Stop()
		if t.Failed() {
			t.Logf("testenv: end of the log of %s:\n%s", name, s.Log())
		}
	})
	return s
}
