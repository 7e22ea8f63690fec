package opendj

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// The built-in lists, one word a line; lists/README.md tells where they are
// from.
var (
	//go:embed lists/common-words.txt
	commonWords string
	//go:embed lists/commonly-used-passwords.txt
	commonPasswords string
)

// A list is one dictionary file.
type list struct {
	words []string // one a line
	set   *rule.Words

	mu      sync.Mutex
	phrases map[phraseOptions]generate.Generator
}

// A phraseOptions is what, besides the words, makes a passphrase generator.
type phraseOptions struct {
	minWords, minChars int
	capitalize         bool
}

// maxPhrases bounds how many generators of one list are kept.
const maxPhrases = 64

// passphrase returns the generator for o, which takes longer to make than
// the policies that share it are kept.
func (l *list) passphrase(o phraseOptions) (generate.Generator, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g, ok := l.phrases[o]; ok {
		return g, nil
	}
	words, err := generate.NewWordList(strings.NewReader(strings.Join(l.words, "\n")))
	if err != nil {
		return nil, err
	}
	g, err := generate.NewPassphrase(generate.PassphraseConfig{
		Words:      words,
		MinWords:   o.minWords,
		MinChars:   o.minChars,
		Capitalize: o.capitalize,
	})
	if err != nil {
		return nil, err
	}
	if l.phrases == nil || len(l.phrases) >= maxPhrases {
		l.phrases = make(map[phraseOptions]generate.Generator)
	}
	l.phrases[o] = g
	return g, nil
}

// lists keeps what was read: a list may be large, and policies are read
// often. Names are few, since only those that exist are kept.
type lists struct {
	from func(name string) ([]string, error)

	mu   sync.Mutex
	kept map[string]*list
}

// get returns the list that an entry calls name. An error has a public text;
// it wraps errUnsupported if there is no list of that name.
func (l *lists) get(name string) (*list, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if kept, ok := l.kept[name]; ok {
		return kept, nil
	}
	words, err := l.read(name)
	if err != nil {
		return nil, err
	}
	set, err := rule.ReadWords(strings.NewReader(strings.Join(words, "\n")))
	if err != nil {
		return nil, result.Wrap(err, result.UnwillingToPerform, "the word list %q cannot be read", name)
	}
	if set.Len() == 0 {
		// It would let everything pass.
		return nil, fmt.Errorf("the word list %q is empty", name)
	}
	if l.kept == nil {
		l.kept = make(map[string]*list)
	}
	l.kept[name] = &list{words: words, set: set}
	return l.kept[name], nil
}

func (l *lists) read(name string) ([]string, error) {
	if l.from != nil {
		words, err := l.from(name)
		switch {
		case err == nil:
			return words, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, result.Wrap(err, result.UnwillingToPerform, "the word list %q cannot be read", name)
		}
	}
	if words := builtIn(name); words != nil {
		return words, nil
	}
	return nil, result.Wrap(errUnsupported, result.UnwillingToPerform, "there is no word list %q: it is neither configured nor built in", name)
}

// builtIn returns the words of a list that the servers ship, nil for any
// other name. The lists are our own: what the vendors ship is not ours to
// copy.
func builtIn(name string) []string {
	switch strings.TrimPrefix(name, "config/") {
	case "passphrase-wordlist.txt":
		return generate.EFFLarge().Words()
	case "wordlist.txt":
		return append(generate.EFFLarge().Words(), strings.Fields(commonWords)...)
	case "commonly-used-passwords.txt":
		return strings.Fields(commonPasswords)
	}
	return nil
}
