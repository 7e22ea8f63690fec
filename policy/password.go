package policy

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "REDACTED"

// A Password is a password in memory. It prints as REDACTED everywhere:
// reading it takes an explicit Bytes. Wipe it once it is written out.
type Password struct {
	// fmt calls no methods on unexported fields. Inside another struct it
	// prints an address for a pointer; but for %s, what that points to. For
	// a pointer to a pointer, it prints an address whatever the verb.
	b **[]byte
}

// NewPassword returns a Password that owns b.
func NewPassword(b []byte) Password {
	// In one piece, to allocate once.
	h := &struct {
		p *[]byte
		b []byte
	}{b: b}
	h.p = &h.b
	return Password{&h.p}
}

// Bytes returns the password's octets, which are valid until Wipe.
func (p Password) Bytes() []byte {
	if p.b == nil {
		return nil
	}
	return **p.b
}

// Wipe overwrites the password. Copies made from Bytes are not reached.
func (p Password) Wipe() { clear(p.Bytes()) }

// Format writes "REDACTED", whatever the verb.
func (p Password) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText returns "REDACTED", so that no encoder writes a password by
// accident.
func (p Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "REDACTED".
func (p Password) LogValue() slog.Value { return slog.StringValue(redacted) }
