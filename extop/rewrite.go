package extop

import (
	"context"
	"errors"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// RewriteConfig configures a Rewriter that generates passwords.
type RewriteConfig struct {
	// Policies finds policies. Required. Where it has a method ResolveName,
	// as *policy.Service does, users may be named by more than a DN.
	Policies Policies

	// UnicodePwd, if not nil, reports whether the directory is Active
	// Directory: it has no Password Modify operation, and keeps passwords in
	// unicodePwd. It is called once the policy is known.
	UnicodePwd func() bool

	Limit     Limiter    // if not nil, turns callers away who ask too often
	Authorize Authorizer // if not nil, narrows who may ask
	Audit     Auditor    // if not nil, is told how each request ended
}

func (c *RewriteConfig) unicodePwd() bool { return c.UnicodePwd != nil && c.UnicodePwd() }

// admit makes the checks that come before any look at the directory. The
// controls are the directory's to judge, but for proxied authorization, which
// says whose rights count.
func (c *RewriteConfig) admit(req *Relayed, rec *AuditRecord) (proxied string, err error) {
	var controls []Control
	for _, control := range req.Controls {
		if control.OID == ProxiedAuthorizationOID {
			controls = append(controls, control)
		}
	}
	rec.AuthzID, proxied, err = admit(req.Caller, controls, true)
	if err != nil {
		rec.AuthzID = rec.AskedBy
		return "", err
	}
	return proxied, c.Limit.ask(rec.Question)
}

// resolve finds the policy of q.Target. Who may write a password need not be
// able to see the entry, so the caller is not asked to; the directory judges
// the write. Only what went wrong here is told to nobody else: it speaks of
// the policy and of the entry.
func (c *RewriteConfig) resolve(ctx context.Context, q Question, proxied string, sel policy.Selection) (*policy.Effective, error) {
	if _, err := parseDN(q.Target, "target entry DN"); err != nil {
		return nil, err
	}
	if err := c.Authorize.ask(ctx, q); err != nil {
		return nil, err
	}
	eff, err := c.Policies.Resolve(ctx, sel)
	if err != nil {
		return nil, c.conceal(ctx, q, proxied, err)
	}
	return eff, nil
}

// conceal returns err for a caller who sees the entry, or sees where it would
// stand. All others get one answer, whatever went wrong. It comes from
// nothing that the directory would not tell: that the directory or this
// server is out of order is no secret.
func (c *RewriteConfig) conceal(ctx context.Context, q Question, proxied string, err error) error {
	e := result.From(err)
	switch e.Code {
	case result.Canceled, result.TimeLimitExceeded, result.Busy, result.Unavailable:
		return &result.Error{Code: e.Code, Text: "the password policy could not be read", Cause: e}
	}
	target, parseErr := parseDN(q.Target, "target entry DN")
	if parseErr != nil {
		return parseErr
	}
	if _, seeErr := see(ctx, c.Policies, q.Caller, target, proxied); seeErr == nil {
		return e
	}
	return result.Wrap(e, result.UnwillingToPerform, "no password could be generated; the server's log tells why")
}

// done returns what tells the auditor the directory's answer.
func (c *RewriteConfig) done(ctx context.Context, rec AuditRecord) func(*result.Error) {
	if c.Audit == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	return func(err *result.Error) {
		if err == nil {
			rec.Returned = 1
		}
		rec.Duration = time.Since(rec.Time)
		rec.Err = err
		rec.Write = Answered
		switch {
		case err == nil:
		case errors.Is(err, ErrUnanswered):
			rec.Write = Unanswered
		case errors.Is(err, ErrUnsent):
			rec.Write = Unsent
		}
		// It is too late to refuse.
		_ = c.Audit(ctx, rec)
	}
}
