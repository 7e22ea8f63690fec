package directory

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// client starts go-ldap on an open connection.
func (c *Client) client(raw net.Conn) *ldap.Conn {
	inner := raw
	if t, ok := raw.(*tracked); ok {
		inner = t.Conn
	}
	_, isTLS := inner.(*tls.Conn)
	l := ldap.NewConn(&bounded{raw, c.cfg.RequestTimeout}, isTLS)
	// Our own timers come first; this one frees what they left behind.
	l.SetTimeout(c.cfg.RequestTimeout + time.Second)
	l.Start()
	return l
}

// bounded gives each write a deadline. go-ldap writes from the goroutine
// that serves all requests of a connection; a peer that stops reading must
// not stop it for ever.
type bounded struct {
	net.Conn
	timeout time.Duration
}

func (b *bounded) Write(p []byte) (int, error) {
	if err := b.SetWriteDeadline(time.Now().Add(b.timeout)); err != nil {
		return 0, err
	}
	return b.Conn.Write(p)
}

// bind binds with a simple bind, and closes l if ctx ends first.
func bind(ctx context.Context, l *ldap.Conn, dn string, password []byte) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	err := l.Bind(dn, string(password))
	if !stop() {
		return ctx.Err()
	}
	return err
}

func searchRequest(q policy.Query) *ldap.SearchRequest {
	req := &ldap.SearchRequest{
		BaseDN:       q.Base,
		Scope:        int(q.Scope),
		DerefAliases: ldap.NeverDerefAliases,
		Filter:       q.Filter,
		Attributes:   q.Attributes,
		// No limits of ours: a server whose hard limit is lower refuses the
		// search, rather than apply its own.
	}
	if req.Filter == "" {
		req.Filter = "(objectClass=*)"
	}
	for _, c := range q.Controls {
		req.Controls = append(req.Controls, control(c))
	}
	return req
}

func entries(in []*ldap.Entry) []policy.Entry {
	out := make([]policy.Entry, len(in))
	for i, e := range in {
		out[i].DN = e.DN
		out[i].Attributes = make([]policy.Attribute, len(e.Attributes))
		for k, a := range e.Attributes {
			out[i].Attributes[k] = policy.Attribute{Name: a.Name, Values: a.Values}
		}
	}
	return out
}

// control encodes a control for go-ldap, whose own type cannot tell an empty
// value from an absent one.
//
//	Control ::= SEQUENCE {
//	     controlType             LDAPOID,
//	     criticality             BOOLEAN DEFAULT FALSE,
//	     controlValue            OCTET STRING OPTIONAL }
type control policy.Control

func (c control) GetControlType() string { return c.OID }

func (c control) String() string { return c.OID }

func (c control) Encode() *ber.Packet {
	p := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "Control")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, c.OID, "controlType"))
	if c.Critical {
		p.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "criticality"))
	}
	if c.Value != nil {
		p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(c.Value), "controlValue"))
	}
	return p
}

// broken reports whether err says that a connection is of no more use: it is
// no answer of the server, or the answer that it is going away.
func broken(err error) bool {
	var own *result.Error
	if errors.As(err, &own) {
		return own.Code == result.Unavailable
	}
	var answer *ldap.Error
	if !errors.As(err, &answer) {
		return true
	}
	switch answer.ResultCode {
	case ldap.LDAPResultUnavailable, ldap.ErrorNetwork, ldap.ErrorUnexpectedMessage, ldap.ErrorUnexpectedResponse:
		return true
	}
	return false
}

// fault turns what a conn or go-ldap reports into a *result.Error.
func (c *Client) fault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errSlow) {
		return result.Wrap(err, result.Unavailable, "the directory did not answer within %v", c.cfg.RequestTimeout)
	}
	return fault(err)
}

func fault(err error) error {
	var own *result.Error
	if errors.As(err, &own) {
		return own
	}
	var answer *ldap.Error
	if !errors.As(err, &answer) || answer.ResultCode == ldap.ErrorNetwork {
		return result.Wrap(err, result.Unavailable, "the connection to the directory was lost")
	}
	if answer.ResultCode >= ldap.ErrorNetwork && answer.ResultCode <= ldap.ErrorEmptyPassword {
		return result.Wrap(err, result.Other, "internal error")
	}
	e := &result.Error{Code: result.Code(answer.ResultCode), MatchedDN: answer.MatchedDN}
	if answer.Err != nil {
		e.Text = answer.Err.Error()
	}
	return e
}
