package rule

// TokenPatterns refuses passwords that match a piece of the user's name or
// of an attribute value. Each piece of at least three octets is a POSIX basic
// regular expression, found anywhere and whatever the case, and as long as
// that fails to compile, a plain string (checkRDN and checkAttributes of ppm,
// which skips what does not compile).
type TokenPatterns struct {
	// RDN takes the pieces from the value in the first RDN of the subject's
	// DN, split at spaces, tabs, "," ";" "-" "_" and the octets of "£".
	RDN bool

	// Attributes takes them from the values of these types, split at spaces,
	// tabs, "," ";" "-" "_" and "@".
	Attributes []string
}
