package rule

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// StoredPasswords are passwords as a directory keeps them, hashed or in clear
// text. They print as REDACTED everywhere: reading them takes an explicit
// Values.
type StoredPasswords struct {
	// fmt calls no methods on unexported fields. For a pointer to a pointer
	// inside another struct, it prints an address, whatever the verb.
	values **[]string
}

// NewStoredPasswords returns StoredPasswords that own values.
func NewStoredPasswords(values []string) StoredPasswords {
	p := &values
	return StoredPasswords{&p}
}

// Values returns the stored values, which must not be changed.
func (p StoredPasswords) Values() []string {
	if p.values == nil {
		return nil
	}
	return **p.values
}

// Equal reports whether two lists hold the same values in the same order.
func (p StoredPasswords) Equal(q StoredPasswords) bool { return slices.Equal(p.Values(), q.Values()) }

// Format writes "REDACTED", whatever the verb.
func (p StoredPasswords) Format(f fmt.State, _ rune) { io.WriteString(f, "REDACTED") }

// MarshalText returns "REDACTED", so that no encoder writes a password by
// accident.
func (p StoredPasswords) MarshalText() ([]byte, error) { return []byte("REDACTED"), nil }

// LogValue returns "REDACTED".
func (p StoredPasswords) LogValue() slog.Value { return slog.StringValue("REDACTED") }
