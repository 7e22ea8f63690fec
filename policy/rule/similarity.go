package rule

// Similarity demands that a password differ from the current one, as far as
// the caller knows it (Subject.Current), by at least MinDistance insertions,
// deletions and substitutions of characters (Levenshtein). It passes where
// none is known.
type Similarity struct{ MinDistance int }

// Check implements Rule.
func (r Similarity) Check(password []byte, s Subject) []string {
	for _, current := range s.Current {
		if !atDistance([]rune(string(password)), []rune(string(current)), r.MinDistance) {
			return []string{"The password is too similar to the current one."}
		}
	}
	return nil
}

// Requirement implements Rule.
func (r Similarity) Requirement() Requirement {
	return Requirement{
		Text:       "The password must differ from the current one in at least " + quantity(r.MinDistance, "character", "characters") + ".",
		Type:       "similarity",
		Properties: []Property{property("min-password-difference", r.MinDistance)},
	}
}

// atDistance reports whether the Levenshtein distance of a and b is at least
// n.
func atDistance(a, b []rune, n int) bool {
	if len(a)-len(b) >= n || len(b)-len(a) >= n {
		return true
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, c := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, d := range b {
			cost := diagonal
			if c != d {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)] >= n
}
