package rule

import "crypto/sha1"

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

// Check implements Rule.
func (r Pwned) Check(password []byte, _ Subject) []string {
	breached, known := false, false
	if r.Breaches != nil {
		var err error
		breached, err = r.Breaches.Breached(sha1.Sum(password))
		known = err == nil
	}
	switch {
	case known && breached:
		return []string{"The password is known from a data breach."}
	case !known && !r.AcceptOnError:
		return []string{"The password could not be compared with those known from data breaches."}
	}
	return nil
}

// Requirement implements Rule.
func (r Pwned) Requirement() Requirement {
	return Requirement{
		Text: "The password must not be known from a data breach.",
		Type: "pwned-passwords",
	}
}
