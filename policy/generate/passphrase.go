package generate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PassphraseConfig says how passphrases are made. Words is required.
type PassphraseConfig struct {
	Words *WordList

	// MinWords and MinChars are both reached: words are added until they
	// are. MinWords 0 means 1. MinChars counts separators and extras too.
	MinWords, MinChars int

	// Separator stands between words.
	Separator string

	// Capitalize turns the first character of each word to upper case and
	// leaves the others alone.
	Capitalize bool

	// Extras are characters added behind words: all ways to arrange them
	// and to spread them over the words are equally likely. Characters that
	// occur in a word or in the separator are never added: the string shall
	// tell what was added.
	Extras []Extra
}

// An Extra is a number of characters of a set.
type Extra struct {
	Set   Set
	Count int
}

// A Passphrase draws words from a list. It is immutable and safe for
// concurrent use.
type Passphrase struct {
	cfg    PassphraseConfig
	words  []string
	chars  []uint16 // of each word
	die    die
	extras []rune // of all sets, one after the other
	sets   []extraSet
	added  int // extras a passphrase
	most   int // words a passphrase at most
	bits   float64
	exact  bool
}

type extraSet struct {
	lo  uint32
	die die
	n   int
}

// maxPassphrase bounds MinWords and MinChars.
const maxPassphrase = MaxChars

// NewPassphrase returns a Passphrase. It is an error if there are no words,
// if a number is negative or above 1024, or if no character is left of an
// extra set or one is in two of them.
func NewPassphrase(cfg PassphraseConfig) (*Passphrase, error) {
	cfg.Extras = slices.Clone(cfg.Extras)
	p := &Passphrase{cfg: cfg}
	if cfg.Words == nil || cfg.Words.Len() == 0 {
		return nil, errors.New("a passphrase needs a word list")
	}
	p.cfg.MinWords = max(cfg.MinWords, 1)
	if cfg.MinWords < 0 || cfg.MinChars < 0 || cfg.MinWords > maxPassphrase || cfg.MinChars > maxPassphrase {
		return nil, fmt.Errorf("a passphrase of %d words and %d characters is not possible: 0 to %d are", cfg.MinWords, cfg.MinChars, maxPassphrase)
	}
	if !utf8.ValidString(cfg.Separator) {
		return nil, errors.New("the separator of a passphrase is not UTF-8")
	}
	p.prepareWords()
	if err := p.prepareExtras(); err != nil {
		return nil, err
	}
	p.measure()
	return p, nil
}

func (p *Passphrase) prepareWords() {
	seen := make(map[string]bool, p.cfg.Words.Len())
	for _, w := range p.cfg.Words.words {
		if p.cfg.Capitalize {
			w = capitalize(w)
			// Words may become the same; without capitals they are not.
			if seen[w] {
				continue
			}
			seen[w] = true
		}
		p.words = append(p.words, w)
		p.chars = append(p.chars, uint16(utf8.RuneCountInString(w)))
	}
	p.die = newDie(len(p.words))
	shortest := int(slices.Min(p.chars)) + utf8.RuneCountInString(p.cfg.Separator)
	p.most = max(p.cfg.MinWords, p.cfg.MinChars/shortest+2)
}

func capitalize(w string) string {
	r, n := utf8.DecodeRuneInString(w)
	if u := unicode.ToUpper(r); u != r {
		return string(u) + w[n:]
	}
	return w
}

func (p *Passphrase) prepareExtras() error {
	taken := NewSet(strings.Join(p.words, "") + p.cfg.Separator)
	for _, e := range p.cfg.Extras {
		if e.Count < 0 || e.Count > maxPassphrase-p.added {
			return fmt.Errorf("a passphrase with %d extra characters is not possible: 0 to %d in all are", e.Count, maxPassphrase)
		}
		if e.Count == 0 {
			continue
		}
		set := e.Set.Minus(taken)
		if set.Len() == 0 {
			return errors.New("the words and the separator of a passphrase have all characters that were to be added")
		}
		taken = taken.Union(e.Set)
		if set.Len() < e.Set.Minus(NewSet(strings.Join(p.words, "")+p.cfg.Separator)).Len() {
			return errors.New("a character is in two of the sets that are to be added to a passphrase")
		}
		p.sets = append(p.sets, extraSet{uint32(len(p.extras)), newDie(set.Len()), e.Count})
		p.extras = append(p.extras, set.runes...)
		p.added += e.Count
	}
	return nil
}

// measure computes the entropy: of a sequence of words that ends as soon as
// it is long enough, and of what is added to it. Each of the sequences of k
// words has the probability n^-k, so longer ones are less likely; the
// entropy is log2 n times the mean of k.
func (p *Passphrase) measure() {
	lengths := make([]float64, slices.Max(p.chars)+1)
	for _, c := range p.chars {
		lengths[c] += 1 / float64(len(p.words))
	}
	sep := utf8.RuneCountInString(p.cfg.Separator)
	want := p.cfg.MinChars - p.added
	// going holds, by number of characters below want (or at least want, in
	// its last place), the probability that the sequence goes on.
	going := make([]float64, max(want, 0)+1)
	going[0] = 1
	mean, spread := 0.0, 0.0
	for k := 1; k <= p.most; k++ {
		next := make([]float64, len(going))
		ended := 0.0
		for c, q := range going {
			if q == 0 {
				continue
			}
			if k > 1 {
				c += sep
			}
			for n, r := range lengths {
				if r == 0 {
					continue
				}
				if to := c + n; to >= want && k >= p.cfg.MinWords {
					ended += q * r
				} else {
					next[min(to, len(going)-1)] += q * r
				}
			}
		}
		mean += ended * float64(k)
		spread += ended * log2Choose(p.added+k-1, k-1)
		going = next
	}
	word := math.Log2(float64(len(p.words)))
	if p.exact = p.decodable(); !p.exact {
		// The string and the lengths of its words together tell the
		// words, so the string tells at least what the lengths do not.
		for _, q := range lengths {
			if q > 0 {
				word += q * math.Log2(q)
			}
		}
	}
	p.bits = mean*word + spread
	left := p.added
	for _, s := range p.sets {
		p.bits += float64(s.n)*math.Log2(float64(s.die.n)) + log2Choose(left, s.n)
		left -= s.n
	}
}

// log2Choose returns log2 of n over k.
func log2Choose(n, k int) float64 {
	sum := 0.0
	for i := range k {
		sum += math.Log2(float64(n-i)) - math.Log2(float64(i+1))
	}
	return sum
}

// decodable reports whether a passphrase without its extras tells the words
// that it is made of: because the separator is in none of them, because just
// their first characters are capitals, or because no two sequences of words
// make the same string.
func (p *Passphrase) decodable() bool {
	if sep := p.cfg.Separator; sep != "" {
		// No word has a character of the separator.
		if !slices.ContainsFunc(p.words, func(w string) bool { return strings.ContainsAny(w, sep) }) {
			return true
		}
	}
	if p.cfg.Capitalize && p.cfg.Separator == "" && !slices.ContainsFunc(p.words, func(w string) bool { return !headed(w) }) {
		return true
	}
	words := p.words
	if sep := p.cfg.Separator; sep != "" {
		words = make([]string, len(p.words))
		for i, w := range p.words {
			words[i] = w + sep
		}
	}
	return uniquelyDecodable(words)
}

// headed reports whether the first character of w, and no other, is an upper
// case letter.
func headed(w string) bool {
	for i, r := range w {
		if unicode.IsUpper(r) != (i == 0) {
			return false
		}
	}
	return true
}

// maxTails bounds the work of uniquelyDecodable.
const maxTails = 1 << 16

// uniquelyDecodable reports whether no string is the concatenation of two
// different sequences of words (A. Sardinas and G. Patterson, 1953). It
// gives up on lists where too many words are the beginnings of others.
func uniquelyDecodable(words []string) bool {
	sorted := slices.Sorted(slices.Values(words))
	if slices.Contains(sorted, "") {
		return false
	}
	is := make(map[string]bool, len(sorted))
	for _, w := range sorted {
		is[w] = true
	}
	seen := make(map[string]bool)
	var queue []string
	add := func(tail string) {
		if !seen[tail] {
			seen[tail] = true
			queue = append(queue, tail)
		}
	}
	// longer calls do with what follows s in each word that is longer.
	longer := func(s string, do func(string)) {
		i, _ := slices.BinarySearch(sorted, s)
		for ; i < len(sorted) && strings.HasPrefix(sorted[i], s); i++ {
			if len(sorted[i]) > len(s) {
				do(sorted[i][len(s):])
			}
		}
	}
	for _, w := range sorted {
		longer(w, add)
	}
	for len(queue) > 0 {
		tail := queue[0]
		queue = queue[1:]
		if is[tail] || len(seen) > maxTails {
			return false
		}
		longer(tail, add)
		for i := 1; i < len(tail); i++ {
			if is[tail[:i]] {
				add(tail[i:])
			}
		}
	}
	return true
}

// Append appends a passphrase to dst. It allocates only if dst lacks the
// capacity.
func (p *Passphrase) Append(dst []byte, rnd *Rand) []byte {
	s := rnd.scratch(p.most + 2*p.added)
	words, extras, gaps := s[:p.most], s[p.most:p.most+p.added], s[p.most+p.added:]
	sep := utf8.RuneCountInString(p.cfg.Separator)
	n, chars := 0, p.added-sep
	for n < p.cfg.MinWords || chars < p.cfg.MinChars {
		more := 1
		if n == 0 {
			more = p.cfg.MinWords
		}
		p.die.fill(words[n:n+more], 0, rnd)
		for _, w := range words[n : n+more] {
			chars += sep + int(p.chars[w])
		}
		n += more
	}
	p.drawExtras(extras, gaps, n, rnd)
	for i, w := range words[:n] {
		if i > 0 {
			dst = append(dst, p.cfg.Separator...)
		}
		dst = append(dst, p.words[w]...)
		for j, gap := range gaps {
			if int(gap) == i {
				dst = utf8.AppendRune(dst, p.extras[extras[j]])
			}
		}
	}
	return dst
}

// drawExtras draws the extra characters, in order, and the words that each
// stands behind: of words+extras-1 places in a row, those that are left to
// the extras; the others are where one word ends and the next begins.
func (p *Passphrase) drawExtras(extras, gaps []uint32, words int, rnd *Rand) {
	at := 0
	for i := range p.sets {
		s := &p.sets[i]
		s.die.fill(extras[at:at+s.n], s.lo, rnd)
		at += s.n
	}
	rnd.shuffle(extras)
	left := len(gaps)
	word := uint32(0)
	for places := words - 1 + left; left > 0; places-- {
		if rnd.Intn(places) < left {
			gaps[len(gaps)-left] = word
			left--
		} else {
			word++
		}
	}
}

// Bits returns the Shannon entropy of a passphrase in bits; a lower bound if
// Exact reports false.
func (p *Passphrase) Bits() float64 { return p.bits }

// Exact reports whether Bits is exact. It is not where different words make
// the same string, such as "in", "put" and "input" without a separator.
func (p *Passphrase) Exact() bool { return p.exact }
