package rule

// Breaches knows which passwords are public. Implementations are safe for
// concurrent use.
type Breaches interface {
	// Breached reports whether a password with that SHA-1 is public.
	Breached(sha1 [20]byte) (bool, error)
}

// Pwned refuses passwords that are known from breaches.
type Pwned struct {
	Breaches Breaches

	// AcceptOnError accepts a password that could not be looked up.
	AcceptOnError bool
}
