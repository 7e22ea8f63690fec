package generate

import (
	"slices"
	"unicode/utf8"
)

// Length returns the number of characters of every password.
func (t *Template) Length() int {
	n := 0
	for _, p := range t.parts {
		n += p.count
	}
	return n
}

// Lengths returns the fewest and the most characters that a passphrase can
// have.
func (p *Passphrase) Lengths() (least, most int) {
	shortest, longest := int(slices.Min(p.chars)), int(slices.Max(p.chars))
	separator := utf8.RuneCountInString(p.cfg.Separator)
	// of returns the characters of n words of one length.
	of := func(n, chars int) int { return n*chars + (n-1)*separator + p.added }
	least = max(of(p.cfg.MinWords, shortest), p.cfg.MinChars)
	// The last word may begin where one character is missing.
	most = max(of(p.cfg.MinWords, longest), p.cfg.MinChars-1+separator+longest)
	return least, most
}

// ASCII reports whether no character beyond ASCII is ever drawn.
func (s *Sampler) ASCII() bool { return s.ascii }
