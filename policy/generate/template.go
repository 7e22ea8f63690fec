package generate

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// A Template draws passwords whose characters at each place come from a
// fixed set, as the random password generators of OpenDJ and PingDirectory
// do. It is immutable and safe for concurrent use.
type Template struct {
	parts []templatePart
	ascii bool
	bits  float64
}

// A TemplatePart stands for Count places in a row.
type TemplatePart struct {
	// Characters is what each place is drawn from. A character that
	// occurs more often is as much likelier.
	Characters string
	Count      int // at least 1
}

type templatePart struct {
	chars []rune
	bytes []byte // the same, where all parts are ASCII
	die   die
	count int
}

// NewTemplate returns a Template of the parts, one after the other. It is an
// error if a part has no characters or no place, if characters are not UTF-8,
// or if there is no part or more than MaxChars places.
func NewTemplate(parts []TemplatePart) (*Template, error) {
	t := &Template{ascii: true}
	total := 0
	for i, p := range parts {
		switch {
		case p.Count < 1:
			return nil, fmt.Errorf("part %d of the template has a count of %d", i+1, p.Count)
		case p.Characters == "":
			return nil, fmt.Errorf("part %d of the template has no characters", i+1)
		case !utf8.ValidString(p.Characters):
			return nil, fmt.Errorf("the characters of part %d of the template are not UTF-8", i+1)
		case p.Count > MaxChars-total:
			return nil, fmt.Errorf("the template has more than %d characters", MaxChars)
		}
		total += p.Count
		q := templatePart{chars: []rune(p.Characters), count: p.Count}
		q.die = newDie(len(q.chars))
		t.ascii = t.ascii && len(q.chars) == len(p.Characters)
		q.bytes = []byte(p.Characters)
		t.parts = append(t.parts, q)
		t.bits += float64(p.Count) * shannon(q.chars)
	}
	if total == 0 {
		return nil, fmt.Errorf("the template has no characters")
	}
	return t, nil
}

// shannon returns the entropy, in bits, of an element of s.
func shannon[E comparable](s []E) float64 {
	n := make(map[E]int)
	for _, e := range s {
		n[e]++
	}
	// A multiple of 1/len(s), summed by frequency so that equal
	// distributions have equal entropies, whatever the order of the map.
	times := make(map[int]int)
	most := 0
	for _, k := range n {
		times[k]++
		most = max(most, k)
	}
	sum := 0.0
	for k := 1; k <= most; k++ {
		sum += float64(times[k]*k) * math.Log2(float64(k))
	}
	return math.Log2(float64(len(s))) - sum/float64(len(s))
}

// Append appends a password to dst. It allocates only if dst lacks the
// capacity.
func (t *Template) Append(dst []byte, rnd *Rand) []byte {
	for i := range t.parts {
		p := &t.parts[i]
		if t.ascii {
			n := len(dst)
			dst = grow(dst, p.count)
			p.die.fillBytes(dst[n:], p.bytes, rnd)
			continue
		}
		s := rnd.scratch(p.count)
		p.die.fill(s, 0, rnd)
		for _, c := range s {
			dst = utf8.AppendRune(dst, p.chars[c])
		}
	}
	return dst
}

// Bits returns the Shannon entropy of a password in bits.
func (t *Template) Bits() float64 { return t.bits }

// grow returns dst with n more octets.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) < n {
		return append(dst, make([]byte, n)...)
	}
	return dst[:len(dst)+n]
}
