package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// Config says how passwords are made where the directory names no generator
// of its own. The zero Config has the documented defaults.
type Config struct {
	// Length is the number of characters wanted. 0 means 16. A policy may
	// demand more or allow only fewer.
	Length int

	// MinEntropyBits is the entropy that a password shall have; the length
	// grows until it does, within the policy's maximum. 0 means 80.
	MinEntropyBits float64

	// Alphabet is what to draw from. The zero Set means printable ASCII
	// without look-alikes. A class that the policy demands is never emptied:
	// the alphabet is widened where the policy cannot be met without.
	Alphabet generate.Set

	// Passphrase, if not nil, asks for words instead of characters. Its
	// MinWords is raised until passphrases have MinEntropyBits; Length and
	// Alphabet do not count for the words. What the policy demands besides,
	// such as digits and symbols, is added (its Extras are ignored). Where
	// passphrases do not suit a policy, because it allows too few
	// characters, say, characters are drawn as without it, and
	// Effective.Explain says so.
	Passphrase *generate.PassphraseConfig

	// NotFirst are characters that no password begins with, besides "{",
	// which directories take for the start of a hash.
	NotFirst generate.Set

	// Screen, if not nil, reports passwords that are not to be suggested
	// although the directory would take them: those known from breaches.
	// They are drawn again, which is no validation attempt. It must be safe
	// for concurrent use and must not retain the password.
	Screen func(password []byte) bool

	// slots bounds how many comparisons with stored passwords run at a time,
	// across all policies of a Service.
	slots chan struct{}
}

// maxScreened is how many candidates in a row Screen may turn down.
const maxScreened = 1000

func (c Config) withDefaults() Config {
	if c.Length == 0 {
		c.Length = 16
	}
	if c.MinEntropyBits == 0 {
		c.MinEntropyBits = 80
	}
	if c.Alphabet.Len() == 0 {
		c.Alphabet = generate.Printable.Minus(generate.LookAlikes)
	}
	c.NotFirst = c.NotFirst.Union(generate.NewSet("{"))
	if c.slots == nil {
		c.slots = comparisons()
	}
	return c
}

// A Compiled policy is ready to suggest and to validate. It is immutable and
// safe for concurrent use.
type Compiled struct {
	Policy *Policy

	cfg       Config
	generator generate.Generator
	shape     generate.Shape // what generator was compiled from; unused if the policy has its own
	perEntry  bool           // some rule narrows the shape for its subject
	fault     *result.Error  // why nothing can be suggested
	spoken    bool           // generator is of Config.Passphrase
	note      string         // why it is not, though Config.Passphrase is there
}

// Compile prepares a policy. A policy that nothing can satisfy compiles: it
// can still validate, explain itself and say what is in conflict, and
// Unsatisfiable reports it.
func Compile(p *Policy, cfg Config) *Compiled {
	c := &Compiled{Policy: p, cfg: cfg.withDefaults()}
	for _, d := range p.Demands {
		if _, ok := d.Rule.(rule.SubjectShaper); ok {
			c.perEntry = true
		}
	}
	switch {
	case p.Blocked != "":
		c.fault = result.New(result.UnwillingToPerform, "the directory refuses every new password under %s: %s", p.label(), p.Blocked)
	case p.Generator != nil:
		c.generator = p.Generator
	default:
		c.generator, c.shape, c.fault = c.fit(p.Demands, rule.Subject{})
		if c.fault == nil && cfg.Passphrase != nil {
			c.usePassphrase()
		}
	}
	return c
}

// Unsatisfiable returns the error that every suggestion under this policy
// ends with, naming the demands in conflict, or nil.
func (c *Compiled) Unsatisfiable() error {
	if c.fault == nil {
		return nil
	}
	return c.fault
}

// Bits is the entropy of a suggested password in bits: exact for a policy
// that is all shape, an upper bound where further checks remain. 0 if
// nothing can be suggested.
func (c *Compiled) Bits() float64 {
	if c.generator == nil {
		return 0
	}
	return c.generator.Bits()
}

// fit compiles the shape of the demands over the narrowest alphabet that can
// satisfy them.
func (c *Compiled) fit(demands []Demand, s rule.Subject) (generate.Generator, generate.Shape, *result.Error) {
	target := generate.Target{Length: c.cfg.Length, Bits: c.cfg.MinEntropyBits}
	var err error
	for _, alphabet := range c.alphabets(demands) {
		shape := c.shapeOf(demands, alphabet, s)
		var sampler *generate.Sampler
		sampler, err = generate.Compile(shape, target)
		if err == nil {
			return sampler, shape, nil
		}
		if !errors.Is(err, generate.ErrUnsatisfiable) {
			return nil, shape, result.Wrap(err, result.UnwillingToPerform, "no generator for %s: %v", c.Policy.label(), err)
		}
	}
	return nil, generate.Shape{}, result.Wrap(err, result.UnwillingToPerform,
		"no password can satisfy %s: %s", c.Policy.label(), conflictText(c.conflict(demands, s)))
}

func (c *Compiled) shapeOf(demands []Demand, alphabet generate.Set, s rule.Subject) generate.Shape {
	shape := generate.Shape{Alphabet: alphabet, NotFirst: c.cfg.NotFirst}
	for _, d := range demands {
		if r, ok := d.Rule.(rule.Shaper); ok {
			r.Narrow(&shape)
		}
		if r, ok := d.Rule.(rule.SubjectShaper); ok {
			r.NarrowFor(&shape, s)
		}
	}
	return shape
}

// alphabets returns the alphabets to try, each wider than the one before:
// the configured one with the demanded classes that it lacks, printable
// ASCII, and every character that a demand mentions.
func (c *Compiled) alphabets(demands []Demand) []generate.Set {
	probe := c.shapeOf(demands, generate.Printable, rule.Subject{})
	preferred, mentioned := c.cfg.Alphabet, generate.Set{}
	need := func(set generate.Set, minimum int) {
		mentioned = mentioned.Union(set)
		if minimum <= 0 || set.Intersect(preferred).Len() > 0 {
			return
		}
		if ascii := set.Intersect(generate.Printable); ascii.Len() > 0 {
			preferred = preferred.Union(ascii)
		} else if !c.Policy.ASCIIOnly {
			preferred = preferred.Union(set)
		}
	}
	for _, n := range probe.Counts {
		need(n.Set, n.Min)
	}
	for _, choice := range probe.Choices {
		for _, t := range choice.Of {
			mentioned = mentioned.Union(t.Set)
		}
	}
	all := []generate.Set{preferred, preferred.Union(generate.Printable)}
	if !c.Policy.ASCIIOnly {
		all = append(all, all[1].Union(mentioned))
	}
	return all
}

// conflict returns a smallest set of demands that cannot be satisfied
// together: without any one of them, the rest can.
func (c *Compiled) conflict(demands []Demand, s rule.Subject) []Demand {
	satisfiable := func(ds []Demand) bool {
		alphabets := c.alphabets(ds)
		return generate.Satisfiable(c.shapeOf(ds, alphabets[len(alphabets)-1], s))
	}
	core := append([]Demand(nil), demands...)
	for i := 0; i < len(core); {
		rest := append(append([]Demand(nil), core[:i]...), core[i+1:]...)
		if satisfiable(rest) {
			i++
		} else {
			core = rest
		}
	}
	return core
}

func conflictText(core []Demand) string {
	if len(core) == 1 {
		return core[0].Source.String() + " cannot be met"
	}
	texts := make([]string, len(core))
	for i, d := range core {
		texts[i] = d.Source.String()
	}
	return "these demands exclude each other: " + strings.Join(texts, "; ")
}

func (p *Policy) label() string {
	if p.DN == "" {
		return "the policy in force"
	}
	return fmt.Sprintf("the policy %q", p.DN)
}

// A Suggestion is one generated password with what validation said.
type Suggestion struct {
	Password  Password
	Validated bool     // whether it was checked against the policy
	Errors    []string // why it would be refused; none if it passed
}

// SuggestOptions say how many passwords, and how hard to try.
type SuggestOptions struct {
	// Count is the number of passwords, at least 1.
	Count int
	// Attempts is how many candidates are drawn for one password until one
	// passes; the last is returned with its errors if none does. 0 means no
	// validation at all.
	Attempts int
	// Rand is the source of randomness; nil means crypto/rand.
	Rand *generate.Rand
}

// Suggest draws passwords for a subject. None is one of s.Current or s.Stored
// if the policy looks back: it is drawn again, which is no attempt.
func (c *Compiled) Suggest(ctx context.Context, s rule.Subject, o SuggestOptions) ([]Suggestion, error) {
	g, err := c.generatorFor(s)
	if err != nil {
		return nil, err
	}
	return c.suggestAll(ctx, g, s, o)
}

func (c *Compiled) suggestAll(ctx context.Context, g generate.Generator, s rule.Subject, o SuggestOptions) ([]Suggestion, error) {
	var before *past
	if g.Bits() < surelyNew {
		before = c.pastOf(s)
		defer before.wipe()
	}
	rnd := o.Rand
	if rnd == nil {
		rnd = generate.NewRand(nil)
		defer rnd.Wipe()
	}
	out := make([]Suggestion, o.Count)
	for i := range out {
		if err := ctx.Err(); err != nil {
			wipe(out[:i])
			return nil, err
		}
		var err error
		if out[i], err = c.suggest(ctx, g, s, before, o.Attempts, rnd); err != nil {
			wipe(out[:i])
			return nil, err
		}
	}
	return out, nil
}

func (c *Compiled) suggest(ctx context.Context, g generate.Generator, s rule.Subject, before *past, attempts int, rnd *generate.Rand) (Suggestion, error) {
	validate := attempts > 0 && len(c.Policy.Demands) > 0
	buf := make([]byte, 0, 64)
	for try, used := 1, 0; ; {
		var err error
		if buf, err = c.draw(buf, g, rnd); err != nil {
			return Suggestion{}, err
		}
		var reasons []string
		if validate {
			reasons = c.Validate(buf, s)
		}
		if len(reasons) > 0 && try < attempts {
			try++
			continue
		}
		if before != nil && len(reasons) == 0 {
			again, err := before.holds(ctx, buf)
			if again {
				if used++; used < maxUsed {
					continue
				}
				err = c.allUsed()
			}
			if err != nil {
				clear(buf)
				return Suggestion{}, err
			}
		}
		return Suggestion{Password: NewPassword(buf), Validated: validate, Errors: reasons}, nil
	}
}

// draw replaces what is in buf by a candidate that Screen lets through.
func (c *Compiled) draw(buf []byte, g generate.Generator, rnd *generate.Rand) ([]byte, error) {
	for range maxScreened {
		last := buf
		buf = g.Append(buf[:0], rnd)
		if cap(last) != cap(buf) {
			clear(last[:cap(last)]) // it grew: wipe what was left behind
		}
		if c.spoken && g == c.generator && c.shapeFaults(buf) != nil {
			continue // what a shape would have ruled out
		}
		if c.cfg.Screen == nil || !c.cfg.Screen(buf) {
			return buf, nil
		}
	}
	clear(buf)
	return nil, result.New(result.UnwillingToPerform, "every one of %d passwords drawn under %s is publicly known: the policy allows too few", maxScreened, c.Policy.label())
}

// forSubject narrows the generator for one entry where a rule asks for it.
func (c *Compiled) forSubject(s rule.Subject) (generate.Generator, *result.Error) {
	var probe generate.Shape
	narrows := false
	for _, d := range c.Policy.Demands {
		if r, ok := d.Rule.(rule.SubjectShaper); ok && r.NarrowFor(&probe, s) {
			narrows = true
		}
	}
	if !narrows {
		return c.generator, nil
	}
	g, _, fault := c.fit(c.Policy.Demands, s)
	return g, fault
}

// Validate returns every reason for which the directory would refuse
// password for s, whatever it was before; none means that it accepts it,
// unless Used reports true.
func (c *Compiled) Validate(password []byte, s rule.Subject) []string {
	var reasons []string
	if c.Policy.Blocked != "" {
		reasons = append(reasons, c.Policy.Blocked)
	}
	for _, d := range c.Policy.Demands {
		reasons = append(reasons, d.Rule.Check(password, s)...)
	}
	return reasons
}

// A Verdict tells how a password does by one demand.
type Verdict struct {
	Requirement rule.Requirement
	Reasons     []string // why it breaks the demand; none if it meets it
}

// Verdicts judges a password by each demand, in order. What is no demand, such
// as a policy that is blocked, is in Validate alone.
func (c *Compiled) Verdicts(password []byte, s rule.Subject) []Verdict {
	out := make([]Verdict, len(c.Policy.Demands))
	for i, d := range c.Policy.Demands {
		out[i] = Verdict{d.Rule.Requirement(), d.Rule.Check(password, s)}
	}
	return out
}

// Requirements puts every demand into words, in order.
func (c *Compiled) Requirements() []rule.Requirement {
	out := make([]rule.Requirement, len(c.Policy.Demands))
	for i, d := range c.Policy.Demands {
		out[i] = d.Rule.Requirement()
	}
	return out
}

func wipe(ss []Suggestion) {
	for _, s := range ss {
		s.Password.Wipe()
	}
}
