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

// Subject returns the entry to be as rules see it: what they compare a
// password with is in the request, not yet in the directory.
func (a AddRequest) Subject() rule.Subject {
	s := rule.Subject{DN: a.DN, Attributes: make(map[string][]string)}
	_ = a.each(func(description string, values elements) error {
		base, _, _ := strings.Cut(strings.ToLower(description), ";")
		for len(values) > 0 {
			_, v, _ := values.next()
			s.Attributes[base] = append(s.Attributes[base], string(v))
		}
		return nil
	})
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
	// Others are further attribute types that hold a password, or other
	// spellings of Name: an add that has one is not ours to complete.
	Others []string
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

// A GeneratedAdd is what becomes of an add with the Generate Password
// control. The front end sends Op on without the control, and attaches
// Control to the directory's answer only if that is success.
type GeneratedAdd struct {
	Op      []byte  // the protocolOp with the password attribute
	Control Control // the response control
}

// Wipe overwrites what holds the password.
func (g *GeneratedAdd) Wipe() {
	clear(g.Op)
	clear(g.Control.Value)
}

// GenerateAdd generates the password of a new entry, under the policy that
// the entry will get. An add that has a password already is
// unwillingToPerform(53).
func GenerateAdd(ctx context.Context, a AddRequest, eff *policy.Effective, attr PasswordAttribute) (*GeneratedAdd, error) {
	if a.Has(append([]string{attr.name(), "userPassword", "2.5.4.35"}, attr.Others...)...) {
		return nil, result.New(result.UnwillingToPerform, "the entry has a password already: leave it out, or the Generate Password control")
	}
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
	return &GeneratedAdd{
		Op:      a.WithAttribute(attr.name(), value),
		Control: Control{OID: GeneratePasswordResponseControlOID, Value: c.Encode()},
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
