package extop

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// groupsDirectory answers by filter.
type groupsDirectory map[string]error // "base filter": nil is an entry found

func (g groupsDirectory) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	err, ok := g[q.Base+" "+q.Filter]
	if !ok || err != nil {
		return nil, err
	}
	return []policy.Entry{{DN: q.Base}}, nil
}

func TestGroupAuthorizer(t *testing.T) {
	const member = `cn=a*b,dc=x`
	inGroup := `cn=g,dc=x (|(member=cn=a\2ab,dc=x)(uniqueMember=cn=a\2ab,dc=x))`
	ofUser := `cn=a*b,dc=x (|(memberOf=cn=g,dc=x)(isMemberOf=cn=g,dc=x))`
	for name, tc := range map[string]struct {
		dir     groupsDirectory
		authzID string
		code    result.Code
	}{
		"named by the group":  {groupsDirectory{inGroup: nil}, "dn:" + member, result.Success},
		"names the group":     {groupsDirectory{ofUser: nil}, "dn:" + member, result.Success},
		"neither":             {groupsDirectory{}, "dn:" + member, result.InsufficientAccessRights},
		"no DN":               {groupsDirectory{inGroup: nil}, "u:a", result.InsufficientAccessRights},
		"missing group":       {groupsDirectory{inGroup: result.New(result.NoSuchObject, "")}, "dn:" + member, result.InsufficientAccessRights},
		"unreadable":          {groupsDirectory{inGroup: result.New(result.InsufficientAccessRights, "")}, "dn:" + member, result.InsufficientAccessRights},
		"unavailable":         {groupsDirectory{inGroup: result.New(result.Unavailable, "")}, "dn:" + member, result.Unavailable},
		"one way is enough":   {groupsDirectory{inGroup: result.New(result.Unavailable, ""), ofUser: nil}, "dn:" + member, result.Success},
		"somebody like that?": {groupsDirectory{inGroup: nil}, "dn:cn=axb,dc=x", result.InsufficientAccessRights},
	} {
		err := GroupAuthorizer(tc.dir, "cn=other,dc=x", "cn=g,dc=x")(t.Context(), Question{AuthzID: tc.authzID})
		if got := codeOf(err); got != tc.code {
			t.Errorf("%s: %v, want %v", name, got, tc.code)
		}
	}
	if err := GroupAuthorizer(groupsDirectory{})(t.Context(), Question{AuthzID: "dn:" + member}); codeOf(err) != result.InsufficientAccessRights {
		t.Errorf("without groups: %v", err)
	}
}

func codeOf(err error) result.Code {
	if err == nil {
		return result.Success
	}
	return result.From(err).Code
}

// at is a caller with an address.
type at struct {
	*fakeCaller
	addr netip.Addr
}

func (a at) Address() netip.Addr { return a.addr }

func TestAddressLimit(t *testing.T) {
	limit := Limiters(nil, RateLimit{PerSecond: 1e-9, Burst: 1, ByAddress: true}.Limiter())
	caller := func(addr string) Caller {
		c := at{fakeCaller: newCaller(newWorld())}
		if addr != "" {
			c.addr = netip.MustParseAddr(addr)
		}
		return c
	}
	var refused []string
	for _, addr := range []string{"192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "", ""} {
		if err := limit(Question{Caller: caller(addr)}); err != nil {
			if codeOf(err) != result.Busy {
				t.Errorf("%q: %v", addr, err)
			}
			refused = append(refused, addr)
		}
	}
	if want := []string{"::ffff:192.0.2.1", "2001:db8::2"}; !slices.Equal(refused, want) {
		t.Errorf("refused %q, want %q", refused, want)
	}
	if Limiters(nil, nil) != nil {
		t.Error("no limit is a limit")
	}
}
