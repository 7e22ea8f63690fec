package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/breach"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// generatorConfig says how passwords are made where the directory names no
// generator of its own.
type generatorConfig struct {
	Kind           string  `yaml:"kind"`
	Length         int     `yaml:"length"`
	MinEntropyBits float64 `yaml:"minEntropyBits"`

	// Of random characters.
	Alphabet   string `yaml:"alphabet"`
	Symbols    string `yaml:"symbols"`
	LookAlikes bool   `yaml:"lookAlikes"`
	NotFirst   string `yaml:"notFirst"`

	Passphrase struct {
		Words      int    `yaml:"words"`
		WordList   string `yaml:"wordList"`
		Separator  string `yaml:"separator"`
		Capitalize bool   `yaml:"capitalize"`
	} `yaml:"passphrase"`

	BreachedPasswords string `yaml:"breachedPasswords"`
}

// maxConfiguredWords bounds generator.passphrase.words.
const maxConfiguredWords = 64

// readGenerator checks how passwords are to be made, and opens the files that
// it takes.
func (c *config) readGenerator() error {
	g := &c.Generator
	switch {
	case g.Length < 0 || g.Length > 1024:
		return errors.New("generator.length: a number from 1 to 1024 is expected")
	case !(g.MinEntropyBits >= 0 && g.MinEntropyBits <= 4096):
		return errors.New("generator.minEntropyBits: a number from 1 to 4096 is expected")
	case g.Alphabet != "" && (g.Symbols != "all" || g.LookAlikes):
		return errors.New("generator: alphabet excludes symbols and lookAlikes")
	}
	made := policy.Config{
		Length:         g.Length,
		MinEntropyBits: g.MinEntropyBits,
		Alphabet:       generate.NewSet(g.Alphabet),
		NotFirst:       generate.NewSet(g.NotFirst),
	}
	if g.Alphabet == "" {
		symbols := generate.Symbols
		switch g.Symbols {
		case "all":
		case "none":
			symbols = generate.Set{}
		case "shell-safe":
			symbols = generate.ShellSafe
			made.NotFirst = made.NotFirst.Union(generate.ShellSafeNotFirst)
		default:
			return fmt.Errorf("generator.symbols: %q is none of all, none, shell-safe", g.Symbols)
		}
		made.Alphabet = generate.Lower.Union(generate.Upper).Union(generate.Digits).Union(symbols)
		if !g.LookAlikes {
			made.Alphabet = made.Alphabet.Minus(generate.LookAlikes)
		}
	}
	switch g.Kind {
	case "random":
		if p := g.Passphrase; p != defaultConfig().Generator.Passphrase {
			return errors.New("generator.passphrase: it counts with kind: passphrase only")
		}
	case "passphrase":
		p, err := c.passphrase()
		if err != nil {
			return err
		}
		made.Passphrase = p
	default:
		return fmt.Errorf("generator.kind: %q is none of random, passphrase", g.Kind)
	}
	if _, err := rangeURL(c.Breach.RangeURL); err != nil {
		return fmt.Errorf("breach.rangeURL: %w", err)
	}
	if g.BreachedPasswords != "" {
		list, err := breach.Open(c.path(g.BreachedPasswords))
		if err != nil {
			return &hinted{fmt.Errorf("generator.breachedPasswords: %w", err), `"ldapsuggest breach build" makes such a list`}
		}
		c.breached = list
		made.Screen = screen(list)
	}
	c.made = made
	return nil
}

// screen turns away what is in the list. What cannot be looked up counts as
// being in it: no damaged list lets a public password through.
func screen(list *breach.List) func(password []byte) bool {
	return func(password []byte) bool {
		public, err := list.Password(password)
		return public || err != nil
	}
}

func (c *config) passphrase() (*generate.PassphraseConfig, error) {
	g := &c.Generator.Passphrase
	if g.Words < 0 || g.Words > maxConfiguredWords {
		return nil, fmt.Errorf("generator.passphrase.words: a number from 1 to %d is expected", maxConfiguredWords)
	}
	p := &generate.PassphraseConfig{MinWords: g.Words, Separator: g.Separator, Capitalize: g.Capitalize}
	switch g.WordList {
	case "eff-large":
		p.Words = generate.EFFLarge()
	case "eff-short-2":
		p.Words = generate.EFFShort2()
	default:
		f, err := os.Open(c.path(g.WordList))
		if err != nil {
			return nil, fmt.Errorf("generator.passphrase.wordList: %w", err)
		}
		defer f.Close()
		if p.Words, err = generate.NewWordList(f); err != nil {
			return nil, fmt.Errorf("generator.passphrase.wordList: %s: %w", g.WordList, err)
		}
	}
	if strings.ContainsFunc(p.Separator, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		return nil, errors.New("generator.passphrase.separator: it has a control character in it")
	}
	if _, err := generate.NewPassphrase(*p); err != nil {
		return nil, fmt.Errorf("generator.passphrase: %w", err)
	}
	return p, nil
}

// generator is how passwords are made, once check has been called.
func (c *config) generator() policy.Config { return c.made }
