package opendj

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

func TestBuiltInLists(t *testing.T) {
	for name, least := range map[string]int{
		"passphrase-wordlist.txt":            7776,
		"config/passphrase-wordlist.txt":     7776,
		"wordlist.txt":                       8500,
		"config/wordlist.txt":                8500,
		"commonly-used-passwords.txt":        600,
		"config/commonly-used-passwords.txt": 600,
	} {
		if words := builtIn(name); len(words) < least {
			t.Errorf("%s has %d words", name, len(words))
		}
	}
	for _, name := range []string{"", "config/", "config/config/wordlist.txt", "/config/wordlist.txt", "../wordlist.txt", "wordlist", "WORDLIST.TXT", "lists/common-words.txt", "/etc/passwd"} {
		if words := builtIn(name); words != nil {
			t.Errorf("%q has %d words", name, len(words))
		}
	}
	for name, text := range map[string]string{"common words": commonWords, "common passwords": commonPasswords} {
		seen := make(map[string]bool)
		for line := range strings.Lines(text) {
			w := strings.TrimSuffix(line, "\n")
			if w == "" || strings.TrimSpace(w) != w || seen[w] {
				t.Errorf("%s: %q is empty, padded or there twice", name, w)
			}
			seen[w] = true
		}
	}
}

func TestListsAreReadOnce(t *testing.T) {
	var calls atomic.Int32
	d := New(Config{WordList: func(name string) ([]string, error) {
		calls.Add(1)
		if name != "mine" {
			return nil, fs.ErrNotExist
		}
		return []string{" alpha\r", "", "bravo"}, nil
	}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			l, err := d.lists.get("mine")
			if err != nil || l.set.Len() != 2 {
				t.Errorf("%v, %v", l, err)
			}
		})
	}
	wg.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	// A list that is not there is not remembered: it may come.
	for range 2 {
		if _, err := d.lists.get("other"); !errors.Is(err, errUnsupported) {
			t.Errorf("got %v", err)
		}
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

// TestPassphraseGenerator draws from PingDirectory's defaults: at least four
// words and 20 characters, each word with a capital.
func TestPassphraseGenerator(t *testing.T) {
	read := func(extra string) generate.Generator {
		t.Helper()
		e := parseLDIF(t, "dn: cn=G,cn=config\nobjectClass: ds-cfg-passphrase-password-generator\n"+extra)[0]
		g, err := New(Config{WordList: func(name string) ([]string, error) {
			switch name {
			case "short":
				return []string{"ab", "cd", "ef", "gh"}, nil
			case "doubled":
				return []string{"ab", "Ab", "äb", "Äb", "cd", "ef"}, nil
			}
			return nil, fs.ErrNotExist
		}}).readGenerator(e)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	rnd := generate.NewRand(nil)
	g := read("ds-cfg-dictionary-file: passphrase-wordlist.txt")
	for range 200 {
		p := string(g.Append(nil, rnd))
		capitals := strings.Count(strings.Map(func(r rune) rune {
			if unicode.IsUpper(r) {
				return 'X'
			}
			return r
		}, p), "X")
		if len(p) < 20 || capitals < 4 || !unicode.IsUpper(rune(p[0])) {
			t.Fatalf("%q breaks the minima", p)
		}
	}
	if bits := g.Bits(); bits < 51.6 {
		t.Errorf("%.2f bits", bits)
	}
	// Two characters a word: the characters demand more words than four.
	g = read("ds-cfg-dictionary-file: short\nds-cfg-capitalize-words: false\nds-cfg-minimum-password-words: 4\nds-cfg-minimum-password-characters: 9")
	if p := string(g.Append(nil, rnd)); len(p) != 10 || strings.ToLower(p) != p {
		t.Errorf("%q", p)
	}
	if bits := g.Bits(); bits != 10 {
		t.Errorf("%.2f bits, want 10", bits)
	}
	// Words that capitals make equal count once.
	g = read("ds-cfg-dictionary-file: doubled\nds-cfg-minimum-password-words: 3\nds-cfg-minimum-password-characters: 0")
	if bits := g.Bits(); bits != 6 {
		t.Errorf("%.2f bits, want 6", bits)
	}
}

var _ policy.Directory = (*memory)(nil)
