package testenv

import (
	"fmt"
	"maps"
	"slices"

	"github.com/go-ldap/ldap/v3"
)

// ds389Global is the global policy, in cn=config.
var ds389Global = map[string]string{
	"passwordCheckSyntax":    "on",
	"passwordMinLength":      "10",
	"passwordMinCategories":  "3",
	"passwordMinTokenLength": "4",
	"passwordHistory":        "on",
	"passwordInHistory":      "4",
	"passwordBadWords":       "acme,swordfish",
}

// ds389UserPolicies are the policies of single users, by number.
var ds389UserPolicies = map[int]map[string]string{
	1:  {"passwordCheckSyntax": "on", "passwordMinLength": "12", "passwordMinDigits": "2", "passwordMinUppers": "2", "passwordMinLowers": "2", "passwordMinSpecials": "2"},
	2:  {"passwordCheckSyntax": "on", "passwordMinLength": "8", "passwordMinCategories": "5"},
	3:  {"passwordCheckSyntax": "on", "passwordMinLength": "8", "passwordMin8bit": "2"},
	4:  {"passwordCheckSyntax": "on", "passwordMinLength": "16", "passwordMaxRepeats": "1", "passwordMaxSequence": "2", "passwordMaxSeqSets": "2", "passwordMaxClassChars": "3", "passwordPalindrome": "on"},
	5:  {"passwordCheckSyntax": "on", "passwordMinLength": "10", "passwordMinTokenLength": "1"},
	6:  {"passwordCheckSyntax": "on", "passwordMinLength": "10", "passwordBadWords": "local,words", "passwordUserAttributes": "description"},
	7:  {"passwordCheckSyntax": "on", "passwordMinLength": "10", "passwordDictCheck": "on"},
	8:  {"passwordCheckSyntax": "off", "passwordMinLength": "40", "passwordHistory": "on", "passwordInHistory": "2"},
	9:  {"passwordMinLength": "40", "passwordPalindrome": "on"},
	10: {"passwordCheckSyntax": "on", "passwordMinLength": "8", "passwordMinSpecials": "4", "passwordMaxClassChars": "1", "passwordMinCategories": "1", "passwordMinDigits": "30"},
	11: {"passwordCheckSyntax": "on", "passwordMinLength": "8", "passwordMinAge": "86400"},
	12: {"passwordCheckSyntax": "on", "passwordMinLength": "512"},
	13: {"passwordCheckSyntax": "on"},
}

// DS389DanglingUser is the number of the user whose pointer names no entry.
const DS389DanglingUser = 14

// load brings in the access rules, accounts, users and policies.
func (s *DS389) load(o DS389Options) error {
	conn, err := ldap.DialURL(s.URL)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Bind(s.Admin.DN, s.Admin.Password); err != nil {
		return err
	}
	l := ds389Loader{conn: conn, suffix: s.Suffix, people: "ou=people," + s.Suffix}
	l.config(o)
	l.access()
	l.accounts(s)
	for _, ou := range []string{"ou=people", "ou=contractors,ou=people", "ou=partners,ou=people", "ou=inner,ou=partners,ou=people"} {
		l.add(ou+","+s.Suffix, map[string][]string{"objectClass": {"organizationalUnit"}})
	}
	for n := range o.Users {
		l.person(fmt.Sprintf("user%03d", n), l.people, fmt.Sprintf("Given%03d", n), fmt.Sprintf("Family%03d", n))
	}
	for n := range 4 {
		l.person(fmt.Sprintf("contr%02d", n), "ou=contractors,"+l.people, "Con", "Contr")
		l.person(fmt.Sprintf("part%02d", n), "ou=partners,"+l.people, "Par", "Part")
		l.person(fmt.Sprintf("inner%02d", n), "ou=inner,ou=partners,"+l.people, "Inn", "Inner")
	}
	l.policies(s, o)
	return l.err
}

// ds389Loader writes entries until the first failure.
type ds389Loader struct {
	conn           *ldap.Conn
	suffix, people string
	err            error
}

func (l *ds389Loader) add(dn string, attrs map[string][]string) {
	if l.err != nil {
		return
	}
	req := ldap.NewAddRequest(dn, nil)
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		req.Attribute(name, attrs[name])
	}
	if err := l.conn.Add(req); err != nil {
		l.err = fmt.Errorf("add %s: %w", dn, err)
	}
}

func (l *ds389Loader) replace(dn string, attrs map[string]string) {
	if l.err != nil {
		return
	}
	req := ldap.NewModifyRequest(dn, nil)
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		req.Replace(name, []string{attrs[name]})
	}
	if err := l.conn.Modify(req); err != nil {
		l.err = fmt.Errorf("modify %s: %w", dn, err)
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (l *ds389Loader) config(o DS389Options) {
	l.replace("cn=config", map[string]string{
		"nsslapd-pwpolicy-local":          onOff(!o.NoLocalPolicies),
		"nsslapd-pwpolicy-inherit-global": onOff(o.InheritGlobal),
		// Fast: what is measured here is not the hash.
		"passwordStorageScheme":             "SSHA512",
		"nsslapd-enable-upgrade-hash":       "off",
		"nsslapd-allow-hashed-passwords":    "off",
		"nsslapd-accesslog-logging-enabled": "off",
	})
}

// access gives each account what its name says. Attribute names that the
// schema does not know, such as nsslapd-pwpolicy-inherit-global, are refused
// in a targetattr unless a wildcard covers them.
func (l *ds389Loader) access() {
	services := `userdn="ldap:///cn=*,ou=services,` + l.suffix + `"`
	one := func(name string) string { return `userdn="ldap:///cn=` + name + `,ou=services,` + l.suffix + `"` }
	aci := func(dn string, rules ...string) {
		req := ldap.NewModifyRequest(dn, nil)
		req.Add("aci", rules)
		if l.err == nil {
			if err := l.conn.Modify(req); err != nil {
				l.err = fmt.Errorf("aci of %s: %w", dn, err)
			}
		}
	}
	aci(l.suffix,
		`(targetattr!="userPassword || passwordHistory || aci")(version 3.0; acl "services read"; allow (read,search,compare) `+services+`;)`,
		`(targetattr="userPassword")(version 3.0; acl "helpdesk reset"; allow (write) `+one("helpdesk")+`;)`,
		`(targetattr="userPassword || passwordExpirationTime")(version 3.0; acl "pwadmin"; allow (write) `+one("pwadmin")+`;)`,
		`(targetattr="userPassword")(version 3.0; acl "self change"; allow (write) userdn="ldap:///self";)`,
	)
	aci(l.suffix, `(targetattr="userPassword || passwordHistory")(version 3.0; acl "history reader"; allow (read) `+one("svc-history")+`;)`)
	aci("cn=config",
		`(targetattr="cn || objectClass || nsslapd-pwpolicy-* || nsslapd-allow-hashed-passwords || password*")(target="ldap:///cn=config")(targetfilter="(cn=config)")(version 3.0; acl "policy reader"; allow (read,search,compare) `+one("svc-reader")+` or `+one("svc-history")+`;)`,
	)
}

func (l *ds389Loader) accounts(s *DS389) {
	l.add("ou=services,"+l.suffix, map[string][]string{"objectClass": {"organizationalUnit"}})
	for _, a := range []Account{s.Reader, s.HistReader, s.Helpdesk, s.PwAdmin} {
		l.add(a.DN, map[string][]string{"objectClass": {"applicationProcess", "simpleSecurityObject"}, "userPassword": {a.Password}})
	}
}

func (l *ds389Loader) person(uid, parent, given, sn string) {
	l.add("uid="+uid+","+parent, map[string][]string{
		"objectClass": {"inetOrgPerson"}, "cn": {given + " " + sn}, "sn": {sn}, "givenName": {given},
		"mail": {uid + "@example.com"}, "userPassword": {UserPassword},
	})
}

// policies come after the users, whose first password they would refuse.
func (l *ds389Loader) policies(s *DS389, o DS389Options) {
	global := maps.Clone(ds389Global)
	global["passwordAdminDN"] = s.PwAdmin.DN
	maps.Copy(global, o.Global)
	l.replace("cn=config", global)

	contractors, partners, inner := "ou=contractors,"+l.people, "ou=partners,"+l.people, "ou=inner,ou=partners,"+l.people
	l.subtree(contractors, "operational-default", map[string]string{"passwordCheckSyntax": "on", "passwordMinLength": "14", "passwordMinDigits": "2", "passwordMaxRepeats": "2", "passwordMustChange": "on"})
	l.own("uid=contr01", contractors, map[string]string{"passwordCheckSyntax": "on", "passwordMinLength": "20", "passwordMinSpecials": "1"})
	// As dsconf wrote them before 2025: a search shows part01 the subtree's
	// policy while the server enforces its own. And the outer subtree, being
	// the later one, overrides the inner.
	l.subtree(inner, "operational", map[string]string{"passwordCheckSyntax": "on", "passwordMinLength": "18"})
	l.subtree(partners, "operational", map[string]string{"passwordCheckSyntax": "on", "passwordMinLength": "12", "passwordMaxSequence": "3"})
	l.own("uid=part01", partners, map[string]string{"passwordCheckSyntax": "on", "passwordMinLength": "22"})

	l.container(l.people)
	for _, n := range slices.Sorted(maps.Keys(ds389UserPolicies)) {
		if n < o.Users {
			l.assign(n, ds389UserPolicies[n])
		}
	}
	if o.Users > DS389DanglingUser {
		l.replace(s.UserDN(DS389DanglingUser), map[string]string{"pwdpolicysubentry": "cn=missing,cn=nsPwPolicyContainer," + l.people})
	}
}

func (l *ds389Loader) container(dn string) {
	l.add("cn=nsPwPolicyContainer,"+dn, map[string][]string{"objectClass": {"nsContainer"}})
}

func (l *ds389Loader) policy(dn string, attrs map[string]string) {
	values := map[string][]string{"objectClass": {"ldapsubentry", "passwordpolicy"}}
	for name, v := range attrs {
		values[name] = []string{v}
	}
	l.add(dn, values)
}

func (l *ds389Loader) subtree(dn, qualifier string, attrs map[string]string) {
	entry := `cn="cn=nsPwPolicyEntry_subtree,` + dn + `",cn=nsPwPolicyContainer,` + dn
	template := `cn="cn=nsPwTemplateEntry,` + dn + `",cn=nsPwPolicyContainer,` + dn
	l.container(dn)
	l.policy(entry, attrs)
	l.add(template, map[string][]string{"objectClass": {"extensibleObject", "costemplate", "ldapsubentry"}, "cosPriority": {"1"}, "pwdpolicysubentry": {entry}})
	l.add("cn=nsPwPolicy_CoS,"+dn, map[string][]string{"objectClass": {"ldapsubentry", "cosSuperDefinition", "cosPointerDefinition"},
		"cosTemplateDn": {template}, "cosAttribute": {"pwdpolicysubentry default " + qualifier}})
}

func (l *ds389Loader) own(rdn, parent string, attrs map[string]string) {
	entry := `cn="cn=nsPwPolicyEntry_user,` + rdn + `,` + parent + `",cn=nsPwPolicyContainer,` + parent
	l.policy(entry, attrs)
	l.replace(rdn+","+parent, map[string]string{"pwdpolicysubentry": entry})
}

func (l *ds389Loader) assign(n int, attrs map[string]string) {
	dn := fmt.Sprintf("cn=user%03d-policy,cn=nsPwPolicyContainer,%s", n, l.people)
	l.policy(dn, attrs)
	l.replace(fmt.Sprintf("uid=user%03d,%s", n, l.people), map[string]string{"pwdpolicysubentry": dn})
}

// SetPolicy gives a user a policy of its own in place of the one that it
// has; a nil attrs takes the pointer away.
func (s *DS389) SetPolicy(n int, attrs map[string]string) error {
	conn, err := ldap.DialURL(s.URL)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Bind(s.Admin.DN, s.Admin.Password); err != nil {
		return err
	}
	people := "ou=people," + s.Suffix
	dn := fmt.Sprintf("cn=set%03d-policy,cn=nsPwPolicyContainer,%s", n, people)
	if err := conn.Del(ldap.NewDelRequest(dn, nil)); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return err
	}
	req := ldap.NewModifyRequest(s.UserDN(n), nil)
	req.Replace("pwdpolicysubentry", nil)
	if attrs == nil {
		return conn.Modify(req)
	}
	l := ds389Loader{conn: conn, suffix: s.Suffix, people: people}
	l.policy(dn, attrs)
	l.replace(s.UserDN(n), map[string]string{"pwdpolicysubentry": dn})
	return l.err
}
