package generate

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A WordList is a list of different words. It is immutable.
type WordList struct {
	words      []string
	duplicates int
}

// Bounds on word lists.
const (
	maxWords      = 1 << 20
	maxWordOctets = 256
)

// NewWordList reads a list of words, one a line. White space around a word,
// carriage returns, a byte order mark, blank lines and lines that begin with
// "#" do not count; a word that occurs again counts once. A line may also be
// a number of dice rolls, white space and a word, as in the lists that are
// made for dice.
//
// It is an error if a word is not UTF-8, has white space or control
// characters in it or more than 256 octets, or if there are fewer than two
// words or more than 1,048,576.
func NewWordList(r io.Reader) (*WordList, error) {
	l := new(WordList)
	seen := make(map[string]bool)
	in := bufio.NewScanner(r)
	in.Buffer(nil, 4096)
	for line := 1; in.Scan(); line++ {
		b := in.Bytes()
		if line == 1 {
			b = bytes.TrimPrefix(b, []byte("\ufeff"))
		}
		if b = bytes.TrimSpace(b); len(b) == 0 || b[0] == '#' {
			continue
		}
		if roll, word, ok := cutSpace(b); ok && isRoll(roll) {
			b = word
		}
		switch {
		case !utf8.Valid(b):
			return nil, fmt.Errorf("line %d of the word list is not UTF-8", line)
		case len(b) > maxWordOctets:
			return nil, fmt.Errorf("line %d of the word list has more than %d octets", line, maxWordOctets)
		case bytes.ContainsFunc(b, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
			return nil, fmt.Errorf("line %d of the word list is not one word", line)
		case seen[string(b)]:
			l.duplicates++
			continue
		case len(l.words) == maxWords:
			return nil, fmt.Errorf("the word list has more than %d words", maxWords)
		}
		word := string(b)
		seen[word] = true
		l.words = append(l.words, word)
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, errors.New("the word list has a line of more than 4096 octets")
	} else if err != nil {
		return nil, fmt.Errorf("reading the word list: %w", err)
	}
	if len(l.words) < 2 {
		return nil, fmt.Errorf("the word list has %d words", len(l.words))
	}
	return l, nil
}

func cutSpace(b []byte) (first, rest []byte, ok bool) {
	i := bytes.IndexFunc(b, unicode.IsSpace)
	if i < 0 {
		return b, nil, false
	}
	return b[:i], bytes.TrimSpace(b[i:]), true
}

func isRoll(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < '1' || r > '6' })
}

// Len returns the number of different words.
func (l *WordList) Len() int { return len(l.words) }

// Words returns the words in the order of the list.
func (l *WordList) Words() []string { return slices.Clone(l.words) }

// Duplicates returns how many lines repeated an earlier word.
func (l *WordList) Duplicates() int { return l.duplicates }

//go:embed wordlist/eff_large.txt
var effLargeText string

//go:embed wordlist/eff_short_2.txt
var effShort2Text string

var (
	effLarge  = sync.OnceValue(func() *WordList { return mustWords(effLargeText) })
	effShort2 = sync.OnceValue(func() *WordList { return mustWords(effShort2Text) })
)

// EFFLarge returns the Electronic Frontier Foundation's large word list: 7776
// words of three to nine characters, 12.9 bits each. No word begins with
// another. See wordlist/README.md.
func EFFLarge() *WordList { return effLarge() }

// EFFShort2 returns the Electronic Frontier Foundation's second short list:
// 1296 longer words, 10.3 bits each, that differ in their first three
// characters.
func EFFShort2() *WordList { return effShort2() }

// mustWords cuts a list that is part of the program.
func mustWords(text string) *WordList {
	return &WordList{words: strings.Fields(text)}
}
