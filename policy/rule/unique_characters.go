package rule

// UniqueCharacters demands a number of different characters.
type UniqueCharacters struct {
	Min           int // 0 or less switches the rule off
	CaseSensitive bool
}
