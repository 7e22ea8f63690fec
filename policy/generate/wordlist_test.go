package generate

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEmbeddedLists(t *testing.T) {
	for _, tt := range []struct {
		name, text, sum string
		list            *WordList
		n               int
	}{
		{"large", effLargeText, "6d557f0693958fb5e650b68b5bee585eb82cf4da32965505c789e924743bc522", EFFLarge(), 7776},
		{"short 2", effShort2Text, "7aa57a4d3ecf6581729992bad9575bacdebf7c28378af2aec6a50f11aec326f5", EFFShort2(), 1296},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := fmt.Sprintf("%x", sha256.Sum256([]byte(tt.text))); got != tt.sum {
				t.Errorf("SHA-256 is %s, want %s", got, tt.sum)
			}
			// What NewWordList would make of it.
			l, err := NewWordList(strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if l.Len() != tt.n || l.Duplicates() != 0 || !slices.Equal(l.words, tt.list.words) {
				t.Errorf("%d words with %d duplicates, want %d different ones", l.Len(), l.Duplicates(), tt.n)
			}
			if !uniquelyDecodable(l.words) {
				t.Error("different words make the same string")
			}
			for _, w := range l.words {
				if strings.Trim(w, "abcdefghijklmnopqrstuvwxyz-") != "" {
					t.Errorf("%q is not lower-case ASCII", w)
				}
			}
		})
	}
}

func TestNewWordList(t *testing.T) {
	for _, tt := range []struct{ name, in, want, err string }{
		{"plain", "one\ntwo\n", "one two", ""},
		{"no end of line", "one\ntwo", "one two", ""},
		{"trimmed", "\ufeffone\r\n \ttwo  \r\n\r\n   \n", "one two", ""},
		{"duplicates", "one\ntwo\none \n", "one two", ""},
		{"comments", "# words\none\n#two\nthree\n", "one three", ""},
		{"dice", "11111\tabacus\n11112  abdomen\n", "abacus abdomen", ""},
		{"numbers are words", "11111\n22222\n", "11111 22222", ""},
		{"other letters", "äpfel\nбук\n", "äpfel бук", ""},
		{"two words", "one\ntwo three\n", "", "line 2 of the word list is not one word"},
		{"control", "one\nt\x00wo\n", "", "line 2 of the word list is not one word"},
		{"not UTF-8", "one\n\xff\xfe\n", "", "line 2 of the word list is not UTF-8"},
		{"long word", "one\n" + strings.Repeat("x", 257), "", "line 2 of the word list has more than 256 octets"},
		{"long line", "one\n" + strings.Repeat(" ", 5000) + "x", "", "the word list has a line of more than 4096 octets"},
		{"one word", "one\n\n", "", "the word list has 1 words"},
		{"empty", "", "", "the word list has 0 words"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := NewWordList(strings.NewReader(tt.in))
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(l.Words(), " "); got != tt.want {
				t.Errorf("words %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzNewWordList(f *testing.F) {
	for _, s := range []string{"", "one\ntwo", "\ufeff11 a\r\n12 b", "#\n\xff", "a\na\nb"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := NewWordList(strings.NewReader(string(b)))
		if err != nil {
			return
		}
		again, err := NewWordList(strings.NewReader(strings.Join(l.Words(), "\n")))
		if err != nil {
			// A word that begins with "#" after a number of dice rolls.
			if !strings.Contains(string(b), "#") {
				t.Fatalf("own words are refused: %v", err)
			}
			return
		}
		if again.Duplicates() != 0 && !strings.Contains(string(b), "\ufeff") {
			t.Errorf("%d duplicates among own words", again.Duplicates())
		}
		for _, w := range l.Words() {
			if w == "" || !utf8.ValidString(w) {
				t.Errorf("%q is no word", w)
			}
		}
	})
}
