package directory

import (
	"context"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// A PasswordChange is a way to change a password in a directory.
type PasswordChange int

const (
	// ByExtension is the Password Modify operation (RFC 3062) with the old
	// password.
	ByExtension PasswordChange = iota

	// ByUserPassword deletes the old value of userPassword and adds the new
	// one.
	ByUserPassword

	// ByUnicodePwd does the same with unicodePwd, as Active Directory wants
	// it (MS-ADTS 3.1.1.3.1.5.1). Writing userPassword there would store it
	// in the clear, for everybody to read.
	ByUnicodePwd
)

// ChangePassword changes the password of the entry at dn as that entry, on a
// connection of its own, so that the directory judges the current password,
// the right to change it and the new one.
//
// Errors are those of Bind, with invalidCredentials(49) for a wrong current
// password, and what the directory answers to the change.
func (c *Client) ChangePassword(ctx context.Context, how PasswordChange, dn string, current, new []byte) error {
	if len(new) == 0 {
		return result.New(result.ConstraintViolation, "the new password is empty")
	}
	u, err := c.Bind(ctx, dn, current)
	if err != nil {
		return err
	}
	defer func() { go u.Close() }() // it waits for the connection to wind down
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	if how == ByExtension {
		req := extop.PasswordModifyRequest{UserIdentity: &dn, OldPassword: policy.NewPassword(current), NewPassword: policy.NewPassword(new)}
		value := req.Encode()
		defer clear(value)
		_, err := u.Extended(ctx, extop.PasswordModifyOID, value)
		return err
	}
	attribute, from, to := "userPassword", current, new
	if how == ByUnicodePwd {
		attribute = "unicodePwd"
		if from, err = unicodePwd(current); err != nil {
			return err
		}
		defer clear(from)
		if to, err = unicodePwd(new); err != nil {
			return err
		}
		defer clear(to)
	}
	req := ldap.NewModifyRequest(dn, nil)
	req.Delete(attribute, []string{string(from)})
	req.Add(attribute, []string{string(to)})
	return u.do(ctx, func() error { return u.conn.Modify(req) })
}

// unicodePwd writes a password as the attribute has it: in quotation marks
// and UTF-16, little-endian.
func unicodePwd(password []byte) ([]byte, error) {
	if !utf8.Valid(password) {
		return nil, result.New(result.ConstraintViolation, "the password is not UTF-8")
	}
	out := append(make([]byte, 0, 4+2*len(password)), '"', 0)
	for len(password) > 0 {
		r, n := utf8.DecodeRune(password)
		password = password[n:]
		if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
			out = append(out, byte(hi), byte(hi>>8), byte(lo), byte(lo>>8))
		} else {
			out = append(out, byte(r), byte(r>>8))
		}
	}
	return append(out, '"', 0), nil
}
