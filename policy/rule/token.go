package rule

// Tokens refuses passwords that share Length characters in a row with a value
// of the user's entry, whatever the case of ASCII letters: every part of that
// length of every value is forbidden (passwordMinTokenLength of 389 Directory
// Server). Shorter values are left out.
type Tokens struct {
	Length     int // 0 or less switches the rule off
	Attributes []string
}
