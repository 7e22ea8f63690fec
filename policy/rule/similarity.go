package rule

// Similarity demands that a password differ from the current one, as far as
// the caller knows it (Subject.Current), by at least MinDistance insertions,
// deletions and substitutions of characters (Levenshtein). It passes where
// none is known.
type Similarity struct{ MinDistance int }
