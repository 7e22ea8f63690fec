package policy

import (
	"bytes"
	"context"
	"runtime"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A Historian is a Dialect of a directory that shows stored passwords to an
// account with the right to read them.
type Historian interface {
	// History returns the passwords that the directory compares a new one
	// with, as it stores them, the newest first: the current and the earlier
	// ones of the existing entry loc.Subject.DN, under a policy with
	// History. What the service account may not read is left out, and is no
	// error.
	History(ctx context.Context, dir Directory, loc Located, p *Policy) ([]string, error)
}

const (
	// surelyNew is the entropy in bits from which on a suggestion is not
	// compared with earlier passwords: it equals one of maxStored with a
	// probability below 2^-41.
	surelyNew = 48

	// maxStored is how many stored passwords are compared with, the newest.
	maxStored = 100

	// maxComparing bounds the time that one request may spend on comparing.
	// One comparison takes milliseconds, but up to a second where an entry
	// asks for that.
	maxComparing = 10 * time.Second

	// maxUsed is how many candidates in a row may have been used before.
	maxUsed = 1000
)

// comparisons bounds how many run at a time: each may take 256 MiB.
func comparisons() chan struct{} { return make(chan struct{}, runtime.GOMAXPROCS(0)) }

// A past is what candidates for one subject are compared with. It is for one
// goroutine.
type past struct {
	slots    chan struct{}
	passed   []pwhash.Verifier
	deadline time.Time

	// Few passwords are possible where the past matters: the same candidate
	// comes again and again.
	known []verdict
}

type verdict struct {
	candidate []byte
	used      bool
}

// pastOf returns the past of a subject, nil if nothing is known of it or if
// the policy does not look back.
func (c *Compiled) pastOf(s rule.Subject) *past {
	if c.Policy.History <= 0 {
		return nil
	}
	var all []pwhash.Verifier
	for _, password := range s.Current {
		all = append(all, pwhash.Clear(password))
	}
	stored := s.Stored.Values()
	for _, value := range stored[:min(len(stored), maxStored)] {
		// What cannot be parsed cannot be compared with. It says nothing
		// about the others.
		if v, err := pwhash.ParseStored(value); err == nil {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &past{slots: c.cfg.slots, passed: all, deadline: time.Now().Add(maxComparing)}
}

// holds reports whether a password is among those of the past. It fails with
// ctx, and with timeLimitExceeded if all of p's comparisons together take too
// long.
func (p *past) holds(ctx context.Context, password []byte) (bool, error) {
	for _, k := range p.known {
		if bytes.Equal(k.candidate, password) {
			return k.used, nil
		}
	}
	used := false
	for _, verify := range p.passed {
		var err error
		if used, err = p.compare(ctx, verify, password); err != nil {
			return false, err
		}
		if used {
			break
		}
	}
	p.known = append(p.known, verdict{bytes.Clone(password), used})
	return used, nil
}

func (p *past) compare(ctx context.Context, verify pwhash.Verifier, password []byte) (bool, error) {
	within, cancel := context.WithDeadline(ctx, p.deadline)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-within.Done():
	}
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case within.Err() != nil:
		return false, result.New(result.TimeLimitExceeded, "comparing with %d stored passwords takes longer than %v", len(p.passed), maxComparing)
	}
	return verify(password), nil
}

func (p *past) wipe() {
	if p == nil {
		return
	}
	for _, k := range p.known {
		clear(k.candidate)
	}
}

// Used reports whether the directory would refuse password because it is the
// current one of s, or an earlier one, as far as s.Current and s.Stored tell
// and if the policy looks back at all. It fails with ctx, and with
// timeLimitExceeded if the stored passwords take too long to compare with.
func (c *Compiled) Used(ctx context.Context, password []byte, s rule.Subject) (bool, error) {
	p := c.pastOf(s)
	if p == nil {
		return false, nil
	}
	defer p.wipe()
	return p.holds(ctx, password)
}

// subject returns the subject with what the directory shows of its stored
// passwords.
func (e *Effective) subject(ctx context.Context) (rule.Subject, error) {
	s := e.Subject
	if e.service == nil || !e.Exists || e.Policy.History <= 0 {
		return s, nil
	}
	h, ok := e.service.dialect.(Historian)
	if !ok {
		return s, nil
	}
	stored, err := h.History(ctx, e.service.dir, e.Located, e.Policy)
	if err != nil {
		return s, err
	}
	s.Stored = rule.NewStoredPasswords(stored)
	return s, nil
}

// Suggest draws passwords for the selection's subject. None is the current
// one or an earlier one that the directory would refuse, as far as the
// service account may read those: they are drawn again, which is no attempt.
func (e *Effective) Suggest(ctx context.Context, o SuggestOptions) ([]Suggestion, error) {
	g, err := e.generatorFor(e.Subject)
	if err != nil {
		return nil, err
	}
	s := e.Subject
	if g.Bits() < surelyNew {
		if s, err = e.subject(ctx); err != nil {
			return nil, err
		}
	}
	return e.suggestAll(ctx, g, s, o)
}

// Validate returns every reason for which the directory would refuse password
// for the selection's subject: those of Compiled.Validate, and that the
// password was used before, as far as the service account may read what is
// stored. Its errors are those of Directory and of Compiled.Used.
//
// It tells whether a guessed password is right, and no lockout counts the
// guesses: it is for the owner and for those who may see stored passwords.
// For others there is Compiled.Validate.
func (e *Effective) Validate(ctx context.Context, password []byte) ([]string, error) {
	reasons := e.Compiled.Validate(password, e.Subject)
	s, err := e.subject(ctx)
	if err != nil {
		return nil, err
	}
	used, err := e.Used(ctx, password, s)
	if err != nil {
		return nil, err
	}
	if used {
		reasons = append(reasons, "The password is the current one, or was used before.")
	}
	return reasons, nil
}

// With is Compiled.With for the same subject.
func (e *Effective) With(r Recipe) *Effective {
	out := *e
	out.Compiled = e.Compiled.With(r)
	return &out
}

// allUsed is the error where every candidate has been used before.
func (c *Compiled) allUsed() error {
	return result.New(result.UnwillingToPerform,
		"every one of %d passwords drawn under %s was used before: the policy allows too few, or too many are remembered (%d)",
		maxUsed, c.Policy.label(), c.Policy.History)
}

// generatorFor returns what draws the passwords of a subject.
func (c *Compiled) generatorFor(s rule.Subject) (generate.Generator, error) {
	if c.fault != nil {
		return nil, c.fault
	}
	if c.perEntry && c.Policy.Generator == nil && len(s.Attributes) > 0 {
		g, fault := c.forSubject(s)
		if fault != nil {
			return nil, fault
		}
		return g, nil
	}
	return c.generator, nil
}
