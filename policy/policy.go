package policy

import (
	"time"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A Policy is what a dialect read: every demand on a new password, with its
// source. It is immutable once returned from Dialect.Load.
type Policy struct {
	// DN is the policy entry as the directory spells it. Empty means that
	// no policy is in force: the directory accepts anything.
	DN string

	// Demands are the rules, in the order in which the directory checks
	// them or lists them.
	Demands []Demand

	// Generator is the directory's own, where the policy names one. If nil,
	// passwords are drawn from the shape of the rules.
	Generator generate.Generator

	// GeneratorDN is the entry of Generator.
	GeneratorDN string

	// ASCIIOnly says that the directory counts or classes bytes, so that
	// generated passwords must keep to ASCII for the shape to be exact.
	ASCIIOnly bool

	// Blocked, if not empty, is the reason for which the directory would
	// refuse every new password, whatever it is: a check module that is not
	// installed, say. Nothing is suggested under such a policy.
	Blocked string

	// MustChange says that a password set by an administrator has to be
	// changed by its owner at the next bind.
	MustChange bool

	// MaxAge is the time after which a password expires; 0 means never.
	MaxAge time.Duration

	// RequireCurrent says that a user has to give the current password to
	// change it.
	RequireCurrent bool

	// History is the number of earlier passwords that the directory refuses,
	// the current one included; 0 if it keeps none.
	History int
}

// A Demand is a rule with the place that it was read from.
type Demand struct {
	Rule   rule.Rule
	Source Source
}

// A Source names the attribute value that a rule comes from. Attribute and
// Value are empty for a rule that the directory applies by itself.
type Source struct {
	DN        string
	Attribute string
	Value     string
}

// String returns the source as "attribute: value (dn)", leaving out what is
// empty.
func (s Source) String() string {
	t := s.Attribute
	if s.Value != "" {
		t += ": " + s.Value
	}
	if s.DN != "" {
		if t != "" {
			t += " "
		}
		t += "(" + s.DN + ")"
	}
	return t
}
