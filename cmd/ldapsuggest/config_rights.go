package main

import (
	"strings"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A grant is what an administrator of a kind of directory does to give the
// service account a right. ACCOUNT stands for its DN, SUFFIX for the naming
// context, NAME for the value of the account's RDN. On Active Directory, ACCOUNT
// is DOMAIN\name.
type grant struct {
	dialect string
	config  bool // for what the server keeps about itself, and not among the entries
	text    string
}

func grants() []grant {
	return []grant{
		{directory.OpenLDAP, true, `# As root on the server; from OpenLDAP 2.6 on add olcPPolicyCheckModule to the attributes:
ldapmodify -Q -Y EXTERNAL -H ldapi:/// <<'LDIF'
dn: olcDatabase={0}config,cn=config
changetype: modify
add: olcAccess
olcAccess: {0}to dn.subtree="cn=config" filter=(objectClass=olcPPolicyConfig)
  attrs=entry,objectClass,olcOverlay,olcPPolicyDefault,olcPPolicyDisableWrite
  by dn.exact="ACCOUNT" read by * break
olcAccess: {1}to dn.subtree="cn=config" filter=(objectClass=olcDatabaseConfig)
  attrs=entry,objectClass,olcDatabase,olcSuffix
  by dn.exact="ACCOUNT" read by * break
olcAccess: {2}to dn.base="cn=config" attrs=entry
  by dn.exact="ACCOUNT" search by * break
LDIF
`},
		{directory.OpenLDAP, false, `# As root on the server; olcDatabase={1}mdb is the database of SUFFIX:
ldapmodify -Q -Y EXTERNAL -H ldapi:/// <<'LDIF'
dn: olcDatabase={1}mdb,cn=config
changetype: modify
add: olcAccess
olcAccess: {0}to attrs=userPassword,pwdHistory by dn.exact="ACCOUNT" none by * break
olcAccess: {1}to dn.subtree="SUFFIX" by dn.exact="ACCOUNT" read by * break
LDIF
`},
		{directory.DS389, true, `ldapmodify -x -H ldap://127.0.0.1 -D "cn=Directory Manager" -W <<'LDIF'
dn: cn=config
changetype: modify
add: aci
aci: (targetattr="cn || objectClass || nsslapd-pwpolicy-* || nsslapd-allow-hashed-passwords || password*")(target="ldap:///cn=config")(targetfilter="(cn=config)")(version 3.0; acl "policy reader"; allow (read,search,compare) userdn="ldap:///ACCOUNT";)
LDIF
`},
		{directory.DS389, false, `ldapmodify -x -H ldap://127.0.0.1 -D "cn=Directory Manager" -W <<'LDIF'
dn: SUFFIX
changetype: modify
add: aci
aci: (targetattr!="userPassword || passwordHistory || aci")(version 3.0; acl "policy reader"; allow (read,search,compare) userdn="ldap:///ACCOUNT";)
LDIF
`},
		{directory.FreeIPA, true, freeIPAGrant}, {directory.FreeIPA, false, freeIPAGrant},
		{directory.ActiveDirectory, true, adGrant}, {directory.ActiveDirectory, false, adGrant},
		{directory.OpenDJ, true, `ldapmodify -h 127.0.0.1 -p 4444 --useSsl --trustAll -D "cn=Directory Manager" -j manager.secret <<'LDIF'
dn: ACCOUNT
changetype: modify
add: ds-privilege-name
ds-privilege-name: config-read
LDIF
`},
		{directory.OpenDJ, false, `ldapmodify -h 127.0.0.1 -p 4444 --useSsl --trustAll -D "cn=Directory Manager" -j manager.secret <<'LDIF'
dn: SUFFIX
changetype: modify
add: aci
aci: (targetattr!="userPassword || authPassword")(version 3.0; acl "policy reader"; allow (read,search,compare) userdn="ldap:///ACCOUNT";)
aci: (targetattr="ds-pwp-password-policy-dn || pwdPolicySubentry || subtreeSpecification")(version 3.0; acl "policy pointers"; allow (read,search,compare) userdn="ldap:///ACCOUNT";)
LDIF
`},
	}
}

const (
	freeIPAGrant = `ipa role-add "Password policy readers"
ipa role-add-privilege "Password policy readers" --privileges="Password Policy Readers"
ipa role-add-member "Password policy readers" --users="NAME"
`
	adGrant = `# On Windows; with Samba: samba-tool dsacl set --objectdn="CN=Password Settings Container,CN=System,SUFFIX" --sddl="(A;CI;RPLCRCLO;;;SID)"
dsacls "CN=Password Settings Container,CN=System,SUFFIX" /I:T /G "ACCOUNT:GR"
`
)

// remedy returns how to grant what a read lacked, empty if it lacked no right
// or nothing is known to do.
func (c *config) remedy(dialect, suffix string, lacking *result.Error) string {
	if lacking.Code != result.InsufficientAccessRights || c.Directory.BindDN == "" {
		return ""
	}
	// Every dialect names the entry: what the server keeps about itself is
	// below cn=config, or is told by it.
	about := strings.Contains(lacking.Text, "cn=config") || strings.Contains(lacking.Text, "olcPPolicyDefault")
	account := c.Directory.BindDN
	if name := firstValue(account); dialect == directory.ActiveDirectory && name != account {
		// Its tools take no DNs of accounts; the domain's other name is
		// usually the first part of the one in its DN.
		account = strings.ToUpper(firstValue(suffix)) + `\` + name
	}
	for _, g := range grants() {
		if g.dialect == dialect && g.config == about {
			return strings.NewReplacer("ACCOUNT", account, "SUFFIX", suffix, "NAME", firstValue(c.Directory.BindDN)).Replace(g.text)
		}
	}
	return ""
}

// firstValue returns the value of a DN's first RDN, or the name itself: some
// directories take other names than DNs in a bind.
func firstValue(name string) string {
	d, err := dn.Parse(name)
	if err != nil || d.IsRoot() {
		return name
	}
	return d.RDNs[0][0].Value
}
