package rule

import (
	"bufio"
	"io"
	"slices"
	"strings"
	"sync"
)

// Words is an immutable set of words, for sharing among rules: read a list
// once, however many policies use it.
type Words struct {
	// The words in ascending order: as they are, in lower case, without
	// accents, and both. Those for cracklib are in lower case with what is
	// neither a letter nor a digit left out.
	exact, folded, plain, foldedPlain, cracklib func() []string
}

// NewWords returns the set of the given words. Empty words are left out.
func NewWords(words ...string) *Words {
	words = slices.Clone(words)
	slices.Sort(words)
	words = slices.Compact(words)
	if len(words) > 0 && words[0] == "" {
		words = words[1:]
	}
	// The other spellings are made when a rule first asks: few lists are
	// used in more than one.
	spelled := func(from func() []string, also bool, spell func(string) string) func() []string {
		return sync.OnceValue(func() []string {
			var out []string
			for _, w := range from() {
				out = append(out, spell(w))
				if also {
					out = append(out, w)
				}
			}
			slices.Sort(out)
			out = slices.Compact(out)
			if len(out) > 0 && out[0] == "" {
				out = out[1:]
			}
			return out
		})
	}
	w := &Words{exact: func() []string { return words }}
	w.folded = spelled(w.exact, false, strings.ToLower)
	w.plain = spelled(w.exact, true, stripDiacritics)
	w.foldedPlain = spelled(w.folded, true, stripDiacritics)
	w.cracklib = spelled(w.folded, true, func(word string) string {
		return strings.Map(func(r rune) rune {
			if isAlnum(r) {
				return r
			}
			return -1
		}, word)
	})
	return w
}

// ReadWords reads one word a line. Spaces around a word, a byte order mark
// and empty lines are dropped. Errors are those of r and bufio.ErrTooLong.
func ReadWords(r io.Reader) (*Words, error) {
	var words []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if words == nil {
			line = strings.TrimPrefix(line, "\uFEFF")
		}
		words = append(words, strings.TrimSpace(line))
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return NewWords(words...), nil
}

// Len returns the number of words.
func (w *Words) Len() int {
	if w == nil {
		return 0
	}
	return len(w.exact())
}

// spellings returns the list to search: with case folded, and with words
// without their accents added.
func (w *Words) spellings(foldCase, strip bool) []string {
	switch {
	case w == nil:
		return nil
	case foldCase && strip:
		return w.foldedPlain()
	case foldCase:
		return w.folded()
	case strip:
		return w.plain()
	}
	return w.exact()
}

// eachPrefix calls found with the number of positions that each word of an
// ascending list covers at the beginning of text, until found returns true,
// which it then returns. A position of text may be spelled in several ways;
// every combination is tried, but only as far as the list has words that
// begin so, which bounds the work by the list and not by the combinations. A
// spelling may be empty, for a mark that is left out.
func eachPrefix(list []string, text [][]string, found func(n int) bool) bool {
	return walkPrefixes(list, 0, text, 0, found)
}

// walkPrefixes has spelled the first n positions of text in depth octets;
// list holds the words that begin with them.
func walkPrefixes(list []string, depth int, text [][]string, n int, found func(n int) bool) bool {
	if len(list) == 0 {
		return false
	}
	if len(list[0]) == depth && n > 0 && found(n) {
		return true
	}
	if n == len(text) {
		return false
	}
	for _, s := range text[n] {
		lo, hi := 0, len(list)
		for i := range len(s) {
			lo, hi = narrowPrefix(list, lo, hi, depth+i, s[i])
		}
		if walkPrefixes(list[lo:hi], depth+len(s), text, n+1, found) {
			return true
		}
	}
	return false
}

// narrowPrefix returns the part of list[lo:hi], whose words agree in their
// first at octets, that has octet b there.
func narrowPrefix(list []string, lo, hi, at int, b byte) (int, int) {
	octet := func(word string) int {
		if len(word) <= at {
			return -1
		}
		return int(word[at])
	}
	part := list[lo:hi]
	first, _ := slices.BinarySearchFunc(part, int(b), func(w string, b int) int { return octet(w) - b })
	last, _ := slices.BinarySearchFunc(part[first:], int(b)+1, func(w string, b int) int { return octet(w) - b })
	return lo + first, lo + first + last
}
