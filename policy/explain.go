package policy

import (
	"errors"
	"math"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// An Explanation tells which policy is in force, why, what it demands, and
// how passwords are made under it. It is for people and for programs: its
// JSON form is what ldapsuggest policy explain --json prints and what the
// REST API answers.
type Explanation struct {
	// Dialect is how the policy was read.
	Dialect string `json:"dialect,omitempty"`

	// Target is the entry that was asked about, and TargetExists whether it
	// is there.
	Target       string `json:"targetEntryDN,omitempty"`
	TargetExists *bool  `json:"targetEntryExists,omitempty"`

	// PolicyDN is empty if no policy is in force.
	PolicyDN string `json:"passwordPolicyDN"`

	// Resolution tells how the policy was found, step by step.
	Resolution []ExplainedStep `json:"resolution"`

	// Rules are the demands, in the order in which they are checked.
	Rules []ExplainedRule `json:"rules"`

	// Satisfiable is false if it is proved that no password is accepted.
	// Conflict then holds a smallest set of demands that exclude each other,
	// and Reason says so in words.
	Satisfiable bool              `json:"satisfiable"`
	Conflict    []ExplainedSource `json:"conflict,omitempty"`
	Reason      string            `json:"unsatisfiableReason,omitempty"`

	// Generator is nil if nothing can be suggested.
	Generator *ExplainedGenerator `json:"generator,omitempty"`

	// What else the policy says.
	MustChange     bool  `json:"mustChangeAfterReset"`
	RequireCurrent bool  `json:"currentPasswordRequired"`
	MaxAgeSeconds  int64 `json:"maxAgeSeconds,omitempty"`
	History        int   `json:"historyCount,omitempty"`
}

// An ExplainedStep is a Step.
type ExplainedStep struct {
	DN        string `json:"dn,omitempty"`
	Attribute string `json:"attribute,omitempty"`
	Value     string `json:"value,omitempty"`
	Text      string `json:"text"`
}

// An ExplainedSource is a Source.
type ExplainedSource struct {
	DN        string `json:"dn,omitempty"`
	Attribute string `json:"attribute,omitempty"`
	Value     string `json:"value,omitempty"`
}

// An ExplainedRule is a demand in words, with where it was read and, where a
// client can check it, its type and parameters.
type ExplainedRule struct {
	Requirement string              `json:"requirement"`
	Source      ExplainedSource     `json:"source"`
	Type        string              `json:"type,omitempty"`
	Properties  []ExplainedProperty `json:"properties,omitempty"`
}

// An ExplainedProperty is a rule.Property.
type ExplainedProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// An ExplainedGenerator tells how passwords are made.
type ExplainedGenerator struct {
	// Kind is "random" (uniform over the shape of the rules), "template",
	// "passphrase" or "other".
	Kind string `json:"kind"`

	// DN is the generator's entry, if the directory names one.
	DN string `json:"dn,omitempty"`

	// MinLength and MaxLength are the numbers of characters that passwords
	// have; 0 where they are not known.
	MinLength int `json:"minLength,omitempty"`
	MaxLength int `json:"maxLength,omitempty"`

	// EntropyBits is the entropy of a password, cut to hundredths of a bit,
	// and Entropy what kind of figure it is.
	EntropyBits float64     `json:"entropyBits"`
	Entropy     EntropyKind `json:"entropy"`

	// Note tells why it is not the kind that the configuration asks for.
	Note string `json:"note,omitempty"`
}

// An EntropyKind says how an entropy relates to the true one.
type EntropyKind string

// The kinds of entropy. What is drawn is checked against rules that have no
// shape and against a list of breached passwords, and drawn again; how much
// that takes away is not known, so a figure then is an upper bound.
const (
	EntropyExact      EntropyKind = "exact"
	EntropyUpperBound EntropyKind = "upper bound"
	EntropyLowerBound EntropyKind = "lower bound" // of what is drawn, before checks
)

// Explain tells what is in force. The dialect's name is for the reader.
func (e *Effective) Explain(dialect string) *Explanation {
	p := e.Policy
	x := &Explanation{
		Dialect: dialect, Target: e.Subject.DN, PolicyDN: p.DN, Satisfiable: true,
		Resolution: make([]ExplainedStep, 0, len(e.Steps)), Rules: make([]ExplainedRule, 0, len(p.Demands)),
		MustChange: p.MustChange, RequireCurrent: p.RequireCurrent, MaxAgeSeconds: int64(p.MaxAge.Seconds()), History: p.History,
	}
	if x.Target != "" {
		x.TargetExists = &e.Exists
	}
	for _, s := range e.Steps {
		x.Resolution = append(x.Resolution, ExplainedStep(s))
	}
	for _, d := range p.Demands {
		r := d.Rule.Requirement()
		out := ExplainedRule{Requirement: r.Text, Source: ExplainedSource(d.Source), Type: r.Type}
		for _, q := range r.Properties {
			out.Properties = append(out.Properties, ExplainedProperty(q))
		}
		x.Rules = append(x.Rules, out)
	}
	e.explainGenerator(x)
	return x
}

func (e *Effective) explainGenerator(x *Explanation) {
	c := e.Compiled
	if c.Policy.Blocked != "" {
		x.Satisfiable, x.Reason = false, c.fault.Text
		return
	}
	g, fault := c.generator, c.fault
	if fault == nil && c.perEntry && c.Policy.Generator == nil && len(e.Subject.Attributes) > 0 {
		g, fault = c.forSubject(e.Subject)
	}
	if fault == nil && c.Policy.Generator != nil {
		// The directory's generator makes something, whether or not it can
		// ever be accepted.
		fault = c.proveSatisfiable(e.Subject)
	}
	if fault != nil {
		x.Reason = fault.Text
		// What is merely too complex may have passwords.
		if errors.Is(fault, generate.ErrUnsatisfiable) {
			x.Satisfiable = false
			for _, d := range c.conflict(c.Policy.Demands, e.Subject) {
				x.Conflict = append(x.Conflict, ExplainedSource(d.Source))
			}
		}
	}
	if g != nil {
		x.Generator = c.explain(g)
	}
}

func (c *Compiled) explain(g generate.Generator) *ExplainedGenerator {
	x := &ExplainedGenerator{Kind: "other", EntropyBits: math.Floor(g.Bits()*100) / 100, Entropy: EntropyExact, Note: c.note}
	if c.Policy.Generator != nil {
		x.DN = c.Policy.GeneratorDN
	}
	exact := true
	switch g := g.(type) {
	case *generate.Sampler:
		x.Kind, x.MinLength, x.MaxLength, exact = "random", g.Length(), g.Length(), g.Exact()
	case *generate.Template:
		x.Kind, x.MinLength, x.MaxLength = "template", g.Length(), g.Length()
	case *generate.Passphrase:
		x.Kind = "passphrase"
		x.MinLength, x.MaxLength = g.Lengths()
		if !g.Exact() {
			x.Entropy = EntropyLowerBound
			return x
		}
	}
	// Of a sampler, nothing is turned down if its shape says all of every
	// rule. Other generators know no rules.
	sampler, _ := g.(*generate.Sampler)
	for _, d := range c.Policy.Demands {
		exact = exact && sampler != nil && sampler.ASCII() && rule.Stated(d.Rule)
	}
	if !exact || c.cfg.Screen != nil {
		x.Entropy = EntropyUpperBound
	}
	return x
}

// proveSatisfiable returns the error of a policy whose demands no password
// meets, nil if there may be one.
func (c *Compiled) proveSatisfiable(s rule.Subject) *result.Error {
	demands := c.Policy.Demands
	alphabets := c.alphabets(demands)
	if generate.Satisfiable(c.shapeOf(demands, alphabets[len(alphabets)-1], s)) {
		return nil
	}
	return result.Wrap(generate.ErrUnsatisfiable, result.UnwillingToPerform,
		"no password can satisfy %s: %s", c.Policy.label(), conflictText(c.conflict(demands, s)))
}

// Withhold leaves out what was read from the entries that show reports false
// for: the values, and the sentences about them. Which rules there are, and
// in words what they demand, is for everybody who may ask at all.
func (x *Explanation) Withhold(show func(dn string) bool) {
	const withheld = "What this entry says is not shown to the caller."
	for i := range x.Resolution {
		if s := &x.Resolution[i]; s.DN != "" && !show(s.DN) {
			*s = ExplainedStep{Text: withheld}
		}
	}
	source := func(s *ExplainedSource) {
		if s.DN != "" && !show(s.DN) {
			*s = ExplainedSource{}
		}
	}
	for i := range x.Rules {
		source(&x.Rules[i].Source)
	}
	hidden := false
	for i := range x.Conflict {
		hidden = hidden || x.Conflict[i].DN != "" && !show(x.Conflict[i].DN)
		source(&x.Conflict[i])
	}
	if hidden {
		x.Reason = "no password can satisfy the policy"
	}
	if g := x.Generator; g != nil && g.DN != "" && !show(g.DN) {
		g.DN = ""
	}
}
