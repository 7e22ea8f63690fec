package directory

import (
	"context"
	"errors"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// A UserConn is a connection bound as one user. It is an extop.Caller but
// for Protected, which only the door that the user came through can tell.
// Several requests may use it at a time; one whose context ends closes it for
// all, and so does one that finds the connection broken.
type UserConn struct {
	conn *ldap.Conn
	dn   string
}

// Bind opens a connection of its own and binds it as dn, so that the
// directory judges the password, the account's state and what it may see. An empty name
// or password is refused here: the directory might take it for an anonymous
// bind, which succeeds and proves nothing (RFC 4513 5.1.2).
//
// Errors: *result.Error with what the directory answered, such as
// invalidCredentials(49); unavailable(52); the context's error.
func (c *Client) Bind(ctx context.Context, dn string, password []byte) (*UserConn, error) {
	if dn == "" || len(password) == 0 {
		return nil, result.New(result.InvalidCredentials, "a name and a password are needed")
	}
	raw, err := c.Dial(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.RequestTimeout, errSlow)
	defer cancel()
	l := c.client(raw)
	if err := bind(ctx, l, dn, password); err != nil {
		go l.Close()
		if errors.Is(context.Cause(ctx), errSlow) {
			return nil, result.Wrap(err, result.Unavailable, "the directory did not answer within %v", c.cfg.RequestTimeout)
		}
		return nil, c.fault(ctx, err)
	}
	return &UserConn{l, dn}, nil
}

// Close ends the connection.
func (u *UserConn) Close() error { return u.conn.Close() }

// Closed reports whether the connection is of no more use: closed, or ended by
// the directory.
func (u *UserConn) Closed() bool { return u.conn.IsClosing() }

// AuthzID is "dn:" and the name that the connection is bound as.
func (u *UserConn) AuthzID() string { return "dn:" + u.dn }

// See implements extop.Caller.
func (u *UserConn) See(ctx context.Context, dn, authzID string) error {
	q := policy.Query{Base: dn, Attributes: []string{"1.1"}}
	if authzID != "" {
		q.Controls = []policy.Control{{OID: extop.ProxiedAuthorizationOID, Critical: true, Value: []byte(authzID)}}
	}
	var res *ldap.SearchResult
	err := u.do(ctx, func() (err error) {
		res, err = u.conn.Search(searchRequest(q))
		return err
	})
	if err != nil {
		return err
	}
	if len(res.Entries) == 0 {
		return result.New(result.InsufficientAccessRights, "%q may not be seen", dn)
	}
	return nil
}

// Search searches as the user, for at most limit entries, and reports whether
// there are more. What the directory's own limit leaves out counts as more.
func (u *UserConn) Search(ctx context.Context, q policy.Query, limit int) (found []policy.Entry, more bool, err error) {
	req := searchRequest(q)
	req.SizeLimit = limit + 1
	var res *ldap.SearchResult
	err = u.do(ctx, func() (err error) {
		res, err = u.conn.Search(req)
		return err
	})
	if err != nil && !result.Is(err, result.SizeLimitExceeded) {
		return nil, false, err
	}
	found = entries(res.Entries)
	if len(found) > limit {
		return found[:limit], true, nil
	}
	return found, err != nil, nil
}

// Extended performs an extended operation (RFC 4511 4.12) and returns the
// response value, nil if there is none.
func (u *UserConn) Extended(ctx context.Context, name string, value []byte, controls ...extop.Control) ([]byte, error) {
	req := ldap.NewExtendedRequest(name, nil)
	if value != nil {
		req.Value = ber.NewString(ber.ClassContext, ber.TypePrimitive, 1, string(value), "requestValue")
	}
	for _, c := range controls {
		req.Controls = append(req.Controls, control(c))
	}
	var res *ldap.ExtendedResponse
	err := u.do(ctx, func() (err error) {
		res, err = u.conn.Extended(req)
		return err
	})
	if err != nil || res.Value == nil {
		return nil, err
	}
	return res.Value.Data.Bytes(), nil
}

// do runs one request, and closes the connection if ctx ends first.
func (u *UserConn) do(ctx context.Context, f func() error) error {
	stop := context.AfterFunc(ctx, func() { u.conn.Close() })
	err := f()
	if !stop() {
		return ctx.Err()
	}
	if err != nil {
		if broken(err) {
			u.conn.Close()
		}
		return fault(err)
	}
	return nil
}
