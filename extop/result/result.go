// Package result holds the vocabulary in which every part of ldapsuggest
// reports an outcome: the LDAP result codes and the one error type that
// carries them.
//
// It imports nothing but the standard library, and no other package of this
// module, so that policies, operations and both doors can share it. Only the
// doors render an [Error]: ldapserver as an LDAPResult, restbridge as JSON.
package result

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// A Code is an LDAP result code (RFC 4511, appendix A, and the IANA registry
// "LDAP Parameters").
type Code int

// The result codes that this module sends or acts on.
const (
	Success                      Code = 0
	OperationsError              Code = 1
	ProtocolError                Code = 2
	TimeLimitExceeded            Code = 3
	SizeLimitExceeded            Code = 4
	CompareFalse                 Code = 5
	CompareTrue                  Code = 6
	AuthMethodNotSupported       Code = 7
	StrongerAuthRequired         Code = 8
	Referral                     Code = 10
	AdminLimitExceeded           Code = 11
	UnavailableCriticalExtension Code = 12
	ConfidentialityRequired      Code = 13
	SASLBindInProgress           Code = 14
	NoSuchAttribute              Code = 16
	UndefinedAttributeType       Code = 17
	InappropriateMatching        Code = 18
	ConstraintViolation          Code = 19
	AttributeOrValueExists       Code = 20
	InvalidAttributeSyntax       Code = 21
	NoSuchObject                 Code = 32
	AliasProblem                 Code = 33
	InvalidDNSyntax              Code = 34
	AliasDereferencingProblem    Code = 36
	InappropriateAuthentication  Code = 48
	InvalidCredentials           Code = 49
	InsufficientAccessRights     Code = 50
	Busy                         Code = 51
	Unavailable                  Code = 52
	UnwillingToPerform           Code = 53
	LoopDetect                   Code = 54
	NamingViolation              Code = 64
	ObjectClassViolation         Code = 65
	NotAllowedOnNonLeaf          Code = 66
	NotAllowedOnRDN              Code = 67
	EntryAlreadyExists           Code = 68
	ObjectClassModsProhibited    Code = 69
	AffectsMultipleDSAs          Code = 71
	Other                        Code = 80
	Canceled                     Code = 118
	NoSuchOperation              Code = 119
	TooLate                      Code = 120
	CannotCancel                 Code = 121
	AssertionFailed              Code = 122
	AuthorizationDenied          Code = 123
)

// String returns the code's standard name, such as "noSuchObject", or its
// number where it has none.
func (c Code) String() string {
	switch c {
	case Success:
		return "success"
	case OperationsError:
		return "operationsError"
	case ProtocolError:
		return "protocolError"
	case TimeLimitExceeded:
		return "timeLimitExceeded"
	case SizeLimitExceeded:
		return "sizeLimitExceeded"
	case CompareFalse:
		return "compareFalse"
	case CompareTrue:
		return "compareTrue"
	case AuthMethodNotSupported:
		return "authMethodNotSupported"
	case StrongerAuthRequired:
		return "strongerAuthRequired"
	case Referral:
		return "referral"
	case AdminLimitExceeded:
		return "adminLimitExceeded"
	case UnavailableCriticalExtension:
		return "unavailableCriticalExtension"
	case ConfidentialityRequired:
		return "confidentialityRequired"
	case SASLBindInProgress:
		return "saslBindInProgress"
	case NoSuchAttribute:
		return "noSuchAttribute"
	case UndefinedAttributeType:
		return "undefinedAttributeType"
	case InappropriateMatching:
		return "inappropriateMatching"
	case ConstraintViolation:
		return "constraintViolation"
	case AttributeOrValueExists:
		return "attributeOrValueExists"
	case InvalidAttributeSyntax:
		return "invalidAttributeSyntax"
	case NoSuchObject:
		return "noSuchObject"
	case AliasProblem:
		return "aliasProblem"
	case InvalidDNSyntax:
		return "invalidDNSyntax"
	case AliasDereferencingProblem:
		return "aliasDereferencingProblem"
	case InappropriateAuthentication:
		return "inappropriateAuthentication"
	case InvalidCredentials:
		return "invalidCredentials"
	case InsufficientAccessRights:
		return "insufficientAccessRights"
	case Busy:
		return "busy"
	case Unavailable:
		return "unavailable"
	case UnwillingToPerform:
		return "unwillingToPerform"
	case LoopDetect:
		return "loopDetect"
	case NamingViolation:
		return "namingViolation"
	case ObjectClassViolation:
		return "objectClassViolation"
	case NotAllowedOnNonLeaf:
		return "notAllowedOnNonLeaf"
	case NotAllowedOnRDN:
		return "notAllowedOnRDN"
	case EntryAlreadyExists:
		return "entryAlreadyExists"
	case ObjectClassModsProhibited:
		return "objectClassModsProhibited"
	case AffectsMultipleDSAs:
		return "affectsMultipleDSAs"
	case Other:
		return "other"
	case Canceled:
		return "canceled"
	case NoSuchOperation:
		return "noSuchOperation"
	case TooLate:
		return "tooLate"
	case CannotCancel:
		return "cannotCancel"
	case AssertionFailed:
		return "assertionFailed"
	case AuthorizationDenied:
		return "authorizationDenied"
	}
	return strconv.Itoa(int(c))
}

// Error is a failure with the LDAP result that the client is to see.
//
// Text is public: it reaches clients and logs, so it must never hold a
// password or a candidate for one. Cause is private: it is for logs and for
// errors.Is and errors.As, and never rendered to a client.
type Error struct {
	Code      Code
	MatchedDN string // RFC 4511 section 4.1.9; empty where it does not apply
	Text      string // the diagnosticMessage
	Cause     error
}

// New returns an Error with a formatted public text.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Wrap is New with a private cause.
func Wrap(cause error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...), Cause: cause}
}

// Error returns the public text alone.
func (e *Error) Error() string {
	if e.Text == "" {
		return e.Code.String()
	}
	return e.Text
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether err carries code.
func Is(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// From returns the Error that err is or wraps. An error that carries no
// result code was not meant for clients: its text stays private, under
// timeLimitExceeded(3) for an expired deadline, canceled(118) for a canceled
// request and other(80) for all else. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return Wrap(err, TimeLimitExceeded, "the operation did not finish in time")
	case errors.Is(err, context.Canceled):
		return Wrap(err, Canceled, "the operation was canceled")
	}
	return Wrap(err, Other, "internal error")
}
