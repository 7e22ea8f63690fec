package rule

import "github.com/ldapsuggest/ldapsuggest/policy/generate"

// atLeast raises the minimum length of a shape.
func atLeast(shape *generate.Shape, n int) {
	shape.MinLength = max(shape.MinLength, n)
}

// atMost lowers the maximum length of a shape; 0 is no bound.
func atMost(shape *generate.Shape, n int) {
	if n > 0 && (shape.MaxLength == 0 || n < shape.MaxLength) {
		shape.MaxLength = n
	}
}

// demand asks for n characters of a set; n of 0 or less asks for nothing.
func demand(shape *generate.Shape, set generate.Set, n int) {
	if n > 0 {
		shape.Counts = append(shape.Counts, generate.Count{Set: set, Min: n, Max: generate.NoMax})
	}
}

// forbid bars the characters of a set.
func forbid(shape *generate.Shape, set generate.Set) {
	if set.Len() > 0 {
		shape.Counts = append(shape.Counts, generate.Count{Set: set})
	}
}

// forbidRun bars more than limit characters in a row that are in set.
func forbidRun(shape *generate.Shape, set generate.Set, limit int) {
	switch {
	case set.Len() == 0:
	case limit < 1:
		forbid(shape, set)
	default:
		shape.Runs = append(shape.Runs, generate.Run{Set: set, Max: limit})
	}
}

// pick returns the characters of set that satisfy keep.
func pick(set generate.Set, keep func(rune) bool) generate.Set {
	var out []rune
	for _, r := range set.Runes() {
		if keep(r) {
			out = append(out, r)
		}
	}
	return generate.NewSet(string(out))
}

// bothCases returns the characters of s with their ASCII counterparts.
func bothCases(s string) generate.Set {
	var out []rune
	for _, r := range s {
		out = append(out, r)
		if isUpper(r) || isLower(r) {
			out = append(out, r^0x20)
		}
	}
	return generate.NewSet(string(out))
}
