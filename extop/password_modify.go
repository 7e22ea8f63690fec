package extop

import (
	"context"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// PasswordModifyOID names the Password Modify request of RFC 3062. Its
// response has no name.
const PasswordModifyOID = "1.3.6.1.4.1.4203.1.11.1"

// A PasswordModifyRequest changes a password (RFC 3062). Its value:
//
//	PasswdModifyRequestValue ::= SEQUENCE {
//	     userIdentity [0] OCTET STRING OPTIONAL,
//	     oldPasswd    [1] OCTET STRING OPTIONAL,
//	     newPasswd    [2] OCTET STRING OPTIONAL }
//
// A password whose Bytes are nil is absent; one of zero octets is present.
type PasswordModifyRequest struct {
	UserIdentity *string // nil if absent
	OldPassword  policy.Password
	NewPassword  policy.Password
}

// DecodePasswordModifyRequest decodes a requestValue. It may be absent (nil),
// which RFC 3062 section 2.1 allows. The passwords are copies.
func DecodePasswordModifyRequest(value []byte) (PasswordModifyRequest, error) {
	if value == nil {
		return PasswordModifyRequest{}, nil
	}
	var r PasswordModifyRequest
	if err := r.decode(value); err != nil {
		r.Wipe()
		return PasswordModifyRequest{}, result.Wrap(err, result.ProtocolError, "malformed Password Modify request: %v", err)
	}
	return r, nil
}

func (r *PasswordModifyRequest) decode(value []byte) error {
	e, err := sequence(value)
	if err != nil {
		return err
	}
	last := byte(0)
	for len(e) > 0 {
		tag, content, err := e.next()
		if err != nil {
			return err
		}
		if tag <= last {
			return errMisordered
		}
		last = tag
		switch tag {
		case contextPrimitive(0):
			id, err := text(content)
			if err != nil {
				return err
			}
			r.UserIdentity = &id
		case contextPrimitive(1):
			r.OldPassword = copyPassword(content)
		case contextPrimitive(2):
			r.NewPassword = copyPassword(content)
		default:
			return errTag
		}
	}
	return nil
}

// copyPassword returns a Password of its own octets, present even if empty.
func copyPassword(b []byte) policy.Password {
	return policy.NewPassword(append(make([]byte, 0, len(b)), b...))
}

// Encode returns the requestValue. It holds the passwords: wipe it once it
// is written.
func (r PasswordModifyRequest) Encode() []byte {
	n := 0
	if r.UserIdentity != nil {
		n += sizeOf(len(*r.UserIdentity))
	}
	for _, p := range []policy.Password{r.OldPassword, r.NewPassword} {
		if p.Bytes() != nil {
			n += sizeOf(len(p.Bytes()))
		}
	}
	dst := appendHeader(make([]byte, 0, sizeOf(n)), tagSequence, n)
	if r.UserIdentity != nil {
		dst = appendString(dst, contextPrimitive(0), *r.UserIdentity)
	}
	if b := r.OldPassword.Bytes(); b != nil {
		dst = appendString(dst, contextPrimitive(1), b)
	}
	if b := r.NewPassword.Bytes(); b != nil {
		dst = appendString(dst, contextPrimitive(2), b)
	}
	return dst
}

// Wipe overwrites the passwords.
func (r PasswordModifyRequest) Wipe() {
	r.OldPassword.Wipe()
	r.NewPassword.Wipe()
}

// Generates reports whether the request leaves the new password to the
// server. A new password of zero octets is one that the client chose.
func (r PasswordModifyRequest) Generates() bool { return r.NewPassword.Bytes() == nil }

// Target returns the DN of the entry whose password the request changes: the
// user identity, or else the user with the authorization identity authzID.
// It reports false if that is not a DN, which only the directory can map.
func (r PasswordModifyRequest) Target(authzID string) (string, bool) {
	if r.UserIdentity == nil {
		return dnOfAuthzID(authzID)
	}
	id := *r.UserIdentity
	if d, ok := dnOfAuthzID(id); ok {
		return d, true
	}
	d, err := dn.Parse(id)
	return id, err == nil && !d.IsRoot()
}

// dnOfAuthzID returns the DN in an authzId of the form "dn:..." (RFC 4513
// 5.2.1.8).
func dnOfAuthzID(authzID string) (string, bool) {
	if len(authzID) < 3 || !strings.EqualFold(authzID[:3], "dn:") {
		return "", false
	}
	d, err := dn.Parse(authzID[3:])
	return authzID[3:], err == nil && !d.IsRoot()
}

// A PasswordModifyResponse is the outcome of a change. Its value:
//
//	PasswdModifyResponseValue ::= SEQUENCE {
//	     genPasswd [0] OCTET STRING OPTIONAL }
type PasswordModifyResponse struct {
	Generated policy.Password // Bytes are nil if absent
}

// DecodePasswordModifyResponse decodes a responseValue; nil is an absent one.
func DecodePasswordModifyResponse(value []byte) (PasswordModifyResponse, error) {
	var r PasswordModifyResponse
	if value == nil {
		return r, nil
	}
	e, err := sequence(value)
	if err == nil && len(e) > 0 {
		var content []byte
		if content, err = e.want(contextPrimitive(0)); err == nil {
			if len(e) > 0 {
				err = errTrailing
			} else {
				r.Generated = copyPassword(content)
			}
		}
	}
	if err != nil {
		return PasswordModifyResponse{}, result.Wrap(err, result.ProtocolError, "malformed Password Modify response: %v", err)
	}
	return r, nil
}

// Encode returns the responseValue; nil if no password was generated. Wipe it
// once it is written.
func (r PasswordModifyResponse) Encode() []byte {
	b := r.Generated.Bytes()
	if b == nil {
		return nil
	}
	n := sizeOf(len(b))
	dst := appendHeader(make([]byte, 0, sizeOf(n)), tagSequence, n)
	return appendString(dst, contextPrimitive(0), b)
}

// GenerateOne generates the one password that a write is about to set: it
// meets the policy, or there is an error. constraintViolation(19) gives the
// reasons for which DefaultMaxAttempts candidates in a row would have been
// refused.
func GenerateOne(ctx context.Context, eff *policy.Effective) (policy.Password, error) {
	ss, err := suggest(ctx, eff, policy.SuggestOptions{Count: 1, Attempts: DefaultMaxAttempts})
	if err != nil {
		return policy.Password{}, err
	}
	p := ss[0].Password
	switch {
	case len(ss[0].Errors) > 0:
		p.Wipe()
		return policy.Password{}, result.New(result.ConstraintViolation, "no password that meets %s was found in %d attempts: %s",
			policyName(eff.Policy.DN), DefaultMaxAttempts, strings.Join(ss[0].Errors, " "))
	case len(p.Bytes()) == 0:
		return policy.Password{}, result.New(result.UnwillingToPerform, "the generator of %s made an empty password", policyName(eff.Policy.DN))
	}
	return p, nil
}

// A PasswordModify completes Password Modify requests without a new password:
// it generates one under the policy of the user, sends that on as the new
// password, and returns it as genPasswd if the directory has accepted it. It
// implements Rewriter. Requests with a new password, and malformed ones, are
// none of its business.
type PasswordModify struct{ cfg RewriteConfig }

// NewPasswordModify returns the operation.
func NewPasswordModify(cfg RewriteConfig) *PasswordModify { return &PasswordModify{cfg} }

// Rewrites implements Rewriter.
func (*PasswordModify) Rewrites(req *Relayed) bool {
	if req.Name != PasswordModifyOID {
		return false
	}
	r, err := DecodePasswordModifyRequest(req.Value)
	if err != nil {
		return false
	}
	defer r.Wipe()
	return r.Generates()
}

// Rewrite implements Rewriter.
//
// The result codes, in the order in which they are looked for:
// insufficientAccessRights(50) for an anonymous caller;
// confidentialityRequired(13) on a connection that can be read;
// protocolError(2) for a malformed proxied authorization control; what Limit
// returns; unwillingToPerform(53) for a user who is not named by a DN; what
// Authorize returns; for a user who does not exist, what the directory says
// to the caller who looks for the entry; unwillingToPerform(53) or another
// code if no password can be generated, with the reason for callers who see
// the entry. All others are the directory's.
func (p *PasswordModify) Rewrite(ctx context.Context, req *Relayed) (*Rewritten, error) {
	rec := p.cfg.Audit.begin(PasswordModifyOID, req.Caller)
	rec.Requested = 1
	r, err := DecodePasswordModifyRequest(req.Value)
	if err == nil {
		var sent *Rewritten
		if sent, err = p.rewrite(ctx, req, r, &rec); err == nil {
			if err = p.cfg.Audit.pending(ctx, rec); err == nil {
				return sent, nil
			}
			sent.Wipe()
		}
		r.Wipe()
	}
	return nil, result.From(p.cfg.Audit.record(ctx, rec, err))
}

func (p *PasswordModify) rewrite(ctx context.Context, req *Relayed, r PasswordModifyRequest, rec *AuditRecord) (*Rewritten, error) {
	proxied, err := p.cfg.admit(req, rec)
	if err != nil {
		return nil, err
	}
	if rec.Target, err = p.target(ctx, r, rec.AuthzID); err != nil {
		return nil, err
	}
	eff, err := p.cfg.resolve(ctx, rec.Question, proxied, policy.Selection{Target: rec.Target})
	if err != nil {
		return nil, err
	}
	if !eff.Exists {
		// The service account finds no such entry. What the caller may know
		// of it, the directory says.
		if err := req.Caller.See(ctx, rec.Target, proxied); err != nil {
			if e := result.From(err); e.Code != result.Referral {
				return nil, e
			}
			return nil, unseen(err)
		}
		return nil, result.New(result.InsufficientAccessRights, "the service account may not see the entry, so its policy is unknown")
	}
	rec.EffectivePolicyDN = eff.Policy.DN
	g := &passwordModify{cfg: &p.cfg, request: r, eff: eff, target: eff.Subject.DN, unicodePwd: p.cfg.unicodePwd()}
	if g.target == "" {
		g.target = rec.Target
	}
	record := p.cfg.done(ctx, *rec)
	g.done = func(err *result.Error) {
		r.Wipe()
		if record != nil {
			record(err)
		}
	}
	sent, err := g.generate(ctx)
	if err != nil {
		return nil, p.cfg.conceal(ctx, rec.Question, proxied, err)
	}
	return sent, nil
}

// target returns the DN of the user.
func (p *PasswordModify) target(ctx context.Context, r PasswordModifyRequest, authzID string) (string, error) {
	if target, ok := r.Target(authzID); ok {
		return target, nil
	}
	names, ok := p.cfg.Policies.(interface {
		ResolveName(ctx context.Context, name string) (string, error)
	})
	if ok && r.UserIdentity != nil && *r.UserIdentity != "" {
		if target, err := names.ResolveName(ctx, *r.UserIdentity); err == nil {
			return target, nil
		}
	}
	return "", result.New(result.UnwillingToPerform, "the user is not named by a DN: only for such users a password is generated")
}

// maxHistory is how many passwords in a row the directory may find in the
// user's history before its refusal is passed on.
const maxHistory = 5

// A passwordModify is one request while it is under way.
type passwordModify struct {
	cfg        *RewriteConfig
	request    PasswordModifyRequest
	eff        *policy.Effective
	target     string
	unicodePwd bool
	done       func(*result.Error)
	retries    int
}

// generate draws a password and returns the request that sets it.
func (g *passwordModify) generate(ctx context.Context) (*Rewritten, error) {
	password, err := GenerateOne(ctx, g.eff)
	if err != nil {
		return nil, err
	}
	defer password.Wipe()
	sent := &Rewritten{Value: PasswordModifyResponse{Generated: password}.Encode(), Retry: g.retry, Done: g.done}
	if g.unicodePwd {
		sent.Op = UnicodePwdModify(g.target, g.request.OldPassword, password)
		sent.Protected = true
		return sent, nil
	}
	r := g.request
	r.NewPassword = password
	value := r.Encode()
	defer clear(value)
	sent.Op = extendedRequest(PasswordModifyOID, value)
	return sent, nil
}

// retry draws another password if the directory remembers the last one. No
// other refusal is answered by a second attempt: one because of a wrong old
// password may count towards a lockout.
func (g *passwordModify) retry(ctx context.Context, r Refusal) *Rewritten {
	if g.retries++; g.retries > maxHistory || !inHistory(r) {
		return nil
	}
	sent, err := g.generate(ctx)
	if err != nil {
		return nil
	}
	return sent
}

// inHistory reports whether a directory refuses a password because the user
// has or had it. By the password policy control where there is one;
// otherwise by the words of OpenLDAP, 389 Directory Server, OpenDJ and Samba.
func inHistory(r Refusal) bool {
	if r.Code != result.ConstraintViolation && r.Code != result.UnwillingToPerform {
		return false
	}
	for _, c := range r.Controls {
		if c.OID == PasswordPolicyControlOID {
			code, ok := passwordPolicyError(c.Value)
			return ok && code == passwordInHistory
		}
	}
	text := strings.ToLower(r.Text)
	for _, words := range []string{"history", "not being changed from existing value", "(previous password)"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// passwordInHistory is the error of draft-behera-ldap-password-policy section
// 6.2 for a password that the user has or had.
const passwordInHistory = 8

// passwordPolicyError returns the error in the value of the password policy
// response control.
//
//	PasswordPolicyResponseValue ::= SEQUENCE {
//	     warning [0] CHOICE { ... } OPTIONAL,
//	     error   [1] ENUMERATED { ... } OPTIONAL }
func passwordPolicyError(value []byte) (int64, bool) {
	e, err := sequence(value)
	for err == nil && len(e) > 0 {
		var tag byte
		var content []byte
		if tag, content, err = e.next(); err == nil && tag == contextPrimitive(1) {
			n, err := integer(content, 4)
			return n, err == nil
		}
	}
	return 0, false
}

// tagExtendedRequest is the tag of an ExtendedRequest (RFC 4511 4.12).
const tagExtendedRequest = 0x77

// extendedRequest returns the protocolOp of an ExtendedRequest. Wipe it once
// it is written.
//
//	ExtendedRequest ::= [APPLICATION 23] SEQUENCE {
//	     requestName  [0] LDAPOID,
//	     requestValue [1] OCTET STRING OPTIONAL }
func extendedRequest(name string, value []byte) []byte {
	n := sizeOf(len(name)) + sizeOf(len(value))
	dst := appendHeader(make([]byte, 0, sizeOf(n)), tagExtendedRequest, n)
	dst = appendString(dst, contextPrimitive(0), name)
	return appendString(dst, contextPrimitive(1), value)
}

// The tags of a ModifyRequest (RFC 4511 4.6) and its operations.
const (
	tagModifyRequest = 0x66
	tagEnumerated    = 0x0A

	modifyAdd     = 0
	modifyDelete  = 1
	modifyReplace = 2
)

// UnicodePwdModify returns the protocolOp of the ModifyRequest by which
// Active Directory, which has no Password Modify operation, sets a password.
// An old password makes it a change by the user: the old value is deleted and
// the new one added. Otherwise it is a reset: the value is replaced.
// Active Directory takes it over a protected connection only. The result
// holds the passwords: wipe it once it is written.
//
//	ModifyRequest ::= [APPLICATION 6] SEQUENCE {
//	     object  LDAPDN,
//	     changes SEQUENCE OF change SEQUENCE {
//	          operation    ENUMERATED { add (0), delete (1), replace (2), ... },
//	          modification SEQUENCE { type AttributeDescription, vals SET OF value AttributeValue } } }
func UnicodePwdModify(target string, oldPassword, newPassword policy.Password) []byte {
	type change struct {
		op    byte
		value []byte
	}
	var changes []change
	add := func(op byte, p policy.Password) {
		changes = append(changes, change{op, UnicodePwd(p.Bytes())})
	}
	if oldPassword.Bytes() != nil {
		add(modifyDelete, oldPassword)
		add(modifyAdd, newPassword)
	} else {
		add(modifyReplace, newPassword)
	}
	const attribute = "unicodePwd"
	sizes := func(c change) (modification, whole int) {
		modification = sizeOf(len(attribute)) + sizeOf(sizeOf(len(c.value)))
		return modification, 3 + sizeOf(modification)
	}
	list := 0
	for _, c := range changes {
		_, whole := sizes(c)
		list += sizeOf(whole)
	}
	n := sizeOf(len(target)) + sizeOf(list)
	dst := appendHeader(make([]byte, 0, sizeOf(n)), tagModifyRequest, n)
	dst = appendString(dst, tagOctetString, target)
	dst = appendHeader(dst, tagSequence, list)
	for _, c := range changes {
		modification, whole := sizes(c)
		dst = appendHeader(dst, tagSequence, whole)
		dst = append(dst, tagEnumerated, 1, c.op)
		dst = appendHeader(dst, tagSequence, modification)
		dst = appendString(dst, tagOctetString, attribute)
		dst = appendHeader(dst, tagSet, sizeOf(len(c.value)))
		dst = appendString(dst, tagOctetString, c.value)
		clear(c.value)
	}
	return dst
}

// UnicodePwd returns a password as the unicodePwd attribute takes it: in
// quotation marks, as UTF-16 in little-endian order (MS-ADTS 3.1.1.3.1.5).
// Wipe it once it is written.
func UnicodePwd(password []byte) []byte {
	// A rune needs at most two octets of UTF-16 per octet of UTF-8.
	out := make([]byte, 0, 2*len(password)+4)
	out = append(out, '"', 0)
	for len(password) > 0 {
		// Not a range over a string: that would leave a copy behind.
		r, n := utf8.DecodeRune(password)
		password = password[n:]
		if r1, r2 := utf16.EncodeRune(r); r1 != '\uFFFD' {
			out = binary.LittleEndian.AppendUint16(out, uint16(r1))
			out = binary.LittleEndian.AppendUint16(out, uint16(r2))
		} else {
			out = binary.LittleEndian.AppendUint16(out, uint16(r))
		}
	}
	return append(out, '"', 0)
}
