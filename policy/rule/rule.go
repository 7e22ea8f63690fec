// Package rule holds the demands that password policies make, one file a
// rule: how a password is checked against it, how it is put into words, and,
// where it can be, what it means for the shape of a password.
//
// Rules are values that a dialect (policy/dialect/...) builds from directory
// entries. A rule must give the same verdict wherever it was read, so the
// package knows no directory: it imports the standard library,
// policy/generate, policy/dn for the names in a Subject, and an engine for
// the patterns that the standard library cannot match.
package rule

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// A Rule is one demand on a password. Implementations are immutable and safe
// for concurrent use.
type Rule interface {
	// Check returns the reasons for which password breaks the rule, as
	// sentences for people; none means that it keeps it. A reason must not
	// contain the password or a part of it. Check must not retain password.
	Check(password []byte, s Subject) []string

	// Requirement puts the rule into words and properties.
	Requirement() Requirement
}

// A Shaper is a Rule that can be stated as the shape of a password, wholly or
// in part. What Narrow does not state, Check still finds.
type Shaper interface {
	Rule
	// Narrow adds the rule's constraints to shape.
	Narrow(shape *generate.Shape)
}

// A SubjectShaper is a Rule whose constraints depend on whose password it
// is, such as one that forbids every letter of a short name.
type SubjectShaper interface {
	Rule
	// NarrowFor adds the constraints that hold for s and reports whether
	// there are any.
	NarrowFor(shape *generate.Shape, s Subject) bool
}

// A Requirement describes a rule to people and to clients that check
// passwords on their own (the PasswordQualityRequirement of the Get Password
// Quality Requirements operation).
type Requirement struct {
	// Text is a full sentence: "The password must ...".
	Text string
	// Type names the kind of check, such as "length" or "character-set".
	// Empty where a client cannot perform it.
	Type string
	// Properties are the parameters of the check, in a stable order.
	Properties []Property
}

// A Property is one parameter of a client-side check.
type Property struct{ Name, Value string }

// A Subject is the entry whose password is checked. The zero Subject is a
// user of whom nothing is known: rules that compare with attribute values
// then pass.
type Subject struct {
	DN string
	// Attributes holds the values by lower-case attribute type.
	Attributes map[string][]string

	// Current holds the clear-text passwords that the user has now, as far
	// as the caller knows them: those given with a change of one's own.
	Current [][]byte

	// Stored holds the passwords, current and earlier, with which the
	// directory compares a new one, the newest first, as far as they can be
	// read. No rule looks at them: it takes time.
	Stored StoredPasswords
}

// Values returns the values of an attribute, whatever the case of its name.
func (s Subject) Values(attribute string) []string {
	return s.Attributes[strings.ToLower(attribute)]
}

// String returns the subject's DN, so that nothing prints a password by
// accident.
func (s Subject) String() string { return s.DN }

// GoString is String.
func (s Subject) GoString() string { return s.DN }

// values yields the attributes of s with each of their values that is not
// empty: of all types, or of those wanted, without the types left out. A type
// with options (RFC 4512 2.5) counts as the type itself. The order is stable;
// the name is as it was wanted, or the type as the subject has it.
func (s Subject) values(wanted []string, without ...string) iter.Seq2[string, string] {
	find := func(names []string, key string) (string, bool) {
		base, _, _ := strings.Cut(key, ";")
		for _, name := range names {
			if strings.EqualFold(name, base) || strings.EqualFold(name, key) {
				return name, true
			}
		}
		return base, false
	}
	return func(yield func(string, string) bool) {
		for _, key := range slices.Sorted(maps.Keys(s.Attributes)) {
			if _, out := find(without, key); out {
				continue
			}
			name, in := find(wanted, key)
			if !in && len(wanted) > 0 {
				continue
			}
			for _, value := range s.Attributes[key] {
				if value != "" && !yield(name, value) {
					return
				}
			}
		}
	}
}

// texts is values without those that are pictures, keys or hashes rather
// than characters.
func (s Subject) texts(wanted []string, without ...string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for name, value := range s.values(wanted, without...) {
			if isText(value) && !yield(name, value) {
				return
			}
		}
	}
}

func isText(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsFunc(value, func(r rune) bool {
		return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r)
	})
}
