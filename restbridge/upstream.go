package restbridge

import (
	"context"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// Upstream performs the Generate Password operation on a server that has it:
// a front end on another machine, or a PingDirectory server. It is put there
// on the caller's own connection, so whose question it is, and what the answer
// may be, that server judges. Sessions have to have the method Extended, as
// those of *directory.UserConn have it: a token is not enough.
type Upstream struct{}

// An extender is a session that can perform any extended operation.
type extender interface {
	Extended(ctx context.Context, name string, value []byte, controls ...extop.Control) ([]byte, error)
}

// Do is for Config.Generate. The caller wipes the result.
//
// Errors: what the server answers; unwillingToPerform(53) for a recipe, which
// the protocol cannot say, and for a caller without a connection;
// other(80) for an answer that is malformed.
func (Upstream) Do(ctx context.Context, c extop.Caller, r extop.GeneratePasswordRequest, controls []extop.Control) (*extop.GeneratePasswordResult, error) {
	if r.Recipe != nil {
		return nil, result.New(result.UnwillingToPerform, "the server behind this one has no such generator")
	}
	e, ok := c.(extender)
	if !ok {
		return nil, errNoExtended()
	}
	value, err := e.Extended(ctx, extop.GeneratePasswordRequestOID, r.Encode(), controls...)
	if err != nil {
		return nil, err
	}
	defer clear(value)
	res, err := extop.DecodeGeneratePasswordResult(value)
	if err != nil {
		return nil, result.Wrap(err, result.Other, "the server behind this one gave an answer that cannot be understood")
	}
	return res, nil
}

func errNoExtended() error {
	return result.New(result.UnwillingToPerform, "the server behind this one has to be asked with a name and a password")
}

// Extended implements extender.
func (c caller) Extended(ctx context.Context, name string, value []byte, controls ...extop.Control) ([]byte, error) {
	e, ok := c.Session.(extender)
	if !ok {
		return nil, errNoExtended()
	}
	return e.Extended(ctx, name, value, controls...)
}

// Extended implements extender.
func (s *cachedSession) Extended(ctx context.Context, name string, value []byte, controls ...extop.Control) (answer []byte, err error) {
	err = s.ask(ctx, func(conn Session) error {
		e, ok := conn.(extender)
		if !ok {
			return errNoExtended()
		}
		answer, err = e.Extended(ctx, name, value, controls...)
		return err
	})
	return answer, err
}
