package policy

import "log/slog"

const redacted = "REDACTED"

// A Password is a password in memory. It prints as REDACTED everywhere:
// reading it takes an explicit Bytes. Wipe it once it is written out.
type Password struct{ b []byte }

// NewPassword returns a Password that owns b.
func NewPassword(b []byte) Password { return Password{b} }

// Bytes returns the password's octets, which are valid until Wipe.
func (p Password) Bytes() []byte { return p.b }

// Wipe overwrites the password. Copies made from Bytes are not reached.
func (p Password) Wipe() { clear(p.b) }

// String returns "REDACTED".
func (p Password) String() string { return redacted }

// GoString returns "REDACTED".
func (p Password) GoString() string { return redacted }

// MarshalText returns "REDACTED", so that no encoder writes a password by
// accident.
func (p Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "REDACTED".
func (p Password) LogValue() slog.Value { return slog.StringValue(redacted) }
