package shares

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestShares(t *testing.T) {
	s := New(0.001, 2, 3)
	take := func(key string) bool { return s.Of(key).AllowN(time.Now(), 1) }
	for i, want := range []bool{true, true, false} {
		if got := take("a"); got != want {
			t.Errorf("request %d of a: %v", i, got)
		}
	}
	if !take("b") {
		t.Error("a used b's share")
	}
	// Used last, a is remembered; b is the one forgotten.
	take("a")
	take("c")
	take("a")
	take("d")
	if take("a") {
		t.Error("a was forgotten though it was used last")
	}
	if len(s.known) != 3 || s.recent.Len() != 3 {
		t.Errorf("%d and %d keys are remembered, not 3", len(s.known), s.recent.Len())
	}
	for range 2 {
		if !take("b") {
			t.Error("who was forgotten does not start afresh")
		}
	}
}

func TestSharesAtOnce(t *testing.T) {
	s := New(1, 1, 10)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				s.Of(fmt.Sprint(i, j%15)).Allow()
			}
		})
	}
	wg.Wait()
	if len(s.known) != 10 || s.recent.Len() != 10 {
		t.Errorf("%d and %d keys are remembered, not 10", len(s.known), s.recent.Len())
	}
}
