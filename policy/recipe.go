package policy

import (
	"errors"
	"slices"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A Recipe says how the passwords of one request are made, in place of the
// policy's generator and the Service's Config. What the policy demands still
// holds: a recipe adds to it.
type Recipe struct {
	// Demands are met besides those of the policy.
	Demands []Demand

	// Config replaces the Service's. Nil means that it stays. What the Screen
	// of either reports is drawn again.
	Config *Config

	// Screen, if not nil, is one more Config.Screen.
	Screen func(password []byte) bool

	// MaxLength bounds the number of characters. It yields to a policy that
	// needs more: the passwords are then as short as that allows. 0 means
	// no bound.
	MaxLength int

	// Generator draws the candidates; the demands are then checked and do
	// not narrow what is drawn. Nil means to draw from the shape of the
	// demands.
	Generator generate.Generator

	// Alone leaves out what the policy demands. Whether the directory takes
	// such a password is not known.
	Alone bool
}

// With returns a policy that suggests by a recipe. As Compile does, it
// returns one that nothing can satisfy too.
func (c *Compiled) With(r Recipe) *Compiled {
	p := *c.Policy
	p.Generator, p.GeneratorDN = r.Generator, ""
	if r.Alone {
		p = Policy{Generator: r.Generator}
	}
	p.Demands = slices.Concat(p.Demands, r.Demands)
	cfg := c.cfg
	if o := r.Config; o != nil {
		cfg.Length, cfg.MinEntropyBits, cfg.Passphrase = o.Length, o.MinEntropyBits, o.Passphrase
		cfg.Alphabet, cfg.NotFirst = o.Alphabet, o.NotFirst
		cfg.Screen = either(cfg.Screen, o.Screen)
	}
	cfg.Screen = either(cfg.Screen, r.Screen)
	if r.MaxLength <= 0 || r.Generator != nil {
		return Compile(&p, cfg)
	}
	capped := p
	capped.Demands = append(slices.Clip(p.Demands), Demand{Rule: rule.Length{Max: r.MaxLength}})
	bounded := Compile(&capped, cfg)
	if bounded.fault == nil || !errors.Is(bounded.fault, generate.ErrUnsatisfiable) {
		return bounded
	}
	cfg.Length, cfg.MinEntropyBits = 1, minBits
	return Compile(&p, cfg)
}

// minBits is an entropy target that every password reaches. 0 would mean the
// default.
const minBits = 1e-9

func either(a, b func([]byte) bool) func([]byte) bool {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(password []byte) bool { return a(password) || b(password) }
}
