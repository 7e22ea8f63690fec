package extop

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// The OIDs of the Generate Password operation.
const (
	GeneratePasswordRequestOID  = "1.3.6.1.4.1.30221.2.6.62"
	GeneratePasswordResponseOID = "1.3.6.1.4.1.30221.2.6.63"
)

// The values that a GeneratePasswordRequest has where a client gives none.
const (
	DefaultPasswordCount      = 1
	DefaultValidationAttempts = 5
)

// A SelectionType says by what a GeneratePasswordRequest selects the policy.
// Its values are the tag numbers of the CHOICE.
type SelectionType byte

// The alternatives of passwordPolicySelection.
const (
	SelectDefaultPolicy SelectionType = iota // DN is unused
	SelectPolicyDN                           // DN is that of a policy
	SelectTargetEntry                        // DN is that of an entry, which need not exist
)

// A GeneratePasswordRequest asks for passwords that meet a policy. Its value:
//
//	GeneratePasswordRequest ::= SEQUENCE {
//	     passwordPolicySelection CHOICE {
//	          defaultPolicy        [0] NULL,
//	          passwordPolicyDN     [1] LDAPDN,
//	          targetEntryDN        [2] LDAPDN,
//	          ... },
//	     numberOfPasswords    [3] INTEGER DEFAULT 1,
//	     validationAttempts   [4] INTEGER DEFAULT 5,
//	     ... }
//
// A request in which everything has its default has no value at all.
type GeneratePasswordRequest struct {
	Selection SelectionType
	DN        string
	Count     int // numberOfPasswords, at least 1
	Attempts  int // validationAttempts, at least 0; 0 means no validation

	// Recipe, if not nil, says how the passwords are made. It is not part of
	// the protocol: it is for doors whose clients choose.
	Recipe *policy.Recipe
}

// DecodeGeneratePasswordRequest decodes a requestValue; nil is an absent one.
// A malformed value is protocolError(2), as is a number out of range. The DN
// is not parsed.
func DecodeGeneratePasswordRequest(value []byte) (GeneratePasswordRequest, error) {
	r := GeneratePasswordRequest{Count: DefaultPasswordCount, Attempts: DefaultValidationAttempts}
	if value == nil {
		return r, nil
	}
	if err := r.decode(value); err != nil {
		return GeneratePasswordRequest{}, result.Wrap(err, result.ProtocolError, "malformed Generate Password request: %v", err)
	}
	if err := r.check(); err != nil {
		return GeneratePasswordRequest{}, err
	}
	return r, nil
}

func (r *GeneratePasswordRequest) decode(value []byte) error {
	tag, content, e, err := choice(value)
	if err != nil {
		return err
	}
	switch tag {
	case contextPrimitive(0):
		if len(content) > 0 {
			return errNull
		}
	case contextPrimitive(1), contextPrimitive(2):
		r.Selection = SelectionType(tag & 0x1F)
		if r.DN, err = text(content); err != nil {
			return err
		}
	default:
		return errTag
	}
	last := tag
	for len(e) > 0 {
		if tag, content, err = e.next(); err != nil {
			return err
		}
		var n int64
		switch {
		case tag == contextPrimitive(3) || tag == contextPrimitive(4):
			if tag <= last {
				return errMisordered
			}
			last = tag
			if n, err = integer(content, 4); err != nil {
				return err
			}
			if tag == contextPrimitive(3) {
				r.Count = int(n)
			} else {
				r.Attempts = int(n)
			}
		case !unknown(tag, 4):
			return errTag
		}
	}
	return nil
}

// check returns protocolError(2) for numbers out of range.
func (r GeneratePasswordRequest) check() error {
	switch {
	case r.Count < 1:
		return result.New(result.ProtocolError, "numberOfPasswords is %d; it must be at least 1", r.Count)
	case r.Attempts < 0:
		return result.New(result.ProtocolError, "validationAttempts is %d; it must be at least 0", r.Attempts)
	case r.Count > math.MaxInt32 || r.Attempts > math.MaxInt32:
		return result.New(result.ProtocolError, "numberOfPasswords and validationAttempts must be below 2^31")
	case r.Selection > SelectTargetEntry:
		return result.New(result.ProtocolError, "no such policy selection")
	}
	return nil
}

// Encode returns the requestValue, nil for an absent one.
func (r GeneratePasswordRequest) Encode() []byte {
	n := 2
	if r.Selection != SelectDefaultPolicy {
		n = sizeOf(len(r.DN))
	}
	if r.Count != DefaultPasswordCount {
		n += 2 + integerLen(int64(r.Count))
	}
	if r.Attempts != DefaultValidationAttempts {
		n += 2 + integerLen(int64(r.Attempts))
	}
	if n == 2 && r.Selection == SelectDefaultPolicy {
		return nil
	}
	dst := appendHeader(make([]byte, 0, sizeOf(n)), tagSequence, n)
	if r.Selection == SelectDefaultPolicy {
		dst = appendHeader(dst, contextPrimitive(0), 0)
	} else {
		dst = appendString(dst, contextPrimitive(byte(r.Selection)), r.DN)
	}
	if r.Count != DefaultPasswordCount {
		dst = appendInteger(dst, contextPrimitive(3), int64(r.Count))
	}
	if r.Attempts != DefaultValidationAttempts {
		dst = appendInteger(dst, contextPrimitive(4), int64(r.Attempts))
	}
	return dst
}

// A GeneratePasswordResult is the value of a successful response:
//
//	GeneratePasswordResponse ::= SEQUENCE {
//	     passwordPolicyDN   LDAPDN,
//	     generatedPasswords SEQUENCE OF SEQUENCE {
//	          generatedPassword   OCTET STRING,
//	          validationAttempted BOOLEAN,
//	          validationErrors    [0] SEQUENCE OF OCTET STRING OPTIONAL,
//	          ... },
//	     ... }
type GeneratePasswordResult struct {
	PolicyDN  string // empty if no policy is in force
	Passwords []GeneratedPassword
}

// A GeneratedPassword is one password with what validation said.
type GeneratedPassword = policy.Suggestion

// Wipe overwrites the passwords.
func (r *GeneratePasswordResult) Wipe() {
	for _, p := range r.Passwords {
		p.Password.Wipe()
	}
}

// DecodeGeneratePasswordResult decodes a responseValue. The passwords are
// copies.
func DecodeGeneratePasswordResult(value []byte) (*GeneratePasswordResult, error) {
	var r GeneratePasswordResult
	if err := r.decode(value); err != nil {
		r.Wipe()
		return nil, result.Wrap(err, result.ProtocolError, "malformed Generate Password response: %v", err)
	}
	return &r, nil
}

func (r *GeneratePasswordResult) decode(value []byte) error {
	e, err := sequence(value)
	if err != nil {
		return err
	}
	if r.PolicyDN, err = e.wantString(tagOctetString); err != nil {
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
		p, err := decodeGeneratedPassword(item)
		if err != nil {
			return err
		}
		r.Passwords = append(r.Passwords, p)
	}
	if len(r.Passwords) == 0 {
		return errMissing
	}
	return e.skipUnknown()
}

func decodeGeneratedPassword(item elements) (p GeneratedPassword, err error) {
	password, err := item.want(tagOctetString)
	if err != nil {
		return p, err
	}
	if len(password) == 0 {
		return p, errMissing
	}
	if p.Validated, err = item.wantBoolean(); err != nil {
		return p, err
	}
	seen := false
	for len(item) > 0 {
		tag, content, err := item.next()
		if err != nil {
			return p, err
		}
		switch {
		case tag == contextConstructed(0):
			if seen {
				return p, errMisordered
			}
			seen = true
			for list := elements(content); len(list) > 0; {
				message, err := list.wantString(tagOctetString)
				if err != nil {
					return p, err
				}
				p.Errors = append(p.Errors, message)
			}
		case !unknown(tag, 0):
			return p, errTag
		}
	}
	p.Password = copyPassword(password)
	return p, nil
}

// Encode returns the responseValue. Its octets hold the passwords: wipe them
// once they are written. A result without passwords, or with an empty one,
// cannot be said in the protocol.
func (r *GeneratePasswordResult) Encode() ([]byte, error) {
	return r.appendTo(nil)
}

// appendTo appends the responseValue to dst, which it grows at most once and
// before there is a password in it.
func (r *GeneratePasswordResult) appendTo(dst []byte) ([]byte, error) {
	if len(r.Passwords) == 0 {
		return dst, result.New(result.Other, "no password was generated")
	}
	list := 0
	for i := range r.Passwords {
		p := &r.Passwords[i]
		if len(p.Password.Bytes()) == 0 {
			return dst, result.New(result.Other, "an empty password was generated")
		}
		item, _ := sizesOfPassword(p)
		list += sizeOf(item)
	}
	n := sizeOf(len(r.PolicyDN)) + sizeOf(list)
	if size := sizeOf(n); cap(dst)-len(dst) < size {
		dst = append(make([]byte, 0, len(dst)+size), dst...)
	}
	dst = appendHeader(dst, tagSequence, n)
	dst = appendString(dst, tagOctetString, r.PolicyDN)
	dst = appendHeader(dst, tagSequence, list)
	for i := range r.Passwords {
		p := &r.Passwords[i]
		item, messages := sizesOfPassword(p)
		dst = appendHeader(dst, tagSequence, item)
		dst = appendString(dst, tagOctetString, p.Password.Bytes())
		dst = appendBoolean(dst, tagBoolean, p.Validated)
		if len(p.Errors) > 0 {
			dst = appendHeader(dst, contextConstructed(0), messages)
			for _, m := range p.Errors {
				dst = appendString(dst, tagOctetString, m)
			}
		}
	}
	return dst, nil
}

// sizesOfPassword returns the content lengths of the element and of its
// validationErrors.
func sizesOfPassword(p *GeneratedPassword) (item, messages int) {
	item = sizeOf(len(p.Password.Bytes())) + sizeOfBoolean
	for _, m := range p.Errors {
		messages += sizeOf(len(m))
	}
	if len(p.Errors) > 0 {
		item += sizeOf(messages)
	}
	return item, messages
}

// The limits of a GeneratePassword that configures none. PingDirectory's
// are 10 passwords and 5 attempts; a redraw is cheap here, and more attempts
// make a password with errors rarer under a policy with a large dictionary.
const (
	DefaultMaxPasswords = 10
	DefaultMaxAttempts  = 100
)

// GeneratePasswordConfig configures a GeneratePassword.
type GeneratePasswordConfig struct {
	// Policies finds policies. Required.
	Policies Policies

	// MaxPasswords is how many passwords one request gets at most; who asks
	// for more gets so many. 0 means DefaultMaxPasswords.
	MaxPasswords int

	// MaxAttempts is the largest number of validation attempts; a larger one
	// counts as this. 0 means DefaultMaxAttempts.
	MaxAttempts int

	// Limit, if not nil, turns callers away who ask too often.
	Limit Limiter

	// Authorize, if not nil, narrows who may ask.
	Authorize Authorizer

	// Audit, if not nil, is told how each request ended.
	Audit Auditor

	// AuditWaits says that Audit may wait, so that no request is answered
	// where requests are read.
	AuditWaits bool
}

// GeneratePassword is the Generate Password operation. It changes nothing in
// the directory. It is an Immediate: where Policies has a method Ready, as
// *policy.Service does, and there is no Authorize, a request under the default
// policy is answered without waiting.
type GeneratePassword struct {
	cfg   GeneratePasswordConfig
	ready readyPolicies // nil if requests always may have to wait
	rands sync.Pool     // of *generate.Rand, which have forgotten what they were used for
}

// readyPolicies knows some policies without asking the directory.
type readyPolicies interface {
	Ready(sel policy.Selection) (*policy.Effective, bool)
}

// NewGeneratePassword returns the operation.
func NewGeneratePassword(cfg GeneratePasswordConfig) *GeneratePassword {
	if cfg.MaxPasswords <= 0 {
		cfg.MaxPasswords = DefaultMaxPasswords
	}
	if cfg.MaxAttempts <= 0 {
		cfg.MaxAttempts = DefaultMaxAttempts
	}
	g := &GeneratePassword{cfg: cfg}
	g.rands.New = func() any { return generate.NewRand(nil) }
	if ready, ok := cfg.Policies.(readyPolicies); ok && cfg.Authorize == nil && !cfg.AuditWaits {
		g.ready = ready
	}
	return g
}

// ServeExtended implements Handler: it decodes the request, performs it with
// Do and encodes the result.
func (g *GeneratePassword) ServeExtended(ctx context.Context, req *Request) (*Response, error) {
	r, err := DecodeGeneratePasswordRequest(req.Value)
	if err != nil {
		return nil, g.cfg.Audit.record(ctx, g.cfg.Audit.begin(GeneratePasswordRequestOID, req.Caller), err)
	}
	res, err := g.Do(ctx, req.Caller, r, req.Controls)
	if err != nil {
		return nil, err
	}
	defer res.Wipe()
	value, err := res.Encode()
	if err != nil {
		return nil, err
	}
	return &Response{Name: GeneratePasswordResponseOID, Value: value}, nil
}

// immediateDraws bounds the candidates that ServeImmediate draws and checks:
// while it works, its connection waits.
const immediateDraws = 64

// ServeImmediate implements Immediate.
func (g *GeneratePassword) ServeImmediate(ctx context.Context, req *Request, resp *Response) (bool, error) {
	if g.ready == nil {
		return false, nil
	}
	r, err := DecodeGeneratePasswordRequest(req.Value)
	if err != nil || r.Selection != SelectDefaultPolicy || g.draws(r) > immediateDraws {
		return false, nil
	}
	for _, c := range req.Controls {
		if c.OID == ProxiedAuthorizationOID {
			return false, nil
		}
	}
	eff, ok := g.ready.Ready(policy.Selection{})
	if !ok {
		return false, nil
	}
	rec := g.begin(req.Caller, r)
	res, err := g.perform(ctx, r, req.Controls, &rec, eff)
	if err = g.cfg.Audit.record(ctx, rec, err); err != nil {
		if res != nil {
			res.Wipe()
		}
		return true, err
	}
	defer res.Wipe()
	resp.Name = GeneratePasswordResponseOID
	resp.Value, err = res.appendTo(resp.Value[:0])
	return true, err
}

// draws is the largest number of candidates that a request can take.
func (g *GeneratePassword) draws(r GeneratePasswordRequest) int {
	return min(r.Count, g.cfg.MaxPasswords) * max(min(r.Attempts, g.cfg.MaxAttempts), 1)
}

// Do performs a decoded request. The caller wipes the result.
//
// The result codes, in the order in which they are looked for:
// insufficientAccessRights(50) for an anonymous caller;
// confidentialityRequired(13) on a connection that can be read;
// unavailableCriticalExtension(12); protocolError(2) for a malformed proxied
// authorization control or numbers out of range; what Limit returns;
// invalidDNSyntax(34); what Authorize returns; for a target entry,
// insufficientAccessRights(50) if the caller cannot see it (or, where there
// is none, its nearest existing superior) and noSuchObject(32) if it would
// stand outside every entry; for proxied authorization, what the directory
// says to it, such as authorizationDenied(123); noSuchObject(32) with the
// matched DN for a policy that is not there; unwillingToPerform(53) for a
// policy that nothing can satisfy.
func (g *GeneratePassword) Do(ctx context.Context, caller Caller, r GeneratePasswordRequest, controls []Control) (*GeneratePasswordResult, error) {
	rec := g.begin(caller, r)
	res, err := g.perform(ctx, r, controls, &rec, nil)
	if err = g.cfg.Audit.record(ctx, rec, err); err != nil {
		if res != nil {
			res.Wipe()
		}
		return nil, result.From(err)
	}
	return res, nil
}

func (g *GeneratePassword) begin(caller Caller, r GeneratePasswordRequest) AuditRecord {
	rec := g.cfg.Audit.begin(GeneratePasswordRequestOID, caller)
	rec.Requested = r.Count
	rec.about(r.Selection, r.DN)
	return rec
}

// perform does what Do does but for the audit. eff is the policy in force, if
// it is known already.
func (g *GeneratePassword) perform(ctx context.Context, r GeneratePasswordRequest, controls []Control, rec *AuditRecord, eff *policy.Effective) (*GeneratePasswordResult, error) {
	authzID, proxied, err := admit(rec.Caller, controls, true)
	if err != nil {
		return nil, err
	}
	rec.AuthzID = authzID
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := g.cfg.Limit.ask(rec.Question); err != nil {
		return nil, err
	}
	if eff == nil {
		if eff, err = resolveSelection(ctx, g.cfg.Policies, g.cfg.Authorize, rec.Question, proxied, r.Selection); err != nil {
			return nil, err
		}
	}
	rec.EffectivePolicyDN = eff.Policy.DN
	if r.Recipe != nil {
		eff = eff.With(*r.Recipe)
	}

	rnd := g.rands.Get().(*generate.Rand)
	defer func() {
		rnd.Forget()
		g.rands.Put(rnd)
	}()
	passwords, err := suggest(ctx, eff, policy.SuggestOptions{
		Count:    min(r.Count, g.cfg.MaxPasswords),
		Attempts: min(r.Attempts, g.cfg.MaxAttempts),
		Rand:     rnd,
	})
	if err != nil {
		return nil, err
	}
	res := &GeneratePasswordResult{PolicyDN: eff.Policy.DN, Passwords: passwords}
	for _, p := range res.Passwords {
		if len(p.Password.Bytes()) == 0 {
			res.Wipe()
			return nil, result.New(result.UnwillingToPerform, "the generator of %s made an empty password", policyName(eff.Policy.DN))
		}
		if len(p.Errors) > 0 {
			rec.Rejected++
		}
	}
	rec.Returned = len(passwords)
	return res, nil
}

// suggest is eff.Suggest in a span of its own.
func suggest(ctx context.Context, eff *policy.Effective, o policy.SuggestOptions) ([]policy.Suggestion, error) {
	ctx, span := trail.Start(ctx, trail.Internal, "generate")
	span.Int("ldapsuggest.passwords", o.Count)
	list, err := eff.Suggest(ctx, o)
	span.End(endOf(err))
	return list, err
}

// endOf names how something ended, for a span.
func endOf(err error) string {
	if err == nil {
		return result.Success.String()
	}
	return result.From(err).Code.String()
}

func policyName(dn string) string {
	if dn == "" {
		return "the policy in force"
	}
	return fmt.Sprintf("the policy %q", dn)
}
