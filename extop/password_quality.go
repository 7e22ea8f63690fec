package extop

import (
	"context"
	"math"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// The OIDs of the Get Password Quality Requirements operation.
const (
	PasswordQualityRequestOID  = "1.3.6.1.4.1.30221.2.6.43"
	PasswordQualityResponseOID = "1.3.6.1.4.1.30221.2.6.44"
)

// A PasswordUse is what a password is to be used for. Its values are the tag
// numbers of the CHOICE.
type PasswordUse byte

// The alternatives of targetType.
const (
	AddWithDefaultPolicy   PasswordUse = iota // DN is unused
	AddWithPolicy                             // DN is that of a policy
	SelfChange                                // of the authorization identity; DN is unused
	SelfChangeOf                              // DN is that of a user
	AdministrativeResetFor                    // DN is that of a user
)

func (u PasswordUse) hasDN() bool {
	return u == AddWithPolicy || u == SelfChangeOf || u == AdministrativeResetFor
}

// A PasswordQualityRequest asks what a password has to be like. Its value,
// which is mandatory:
//
//	GetPasswordQualityRequirementsRequestValue ::= SEQUENCE {
//	     target CHOICE {
//	          addWithDefaultPasswordPolicy           [0] NULL,
//	          addWithSpecifiedPasswordPolicy         [1] LDAPDN,
//	          selfChangeForAuthorizationIdentity     [2] NULL,
//	          selfChangeForSpecifiedUser             [3] LDAPDN,
//	          administrativeResetForSpecifiedUser    [4] LDAPDN,
//	          ... },
//	     ... }
type PasswordQualityRequest struct {
	Use PasswordUse
	DN  string
}

// DecodePasswordQualityRequest decodes a requestValue. The DN is not parsed.
func DecodePasswordQualityRequest(value []byte) (PasswordQualityRequest, error) {
	var r PasswordQualityRequest
	if err := r.decode(value); err != nil {
		return PasswordQualityRequest{}, result.Wrap(err, result.ProtocolError, "malformed Get Password Quality Requirements request: %v", err)
	}
	return r, nil
}

func (r *PasswordQualityRequest) decode(value []byte) error {
	tag, content, e, err := choice(value)
	if err != nil {
		return err
	}
	if tag < contextPrimitive(0) || tag > contextPrimitive(4) {
		return errTag
	}
	r.Use = PasswordUse(tag & 0x1F)
	if r.Use.hasDN() {
		if r.DN, err = text(content); err != nil {
			return err
		}
	} else if len(content) > 0 {
		return errNull
	}
	for len(e) > 0 {
		tag, _, err := e.next()
		if err != nil {
			return err
		}
		if !unknown(tag, 4) {
			return errTag
		}
	}
	return nil
}

// Encode returns the requestValue.
func (r PasswordQualityRequest) Encode() []byte {
	var target string
	if r.Use.hasDN() {
		target = r.DN
	}
	n := sizeOf(len(target))
	dst := appendHeader(make([]byte, 0, sizeOf(n)), tagSequence, n)
	return appendString(dst, contextPrimitive(byte(r.Use)), target)
}

// A PasswordQualityResult is the value of a successful response:
//
//	GetPasswordQualityRequirementsResultValue ::= SEQUENCE {
//	     requirements            SEQUENCE OF PasswordQualityRequirement,
//	     currentPasswordRequired [0] BOOLEAN OPTIONAL,
//	     mustChangePassword      [1] BOOLEAN OPTIONAL,
//	     secondsUntilExpiration  [2] INTEGER OPTIONAL,
//	     ... }
type PasswordQualityResult struct {
	Requirements []PasswordRequirement

	// CurrentPasswordRequired says whether the user has to give the current
	// password. nil where it does not apply.
	CurrentPasswordRequired *bool

	// MustChange says whether the user has to change the password at the
	// first bind. nil where it does not apply.
	MustChange *bool

	// SecondsUntilExpiration is counted from the setting of the password.
	// nil if it does not expire.
	SecondsUntilExpiration *int64
}

// DecodePasswordQualityResult decodes a responseValue; nil, which is an
// absent one, has no requirements.
func DecodePasswordQualityResult(value []byte) (*PasswordQualityResult, error) {
	var r PasswordQualityResult
	if value == nil {
		return &r, nil
	}
	if err := r.decode(value); err != nil {
		return nil, result.Wrap(err, result.ProtocolError, "malformed Get Password Quality Requirements response: %v", err)
	}
	return &r, nil
}

func (r *PasswordQualityResult) decode(value []byte) error {
	e, err := sequence(value)
	if err != nil {
		return err
	}
	content, err := e.want(tagSequence)
	if err != nil {
		return err
	}
	for list := elements(content); len(list) > 0; {
		item, err := list.want(tagSequence)
		if err != nil {
			return err
		}
		var p PasswordRequirement
		if err := p.decode(item); err != nil {
			return err
		}
		r.Requirements = append(r.Requirements, p)
	}
	last := byte(0)
	for len(e) > 0 {
		tag, content, err := e.next()
		if err != nil {
			return err
		}
		switch tag {
		case contextPrimitive(0), contextPrimitive(1), contextPrimitive(2):
			if tag <= last {
				return errMisordered
			}
			last = tag
		default:
			if !unknown(tag, 2) {
				return errTag
			}
			continue
		}
		if tag == contextPrimitive(2) {
			n, err := integer(content, 4)
			if err != nil {
				return err
			}
			r.SecondsUntilExpiration = &n
			continue
		}
		v, err := boolean(content)
		if err != nil {
			return err
		}
		if tag == contextPrimitive(0) {
			r.CurrentPasswordRequired = &v
		} else {
			r.MustChange = &v
		}
	}
	return nil
}

// Encode returns the responseValue. What is beyond 2^31-1 seconds, some 68
// years, is given as that.
func (r *PasswordQualityResult) Encode() []byte {
	list := 0
	for i := range r.Requirements {
		list += r.Requirements[i].size()
	}
	n := sizeOf(list)
	for _, v := range []*bool{r.CurrentPasswordRequired, r.MustChange} {
		if v != nil {
			n += sizeOfBoolean
		}
	}
	var seconds int64
	if r.SecondsUntilExpiration != nil {
		seconds = max(math.MinInt32, min(*r.SecondsUntilExpiration, math.MaxInt32))
		n += 2 + integerLen(seconds)
	}
	dst := appendHeader(make([]byte, 0, sizeOf(n)), tagSequence, n)
	dst = appendHeader(dst, tagSequence, list)
	for i := range r.Requirements {
		dst = r.Requirements[i].append(dst)
	}
	if r.CurrentPasswordRequired != nil {
		dst = appendBoolean(dst, contextPrimitive(0), *r.CurrentPasswordRequired)
	}
	if r.MustChange != nil {
		dst = appendBoolean(dst, contextPrimitive(1), *r.MustChange)
	}
	if r.SecondsUntilExpiration != nil {
		dst = appendInteger(dst, contextPrimitive(2), seconds)
	}
	return dst
}

// PasswordQualityConfig configures a PasswordQuality.
type PasswordQualityConfig struct {
	Policies  Policies   // finds policies; required
	Limit     Limiter    // if not nil, turns callers away who ask too often
	Authorize Authorizer // if not nil, narrows who may ask
	Audit     Auditor    // if not nil, is told how each request ended
}

// PasswordQuality is the Get Password Quality Requirements operation. What it
// tells is no secret, so it does without a protected connection.
type PasswordQuality struct {
	cfg PasswordQualityConfig
}

// NewPasswordQuality returns the operation.
func NewPasswordQuality(cfg PasswordQualityConfig) *PasswordQuality {
	return &PasswordQuality{cfg}
}

// ServeExtended implements Handler.
func (q *PasswordQuality) ServeExtended(ctx context.Context, req *Request) (*Response, error) {
	r, err := DecodePasswordQualityRequest(req.Value)
	if err != nil {
		return nil, q.cfg.Audit.record(ctx, q.cfg.Audit.begin(PasswordQualityRequestOID, req.Caller), err)
	}
	res, err := q.Do(ctx, req.Caller, r, req.Controls)
	if err != nil {
		return nil, err
	}
	return &Response{Name: PasswordQualityResponseOID, Value: res.Encode()}, nil
}

// Do performs a decoded request. Its result codes are those of
// GeneratePassword.Do, with noSuchObject(32) for a user who does not exist
// and unwillingToPerform(53) for a self change of an authorization identity
// that is not a DN.
func (q *PasswordQuality) Do(ctx context.Context, caller Caller, r PasswordQualityRequest, controls []Control) (*PasswordQualityResult, error) {
	rec := q.cfg.Audit.begin(PasswordQualityRequestOID, caller)
	switch r.Use {
	case AddWithPolicy:
		rec.PolicyDN = r.DN
	case SelfChangeOf, AdministrativeResetFor:
		rec.Target = r.DN
	}
	res, err := q.do(ctx, r, controls, &rec)
	if err = q.cfg.Audit.record(ctx, rec, err); err != nil {
		return nil, result.From(err)
	}
	return res, nil
}

func (q *PasswordQuality) do(ctx context.Context, r PasswordQualityRequest, controls []Control, rec *AuditRecord) (*PasswordQualityResult, error) {
	authzID, proxied, err := admit(rec.Caller, controls, false)
	if err != nil {
		return nil, err
	}
	rec.AuthzID = authzID
	if err := q.cfg.Limit.ask(rec.Question); err != nil {
		return nil, err
	}
	var eff *policy.Effective
	switch r.Use {
	case AddWithDefaultPolicy, AddWithPolicy:
		eff, err = resolvePolicy(ctx, q.cfg.Policies, q.cfg.Authorize, rec.Question, proxied, r.Use == AddWithPolicy)
	case SelfChange, SelfChangeOf, AdministrativeResetFor:
		if r.Use == SelfChange {
			var ok bool
			if rec.Target, ok = dnOfAuthzID(authzID); !ok {
				return nil, result.New(result.UnwillingToPerform, "the authorization identity is not a DN: name the user")
			}
		}
		eff, err = resolveTarget(ctx, q.cfg.Policies, q.cfg.Authorize, rec.Question, proxied)
		if err == nil && !eff.Exists {
			err = result.New(result.NoSuchObject, "the user does not exist")
		}
	default:
		return nil, result.New(result.ProtocolError, "no such use of a password")
	}
	if err != nil {
		return nil, err
	}
	p := eff.Policy
	rec.EffectivePolicyDN = p.DN

	res := &PasswordQualityResult{SecondsUntilExpiration: secondsUntilExpiration(p.MaxAge, math.MaxInt32)}
	for _, requirement := range eff.Requirements() {
		res.Requirements = append(res.Requirements, requirementOf(requirement))
	}
	switch r.Use {
	case SelfChange, SelfChangeOf:
		// A password of one's own choice need not be changed at once.
		current, change := p.RequireCurrent, false
		res.CurrentPasswordRequired, res.MustChange = &current, &change
	default:
		change := p.MustChange
		res.MustChange = &change
	}
	return res, nil
}
