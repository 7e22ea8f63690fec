package extop

import (
	"context"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// Policies is what operations ask of *policy.Service.
type Policies interface {
	// Resolve finds the policy in force for a selection.
	Resolve(ctx context.Context, sel policy.Selection) (*policy.Effective, error)
	// Exists reports whether the service account sees an entry at dn.
	Exists(ctx context.Context, dn string) (bool, error)
}

// A Question is who asks an operation about what: all that an authorization
// hook has to judge by.
type Question struct {
	OID      string // of the operation
	Caller   Caller
	AuthzID  string // whose rights count: the caller's, or those of the identity that it acts as
	Target   string // DN of the entry asked about; empty for none
	PolicyDN string // DN of the policy asked about; empty for none
}

// An Authorizer says whether a question may be asked at all, on top of what
// the directory's access control says. Its error goes to the client; to
// refuse, return insufficientAccessRights(50). It is called before the
// directory is asked about the target.
type Authorizer func(ctx context.Context, q Question) error

// A Limiter says whether a caller may ask now. Its error goes to the client;
// to turn one away who asks too often, return busy(51). It must not wait: a
// server calls it where it reads requests.
type Limiter func(q Question) error

// An AuditRecord tells who asked for whom, under which policy, and how it
// ended. It never holds a password.
type AuditRecord struct {
	Question
	AskedBy  string    // authorization identity of the connection; empty if anonymous
	Time     time.Time // when the operation began
	Duration time.Duration

	// EffectivePolicyDN is the policy that was found to be in force; empty
	// if there is none or if the operation ended before it was known.
	EffectivePolicyDN string

	// Requested and Returned are numbers of passwords, Rejected is how many
	// of those returned carry validation errors.
	Requested, Returned, Rejected int

	// Err is how the operation ended; nil for success. Its private cause is
	// for the log.
	Err *result.Error

	// Pending is set in the record of a request that was completed and is
	// about to be given to the directory. The record of its end follows, with
	// the same Time.
	Pending bool

	// Write tells what the directory had to do with the end of a request that
	// was completed.
	Write Write
}

// A Write is what became of a request that was completed for the directory.
type Write int

// What may become of it.
const (
	NoWrite    Write = iota // it ended before there was anything to give to the directory
	Answered                // Err is the directory's answer
	Unanswered              // the directory got it, and its answer is not known
	Unsent                  // the directory did not get it
)

// String returns "", "answered", "unanswered" or "unsent".
func (w Write) String() string {
	switch w {
	case Answered:
		return "answered"
	case Unanswered:
		return "unanswered"
	case Unsent:
		return "unsent"
	}
	return ""
}

// An Auditor is told of every operation once it has ended, before the caller
// is. An error of its refuses the operation: the caller gets the error
// instead of what was found out or made. It refuses a request that is about
// to be given to the directory, too (AuditRecord.Pending), but not one that
// the directory has performed.
//
// A server calls it where it reads requests: it must not block, unless the
// operation is told so by AuditWaits.
type Auditor func(ctx context.Context, r AuditRecord) error

// begin returns the record of an operation that begins now.
func (a Auditor) begin(oid string, caller Caller) AuditRecord {
	id := caller.AuthzID()
	r := AuditRecord{Question: Question{OID: oid, Caller: caller, AuthzID: id}, AskedBy: id}
	if a != nil {
		r.Time = time.Now()
	}
	return r
}

// record tells the auditor how an operation ended, and returns what the
// caller is to be told.
func (a Auditor) record(ctx context.Context, r AuditRecord, err error) error {
	if a == nil {
		return err
	}
	r.Duration = time.Since(r.Time)
	r.Err = result.From(err)
	if refused := a(ctx, r); err == nil {
		return refused
	}
	return err
}

// pending tells the auditor that the directory is about to get a request.
func (a Auditor) pending(ctx context.Context, r AuditRecord) error {
	if a == nil {
		return nil
	}
	r.Pending = true
	return a(ctx, r)
}

// audited performs an operation and records how it ended. The error is a
// *result.Error.
func audited[T any](ctx context.Context, a Auditor, rec AuditRecord, perform func(context.Context, *AuditRecord) (T, error)) (T, error) {
	out, err := perform(ctx, &rec)
	if err = a.record(ctx, rec, err); err != nil {
		var none T
		return none, result.From(err)
	}
	return out, nil
}

// about notes which entry or policy a request names.
func (r *AuditRecord) about(s SelectionType, dn string) {
	switch s {
	case SelectPolicyDN:
		r.PolicyDN = dn
	case SelectTargetEntry:
		r.Target = dn
	}
}

// admit makes the checks that come before any look at the directory, in the
// order in which a client is best told: who it is, how it is connected
// (if private is set, because the answer is a secret), what it demands. It
// returns the identity whose rights count, and the same identity again as
// proxied if it comes from a proxied authorization control (RFC 4370).
// Nobody has asked the directory yet whether the caller may act as proxied.
func admit(caller Caller, controls []Control, private bool) (authzID, proxied string, err error) {
	if isAnonymous(caller.AuthzID()) {
		return "", "", result.New(result.InsufficientAccessRights, "the operation requires authentication")
	}
	if private && !caller.Protected() {
		return "", "", result.New(result.ConfidentialityRequired, "the operation requires a connection that is protected by TLS")
	}
	if err := CheckControls(controls, ProxiedAuthorizationOID); err != nil {
		return "", "", err
	}
	found := false
	for _, c := range controls {
		if c.OID != ProxiedAuthorizationOID {
			continue
		}
		switch {
		case found:
			return "", "", result.New(result.ProtocolError, "the proxied authorization control is given twice")
		case !c.Critical:
			// RFC 4370 section 3: such a request MUST be rejected.
			return "", "", result.New(result.ProtocolError, "the proxied authorization control must be critical")
		case c.Value == nil:
			return "", "", result.New(result.ProtocolError, "the proxied authorization control has no value")
		}
		found = true
		proxied = string(c.Value)
	}
	if !found {
		return caller.AuthzID(), "", nil
	}
	if isAnonymous(proxied) {
		return "", "", result.New(result.InsufficientAccessRights, "the operation requires an identity that is not anonymous")
	}
	return proxied, proxied, nil
}

// isAnonymous reports whether an authzId (RFC 4513 5.2.1.8) names nobody, in
// any spelling that a directory could take for that.
func isAnonymous(authzID string) bool {
	kind, id, ok := strings.Cut(authzID, ":")
	if ok && (strings.EqualFold(kind, "dn") || strings.EqualFold(kind, "u")) {
		authzID = id
	}
	return strings.TrimSpace(authzID) == ""
}

// parseDN parses a DN from a request; what names it in the error.
func parseDN(s, what string) (dn.DN, error) {
	d, err := dn.Parse(s)
	if err != nil {
		return dn.DN{}, result.Wrap(err, result.InvalidDNSyntax, "the %s is not a distinguished name: %v", what, err)
	}
	return d, nil
}

// maxRDNs bounds the walk up from an entry that does not exist.
const maxRDNs = 64

// errHidden is the one answer to a caller who may not know whether there is
// an entry. It has no matched DN, and the same text in every case.
func errHidden(cause error) error {
	return result.Wrap(cause, result.InsufficientAccessRights, "no such entry is visible to the caller")
}

// see asks the directory whether the caller sees the entry at target, or,
// where there is none, its nearest existing superior, and returns whether
// there is one.
//
// It is put so that what the caller cannot see stays unknown to it: the
// superior is asked for first, and whether a target that the caller cannot
// see exists is found out only for a caller who sees where it would stand.
func see(ctx context.Context, p Policies, caller Caller, target dn.DN, proxied string) (exists bool, err error) {
	ctx, span := trail.Start(ctx, trail.Client, "caller sees target")
	defer func() { span.End(endOf(err)) }()
	if target.IsRoot() {
		return false, result.New(result.NoSuchObject, "the root DSE has no password")
	}
	if len(target.RDNs) > maxRDNs {
		return false, result.New(result.UnwillingToPerform, "the target DN has more than %d components", maxRDNs)
	}
	err = caller.See(ctx, target.String(), proxied)
	if err == nil {
		return true, nil
	}
	if !result.Is(err, result.NoSuchObject) {
		return false, unseen(err)
	}
	none := true
	for sup := target.Parent(); !sup.IsRoot(); sup = sup.Parent() {
		there, err := p.Exists(ctx, sup.String())
		if err != nil {
			return false, unknowable(err)
		}
		if !there {
			continue
		}
		if err := caller.See(ctx, sup.String(), proxied); err != nil {
			return false, unseen(err)
		}
		none = false
		break
	}
	there, err := p.Exists(ctx, target.String())
	switch {
	case err != nil:
		return false, unknowable(err)
	case there:
		return false, errHidden(nil)
	case none:
		return false, result.New(result.NoSuchObject, "the target entry would stand outside every entry of the directory")
	}
	return false, nil
}

// unseen renders what the directory said to the caller who asked for an
// entry. That the entry is not there or not readable becomes the one answer
// that tells neither; a referral cannot be passed on with its addresses.
func unseen(err error) error {
	e := result.From(err)
	switch e.Code {
	case result.NoSuchObject, result.InsufficientAccessRights:
		return errHidden(e)
	case result.Referral:
		return result.Wrap(e, result.UnwillingToPerform, "the target entry is held by another server")
	}
	return e
}

// unknowable renders a failure of the service account. What it may not read
// is not for the caller to know.
func unknowable(err error) error {
	e := result.From(err)
	if e.Code == result.InsufficientAccessRights {
		return errHidden(e)
	}
	return &result.Error{Code: e.Code, Text: "the directory could not be asked whether the target entry exists", Cause: e}
}

// mayProxy asks the directory whether the caller may act as proxied, for a
// request that is about no entry. Every directory has a root DSE, so the
// question is put there.
func mayProxy(ctx context.Context, caller Caller, proxied string) error {
	if proxied == "" {
		return nil
	}
	if err := caller.See(ctx, "", proxied); err != nil {
		return result.From(err)
	}
	return nil
}

// resolveTarget finds the policy for the entry q.Target, which need not
// exist, for a caller who may see it.
func resolveTarget(ctx context.Context, p Policies, authorize Authorizer, q Question, proxied string) (*policy.Effective, error) {
	target, err := parseDN(q.Target, "target entry DN")
	if err != nil {
		return nil, err
	}
	if err := authorize.ask(ctx, q); err != nil {
		return nil, err
	}
	exists, err := see(ctx, p, q.Caller, target, proxied)
	if err != nil {
		return nil, err
	}
	eff, err := p.Resolve(ctx, policy.Selection{Target: q.Target})
	if err != nil {
		return nil, err
	}
	if eff.Exists && !exists {
		// It was added since the caller was told that it is not there, and
		// the caller may not be able to see it.
		return nil, errHidden(nil)
	}
	return eff, nil
}

// resolvePolicy finds the policy q.PolicyDN if named is set, otherwise the
// default policy.
func resolvePolicy(ctx context.Context, p Policies, authorize Authorizer, q Question, proxied string, named bool) (*policy.Effective, error) {
	if named {
		d, err := parseDN(q.PolicyDN, "password policy DN")
		if err != nil {
			return nil, err
		}
		if d.IsRoot() {
			// An empty PolicyDN in a policy.Selection means the default.
			return nil, result.New(result.NoSuchObject, "the root DSE is not a password policy")
		}
	}
	if err := authorize.ask(ctx, q); err != nil {
		return nil, err
	}
	if err := mayProxy(ctx, q.Caller, proxied); err != nil {
		return nil, err
	}
	return p.Resolve(ctx, policy.Selection{PolicyDN: q.PolicyDN})
}

// resolveSelection finds the policy that a selection means, for a caller who
// may ask about it.
func resolveSelection(ctx context.Context, p Policies, authorize Authorizer, q Question, proxied string, s SelectionType) (*policy.Effective, error) {
	if s == SelectTargetEntry {
		return resolveTarget(ctx, p, authorize, q, proxied)
	}
	return resolvePolicy(ctx, p, authorize, q, proxied, s == SelectPolicyDN)
}

func (l Limiter) ask(q Question) error {
	if l == nil {
		return nil
	}
	return l(q)
}

func (a Authorizer) ask(ctx context.Context, q Question) error {
	if a == nil {
		return nil
	}
	return a(ctx, q)
}
