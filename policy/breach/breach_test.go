package breach_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy/breach"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

var (
	_ rule.Breaches = (*breach.List)(nil)
	_ rule.Breaches = (*breach.Ranges)(nil)
)

// hashes returns n ascending SHA-1 hashes in upper-case hexadecimal.
func hashes(n int) []string {
	out := make([]string, n)
	for i := range out {
		sum := sha1.Sum(fmt.Appendf(nil, "password%d", i))
		out[i] = strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	slices.Sort(out)
	return out
}

func download(list []string, eol string) string {
	var b strings.Builder
	for i, h := range list {
		fmt.Fprintf(&b, "%s:%d%s", h, i+1, eol)
	}
	return b.String()
}

func buildFrom(t testing.TB, src *breach.Source, o breach.BuildOptions) (*breach.List, breach.Stats) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list")
	stats, err := breach.Build(t.Context(), src, path, o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := breach.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Verify(); err != nil {
		t.Error(err)
	}
	return l, stats
}

func decode(t testing.TB, text string) (h [20]byte) {
	t.Helper()
	if _, err := hex.Decode(h[:], []byte(text)); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestBuildAndLookUp(t *testing.T) {
	const n = 20_000
	all := hashes(n)
	text := download(all, "\n")
	for _, tc := range []struct {
		name string
		o    breach.BuildOptions
		size int64 // 0 hides it: the estimate is then far off
		most float64
	}{
		{"filter", breach.BuildOptions{}, int64(len(text)), 20},
		{"filter of 24 bits", breach.BuildOptions{Bits: 24}, int64(len(text)), 13},
		{"filter of 64 bits", breach.BuildOptions{Bits: 64}, int64(len(text)), 53},
		{"exact", breach.BuildOptions{Exact: true}, int64(len(text)), 149},
		{"exact, size unknown", breach.BuildOptions{Exact: true}, 0, 0},
		{"filter, size unknown", breach.BuildOptions{}, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, stats := buildFrom(t, breach.NewSource(strings.NewReader(text), "test", tc.size), tc.o)
			if stats.Lines != n || l.Count() != stats.Hashes || l.Exact() != tc.o.Exact || tc.o.Bits != 24 && l.Count() != n {
				t.Errorf("stats %+v, count %d, exact %v", stats, l.Count(), l.Exact())
			}
			if bits := float64(stats.Size) * 8 / n; tc.most > 0 && bits > tc.most {
				t.Errorf("%.1f bits a hash", bits)
			}
			for _, h := range all {
				if found, err := l.Breached(decode(t, h)); err != nil || !found {
					t.Fatalf("%s is missing (%v)", h, err)
				}
			}
			wrong := 0
			for i := range n {
				found, err := l.Password(fmt.Appendf(nil, "another%d", i))
				if err != nil {
					t.Fatal(err)
				}
				if found {
					wrong++
				}
			}
			if limit := 3*l.FalsePositives()*n + 3; float64(wrong) > limit {
				t.Errorf("%d innocent passwords of %d found, at a rate of %g", wrong, n, l.FalsePositives())
			}
		})
	}
}

func TestRange(t *testing.T) {
	all := hashes(5000)
	l, _ := buildFrom(t, breach.NewSource(strings.NewReader(download(all, "\r\n")), "test", 5000*44), breach.BuildOptions{Exact: true})
	prefixes := []string{"00000", "fffff", strings.ToLower(all[7][:5]), all[7][:8], all[4999], all[0][:39]}
	for _, p := range prefixes {
		var want []string
		for _, h := range all {
			if strings.HasPrefix(strings.ToLower(h), strings.ToLower(p)) {
				want = append(want, strings.ToLower(h))
			}
		}
		if got, err := l.Range(p); err != nil || !slices.Equal(got, want) {
			t.Errorf("Range(%s) = %v, %v; want %v", p, got, err, want)
		}
	}
	for _, p := range []string{"", "0000", "0000g", all[0] + "0"} {
		if _, err := l.Range(p); err == nil {
			t.Errorf("Range(%q) is no error", p)
		}
	}
	filter, _ := buildFrom(t, breach.NewSource(strings.NewReader(download(all, "\n")), "test", 0), breach.BuildOptions{})
	if _, err := filter.Range("00000"); !errors.Is(err, breach.ErrInexact) {
		t.Errorf("a filter's range: %v", err)
	}
}

func TestSourceForms(t *testing.T) {
	all := hashes(300)
	const bom = "\ufeff"
	dir := t.TempDir()
	for _, h := range all {
		path := filepath.Join(dir, h[:5]+".txt")
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, "%s%s:3\r\n", bom, h[5:])
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), []byte("not a range"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pwned.txt")
	if err := os.WriteFile(file, []byte(bom+download(all[:150], "\r\n")+bom+bom+download(all[150:], "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, file} {
		src, err := breach.OpenSource(path)
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		calls := int64(0)
		l, stats := buildFrom(t, src, breach.BuildOptions{Exact: true, Progress: func(read, all int64) {
			calls++
			if read != all {
				t.Errorf("%s: %d of %d octets read at the end", path, read, all)
			}
		}})
		if stats.Hashes != uint64(len(all)) || calls != 1 {
			t.Errorf("%s: %+v, %d calls", path, stats, calls)
		}
		for _, h := range all {
			if found, _ := l.Breached(decode(t, h)); !found {
				t.Errorf("%s: %s is missing", path, h)
			}
		}
	}
}

func TestBadSources(t *testing.T) {
	all := hashes(3)
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "no hashes"},
		{"NTLM", "32ED87BDB5FDC5E9CBA88547376818D4:12\n", "NTLM"},
		{"short", "32ED87:12\n", "line 1"},
		{"no count", all[0] + "\n", "count"},
		{"not hexadecimal", strings.Repeat("G", 40) + ":1\n", "hexadecimal"},
		{"descending", all[1] + ":1\n" + all[0] + ":1\n", "line 2"},
		{"twice", all[1] + ":1\n" + all[1] + ":1\n", "sort"},
		{"passwords", "letmein\nhunter2\n", "line 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := breach.Build(t.Context(), breach.NewSource(strings.NewReader(tc.text), "test", 0), filepath.Join(dir, "list"), breach.BuildOptions{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "letmein") {
				t.Errorf("the error shows a line: %v", err)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	if _, err := breach.OpenSource(t.TempDir()); err == nil {
		t.Error("an empty directory is a source")
	}
}

func TestCanceledBuildLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	old := filepath.Join(dir, "list")
	if err := os.WriteFile(old, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	src := breach.NewSource(strings.NewReader(download(hashes(1<<16), "\n")), "test", 0)
	if _, err := breach.Build(ctx, src, old, breach.BuildOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(old); string(b) != "old" {
		t.Error("the old list is gone")
	}
}

func TestDamageIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	src := breach.NewSource(strings.NewReader(download(hashes(2000), "\n")), "test", 2000*43)
	if _, err := breach.Build(t.Context(), src, path, breach.BuildOptions{}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		b := bytes.Clone(whole)
		if rng.IntN(4) == 0 {
			b = b[:rng.IntN(len(b))]
		} else {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		if err := os.WriteFile(damaged, b, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := breach.Open(damaged)
		if err != nil {
			continue
		}
		if err := l.Verify(); !errors.Is(err, breach.ErrCorrupt) {
			t.Fatalf("damage goes unnoticed: %v", err)
		}
		for i := range 50 {
			l.Password(fmt.Appendf(nil, "password%d", i)) // must not crash
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRanges(t *testing.T) {
	sum := sha1.Sum([]byte("hunter2"))
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	answer := func(text string) *breach.Ranges {
		return &breach.Ranges{Fetch: func(_ context.Context, prefix string) (io.ReadCloser, error) {
			if prefix != digits[:5] {
				t.Errorf("asked for %q", prefix)
			}
			return io.NopCloser(strings.NewReader(text)), nil
		}}
	}
	padding := strings.Repeat("0", 35) + ":0\r\n"
	for _, tc := range []struct {
		name, text string
		want, fail bool
	}{
		{"hit", padding + digits[5:] + ":17\r\n", true, false},
		{"hit in lower case", strings.ToLower(digits[5:]) + ":1", true, false},
		{"padding", digits[5:] + ":0\r\n" + padding, false, false},
		{"miss", padding, false, false},
		{"a login page", "<html>", false, true},
	} {
		got, err := answer(tc.text).Password(t.Context(), []byte("hunter2"))
		if got != tc.want || (err != nil) != tc.fail {
			t.Errorf("%s: %v, %v", tc.name, got, err)
		}
	}
	down := &breach.Ranges{Fetch: func(context.Context, string) (io.ReadCloser, error) { return nil, errors.New("down") }}
	if _, err := down.Breached(sum); err == nil {
		t.Error("a server that is down is no error")
	}
}

func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "list")
	for _, o := range []breach.BuildOptions{{}, {Exact: true}, {Bits: 24}} {
		if _, err := breach.Build(f.Context(), breach.NewSource(strings.NewReader(download(hashes(50), "\n")), "seed", 50*43), path, o); err != nil {
			f.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	file := filepath.Join(f.TempDir(), "fuzzed")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := breach.Open(file)
		if err != nil {
			return
		}
		defer l.Close()
		l.Password([]byte("password1"))
		l.Range("00000")
	})
}

func FuzzSource(f *testing.F) {
	f.Add([]byte(download(hashes(5), "\r\n")))
	f.Add([]byte("\ufeff\ufeff\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "list")
		if _, err := breach.Build(t.Context(), breach.NewSource(bytes.NewReader(b), "fuzz", int64(len(b))), path, breach.BuildOptions{}); err != nil {
			return
		}
		l, err := breach.Open(path)
		if err != nil {
			t.Fatalf("what was built does not open: %v", err)
		}
		l.Close()
	})
}

func BenchmarkLookUp(b *testing.B) {
	const n = 1 << 17
	l, _ := buildFrom(b, breach.NewSource(strings.NewReader(download(hashes(n), "\n")), "bench", n*47), breach.BuildOptions{})
	sum := sha1.Sum([]byte("not in the list"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Breached(sum); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	const n = 1 << 17
	text := download(hashes(n), "\n")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := breach.Build(b.Context(), breach.NewSource(strings.NewReader(text), "bench", int64(len(text))), filepath.Join(b.TempDir(), "list"), breach.BuildOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
