package rule

// AttributeValues refuses passwords that are, hold or are part of a value of
// the user's entry (the attribute-value validator of PingDirectory and
// OpenDJ, which differ in what they compare). Comparison ignores case.
// Values that are not text, and those of PasswordAttribute, are left out. A
// password that equals a value is always refused.
type AttributeValues struct {
	// Attributes are the types to compare with; none means every one that
	// the subject has.
	Attributes []string

	// PasswordAttribute is where the password itself is kept. Empty means
	// userPassword.
	PasswordAttribute string

	// Reversed compares with the password spelled backwards, too.
	Reversed bool

	// InValue refuses a password that is a part of a value
	// (test-password-substring-of-attribute-value of PingDirectory).
	InValue bool

	// MinValue refuses a password that contains a whole value of at least
	// that many characters (test-attribute-value-substring-of-password with
	// minimum-attribute-value-length-for-substring-matches of PingDirectory;
	// OpenDJ before the correction of its issue 566). 0 switches it off.
	MinValue int

	// MinSubstring refuses a password of which any part of at least that
	// many UTF-16 code units is in a value; a shorter password must not be
	// in one as a whole (check-substrings with min-substring-length of
	// OpenDJ). 0 switches it off.
	MinSubstring int
}
