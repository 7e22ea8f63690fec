package hasher

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
)

const password = "correct horse"

// Of other programs, by which entries come with passwords.
const (
	ofSlappasswd = "{SSHA}MdJlgU9whwoPmB75Zascp3qF+3D/bnfG"
	ofPasslib    = "{PBKDF2-SHA256}10000$tUNuBMaKUIWQ5ipj8NubQQ$eKuUmmM4IKzJUIjNhKy9yy5ksuT7rZ3tyP8OjjYMzBw"
)

func TestVerifyOthersHashes(t *testing.T) {
	h := New(2)
	for _, stored := range []string{ofSlappasswd, ofPasslib} {
		for try, want := range map[string]bool{password: true, "Correct horse": false, "": false} {
			if got, err := h.Verify(t.Context(), []string{stored}, []byte(try)); err != nil || got != want {
				t.Errorf("%q: %v, %v", try, got, err)
			}
		}
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
	if !strings.HasPrefix(a, "{ARGON2}$argon2id$v=19$m=7168,t=5,p=1$") || !pwhash.Known(a) {
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
	for _, stored := range []string{"", "plain", "{ARGON2}", "{NOSUCH}abc", "{CLEARTEXT}plain"} {
		for _, try := range []string{stored, "plain"} {
			if ok, err := h.Verify(t.Context(), []string{stored}, []byte(try)); ok || err != nil {
				t.Errorf("%q: %v, %v", stored, ok, err)
			}
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

func BenchmarkHash(b *testing.B) {
	h := New(1)
	for b.Loop() {
		if _, err := h.Hash(b.Context(), []byte(password)); err != nil {
			b.Fatal(err)
		}
	}
}
