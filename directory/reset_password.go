package directory

import (
	"context"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// ResetPassword sets the password of the entry at dn as the user whom the
// connection is bound as, without the current password, so that the directory
// judges the right to do so and the new password.
//
// Errors: *result.Error with what the directory answers, such as
// insufficientAccessRights(50) or constraintViolation(19).
func (u *UserConn) ResetPassword(ctx context.Context, how PasswordChange, dn string, new []byte) error {
	switch {
	case dn == "": // Password Modify would take it for the user's own entry
		return result.New(result.InvalidDNSyntax, "the root DSE has no password")
	case len(new) == 0: // and make up a password
		return result.New(result.ConstraintViolation, "the new password is empty")
	}
	if how == ByExtension {
		req := extop.PasswordModifyRequest{UserIdentity: &dn, NewPassword: policy.NewPassword(new)}
		value := req.Encode()
		defer clear(value)
		_, err := u.Extended(ctx, extop.PasswordModifyOID, value)
		return err
	}
	attribute, to := "userPassword", new
	if how == ByUnicodePwd {
		attribute = "unicodePwd"
		var err error
		if to, err = unicodePwd(new); err != nil {
			return err
		}
		defer clear(to)
	}
	req := ldap.NewModifyRequest(dn, nil)
	req.Replace(attribute, []string{string(to)})
	return u.do(ctx, func() error { return u.conn.Modify(req) })
}
