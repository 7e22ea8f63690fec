package pwhash_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
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
	for _, stored := range vectors(t) {
		t.Run(pwhash.Scheme(stored), func(t *testing.T) {
			verify, err := pwhash.Parse(stored)
			if err != nil || !pwhash.Known(stored) {
				t.Fatalf("%v, known: %v", err, pwhash.Known(stored))
			}
			for try, want := range map[string]bool{password: true, "Correct horse": false, "": false, password + "x": false} {
				if verify([]byte(try)) != want {
					t.Errorf("%q: %v", try, !want)
				}
			}
		})
	}
}

func TestUnverifiable(t *testing.T) {
	for stored, want := range map[string]error{
		"": pwhash.ErrScheme, "{": pwhash.ErrScheme, "{}": pwhash.ErrScheme, "plain": pwhash.ErrScheme, "{NOSUCH}abc": pwhash.ErrScheme,
		"{ARGON2}": pwhash.ErrFormat, "{ARGON2}$argon2id$v=19$m=7168,t=5,p=1$c2FsdA$aGFzaA": pwhash.ErrFormat,
		"{ARGON2}$argon2id$v=16$m=7168,t=5,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE":       pwhash.ErrFormat,
		"{ARGON2}$argon2d$v=19$m=7168,t=5,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE":        pwhash.ErrScheme,
		"{ARGON2}$argon2id$v=19$m=4294967295,t=5,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE": pwhash.ErrCost,
		"{ARGON2}$argon2id$v=19$m=7168,t=5,p=0$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE":       pwhash.ErrFormat,
		"{PBKDF2-SHA256}100000000$tUNuBMaKUIWQ5ipj8NubQQ$eKuUmmM4IKzJUIjNhKy9yy5ksuT7rZ3tyP8OjjYMzBw":              pwhash.ErrCost,
		"{PBKDF2-SHA256}0$tUNuBMaKUIWQ5ipj8NubQQ$eKuUmmM4IKzJUIjNhKy9yy5ksuT7rZ3tyP8OjjYMzBw":                      pwhash.ErrFormat,
		"{PBKDF2_SHA256}AAAA":                pwhash.ErrFormat,
		"{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=": pwhash.ErrFormat, "{SHA}AA==": pwhash.ErrFormat, "{SHA}!": pwhash.ErrFormat,
		"{CRYPT}ab1XDPJ9eN3Xk": pwhash.ErrScheme, "{CRYPT}$6$rounds=999999999$x$y": pwhash.ErrCost,
		"{CRYPT}$2b$31$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": pwhash.ErrCost,
	} {
		if _, err := pwhash.Parse(stored); !errors.Is(err, want) || pwhash.Known(stored) {
			t.Errorf("%q: %v, want %v", stored, err, want)
		}
	}
}

// A salt is verified under the names without S too.
func TestSaltUnderPlainName(t *testing.T) {
	const salted = "{SSHA}MdJlgU9whwoPmB75Zascp3qF+3D/bnfG"
	verify, err := pwhash.Parse(strings.Replace(salted, "SSHA", "SHA", 1))
	if err != nil || !verify([]byte(password)) || verify([]byte("other")) {
		t.Errorf("%v", err)
	}
}

// As argon2.so of OpenLDAP 2.5.13 writes them.
func TestArgon2FollowedByNUL(t *testing.T) {
	const stored = "{ARGON2}$argon2i$v=19$m=4096,t=3,p=1$mQLOcbmm3MLJ/V5gEC7Yfw$xfBM0bWI1htI3slyhNKCQRfeA98YOunT0FZ8gjxFcDM"
	for _, end := range []string{"\x00\x00", "\x005"} {
		verify, err := pwhash.Parse(stored + end)
		if err != nil || !verify([]byte(password)) || verify([]byte("other")) {
			t.Errorf("%q: %v", end, err)
		}
	}
}

func TestParseStored(t *testing.T) {
	for _, tc := range []struct {
		stored, password string
		want             bool
		err              error
	}{
		{"plain", "plain", true, nil},
		{"plain", "plainer", false, nil},
		{"{plain", "{plain", true, nil},
		{"{CLEARTEXT}plain", "plain", true, nil},
		{"{Clear}plain", "plain", true, nil},
		{"{CLEAR}plain", "{CLEAR}plain", false, nil},
		{"{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", password, true, nil},
		{"{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", false, nil},
		{"{BOGUS}x", "{BOGUS}x", false, pwhash.ErrScheme},
	} {
		verify, err := pwhash.ParseStored(tc.stored)
		if !errors.Is(err, tc.err) {
			t.Errorf("%q: %v", tc.stored, err)
		} else if err == nil && verify([]byte(tc.password)) != tc.want {
			t.Errorf("%q against %q: %v", tc.password, tc.stored, !tc.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("{ARGON2}$argon2id$v=19$m=7168,t=5,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE")
	f.Add("{PBKDF2-SHA256}1$tUNuBMaKUIWQ5ipj8NubQQ$eKuUmmM4IKzJUIjNhKy9yy5ksuT7rZ3tyP8OjjYMzBw")
	f.Add("{CRYPT}$6$rounds=1000$saltsalt$x")
	f.Fuzz(func(t *testing.T, s string) {
		if pwhash.Known(s) && !strings.HasPrefix(s, "{") {
			t.Errorf("%q has no scheme", s)
		}
		if _, err := pwhash.ParseStored(s); err != nil && !strings.HasPrefix(s, "{") {
			t.Errorf("%q: %v", s, err)
		}
	})
}
