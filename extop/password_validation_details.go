package extop

import (
	"math"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// The OIDs of the Password Validation Details controls. The request control
// has no value.
const (
	PasswordValidationDetailsRequestControlOID  = "1.3.6.1.4.1.30221.2.5.40"
	PasswordValidationDetailsResponseControlOID = "1.3.6.1.4.1.30221.2.5.41"
)

// A ValidationOutcome says what was validated. Its values are the tag numbers
// of the CHOICE.
type ValidationOutcome byte

// The alternatives of validationResult.
const (
	ValidationPerformed ValidationOutcome = iota
	NoPasswordProvided
	MultiplePasswordsProvided
	NoValidationAttempted
)

// PasswordValidationDetails is the value of the response control:
//
//	PasswordValidationDetailsResponse ::= SEQUENCE {
//	     validationResult CHOICE {
//	          validationDetails         [0] SEQUENCE OF PasswordQualityRequirementValidationResult,
//	          noPasswordProvided        [1] NULL,
//	          multiplePasswordsProvided [2] NULL,
//	          noValidationAttempted     [3] NULL,
//	          ... },
//	     missingCurrentPassword [3] BOOLEAN DEFAULT FALSE,
//	     mustChangePassword     [4] BOOLEAN DEFAULT FALSE,
//	     secondsUntilExpiration [5] INTEGER OPTIONAL,
//	     ... }
//
// Tag [3] means one thing as the first element and another behind it.
type PasswordValidationDetails struct {
	Outcome                ValidationOutcome
	Results                []RequirementResult // of ValidationPerformed
	MissingCurrentPassword bool
	MustChange             bool
	SecondsUntilExpiration *int64 // nil if the password does not expire
}

// A RequirementResult tells whether a password meets one requirement:
//
//	PasswordQualityRequirementValidationResult ::= SEQUENCE {
//	     passwordRequirement  PasswordQualityRequirement,
//	     requirementSatisfied BOOLEAN,
//	     additionalInfo       [0] OCTET STRING OPTIONAL }
type RequirementResult struct {
	Requirement PasswordRequirement
	Satisfied   bool
	Info        *string // nil if absent
}

// DecodePasswordValidationDetails decodes the value of the response control;
// nil is an absent one, which is an error.
func DecodePasswordValidationDetails(value []byte) (*PasswordValidationDetails, error) {
	var d PasswordValidationDetails
	if err := d.decode(value); err != nil {
		return nil, result.Wrap(err, result.ProtocolError, "malformed Password Validation Details response control: %v", err)
	}
	return &d, nil
}

func (d *PasswordValidationDetails) decode(value []byte) error {
	tag, content, e, err := choice(value)
	if err != nil {
		return err
	}
	switch tag {
	case contextConstructed(0):
		for list := elements(content); len(list) > 0; {
			item, err := list.want(tagSequence)
			if err != nil {
				return err
			}
			var r RequirementResult
			if err := r.decode(item); err != nil {
				return err
			}
			d.Results = append(d.Results, r)
		}
	case contextPrimitive(1), contextPrimitive(2), contextPrimitive(3):
		d.Outcome = ValidationOutcome(tag & 0x1F)
		if len(content) > 0 {
			return errNull
		}
	default:
		return errTag
	}
	last := byte(0)
	for len(e) > 0 {
		tag, content, err := e.next()
		if err != nil {
			return err
		}
		switch tag {
		case contextPrimitive(3), contextPrimitive(4), contextPrimitive(5):
			if tag <= last {
				return errMisordered
			}
			last = tag
		}
		switch {
		case tag == contextPrimitive(3):
			d.MissingCurrentPassword, err = boolean(content)
		case tag == contextPrimitive(4):
			d.MustChange, err = boolean(content)
		case tag == contextPrimitive(5):
			var n int64
			n, err = integer(content, 4)
			d.SecondsUntilExpiration = &n
		case !unknown(tag, 5):
			err = errTag
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decode reads the content of the SEQUENCE, which is not extensible.
func (r *RequirementResult) decode(e elements) error {
	content, err := e.want(tagSequence)
	if err != nil {
		return err
	}
	if err := r.Requirement.decode(content); err != nil {
		return err
	}
	if r.Satisfied, err = e.wantBoolean(); err != nil || len(e) == 0 {
		return err
	}
	info, err := e.wantString(contextPrimitive(0))
	if err != nil {
		return err
	}
	if len(e) > 0 {
		return errTrailing
	}
	r.Info = &info
	return nil
}

// size is the content length of the element.
func (r *RequirementResult) size() int {
	n := r.Requirement.size() + sizeOfBoolean
	if r.Info != nil {
		n += sizeOf(len(*r.Info))
	}
	return n
}

// Encode returns the control's value. What is beyond 2^31-1 seconds is given
// as that.
func (d *PasswordValidationDetails) Encode() []byte {
	details := 0
	if d.Outcome == ValidationPerformed {
		for i := range d.Results {
			details += sizeOf(d.Results[i].size())
		}
	}
	n := sizeOf(details)
	if d.MissingCurrentPassword {
		n += sizeOfBoolean
	}
	if d.MustChange {
		n += sizeOfBoolean
	}
	var seconds int64
	if d.SecondsUntilExpiration != nil {
		seconds = max(math.MinInt32, min(*d.SecondsUntilExpiration, math.MaxInt32))
		n += 2 + integerLen(seconds)
	}
	dst := appendHeader(make([]byte, 0, sizeOf(n)), tagSequence, n)
	if d.Outcome == ValidationPerformed {
		dst = appendHeader(dst, contextConstructed(0), details)
		for i := range d.Results {
			r := &d.Results[i]
			dst = appendHeader(dst, tagSequence, r.size())
			dst = r.Requirement.append(dst)
			dst = appendBoolean(dst, tagBoolean, r.Satisfied)
			if r.Info != nil {
				dst = appendString(dst, contextPrimitive(0), *r.Info)
			}
		}
	} else {
		dst = appendHeader(dst, contextPrimitive(byte(d.Outcome)), 0)
	}
	if d.MissingCurrentPassword {
		dst = appendBoolean(dst, contextPrimitive(3), true)
	}
	if d.MustChange {
		dst = appendBoolean(dst, contextPrimitive(4), true)
	}
	if d.SecondsUntilExpiration != nil {
		dst = appendInteger(dst, contextPrimitive(5), seconds)
	}
	return dst
}
