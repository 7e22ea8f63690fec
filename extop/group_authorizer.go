package extop

import (
	"context"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// GroupAuthorizer returns an Authorizer for members of at least one of the
// groups, which are DNs. Membership is what dir, as the service account,
// finds each time: the group names the member (member or uniqueMember), or
// the member names the group (memberOf, or isMemberOf as OpenDJ and
// PingDirectory have it). What is nested counts as far as the directory
// itself makes it show in memberOf. Who cannot be proved a member is none.
//
// The identity that counts is Question.AuthzID. With proxied authorization
// that is one which the caller only claims at this point; the operations
// have the directory confirm it before anything is returned.
func GroupAuthorizer(dir policy.Directory, groups ...string) Authorizer {
	return func(ctx context.Context, q Question) error {
		member, ok := dnOfAuthzID(q.AuthzID)
		if !ok {
			return errNotMember(nil)
		}
		var cause error
		for _, group := range groups {
			found, err := isMember(ctx, dir, member, group)
			if found {
				return nil
			}
			if err != nil {
				cause = err
			}
		}
		switch e := result.From(cause); {
		case cause == nil:
		case e.Code == result.Unavailable, e.Code == result.TimeLimitExceeded, e.Code == result.Canceled, e.Code == result.Busy:
			return &result.Error{Code: e.Code, Text: "the groups could not be read", Cause: e}
		}
		return errNotMember(cause)
	}
}

func errNotMember(cause error) error {
	return result.Wrap(cause, result.InsufficientAccessRights, "the operation is not allowed to you")
}

// isMember asks from both sides. Values are compared by the directory, which
// knows how to compare DNs.
func isMember(ctx context.Context, dir policy.Directory, member, group string) (bool, error) {
	found, err := dir.Search(ctx, policy.Query{Base: group, Filter: either(member, "member", "uniqueMember"), Attributes: []string{"1.1"}})
	if err == nil && len(found) > 0 {
		return true, nil
	}
	users, userErr := dir.Search(ctx, policy.Query{Base: member, Filter: either(group, "memberOf", "isMemberOf"), Attributes: []string{"1.1"}})
	if userErr == nil && len(users) > 0 {
		return true, nil
	}
	if err == nil || result.Is(err, result.NoSuchObject) {
		err = userErr
	}
	if result.Is(err, result.NoSuchObject) {
		err = nil
	}
	return false, err
}

// either returns a filter for entries with one of the attributes at value.
func either(value string, attributes ...string) string {
	var b strings.Builder
	b.WriteString("(|")
	for _, a := range attributes {
		b.WriteString("(" + a + "=" + escapeFilter(value) + ")")
	}
	b.WriteString(")")
	return b.String()
}

// escapeFilter escapes an assertion value (RFC 4515 section 3).
func escapeFilter(s string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '*', c == '(', c == ')', c == '\\', c < ' ', c >= 0x7f:
			b.WriteByte('\\')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
