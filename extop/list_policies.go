package extop

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// ListPoliciesName names the operation in questions and audit records. It has
// no OID.
const ListPoliciesName = "listPolicies"

// A ListedPolicy is one of the directory's policies: what an EffectivePolicy
// tells of it, or why it could not be read. Exactly one of Explanation and Err
// is set.
type ListedPolicy struct {
	DN          string
	Explanation *policy.Explanation
	Err         *result.Error
}

// ListablePolicies are policies that can be listed, as those of
// *policy.Service.
type ListablePolicies interface {
	Policies
	// Dialect is how they are read.
	Dialect() string
	// List returns the DNs of all of them.
	List(ctx context.Context) ([]string, error)
}

// ListPoliciesConfig configures a ListPolicies.
type ListPoliciesConfig struct {
	Policies  ListablePolicies // required
	Limit     Limiter          // turns callers away who ask too often; nil means the zero RateLimit
	Authorize Authorizer       // if not nil, narrows who may ask
	Audit     Auditor          // if not nil, is told how each request ended
}

// ListPolicies explains all policies whose entries the caller can see. Like
// EffectivePolicy, it does without a protected connection.
type ListPolicies struct {
	cfg ListPoliciesConfig
}

// NewListPolicies returns the operation.
func NewListPolicies(cfg ListPoliciesConfig) *ListPolicies {
	if cfg.Limit == nil {
		cfg.Limit = RateLimit{}.Limiter()
	}
	return &ListPolicies{cfg}
}

// Do performs a request. The policies come in alphabetical order of their
// DNs. A policy that cannot be read is listed with its error; that of the
// directory as a whole, or of a question about the caller's rights, is
// returned: sizeLimitExceeded(4) for more than policy.MaxListed policies,
// unwillingToPerform(53) if the dialect cannot list them. A list that is
// returned is whole.
func (l *ListPolicies) Do(ctx context.Context, caller Caller) ([]ListedPolicy, error) {
	return audited(ctx, l.cfg.Audit, l.cfg.Audit.begin(ListPoliciesName, caller), l.do)
}

func (l *ListPolicies) do(ctx context.Context, rec *AuditRecord) ([]ListedPolicy, error) {
	if _, _, err := admit(rec.Caller, nil, false); err != nil {
		return nil, err
	}
	if err := l.cfg.Limit.ask(rec.Question); err != nil {
		return nil, err
	}
	if err := l.cfg.Authorize.ask(ctx, rec.Question); err != nil {
		return nil, err
	}
	names, err := l.cfg.Policies.List(ctx)
	if err != nil {
		return nil, err
	}
	view := view{caller: rec.Caller}
	list := make([]ListedPolicy, 0, len(names))
	for _, name := range names {
		visible := view.sees(ctx, name)
		if view.err != nil {
			return nil, view.err
		}
		if !visible {
			continue
		}
		p, err := ExplainPolicy(ctx, l.cfg.Policies, name)
		if err != nil {
			return nil, err
		}
		if p.Explanation != nil {
			p.Explanation.Withhold(func(dn string) bool { return view.sees(ctx, dn) })
		}
		list = append(list, p)
	}
	return list, view.err
}

// ExplainPolicy reads one policy. It fails only with ctx: another error is
// part of the answer.
func ExplainPolicy(ctx context.Context, p ListablePolicies, dn string) (ListedPolicy, error) {
	eff, err := p.Resolve(ctx, policy.Selection{PolicyDN: dn})
	switch {
	case ctx.Err() != nil:
		return ListedPolicy{}, ctx.Err()
	case err != nil:
		return ListedPolicy{DN: dn, Err: result.From(err)}, nil
	}
	return ListedPolicy{DN: dn, Explanation: eff.Explain(p.Dialect())}, nil
}

// A view remembers, for one request, what a caller sees.
type view struct {
	caller  Caller
	proxied string // whom the caller acts as, if not itself
	seen    map[string]bool
	err     error // the first answer that says neither yes nor no
}

// sees reports whether the caller sees the entry at dn.
func (v *view) sees(ctx context.Context, dn string) bool {
	visible, asked := v.seen[dn]
	if asked {
		return visible
	}
	err := v.caller.See(ctx, dn, v.proxied)
	if err != nil && v.err == nil && !result.Is(err, result.NoSuchObject) && !result.Is(err, result.InsufficientAccessRights) {
		v.err = err
	}
	if v.seen == nil {
		v.seen = make(map[string]bool)
	}
	v.seen[dn] = err == nil
	return err == nil
}
