package extop

import (
	"context"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// ValidatePasswordName names the operation in questions and audit records.
// It has no OID: no LDAP form of it is known.
const ValidatePasswordName = "validatePassword"

// MaxValidatedOctets bounds the password of a ValidatePasswordRequest: some
// rules take time that grows faster than its length.
const MaxValidatedOctets = 1024

// A ValidatePasswordRequest asks whether a password would be accepted. Who
// makes it wipes the password.
type ValidatePasswordRequest struct {
	Selection SelectionType // as in a GeneratePasswordRequest
	DN        string
	Password  policy.Password

	// Details asks for the verdict on each requirement.
	Details bool
}

// A ValidatePasswordResult is the answer.
type ValidatePasswordResult struct {
	PolicyDN string   // empty if no policy is in force
	Errors   []string // why the directory would refuse the password; none if it would not

	// Verdicts tell, if Details were asked for, how it does by each
	// requirement. Errors may hold more: an earlier password is none.
	Verdicts []policy.Verdict
}

// Valid reports whether the password would be accepted.
func (r *ValidatePasswordResult) Valid() bool { return len(r.Errors) == 0 }

// ValidatePasswordConfig configures a ValidatePassword.
type ValidatePasswordConfig struct {
	Policies  Policies   // finds policies; required
	Limit     Limiter    // turns callers away who ask too often; nil means the zero RateLimit
	Authorize Authorizer // if not nil, narrows who may ask
	Audit     Auditor    // if not nil, is told how each request ended
}

// ValidatePassword judges a password as the directory would if it were set
// for an entry or under a policy. It changes nothing and keeps nothing.
//
// Whether a password was used before is told to the owner of the entry alone.
// To others, who may ask about whatever they see, it would tell whether a
// guess is right, and no lockout would count the guesses.
type ValidatePassword struct {
	cfg ValidatePasswordConfig
}

// NewValidatePassword returns the operation.
func NewValidatePassword(cfg ValidatePasswordConfig) *ValidatePassword {
	if cfg.Limit == nil {
		cfg.Limit = RateLimit{}.Limiter()
	}
	return &ValidatePassword{cfg}
}

// Do performs a request. Its result codes are those of GeneratePassword.Do,
// with protocolError(2) for an empty password, unwillingToPerform(53) for one
// of more than MaxValidatedOctets, and none for a policy that nothing can
// satisfy: that is in the result's errors.
func (v *ValidatePassword) Do(ctx context.Context, caller Caller, r ValidatePasswordRequest, controls []Control) (*ValidatePasswordResult, error) {
	rec := v.cfg.Audit.begin(ValidatePasswordName, caller)
	rec.about(r.Selection, r.DN)
	return audited(ctx, v.cfg.Audit, rec, func(ctx context.Context, rec *AuditRecord) (*ValidatePasswordResult, error) {
		return v.do(ctx, r, controls, rec)
	})
}

func (v *ValidatePassword) do(ctx context.Context, r ValidatePasswordRequest, controls []Control, rec *AuditRecord) (*ValidatePasswordResult, error) {
	authzID, proxied, err := admit(rec.Caller, controls, true)
	if err != nil {
		return nil, err
	}
	rec.AuthzID = authzID
	switch n := len(r.Password.Bytes()); {
	case r.Selection > SelectTargetEntry:
		return nil, result.New(result.ProtocolError, "no such policy selection")
	case n == 0:
		return nil, result.New(result.ProtocolError, "the password is empty")
	case n > MaxValidatedOctets:
		return nil, result.New(result.UnwillingToPerform, "the password has more than %d octets", MaxValidatedOctets)
	}
	if err := v.cfg.Limit.ask(rec.Question); err != nil {
		return nil, err
	}
	eff, err := resolveSelection(ctx, v.cfg.Policies, v.cfg.Authorize, rec.Question, proxied, r.Selection)
	if err != nil {
		return nil, err
	}
	rec.EffectivePolicyDN = eff.Policy.DN
	res := &ValidatePasswordResult{PolicyDN: eff.Policy.DN}
	if isSelf(rec.AuthzID, eff.Subject.DN) {
		if res.Errors, err = eff.Validate(ctx, r.Password.Bytes()); err != nil {
			return nil, err
		}
	} else {
		res.Errors = eff.Compiled.Validate(r.Password.Bytes(), eff.Subject)
	}
	if r.Details {
		res.Verdicts = eff.Compiled.Verdicts(r.Password.Bytes(), eff.Subject)
	}
	if !res.Valid() {
		rec.Rejected = 1
	}
	return res, nil
}

// isSelf reports whether an authorization identity is the entry itself.
func isSelf(authzID, entry string) bool {
	const form = "dn:"
	return len(authzID) > len(form) && strings.EqualFold(authzID[:len(form)], form) && dn.Key(authzID[len(form):]) == dn.Key(entry)
}
