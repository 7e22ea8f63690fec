package policy

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// usePassphrase makes the generator one of passphrases, if any kind of them
// suits the policy; if none does, the note says why.
func (c *Compiled) usePassphrase() {
	p, err := c.fitPassphrase(*c.cfg.Passphrase)
	if err != nil {
		c.note = fmt.Sprintf("Passphrases do not suit this policy: %v. Random characters are used.", err)
		return
	}
	c.generator, c.spoken = p, true
}

// The bounds of the search for a passphrase. Of the candidates, half or more
// have to keep the rules: turning away the others costs at most one bit.
const (
	morePassphraseWords = 16 // above what the entropy takes
	passphraseTrials    = 128
)

// fitPassphrase returns passphrases with enough words for the entropy that is
// wanted, and with the characters that the policy demands added.
func (c *Compiled) fitPassphrase(cfg generate.PassphraseConfig) (*generate.Passphrase, error) {
	shape := c.shapeOf(c.Policy.Demands, generate.Printable, rule.Subject{})
	f, err := newPassphraseFit(cfg, shape, c.cfg.Alphabet)
	if err != nil {
		return nil, err
	}
	cfg.Words = f.words
	cfg.MinChars = max(cfg.MinChars, shape.MinLength)
	fewest := max(cfg.MinWords, 1)
	for ; fewest < generate.MaxChars; fewest++ {
		// No more than this can be the entropy of so many words; where it
		// does not suffice, there is no need to try.
		extras, failed := f.extras(fewest)
		if failed == nil && mostBits(fewest, f.words.Len(), extras) >= c.cfg.MinEntropyBits {
			break
		}
		if failed != nil && fewest >= cfg.MinWords+morePassphraseWords {
			return nil, failed
		}
	}
	err = errors.New("no number of words gives the entropy that is wanted")
	for n := fewest; n <= fewest+morePassphraseWords; n++ {
		cfg.MinWords = n
		var failed error
		if cfg.Extras, failed = f.extras(n); failed != nil {
			err = failed
			continue
		}
		p, failed := generate.NewPassphrase(cfg)
		if failed != nil {
			return nil, failed
		}
		if least, _ := p.Lengths(); shape.MaxLength > 0 && least > shape.MaxLength {
			return nil, fmt.Errorf("enough words would have more than %d characters", shape.MaxLength)
		}
		if p.Bits() < c.cfg.MinEntropyBits {
			continue
		}
		return p, c.tryPassphrase(p)
	}
	return nil, err
}

// mostBits is an upper bound of the entropy of n words with extras, if no
// minimum of characters adds more words.
func mostBits(n, words int, extras []generate.Extra) float64 {
	bits := float64(n) * math.Log2(float64(words))
	added := 0
	for _, e := range extras {
		bits += float64(e.Count) * math.Log2(float64(e.Set.Len()))
		added += e.Count
	}
	return bits + float64(added)*math.Log2(float64(n+added))
}

// tryPassphrase draws some passphrases, always the same ones, so that a
// policy is compiled to the same generator each time.
func (c *Compiled) tryPassphrase(p *generate.Passphrase) error {
	rnd := generate.NewRand(rand.NewChaCha8([32]byte{}))
	kept := 0
	var buf []byte
	var last []string
	for range passphraseTrials {
		buf = p.Append(buf[:0], rnd)
		if reasons := c.shapeFaults(buf); len(reasons) == 0 {
			kept++
		} else {
			last = reasons
		}
	}
	if 2*kept < passphraseTrials {
		return fmt.Errorf("most would be refused (%s)", strings.TrimSuffix(last[0], "."))
	}
	return nil
}

// shapeFaults returns why a candidate is none that a Sampler for the policy
// could draw.
func (c *Compiled) shapeFaults(password []byte) []string {
	if first, _ := utf8.DecodeRune(password); c.cfg.NotFirst.Contains(first) {
		return []string{"The password begins with a character that it must not begin with."}
	}
	for _, d := range c.Policy.Demands {
		if _, ok := d.Rule.(rule.Shaper); !ok {
			continue
		}
		if reasons := d.Rule.Check(password, rule.Subject{}); len(reasons) > 0 {
			return reasons
		}
	}
	return nil
}

// A passphraseFit knows which characters words bring, to tell which must be
// added.
type passphraseFit struct {
	shape     generate.Shape
	words     *generate.WordList
	spelled   []string // the words, with their capitals
	separator string
	pools     []generate.Set // what to add characters from, the preferred first
}

// fewestWords is how many words a list must have left once those with
// forbidden characters are taken out: 10 bits each.
const fewestWords = 1024

func newPassphraseFit(cfg generate.PassphraseConfig, shape generate.Shape, alphabet generate.Set) (*passphraseFit, error) {
	if cfg.Words == nil {
		return nil, errors.New("there is no word list")
	}
	var forbidden generate.Set
	for _, n := range shape.Counts {
		if n.Max == 0 {
			forbidden = forbidden.Union(n.Set)
		}
	}
	f := &passphraseFit{shape: shape, words: cfg.Words, separator: cfg.Separator}
	if strings.ContainsFunc(cfg.Separator, forbidden.Contains) {
		return nil, fmt.Errorf("the separator %q is forbidden", cfg.Separator)
	}
	all := cfg.Words.Words()
	var kept []string
	for _, w := range all {
		spelled := w
		if cfg.Capitalize {
			r, n := utf8.DecodeRuneInString(w)
			spelled = string(unicode.ToUpper(r)) + w[n:]
		}
		if !strings.ContainsFunc(spelled, forbidden.Contains) {
			kept = append(kept, w)
			f.spelled = append(f.spelled, spelled)
		}
	}
	if len(kept) < len(all) {
		if len(kept) < min(fewestWords, len(all)) {
			return nil, errors.New("too few words are free of forbidden characters")
		}
		var err error
		if f.words, err = generate.NewWordList(strings.NewReader(strings.Join(kept, "\n"))); err != nil {
			return nil, err
		}
	}
	taken := generate.NewSet(strings.Join(f.spelled, "") + f.separator).Union(forbidden)
	for _, set := range []generate.Set{alphabet, generate.Printable} {
		f.pools = append(f.pools, set.Minus(taken))
	}
	return f, nil
}

// extras returns the characters to add to n words so that the counts of the
// shape are reached, whichever words are drawn.
func (f *passphraseFit) extras(n int) ([]generate.Extra, error) {
	var extras []generate.Extra
	need := func(set generate.Set, minimum int) bool {
		missing := minimum - f.certain(set, n, extras)
		if missing <= 0 {
			return true
		}
		var used generate.Set
		for i, e := range extras {
			if e.Set.Minus(set).Len() == 0 {
				extras[i].Count += missing
				return true
			}
			used = used.Union(e.Set)
		}
		for _, pool := range f.pools {
			if free := set.Intersect(pool).Minus(used); free.Len() > 0 {
				extras = append(extras, generate.Extra{Set: free, Count: missing})
				return true
			}
		}
		return false
	}
	for _, c := range f.shape.Counts {
		if c.Min > 0 && !need(c.Set, c.Min) {
			return nil, fmt.Errorf("%d characters of %q cannot be added to words", c.Min, clip(c.Set.String()))
		}
	}
	for _, c := range f.shape.Choices {
		reached := 0
		for _, t := range c.Of {
			if f.certain(t.Set, n, extras) >= t.Min {
				reached++
			}
		}
		for _, t := range c.Of {
			if reached < c.Need && f.certain(t.Set, n, extras) < t.Min && need(t.Set, t.Min) {
				reached++
			}
		}
		if reached < c.Need {
			return nil, errors.New("the kinds of characters that are demanded cannot be added to words")
		}
	}
	return extras, nil
}

// certain is how many characters of a set any n words have, with what
// stands between them and what is added.
func (f *passphraseFit) certain(set generate.Set, n int, extras []generate.Extra) int {
	fewest := math.MaxInt
	for _, w := range f.spelled {
		if fewest = min(fewest, countIn(w, set)); fewest == 0 {
			break
		}
	}
	total := n*fewest + (n-1)*countIn(f.separator, set)
	for _, e := range extras {
		if e.Set.Minus(set).Len() == 0 {
			total += e.Count
		}
	}
	return total
}

func countIn(s string, set generate.Set) int {
	n := 0
	for _, r := range s {
		if set.Contains(r) {
			n++
		}
	}
	return n
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
