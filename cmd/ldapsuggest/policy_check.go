package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

func (p *program) policyCheck(ctx context.Context, o *policyOptions) error {
	back, eff, err := p.effective(ctx, o)
	if err != nil {
		return err
	}
	defer back.close()
	password, err := p.passwordToCheck(ctx)
	if err != nil {
		return err
	}
	defer clear(password)
	reasons, err := eff.Validate(ctx, password)
	if err != nil {
		return p.failure(err, o, restbridge.EncodeError)
	}
	res := &extop.ValidatePasswordResult{PolicyDN: eff.Policy.DN, Errors: reasons}
	if o.json {
		p.stdout.Write(restbridge.EncodeValidation(res))
	} else {
		fmt.Fprintf(p.stderr, "policy: %s\n", policyName(res.PolicyDN))
		if res.Valid() {
			green, off := p.colour(p.stdout, green)
			fmt.Fprintf(p.stdout, "%saccepted%s\n", green, off)
		}
		red, off := p.colour(p.stdout, red)
		for _, e := range res.Errors {
			fmt.Fprintf(p.stdout, "%srefused:%s %s\n", red, off, e)
		}
	}
	if !res.Valid() {
		return errRejected
	}
	return nil
}

// passwordToCheck asks for a password on a terminal, and otherwise reads the
// one line of standard input.
func (p *program) passwordToCheck(ctx context.Context) ([]byte, error) {
	if f, ok := p.stdin.(*os.File); ok && isTerminal(f) {
		return p.promptPassword(ctx)
	}
	// Room for a line end and for one octet that is too many, in one piece:
	// growing would leave copies behind.
	buf := make([]byte, extop.MaxValidatedOctets+3)
	n, err := io.ReadFull(p.stdin, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	password := bytes.TrimSuffix(bytes.TrimSuffix(buf[:n], []byte("\n")), []byte("\r"))
	switch {
	case bytes.IndexByte(password, '\n') >= 0:
		clear(buf)
		return nil, errors.New("standard input has more than one line: one password is expected")
	case len(password) > extop.MaxValidatedOctets:
		clear(buf)
		return nil, fmt.Errorf("the password has more than %d octets", extop.MaxValidatedOctets)
	case len(password) == 0:
		return nil, errors.New("no password was given")
	}
	return password, nil
}
