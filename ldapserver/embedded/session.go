package embedded

import (
	"context"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/schema"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A session is on whose behalf an operation runs. The zero session is
// anonymous.
//
// The rules, all of them:
//
//   - Anyone may bind and may read the root DSE and the subschema entry.
//   - The administrator may do everything else, too.
//   - Whoever is authenticated may read and compare all entries below the
//     naming contexts, and the password policies, validators and generators
//     below cn=config; but not passwords. Of writes, only the change of the
//     own password is allowed.
type session struct {
	dn    string // as the client spelled it
	key   treeKey
	admin bool
}

func (s session) anonymous() bool { return s.key == "" }

// sessionFor returns the session of a bind DN that has been authenticated;
// "" is anonymous.
func (d *Directory) sessionFor(bindDN string) session {
	name, err := dn.Parse(bindDN)
	if err != nil || name.IsRoot() {
		return session{}
	}
	k := keyOf(name)
	return session{dn: bindDN, key: k, admin: k == d.adminKey}
}

// policyContainers are the parts of cn=config that are no secret: how a
// password has to look is for everyone who has to choose one.
var policyContainers = []treeKey{
	"cn=config" + sep + "cn=password policies",
	"cn=config" + sep + "cn=password validators",
	"cn=config" + sep + "cn=password generators",
}

const configKey treeKey = "cn=config"

func (s session) mayRead(k treeKey) bool {
	switch {
	case s.admin:
		return true
	case s.anonymous():
		return false
	case !k.under(configKey) || k == configKey:
		return true
	}
	for _, c := range policyContainers {
		if k.under(c) {
			return true
		}
	}
	return false
}

// secrets are the attributes that only the administrator may see.
var secrets = map[string]bool{
	"userpassword": true, "authpassword": true, "pwdhistory": true, "unicodepwd": true,
	"sambantpassword": true, "sambalmpassword": true, "krbprincipalkey": true, "ds-pwp-password-history": true,
}

// hides reports whether s may not read a type.
func (s session) hides(t *schema.Type) bool { return !s.admin && secrets[strings.ToLower(t.Name)] }

// mayWrite is for operations that only the administrator may perform.
func (s session) mayWrite() error {
	switch {
	case s.admin:
		return nil
	case s.anonymous():
		return result.New(result.InsufficientAccessRights, "authentication is required")
	}
	return result.New(result.InsufficientAccessRights, "only the administrator may do this")
}

// A control is a request control, decoded.
type control struct {
	oid      string
	critical bool
	value    []byte
	hasValue bool
}

// Controls that the directory acts on.
const (
	pagedOID     = "1.2.840.113556.1.4.319"    // RFC 2696
	manageDITOID = "2.16.840.1.113730.3.4.2"   // RFC 3296; there are no referrals, so it changes nothing
	proxiedOID   = "2.16.840.1.113730.3.4.18"  // RFC 4370
	whoAmIOID    = "1.3.6.1.4.1.4203.1.11.3"   // RFC 4532
	passModOID   = "1.3.6.1.4.1.4203.1.11.1"   // RFC 3062
	startTLSOID  = "1.3.6.1.4.1.1466.20037"    // RFC 4511 4.14
	allOpAttrs   = "1.3.6.1.4.1.4203.1.5.1"    // RFC 3673
	trueFalse    = "1.3.6.1.4.1.4203.1.5.3"    // RFC 4526
	incrementOID = "1.3.6.1.1.14"              // RFC 4525
	passPolOID   = "1.3.6.1.4.1.42.2.27.8.5.1" // draft-behera; gldap decodes it
)

// authorize applies the proxied authorization control and refuses critical
// controls other than known.
func (d *Directory) authorize(s session, controls []control, known ...string) (session, error) {
next:
	for _, c := range controls {
		switch c.oid {
		case manageDITOID:
			continue
		case proxiedOID:
			if !s.admin {
				return s, result.New(result.AuthorizationDenied, "only the administrator may act as someone else")
			}
			as, err := d.resolveAuthzID(string(c.value))
			if err != nil {
				return s, result.Wrap(err, result.AuthorizationDenied, "the proxied authorization identity is not known")
			}
			s = as
			continue
		}
		for _, k := range known {
			if k == c.oid {
				continue next
			}
		}
		if c.critical {
			return s, result.New(result.UnavailableCriticalExtension, "the critical control %s is not supported for this operation", c.oid)
		}
	}
	return s, nil
}

// resolveAuthzID returns the session of an authzId (RFC 4513 5.2.1.8):
// "dn:...", "u:uid" or empty for anonymous. The entry must exist.
func (d *Directory) resolveAuthzID(id string) (session, error) {
	name, err := d.resolveName(id)
	if err != nil || name == "" {
		return session{}, err
	}
	s := d.sessionFor(name)
	err = d.store.view(func(t *txn) error {
		e, ok, err := t.get(s.key)
		if err != nil {
			return err
		}
		if !ok {
			return result.New(result.NoSuchObject, "no such entry")
		}
		s.dn = e.DN
		return nil
	})
	return s, err
}

// resolveName turns an authzId, or a bare DN, into a DN.
func (d *Directory) resolveName(id string) (string, error) {
	kind, rest, ok := strings.Cut(id, ":")
	switch {
	case ok && strings.EqualFold(kind, "dn"):
		id = rest
	case ok && strings.EqualFold(kind, "u"):
		return d.byUID(rest)
	}
	if _, err := dn.Parse(id); err != nil {
		return "", result.Wrap(err, result.InvalidDNSyntax, "malformed DN")
	}
	return id, nil
}

// byUID finds the one entry with a uid.
func (d *Directory) byUID(uid string) (string, error) {
	var found []string
	req := searchRequest{
		scope:     wholeSubtree,
		filter:    &filter{kind: filterEqual, attribute: "uid", value: uid},
		sizeLimit: 2,
		selection: d.selects([]string{"1.1"}),
	}
	_, err := d.search(context.Background(), session{admin: true, key: d.adminKey}, req, func(e foundEntry) error {
		found = append(found, e.DN)
		return nil
	})
	if err != nil && !result.Is(err, result.SizeLimitExceeded) {
		return "", err
	}
	if len(found) != 1 {
		return "", result.New(result.NoSuchObject, "no single entry has this uid")
	}
	return found[0], nil
}
