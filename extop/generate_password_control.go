package extop

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// The OIDs of the Generate Password controls. The request control goes with
// an add and has no value; it asks the server to give the new entry a
// password, which comes back in the response control.
const (
	GeneratePasswordRequestControlOID  = "1.3.6.1.4.1.30221.2.5.58"
	GeneratePasswordResponseControlOID = "1.3.6.1.4.1.30221.2.5.59"
)

// FindGeneratePasswordControl reports whether a request carries the Generate
// Password request control. A control with a value, or a second one, is
// protocolError(2), whatever its criticality.
func FindGeneratePasswordControl(controls []Control) (bool, error) {
	found := false
	for _, c := range controls {
		if c.OID != GeneratePasswordRequestControlOID {
			continue
		}
		if c.Value != nil {
			return false, result.New(result.ProtocolError, "the Generate Password request control takes no value")
		}
		if found {
			return false, result.New(result.ProtocolError, "the Generate Password request control is given twice")
		}
		found = true
	}
	return found, nil
}

// A GeneratePasswordResponseControl tells which password a new entry got. Its
// value:
//
//	GeneratePasswordResponse ::= SEQUENCE {
//	     generatedPassword      OCTET STRING,
//	     mustChangePassword     BOOLEAN,
//	     secondsUntilExpiration [0] INTEGER OPTIONAL,
//	     ... }
type GeneratePasswordResponseControl struct {
	Password               policy.Password
	MustChange             bool
	SecondsUntilExpiration *int64 // nil if the password does not expire
}

// DecodeGeneratePasswordResponseControl decodes the value of the response
// control; nil is an absent one, which is an error. The password is a copy.
func DecodeGeneratePasswordResponseControl(value []byte) (GeneratePasswordResponseControl, error) {
	var c GeneratePasswordResponseControl
	if err := c.decode(value); err != nil {
		return GeneratePasswordResponseControl{}, result.Wrap(err, result.ProtocolError, "malformed Generate Password response control: %v", err)
	}
	return c, nil
}

func (c *GeneratePasswordResponseControl) decode(value []byte) error {
	e, err := sequence(value)
	if err != nil {
		return err
	}
	password, err := e.want(tagOctetString)
	if err != nil {
		return err
	}
	if c.MustChange, err = e.wantBoolean(); err != nil {
		return err
	}
	for len(e) > 0 {
		tag, content, err := e.next()
		switch {
		case err != nil:
			return err
		case tag == contextPrimitive(0):
			if c.SecondsUntilExpiration != nil {
				return errMisordered
			}
			n, err := integer(content, 8)
			if err != nil {
				return err
			}
			c.SecondsUntilExpiration = &n
		case !unknown(tag, 0):
			return errTag
		}
	}
	c.Password = copyPassword(password)
	return nil
}

// Encode returns the control's value. Wipe it once it is written.
func (c GeneratePasswordResponseControl) Encode() []byte {
	n := sizeOf(len(c.Password.Bytes())) + sizeOfBoolean
	if c.SecondsUntilExpiration != nil {
		n += 2 + integerLen(*c.SecondsUntilExpiration)
	}
	dst := appendHeader(make([]byte, 0, sizeOf(n)), tagSequence, n)
	dst = appendString(dst, tagOctetString, c.Password.Bytes())
	dst = appendBoolean(dst, tagBoolean, c.MustChange)
	if c.SecondsUntilExpiration != nil {
		dst = appendInteger(dst, contextPrimitive(0), *c.SecondsUntilExpiration)
	}
	return dst
}

const tagAddRequest = 0x68

// An AddRequest is the protocolOp of an add, looked at in place:
//
//	AddRequest ::= [APPLICATION 8] SEQUENCE {
//	     entry      LDAPDN,
//	     attributes SEQUENCE OF attribute SEQUENCE {
//	          type AttributeDescription,
//	          vals SET OF value AttributeValue } }
type AddRequest struct {
	DN string

	attributes elements // the content of attributes
}

// ParseAddRequest reads the protocolOp of an add, from its tag on. What it
// accepts has whole attributes of the right types; the DN is not parsed. The
// AddRequest refers to op.
func ParseAddRequest(op []byte) (AddRequest, error) {
	var a AddRequest
	if err := a.parse(op); err != nil {
		return AddRequest{}, result.Wrap(err, result.ProtocolError, "malformed add request: %v", err)
	}
	return a, nil
}

func (a *AddRequest) parse(op []byte) error {
	e := elements(op)
	content, err := e.want(tagAddRequest)
	if err != nil {
		return err
	}
	if len(e) > 0 {
		return errTrailing
	}
	e = content
	if a.DN, err = e.wantString(tagOctetString); err != nil {
		return err
	}
	if a.attributes, err = e.want(tagSequence); err != nil {
		return err
	}
	if len(e) > 0 {
		return errTrailing
	}
	return a.each(func(string, elements) error { return nil })
}

// each calls f with the description and the values of each attribute.
func (a AddRequest) each(f func(description string, values elements) error) error {
	for list := a.attributes; len(list) > 0; {
		content, err := list.want(tagSequence)
		if err != nil {
			return err
		}
		e := elements(content)
		description, err := e.wantString(tagOctetString)
		if err != nil {
			return err
		}
		set, err := e.want(tagSet)
		if err != nil {
			return err
		}
		if len(e) > 0 {
			return errTrailing
		}
		for values := elements(set); len(values) > 0; {
			if _, err := values.want(tagOctetString); err != nil {
				return err
			}
		}
		if err := f(description, set); err != nil {
			return err
		}
	}
	return nil
}

// Has reports whether the request has one of the attribute types, under any
// options. Types are compared without regard to case; list an attribute's OID
// beside its names.
func (a AddRequest) Has(types ...string) bool {
	found := false
	// The attributes were read once already: there is no error.
	_ = a.each(func(description string, _ elements) error {
		base, _, _ := strings.Cut(description, ";")
		for _, t := range types {
			found = found || strings.EqualFold(base, t)
		}
		return nil
	})
	return found
}

// Entry returns the entry to be. Attribute descriptions are as they arrived,
// but for the spellings of RFC 4519 and RFC 4524, which become the usual one:
// nobody but the directory knows all names of an attribute type.
func (a AddRequest) Entry() policy.Entry {
	e := policy.Entry{DN: a.DN}
	_ = a.each(func(description string, values elements) error {
		base, options, tagged := strings.Cut(description, ";")
		if name, ok := usualNames[strings.ToLower(base)]; ok {
			if description = name; tagged {
				description += ";" + options
			}
		}
		attribute := policy.Attribute{Name: description}
		for len(values) > 0 {
			_, v, _ := values.next()
			attribute.Values = append(attribute.Values, string(v))
		}
		e.Attributes = append(e.Attributes, attribute)
		return nil
	})
	return e
}

// usualNames are other spellings of attribute types that policies compare
// passwords with.
var usualNames = map[string]string{
	"commonname": "cn", "2.5.4.3": "cn",
	"surname": "sn", "2.5.4.4": "sn",
	"2.5.4.42": "givenName", "gn": "givenName",
	"userid": "uid", "0.9.2342.19200300.100.1.1": "uid",
	"rfc822mailbox": "mail", "0.9.2342.19200300.100.1.3": "mail",
	"organizationalunitname": "ou", "2.5.4.11": "ou",
	"organizationname": "o", "2.5.4.10": "o",
	"2.5.4.13":                   "description",
	"2.5.4.20":                   "telephoneNumber",
	"2.5.4.12":                   "title",
	"2.5.4.43":                   "initials",
	"2.16.840.1.113730.3.1.241":  "displayName",
	"2.16.840.1.113730.3.1.3":    "employeeNumber",
	"1.2.840.113556.1.4.221":     "sAMAccountName",
	"1.3.6.1.4.1.42.2.27.8.1.23": "pwdPolicySubentry",
}

// Subject returns the entry to be as rules see it: what they compare a
// password with is in the request, not yet in the directory.
func (a AddRequest) Subject() rule.Subject {
	s := rule.Subject{DN: a.DN, Attributes: make(map[string][]string)}
	for _, attribute := range a.Entry().Attributes {
		base, _, _ := strings.Cut(strings.ToLower(attribute.Name), ";")
		s.Attributes[base] = append(s.Attributes[base], attribute.Values...)
	}
	return s
}

// WithAttribute returns the protocolOp of the same request with one more
// attribute, which comes last. All other octets of the attributes are those
// that arrived. With a password in it, wipe it once it is written.
func (a AddRequest) WithAttribute(description string, value []byte) []byte {
	attribute := sizeOf(len(description)) + sizeOf(sizeOf(len(value)))
	list := len(a.attributes) + sizeOf(attribute)
	n := sizeOf(len(a.DN)) + sizeOf(list)
	dst := appendHeader(make([]byte, 0, sizeOf(n)), tagAddRequest, n)
	dst = appendString(dst, tagOctetString, a.DN)
	dst = appendHeader(dst, tagSequence, list)
	dst = append(dst, a.attributes...)
	dst = appendHeader(dst, tagSequence, attribute)
	dst = appendString(dst, tagOctetString, description)
	dst = appendHeader(dst, tagSet, sizeOf(len(value)))
	return appendString(dst, tagOctetString, value)
}

// A PasswordAttribute is how a directory's entries hold their passwords.
type PasswordAttribute struct {
	// Name is the attribute to add. Empty means userPassword.
	Name string
	// Protected says that the directory takes the attribute only over a
	// connection that cannot be read.
	Protected bool
	// Encode, if not nil, turns a password into a value of the attribute.
	// It must not retain its argument.
	Encode func(password []byte) []byte
}

func (p PasswordAttribute) name() string {
	if p.Name == "" {
		return "userPassword"
	}
	return p.Name
}

// A GeneratePasswordControl completes adds with the Generate Password request
// control: it generates a password under the policy that the entry will get,
// adds it to the entry, and attaches the response control to the directory's
// answer if that is success. It implements Rewriter, for every request that
// carries the control.
type GeneratePasswordControl struct{ cfg RewriteConfig }

// NewGeneratePasswordControl returns the control.
func NewGeneratePasswordControl(cfg RewriteConfig) *GeneratePasswordControl {
	return &GeneratePasswordControl{cfg}
}

// Rewrites implements Rewriter.
func (*GeneratePasswordControl) Rewrites(*Relayed) bool { return true }

// Rewrite implements Rewriter.
//
// The result codes, in the order in which they are looked for:
// protocolError(2) for a control with a value or a second one;
// unavailableCriticalExtension(12) on another operation, or
// unwillingToPerform(53) if it is not critical there: to ignore it, as RFC
// 4511 has it, would leave the client waiting for a password;
// insufficientAccessRights(50) for an anonymous caller;
// confidentialityRequired(13) on a connection that can be read;
// protocolError(2) for a malformed proxied authorization control; what Limit
// returns; protocolError(2) for a malformed add; unwillingToPerform(53) for
// an entry with a password; invalidDNSyntax(34); what Authorize returns;
// unwillingToPerform(53) or another code if no password can be generated,
// with the reason for callers who see where the entry is to stand. All others
// are the directory's.
func (g *GeneratePasswordControl) Rewrite(ctx context.Context, req *Relayed) (*Rewritten, error) {
	rec := g.cfg.Audit.begin(GeneratePasswordRequestControlOID, req.Caller)
	rec.Requested = 1
	sent, err := g.rewrite(ctx, req, &rec)
	if err == nil {
		if err = g.cfg.Audit.pending(ctx, rec); err != nil {
			sent.Wipe()
		}
	}
	if err != nil {
		return nil, result.From(g.cfg.Audit.record(ctx, rec, err))
	}
	sent.Done = g.cfg.done(ctx, rec)
	return sent, nil
}

func (g *GeneratePasswordControl) rewrite(ctx context.Context, req *Relayed, rec *AuditRecord) (*Rewritten, error) {
	if _, err := FindGeneratePasswordControl(req.Controls); err != nil {
		return nil, err
	}
	if req.Tag != tagAddRequest {
		code := result.UnwillingToPerform
		for _, c := range req.Controls {
			if c.OID == GeneratePasswordRequestControlOID && c.Critical {
				code = result.UnavailableCriticalExtension
			}
		}
		return nil, result.New(code, "the Generate Password control goes with an add only")
	}
	proxied, err := g.cfg.admit(req, rec)
	if err != nil {
		return nil, err
	}
	n := len(req.Body)
	op := appendString(make([]byte, 0, sizeOf(n)), tagAddRequest, req.Body)
	// It may hold a password that does not belong there.
	defer clear(op)
	a, err := ParseAddRequest(op)
	if err != nil {
		return nil, err
	}
	rec.Target = a.DN
	if a.Has(passwordAttributes...) {
		return nil, result.New(result.UnwillingToPerform, "the entry has a password already: leave it out, or the Generate Password control")
	}
	entry := a.Entry()
	eff, err := g.cfg.resolve(ctx, rec.Question, proxied, policy.Selection{Target: a.DN, Entry: &entry})
	if err != nil {
		return nil, err
	}
	rec.EffectivePolicyDN = eff.Policy.DN
	attr := PasswordAttribute{}
	if g.cfg.unicodePwd() {
		attr = PasswordAttribute{Name: "unicodePwd", Encode: UnicodePwd, Protected: true}
	}
	sent, err := GenerateAdd(ctx, a, eff, attr)
	if err != nil {
		return nil, g.cfg.conceal(ctx, rec.Question, proxied, err)
	}
	return sent, nil
}

// passwordAttributes are the attribute types that hold the password of an
// entry in one directory or the other: an add with one of them has a password
// already.
var passwordAttributes = []string{
	"userPassword", "2.5.4.35",
	"authPassword", "1.3.6.1.4.1.4203.1.3.4", // RFC 3112
	"unicodePwd", "1.2.840.113556.1.4.90",
}

// GenerateAdd generates the password of a new entry, under the policy that
// the entry will get, and returns the add that sets it.
func GenerateAdd(ctx context.Context, a AddRequest, eff *policy.Effective, attr PasswordAttribute) (*Rewritten, error) {
	forEntry := *eff
	forEntry.Subject = a.Subject()
	p, err := GenerateOne(ctx, &forEntry)
	if err != nil {
		return nil, err
	}
	defer p.Wipe()
	value := p.Bytes()
	if attr.Encode != nil {
		value = attr.Encode(value)
		defer clear(value)
	}
	c := GeneratePasswordResponseControl{
		Password:               p,
		MustChange:             eff.Policy.MustChange,
		SecondsUntilExpiration: secondsUntilExpiration(eff.Policy.MaxAge, math.MaxInt64),
	}
	return &Rewritten{
		Op:        a.WithAttribute(attr.name(), value),
		Without:   GeneratePasswordRequestControlOID,
		Protected: attr.Protected,
		Controls:  []Control{{OID: GeneratePasswordResponseControlOID, Value: c.Encode()}},
	}, nil
}

// secondsUntilExpiration is for a password that is set now; nil if it does
// not expire. What is beyond limit is given as limit.
func secondsUntilExpiration(maxAge time.Duration, limit int64) *int64 {
	if maxAge <= 0 {
		return nil
	}
	s := min(int64(maxAge/time.Second), limit)
	return &s
}
