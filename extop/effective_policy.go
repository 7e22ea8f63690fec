package extop

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// EffectivePolicyName names the operation in questions and audit records. It
// has no OID.
const EffectivePolicyName = "effectivePolicy"

// An EffectivePolicyRequest asks which policy is in force, and why.
type EffectivePolicyRequest struct {
	Selection SelectionType // as in a GeneratePasswordRequest
	DN        string
}

// EffectivePolicyConfig configures an EffectivePolicy.
type EffectivePolicyConfig struct {
	// Policies finds policies. Required.
	Policies interface {
		Policies
		// Dialect is how they are read.
		Dialect() string
	}
	Limit     Limiter    // turns callers away who ask too often; nil means the zero RateLimit
	Authorize Authorizer // if not nil, narrows who may ask
	Audit     Auditor    // if not nil, is told how each request ended
}

// EffectivePolicy explains policies. What it tells is no secret of a user, so
// it does without a protected connection; what the entries of the policy say
// is shown to callers who can see those entries.
type EffectivePolicy struct {
	cfg EffectivePolicyConfig
}

// NewEffectivePolicy returns the operation.
func NewEffectivePolicy(cfg EffectivePolicyConfig) *EffectivePolicy {
	if cfg.Limit == nil {
		cfg.Limit = RateLimit{}.Limiter()
	}
	return &EffectivePolicy{cfg}
}

// Do performs a request. Its result codes are those of GeneratePassword.Do
// but for confidentialityRequired(13); a policy that nothing can satisfy is
// explained like any other.
func (e *EffectivePolicy) Do(ctx context.Context, caller Caller, r EffectivePolicyRequest, controls []Control) (*policy.Explanation, error) {
	rec := e.cfg.Audit.begin(EffectivePolicyName, caller)
	rec.about(r.Selection, r.DN)
	return audited(ctx, e.cfg.Audit, rec, func(ctx context.Context, rec *AuditRecord) (*policy.Explanation, error) {
		return e.do(ctx, r, controls, rec)
	})
}

func (e *EffectivePolicy) do(ctx context.Context, r EffectivePolicyRequest, controls []Control, rec *AuditRecord) (*policy.Explanation, error) {
	authzID, proxied, err := admit(rec.Caller, controls, false)
	if err != nil {
		return nil, err
	}
	rec.AuthzID = authzID
	if r.Selection > SelectTargetEntry {
		return nil, result.New(result.ProtocolError, "no such policy selection")
	}
	if err := e.cfg.Limit.ask(rec.Question); err != nil {
		return nil, err
	}
	eff, err := resolveSelection(ctx, e.cfg.Policies, e.cfg.Authorize, rec.Question, proxied, r.Selection)
	if err != nil {
		return nil, err
	}
	rec.EffectivePolicyDN = eff.Policy.DN
	x := eff.Explain(e.cfg.Policies.Dialect())
	view := view{caller: rec.Caller, proxied: proxied}
	x.Withhold(func(dn string) bool { return view.sees(ctx, dn) })
	return x, ctx.Err()
}
