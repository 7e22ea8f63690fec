package rule

// Palindrome refuses passwords that read the same backwards, octet by octet.
// A password of one octet does.
type Palindrome struct {
	// IgnoreCase takes ASCII letters of either case for the same (FreeIPA).
	IgnoreCase bool
}
