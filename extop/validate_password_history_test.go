package extop

import (
	"context"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

// A rememberingDialect shows one stored password of everybody.
type rememberingDialect struct{ fakeDialect }

func (rememberingDialect) History(context.Context, policy.Directory, policy.Located, *policy.Policy) ([]string, error) {
	return []string{"used before"}, nil
}

// Whether a guess is a password of somebody is told to its owner alone.
func TestValidatePasswordTellsOwnersAloneWhatTheyUsed(t *testing.T) {
	const eve = "uid=eve,ou=people,dc=example,dc=com"
	w := newWorld()
	w.policy(strictPolicyDN).History = 3
	v := NewValidatePassword(ValidatePasswordConfig{Policies: policy.NewService(rememberingDialect{fakeDialect{w}}, w, policy.ServiceConfig{})})
	for authzID, own := range map[string]bool{
		"dn:" + eve: true,
		"DN:UID=Eve, OU=people,dc=example,dc=com": true,
		"dn:uid=ann,ou=people,dc=example,dc=com":  false,
		"dn:dc=example,dc=com":                    false,
		"u:eve":                                   false,
	} {
		for password, used := range map[string]bool{"used before": true, "never used": false} {
			c := newCaller(w)
			c.authzID = authzID
			res, err := v.Do(t.Context(), c, ValidatePasswordRequest{Selection: SelectTargetEntry, DN: eve, Password: clearText(password)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if res.Valid() == (own && used) {
				t.Errorf("%s is told about %q: %q", authzID, password, res.Errors)
			}
		}
	}
}
