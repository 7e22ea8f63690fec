package main

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy/breach"
)

func TestGeneratorConfig(t *testing.T) {
	words := strings.Builder{}
	for i := range 2000 {
		fmt.Fprintf(&words, "w%c%c%cx\n", 'a'+i%26, 'a'+i/26%26, 'a'+i/676)
	}
	load := func(t *testing.T, text string) (*config, error) {
		dir := writeFiles(t, map[string]string{"config.yaml": text, "words.txt": words.String(), "bad.txt": "one two\n", "bad.list": "x"})
		return (&program{env: variables{}.lookup}).serveConfig([]string{"--config", filepath.Join(dir, "config.yaml")})
	}
	for _, tc := range []struct{ name, text, with, without, notFirst string }{
		{"default", "", "aZ9!~", "0O1Il|`'\"", ""},
		{"look-alikes", "generator: {lookAlikes: true}", "0O1Il|`'\"", "", ""},
		{"no symbols", "generator: {symbols: none}", "aZ9", "!~-_", ""},
		{"shell-safe", "generator: {symbols: shell-safe, notFirst: x}", "aZ9_./", "!~$*&;, '\"%", "-+=@x"},
		{"alphabet", "generator: {alphabet: abc0}", "abc0", "d1", ""},
	} {
		c, err := load(t, tc.text)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		g := c.generator()
		for _, r := range tc.with {
			if !g.Alphabet.Contains(r) {
				t.Errorf("%s: %c is missing", tc.name, r)
			}
		}
		for _, r := range tc.without {
			if g.Alphabet.Contains(r) {
				t.Errorf("%s: %c is drawn", tc.name, r)
			}
		}
		for _, r := range tc.notFirst {
			if !g.NotFirst.Contains(r) {
				t.Errorf("%s: %c may be first", tc.name, r)
			}
		}
		if g.Passphrase != nil || g.Screen != nil || c.breaches() != nil {
			t.Errorf("%s: %+v", tc.name, g)
		}
	}
	c, err := load(t, `generator: {kind: passphrase, passphrase: {words: 5, wordList: words.txt, separator: "", capitalize: true}}`)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.generator().Passphrase; p == nil || p.Words.Len() != 2000 || p.MinWords != 5 || p.Separator != "" || !p.Capitalize {
		t.Errorf("%+v", p)
	}
	for text, want := range map[string]string{
		"generator: {kind: words}":                                        `generator.kind: "words" is none of random, passphrase`,
		"generator: {symbols: some}":                                      `generator.symbols: "some" is none of all, none, shell-safe`,
		"generator: {alphabet: abc, lookAlikes: true}":                    "alphabet excludes",
		"generator: {alphabet: abc, symbols: none}":                       "alphabet excludes",
		"generator: {length: 5000}":                                       "generator.length",
		"generator: {minEntropyBits: .nan}":                               "generator.minEntropyBits",
		"generator: {passphrase: {words: 5}}":                             "kind: passphrase only",
		"generator: {kind: passphrase, passphrase: {words: 65}}":          "generator.passphrase.words",
		"generator: {kind: passphrase, passphrase: {wordList: none.txt}}": "none.txt: no such file",
		"generator: {kind: passphrase, passphrase: {wordList: bad.txt}}":  "bad.txt: line 1 of the word list is not one word",
		`generator: {kind: passphrase, passphrase: {separator: "\n"}}`:    "control character",
		"generator: {breachedPasswords: none.list}":                       "generator.breachedPasswords: ",
		"generator: {breachedPasswords: bad.list}":                        "no valid list",
		"breach: {rangeURL: http://pwned.example.com/range/}":             "must begin with https://",
		"breach: {rangeURL: ftp://127.0.0.1/}":                            "must begin with https://",
		"breach: {rangeURL: https://u:sesame@pwned.example.com/}":         "an address such as",
		"breach: {rangeURL: pwned}":                                       "an address such as",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestBreachedPasswordsAreScreened(t *testing.T) {
	sum := sha1.Sum([]byte("hunter2"))
	dir := writeFiles(t, map[string]string{
		"pwned.txt":   strings.ToUpper(hex.EncodeToString(sum[:])) + ":7\n",
		"config.yaml": "generator: {breachedPasswords: list}",
	})
	src, err := breach.OpenSource(filepath.Join(dir, "pwned.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if _, err := breach.Build(t.Context(), src, filepath.Join(dir, "list"), breach.BuildOptions{}); err != nil {
		t.Fatal(err)
	}
	c := loadConfig(t, nil, "--config", filepath.Join(dir, "config.yaml"))
	if s := c.generator().Screen; !s([]byte("hunter2")) || s([]byte("Correct-Horse-Battery")) {
		t.Error("the list is not asked")
	}
	b, err := c.breaches()("https://elsewhere.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	if public, err := b.Breached(sum); !public || err != nil {
		t.Errorf("a validator: %v, %v", public, err)
	}
}

func TestRangeAPI(t *testing.T) {
	sum := sha1.Sum([]byte("hunter2"))
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	var status int
	body := digits[5:] + ":17\r\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/range/"+digits[:5] || r.Header.Get("Add-Padding") != "true" || r.Header.Get("User-Agent") != "ldapsuggest" {
			t.Errorf("asked: %s %v", r.URL, r.Header)
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "http://127.0.0.1:1/")
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer server.Close()
	dir := writeFiles(t, map[string]string{"config.yaml": "breach: {rangeURL: " + server.URL + "/range}"})
	c := loadConfig(t, nil, "--config", filepath.Join(dir, "config.yaml"))
	source, err := c.breaches()("https://elsewhere.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	status = http.StatusOK
	if public, err := source.Breached(sum); !public || err != nil {
		t.Errorf("%v, %v", public, err)
	}
	body = strings.Repeat("0", 35) + ":0\r\n"
	if public, err := source.Breached(sum); public || err != nil {
		t.Errorf("%v, %v", public, err)
	}
	for _, status = range []int{http.StatusFound, http.StatusTooManyRequests, http.StatusNotFound} {
		if _, err := source.Breached(sum); err == nil {
			t.Errorf("%d is no error", status)
		}
	}
	server.Close()
	if _, err := source.Breached(sum); err == nil || strings.Contains(err.Error(), digits[:5]) {
		t.Errorf("a server that is down: %v", err)
	}
	if u, err := rangeURL("https://api.pwnedpasswords.com/range"); err != nil || u.String() != "https://api.pwnedpasswords.com/range/" {
		t.Errorf("%v, %v", u, err)
	}
}
