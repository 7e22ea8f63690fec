package pwhash

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

const password = "correct horse"

func vectors(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/hashes.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	if len(out) < 20 {
		t.Fatalf("only %d vectors", len(out))
	}
	return out
}

func TestVerifyOthersHashes(t *testing.T) {
	h := New(2)
	for _, stored := range vectors(t) {
		scheme, _, _ := strings.Cut(stored, "}")
		t.Run(scheme[1:], func(t *testing.T) {
			if !Known(stored) {
				t.Fatal("not known")
			}
			for try, want := range map[string]bool{password: true, "Correct horse": false, "": false, password + "x": false} {
				got, err := h.Verify(t.Context(), []string{stored}, []byte(try))
				if err != nil || got != want {
					t.Errorf("%q: %v, %v", try, got, err)
				}
			}
		})
	}
}

func TestHash(t *testing.T) {
	h := New(1)
	a, err := h.Hash(t.Context(), []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.Hash(t.Context(), []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	if a == b {
		t.Error("two hashes of one password are equal: no salt")
	}
	if !strings.HasPrefix(a, "{ARGON2}$argon2id$v=19$m=7168,t=5,p=1$") || !Known(a) {
		t.Errorf("unexpected form of %q", a)
	}
	for range 2 { // computed, then remembered
		if ok, err := h.Verify(t.Context(), []string{b, a}, []byte(password)); !ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
	}
	if ok, _ := h.Verify(t.Context(), []string{a}, []byte("wrong")); ok {
		t.Error("a wrong password passed")
	}
	if len(h.right) != 1 {
		t.Errorf("%d pairs remembered, want the right one alone", len(h.right))
	}
}

func TestUnverifiable(t *testing.T) {
	h := New(1)
	for _, stored := range []string{
		"", "{", "{}", "plain", "{ARGON2}", "{ARGON2}$argon2id$v=19$m=7168,t=5,p=1$c2FsdA$aGFzaA",
		"{ARGON2}$argon2id$v=16$m=7168,t=5,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE",
		"{ARGON2}$argon2id$v=19$m=4294967295,t=5,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE",
		"{ARGON2}$argon2id$v=19$m=7168,t=5,p=0$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE",
		"{PBKDF2-SHA256}100000000$tUNuBMaKUIWQ5ipj8NubQQ$eKuUmmM4IKzJUIjNhKy9yy5ksuT7rZ3tyP8OjjYMzBw",
		"{PBKDF2-SHA256}0$tUNuBMaKUIWQ5ipj8NubQQ$eKuUmmM4IKzJUIjNhKy9yy5ksuT7rZ3tyP8OjjYMzBw",
		"{PBKDF2_SHA256}AAAA", "{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=", "{SHA}AA==", "{SHA}!",
		"{CRYPT}ab1XDPJ9eN3Xk", "{CRYPT}$6$rounds=999999999$x$y", "{CRYPT}$2b$31$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"{NOSUCH}abc",
	} {
		if Known(stored) {
			t.Errorf("%q is taken for a hash", stored)
		}
		if ok, err := h.Verify(t.Context(), []string{stored}, []byte(stored)); ok || err != nil {
			t.Errorf("%q: %v, %v", stored, ok, err)
		}
	}
}

func TestBoundHonoursContext(t *testing.T) {
	h := New(1)
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, []byte(password)); !errors.Is(err, context.Canceled) {
		t.Errorf("Hash: %v", err)
	}
	if _, err := h.Verify(ctx, nil, []byte(password)); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify: %v", err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	h := New(1)
	for i := range rememberMax + 10 {
		h.remember(h.digest("stored", []byte{byte(i), byte(i >> 8)}))
	}
	if len(h.right) > rememberMax {
		t.Errorf("%d pairs remembered", len(h.right))
	}
}

func FuzzKnown(f *testing.F) {
	f.Add("{ARGON2}$argon2id$v=19$m=7168,t=5,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE")
	f.Add("{PBKDF2-SHA256}1$tUNuBMaKUIWQ5ipj8NubQQ$eKuUmmM4IKzJUIjNhKy9yy5ksuT7rZ3tyP8OjjYMzBw")
	f.Add("{CRYPT}$6$rounds=1000$saltsalt$x")
	f.Fuzz(func(t *testing.T, s string) {
		if Known(s) && !strings.HasPrefix(s, "{") {
			t.Errorf("%q has no scheme", s)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h := New(1)
	for b.Loop() {
		if _, err := h.Hash(b.Context(), []byte(password)); err != nil {
			b.Fatal(err)
		}
	}
}
