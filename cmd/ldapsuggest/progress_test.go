package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgressLine(t *testing.T) {
	for _, tc := range []struct {
		done, all int64
		since     time.Duration
		want      string
	}{
		{0, 1000, 0, "[                              ]   0% of 1.0 kB, 0 B/s"},
		{500, 1000, time.Second, "[===============               ]  50% of 1.0 kB, 500 B/s, 1s left"},
		{40e9, 80e9, 1000 * time.Second, "[===============               ]  50% of 80.0 GB, 40.0 MB/s, 16m40s left"},
		{1000, 1000, time.Second, "[==============================] 100% of 1.0 kB, 1.0 kB/s"},
		{2000, 1000, time.Second, "[==============================] 100% of 1.0 kB, 2.0 kB/s"},
		{1500000, 0, time.Second, "1.5 MB read, 1.5 MB/s"},
	} {
		if got := progressLine("", tc.done, tc.all, tc.since); got != tc.want || len(got) >= 80 {
			t.Errorf("%d of %d: %q, want %q", tc.done, tc.all, got, tc.want)
		}
	}
	if got := progressLine("written", 10, 0, time.Second); got != "10 B written, 10 B/s" {
		t.Error(got)
	}
	if got := octets(5e12); got != "5.0 TB" {
		t.Error(got)
	}
	if got := octets(999_960); got != "1.0 MB" {
		t.Error(got)
	}
}

func TestProgressMovesTenTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := &progress{w: &out, began: time.Now()}
		for i := range int64(1000) {
			time.Sleep(time.Millisecond)
			p.update(i+1, 1000)
		}
		p.end()
		if n := strings.Count(out.String(), "\r"); n < 10 || n > 13 || !strings.Contains(out.String(), "100%") {
			t.Errorf("%d lines: %q", n, out.String())
		}
	})
}

// TestMetered moves a bar by what is read and written.
func TestMetered(t *testing.T) {
	var out, copied bytes.Buffer
	read := &metered{r: strings.NewReader("0123456789"), all: 10, bar: &progress{w: &out, began: time.Now()}}
	written := &metered{w: &copied}
	if _, err := io.Copy(written, read); err != nil || copied.String() != "0123456789" || written.done != 10 {
		t.Errorf("%q, %d, %v", copied.String(), written.done, err)
	}
	if !strings.Contains(out.String(), "100% of 10 B") {
		t.Errorf("%q", out.String())
	}
}

func TestNoProgressWithoutTerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	p.update(1, 2)
	p.end()
	if p != nil || out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}
