package rule

import "github.com/ldapsuggest/ldapsuggest/policy/generate"

// DisallowedCharacters forbids characters anywhere, at the beginning and at
// the end.
type DisallowedCharacters struct {
	Anywhere, Leading, Trailing generate.Set
}
