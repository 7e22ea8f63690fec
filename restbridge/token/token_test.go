package token

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func spec() Token {
	return Token{Name: "test", Entry: "uid=jo,dc=example,dc=com", APIs: []string{"adaxes", "ecgrid"}, Expires: time.Now().Add(time.Hour)}
}

func create(t *testing.T, s *Store, in Token) (Token, string) {
	t.Helper()
	out, secret, err := s.Create(in)
	if err != nil {
		t.Fatal(err)
	}
	return out, secret
}

func TestLife(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	s, server := Open(path), Open(path) // as two processes
	if _, err := server.Find([]byte("lst_a_b")); !errors.Is(err, ErrNone) {
		t.Errorf("without a file: %v", err)
	}
	made, secret := create(t, s, spec())
	if !Is([]byte(secret)) || len(secret) < 36 {
		t.Errorf("the token is %q", secret)
	}
	text, err := os.ReadFile(path)
	if err != nil || bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte(secret[len(secret)-20:])) {
		t.Errorf("the file has the token, or cannot be read: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	found, err := server.Find([]byte(secret))
	if err != nil || found.ID != made.ID || !found.For("adaxes") || found.For("nextcloud") || found.Entry != spec().Entry {
		t.Errorf("found %+v, %v", found, err)
	}
	for _, wrong := range []string{"", "lst_", "lst__", secret + "x", secret[:len(secret)-1], strings.ToLower(secret), "lst_" + made.ID + "_", secret[4:], "lst_zzzzzzzzzz" + secret[14:]} {
		if _, err := server.Find([]byte(wrong)); !errors.Is(err, ErrNone) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	_, other := create(t, s, spec())
	if list, err := s.List(); err != nil || len(list) != 2 || list[0].ID != made.ID {
		t.Errorf("the list is %v, %v", list, err)
	}
	if err := s.Revoke(made.ID); err != nil {
		t.Error(err)
	}
	if err := s.Revoke(made.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoked twice: %v", err)
	}
	if _, err := server.Find([]byte(secret)); !errors.Is(err, ErrNone) {
		t.Errorf("a revoked token: %v", err)
	}
	if _, err := server.Find([]byte(other)); err != nil {
		t.Errorf("the other token: %v", err)
	}
}

func TestExpiry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	synctest.Test(t, func(t *testing.T) {
		s := Open(path)
		in := spec()
		in.Expires = time.Now().Add(10 * time.Second)
		_, secret := create(t, s, in)
		if _, err := s.Find([]byte(secret)); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		if _, err := s.Find([]byte(secret)); !errors.Is(err, ErrNone) {
			t.Errorf("an expired token: %v", err)
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "tokens.json"))
	for name, change := range map[string]func(*Token){
		"no entry":    func(t *Token) { t.Entry = "" },
		"no API":      func(t *Token) { t.APIs = nil },
		"no end":      func(t *Token) { t.Expires = time.Time{} },
		"in the past": func(t *Token) { t.Expires = time.Now().Add(-time.Second) },
	} {
		in := spec()
		change(&in)
		if _, secret, err := s.Create(in); err == nil || secret != "" {
			t.Errorf("%s: made", name)
		}
	}
}

// A file that somebody else may have written, or that is damaged, has no
// tokens.
func TestBadFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	s := Open(path)
	_, secret := create(t, s, spec())
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string, mode os.FileMode) {
		t.Helper()
		os.Remove(path)
		// The umask takes bits from the mode of a new file.
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name, text string
		mode       os.FileMode
	}{
		{"readable by all", string(good), 0o644},
		{"writable by the group", string(good), 0o620},
		{"empty", "", 0o600},
		{"cut off", string(good[:len(good)/2]), 0o600},
		{"something behind", string(good) + "{}", 0o600},
		{"unknown version", strings.Replace(string(good), `"version": 1`, `"version": 2`, 1), 0o600},
		{"unknown field", strings.Replace(string(good), `"version"`, `"x": 1, "version"`, 1), 0o600},
		{"no hash", strings.Replace(string(good), `"sha256": "`, `"sha256": "zz`, 1), 0o600},
	}
	for _, tt := range tests {
		write(tt.text, tt.mode)
		if _, err := s.Find([]byte(secret)); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if _, _, err := s.Create(spec()); err == nil {
			t.Errorf("%s: it was written over", tt.name)
		}
	}
	write(string(good), 0o600)
	if _, err := s.Find([]byte(secret)); err != nil {
		t.Errorf("repaired: %v", err)
	}
}

// Nobody's change is lost.
func TestConcurrentChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s := Open(path)
			for range 5 {
				if _, _, err := s.Create(spec()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if list, err := Open(path).List(); err != nil || len(list) != 40 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":1,"tokens":[{"id":"a","entry":"b","apis":["c"],"created":"2026-01-01T00:00:00Z","expires":"2027-01-01T00:00:00Z","sha256":"` + strings.Repeat("00", 32) + `"}]}`))
	f.Add([]byte(`{"version":1,"tokens":null}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parse(b)
		if err != nil && got.Tokens != nil {
			t.Error("tokens with an error")
		}
		for _, tok := range got.Tokens {
			if tok.ID == "" || tok.Entry == "" || len(tok.Hash) != 64 {
				t.Errorf("accepted %+v", tok)
			}
		}
	})
}
