package generate

import "unicode/utf8"

// Fits reports whether str fits s. It is the plain definition of a Shape,
// against which samplers are tested. A string that is not UTF-8 fits none.
func (s Shape) Fits(str string) bool {
	if !utf8.ValidString(str) {
		return false
	}
	r := []rune(str)
	if len(r) < s.MinLength || s.MaxLength > 0 && len(r) > s.MaxLength {
		return false
	}
	for _, c := range r {
		if !s.Alphabet.Contains(c) {
			return false
		}
	}
	for _, c := range s.Counts {
		n := c.Set.count(r)
		if n < c.Min || c.Max >= 0 && n > c.Max {
			return false
		}
	}
	for _, c := range s.Choices {
		reached := 0
		for _, t := range c.Of {
			if t.Set.count(r) >= t.Min {
				reached++
			}
		}
		if reached < c.Need {
			return false
		}
	}
	for _, c := range s.Runs {
		together := func(_, _ rune) bool { return true }
		if longest(r, c.Set.Contains, together) > max(c.Max, 0) {
			return false
		}
	}
	for _, c := range s.Repeats {
		same := func(a, b rune) bool { return equal(c.Equal, a, b) }
		if longest(r, anyRune, same) > max(c.Max, 0) {
			return false
		}
	}
	for _, m := range s.Sequences {
		up := func(a, b rune) bool { return b == a+1 }
		down := func(a, b rune) bool { return b == a-1 }
		if longest(r, anyRune, up) > max(m, 0) || longest(r, anyRune, down) > max(m, 0) {
			return false
		}
	}
	for _, u := range s.Uniques {
		var different []rune
	next:
		for _, c := range r {
			for _, d := range different {
				if equal(u.Equal, c, d) {
					continue next
				}
			}
			different = append(different, c)
		}
		if len(different) < u.Min {
			return false
		}
	}
	if len(r) > 0 && (s.NotFirst.Contains(r[0]) || s.NotLast.Contains(r[len(r)-1])) {
		return false
	}
	return true
}

func anyRune(rune) bool { return true }

// longest returns the length of the longest stretch of str whose characters
// are all in the set and each joined to the one before.
func longest(str []rune, in func(rune) bool, joined func(a, b rune) bool) int {
	best, n := 0, 0
	for i, r := range str {
		switch {
		case !in(r):
			n = 0
		case n > 0 && joined(str[i-1], r):
			n++
		default:
			n = 1
		}
		best = max(best, n)
	}
	return best
}

func (s Set) count(str []rune) int {
	n := 0
	for _, r := range str {
		if s.Contains(r) {
			n++
		}
	}
	return n
}

// equal reports whether a and b count as the same character.
func equal(sets []Set, a, b rune) bool {
	if a == b {
		return true
	}
	for _, s := range sets {
		if s.Contains(a) {
			return s.Contains(b)
		}
	}
	return false
}
