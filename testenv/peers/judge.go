package peers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// A Judge is a server with policies in force, each for a user.
type Judge struct {
	Kind    Kind
	Version string // as in "slapd 2.5.13"

	// What a front end before it is configured with.
	URL, BindDN, BindPassword, CAFile string

	// HelpdeskDN is who may ask for passwords and set them; the policies apply.
	HelpdeskDN, HelpdeskPassword string

	users map[string]string // DN by the policy's name
	conn  *ldap.Conn        // the helpdesk's
	own   bool              // whether the server makes passwords itself
}

// User returns the DN of the user under a policy.
func (j *Judge) User(p Policy) string { return j.users[p.Name] }

// Set sets a password and reports whether the server refused it for what it
// is. An error is anything else.
func (j *Judge) Set(dn, password string) (refused bool, err error) {
	req := ldap.NewModifyRequest(dn, nil)
	if j.Kind == Samba {
		req.Replace("unicodePwd", []string{testenv.UnicodePwd(password)})
	} else {
		req.Replace("userPassword", []string{password})
	}
	return j.verdict(j.conn.Modify(req))
}

// verdict tells a refusal from an error.
func (j *Judge) verdict(err error) (refused bool, _ error) {
	var failure *ldap.Error
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &failure):
		return false, err
	case j.Kind == Samba && strings.HasPrefix(failure.Err.Error(), "0000052D"):
		// By the code: the result is 19 or 53, depending on the version.
		return true, nil
	case j.Kind != Samba && failure.ResultCode == ldap.LDAPResultConstraintViolation:
		return true, nil
	}
	// The text of the server is about the request; it has no password in it.
	return false, err
}

// Refused sets each password in turn and returns how many the server refused.
func (j *Judge) Refused(dn string, passwords []string) (int, error) {
	n := 0
	for _, p := range passwords {
		refused, err := j.Set(dn, p)
		if err != nil {
			return n, err
		}
		if refused {
			n++
		}
	}
	return n, nil
}

// Own has the server make and set n passwords (RFC 3062 without a new
// password), and returns how many of them it refused itself. ok is false for
// a server that does not make any.
func (j *Judge) Own(dn string, n int) (refused int, ok bool, _ error) {
	if !j.own {
		return 0, false, nil
	}
	for range n {
		_, err := j.conn.PasswordModify(ldap.NewPasswordModifyRequest(dn, "", ""))
		no, err := j.verdict(err)
		if err != nil {
			return refused, true, err
		}
		if no {
			refused++
		}
	}
	return refused, true, nil
}

// bindAs keeps a connection of the helpdesk's until the test ends.
func (j *Judge) bindAs(t testing.TB, url, dn, password string, opts ...ldap.DialOpt) {
	t.Helper()
	conn, err := ldap.DialURL(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Bind(dn, password); err != nil {
		t.Fatalf("%s: %v", dn, err)
	}
	j.conn, j.HelpdeskDN, j.HelpdeskPassword = conn, dn, password
}

// user is whom a password must not be like: names that are short enough to
// come up by chance.
const user = `objectClass: inetOrgPerson
cn: Eva Lee
sn: Lee
givenName: Eva
mail: eva@example.com
`

// StartSlapd starts a slapd with some policies. Those that need the check
// module ppm are left out, and named, where there is none.
func StartSlapd(t testing.TB, policies []Policy) (j *Judge, without []Policy) {
	t.Helper()
	module, err := testenv.PPM(t.Context())
	if err != nil {
		module = ""
	}
	j = &Judge{Kind: Slapd, own: true, users: make(map[string]string)}
	var ldif strings.Builder
	for i, p := range policies {
		if p.Server != Slapd {
			continue
		}
		if p.module != "" && module == "" {
			without = append(without, p)
			continue
		}
		cn := fmt.Sprintf("peer%d", i)
		ldif.WriteString(p.entry(cn, testenv.BaseDN, module))
		dn := fmt.Sprintf("uid=eva%d,ou=people,%s", i, testenv.BaseDN)
		fmt.Fprintf(&ldif, "dn: %s\n%suid: eva%d\npwdPolicySubentry: cn=%s,ou=policies,%s\n\n", dn, user, i, cn, testenv.BaseDN)
		j.users[p.Name] = dn
	}
	// What is set is hashed, as in a directory that people use, so that the
	// history is compared by hashes too.
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, PPM: module, HashCleartext: true, Databases: []testenv.SlapdDatabase{{Users: 1, LDIF: ldif.String()}}})
	j.Version = "slapd " + s.Version
	j.URL, j.BindDN, j.BindPassword = s.URL, s.Reader.DN, s.Reader.Password
	j.bindAs(t, s.URL, s.Helpdesk.DN, s.Helpdesk.Password)
	return j, without
}

// StartDS389 starts a 389 Directory Server with some policies.
func StartDS389(t testing.TB, policies []Policy) *Judge {
	t.Helper()
	s := testenv.StartDS389(t, testenv.DS389Options{Users: 16 + len(policies)})
	j := &Judge{Kind: DS389, own: true, users: make(map[string]string), URL: s.TLSURL, BindDN: s.Reader.DN, BindPassword: s.Reader.Password, CAFile: s.CAFile}
	admin := s.Dial(t, s.Admin)
	for i, p := range policies {
		if p.Server != DS389 {
			continue
		}
		n := 16 + i
		name := ldap.NewModifyRequest(s.UserDN(n), nil)
		name.Replace("cn", []string{"Eva Lee"})
		name.Replace("givenName", []string{"Eva"})
		name.Replace("sn", []string{"Lee"})
		if err := errors.Join(admin.Modify(name), s.SetPolicy(n, p.attributes())); err != nil {
			t.Fatal(err)
		}
		j.users[p.Name] = s.UserDN(n)
	}
	// Without TLS, Password Modify is refused.
	j.bindAs(t, s.TLSURL, s.Helpdesk.DN, s.Helpdesk.Password, ldap.DialWithTLSConfig(s.TLSConfig()))
	return j
}

// StartSamba starts a domain controller of Samba with some policies, of which
// it takes as many as it has users for. The administrator sets passwords, as
// whom complexity binds too.
func StartSamba(t testing.TB, policies []Policy) *Judge {
	t.Helper()
	s := testenv.StartSamba(t)
	// Its certificate names no address of its own. Setting passwords takes
	// TLS all the same, reading policies does not.
	j := &Judge{Kind: Samba, users: make(map[string]string), URL: s.URL, BindDN: s.Reader.DN, BindPassword: s.Reader.Password}
	// By a DN: Samba does not tell who is bound by another name.
	j.bindAs(t, s.TLSURL, "CN=Administrator,CN=Users,"+s.Suffix, s.Admin.Password, ldap.DialWithTLSConfig(s.TLSConfig()))
	for _, p := range policies {
		if p.Server != Samba {
			continue
		}
		slot := fmt.Sprintf("slot%d", len(j.users))
		attributes := p.attributes()
		req := ldap.NewModifyRequest(s.SettingsDN("PSO-"+slot), nil)
		for _, name := range slices.Sorted(maps.Keys(attributes)) {
			req.Replace(name, []string{attributes[name]})
		}
		if err := j.conn.Modify(req); err != nil {
			t.Fatal(err)
		}
		j.users[p.Name] = s.UserDN(slot)
	}
	return j
}
