package openldap

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// memory is a directory of a few entries, for the versions of slapd that
// Debian does not package. It shows everything to everybody.
type memory []policy.Entry

func entry(name string, attributes ...string) policy.Entry {
	e := policy.Entry{DN: name}
	for _, a := range attributes {
		attr, value, _ := strings.Cut(a, ": ")
		if i := slices.IndexFunc(e.Attributes, func(a policy.Attribute) bool { return a.Name == attr }); i >= 0 {
			e.Attributes[i].Values = append(e.Attributes[i].Values, value)
			continue
		}
		e.Attributes = append(e.Attributes, policy.Attribute{Name: attr, Values: []string{value}})
	}
	return e
}

func (m memory) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	base, err := dn.Parse(q.Base)
	if err != nil {
		return nil, err
	}
	var found []policy.Entry
	exists := false
	matched := ""
	for _, e := range m {
		name, err := dn.Parse(e.DN)
		if err != nil {
			return nil, err
		}
		if base.Under(name) && len(name.RDNs) > 0 {
			matched = e.DN
		}
		if !name.Equal(base) && (q.Scope == policy.BaseObject || !name.Under(base)) {
			continue
		}
		exists = exists || name.Equal(base)
		match, rest := evaluate(q.Filter, e)
		if rest != "" {
			return nil, fmt.Errorf("filter %q", q.Filter)
		}
		if match {
			found = append(found, e)
		}
	}
	if !exists {
		return nil, &result.Error{Code: result.NoSuchObject, MatchedDN: matched}
	}
	return found, nil
}

// evaluate reads one filter of presence and equality and returns what is
// left.
func evaluate(f string, e policy.Entry) (bool, string) {
	if f == "" {
		return true, ""
	}
	f = f[1:]
	switch f[0] {
	case '&', '|', '!':
		op := f[0]
		match := op == '&'
		for f = f[1:]; f[0] == '('; {
			var one bool
			one, f = evaluate(f, e)
			switch op {
			case '&':
				match = match && one
			case '|':
				match = match || one
			case '!':
				match = !one
			}
		}
		return match, f[1:]
	}
	item, rest, _ := strings.Cut(f, ")")
	attr, value, _ := strings.Cut(item, "=")
	return slices.ContainsFunc(e.Values(attr), func(v string) bool { return value == "*" || strings.EqualFold(v, value) }), rest
}

const (
	schema25 = "objectClasses: ( 1.3.6.1.4.1.42.2.27.8.2.1 NAME 'pwdPolicy' SUP top AUXILIARY )"
	schema26 = "objectClasses: ( 1.3.6.1.4.1.4754.2.99.1 NAME 'pwdPolicyChecker' SUP top AUXILIARY MAY ( pwdCheckModule $ pwdCheckModuleArg $ pwdUseCheckModule ) )"
	schema27 = "objectClasses: ( 1.3.6.1.4.1.4754.2.99.2 NAME 'pwdHashingPolicy' SUP top AUXILIARY )"
)

// newer returns a directory of 2.6 or 2.7 with the entries given.
func newer(schema string, entries ...policy.Entry) memory {
	objectClasses := []string{schema25, schema26}
	if schema == schema27 {
		objectClasses = append(objectClasses, schema27)
	}
	m := memory{
		entry("", "namingContexts: dc=example", "configContext: cn=config", "subschemaSubentry: cn=Subschema"),
		entry("cn=Subschema", append(objectClasses,
			"attributeTypes: ( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )",
			"attributeTypes: ( 2.5.4.42 NAME ( 'givenName' 'gn' ) SUP name )",
			"attributeTypes: ( 0.9.2342.19200300.100.1.3 NAME ( 'mail' 'rfc822Mailbox' ) )",
			"attributeTypes: ( 2.16.840.1.113730.3.1.241 NAME 'displayName' SINGLE-VALUE )")...),
		entry("cn=config", "objectClass: olcGlobal"),
		entry("olcDatabase={1}mdb,cn=config", "objectClass: olcDatabaseConfig", "olcDatabase: {1}mdb", "olcSuffix: dc=example"),
		entry("dc=example"), entry("ou=people,dc=example"),
	}
	return append(m, entries...)
}

func overlayEntry(attributes ...string) policy.Entry {
	return entry("olcOverlay={0}ppolicy,olcDatabase={1}mdb,cn=config", append([]string{"objectClass: olcPPolicyConfig"}, attributes...)...)
}

func policyOf(name string, attributes ...string) policy.Entry {
	return entry("cn="+name+",dc=example", append([]string{"objectClass: pwdPolicy", "pwdCheckQuality: 2"}, attributes...)...)
}

func argument(lines ...string) string {
	return "pwdCheckModuleArg: " + strings.Join(lines, "\n")
}

func TestNewerVersions(t *testing.T) {
	const user = "uid=jo,ou=people,dc=example"
	jo := func(attributes ...string) policy.Entry {
		return entry(user, append([]string{"objectClass: inetOrgPerson", "cn: Jo Smith", "givenName: Josephine", "displayName: Whoever"}, attributes...)...)
	}
	checker := "objectClass: pwdPolicyChecker"
	for _, tc := range []struct {
		name    string
		schema  string
		cfg     Config
		target  string
		entries []policy.Entry
		want    string // DN of the policy
		err     string
		blocked string
		refuses string // a password that the policy refuses
		accepts string // one that it accepts
	}{
		{name: "2.6 ignores the module that a policy names", schema: schema26, target: user, want: "cn=p,dc=example", accepts: "abcdefghij",
			entries: []policy.Entry{jo("pwdPolicySubentry: cn=p,dc=example"), policyOf("p", checker, "pwdMinLength: 8", "pwdCheckModule: other.so")}},
		{name: "2.6 switches the overlay's module on", schema: schema26, target: user, want: "cn=p,dc=example", refuses: "abcdefghij", accepts: "Abcdefghi1",
			entries: []policy.Entry{overlayEntry("olcPPolicyCheckModule: /opt/ppm.so"), jo("pwdPolicySubentry: cn=p,dc=example"),
				policyOf("p", checker, "pwdUseCheckModule: TRUE", argument("minQuality 3"))}},
		{name: "2.6 with a module that is not known here", schema: schema26, target: user, err: "other.so",
			entries: []policy.Entry{overlayEntry("olcPPolicyCheckModule: other.so"), jo("pwdPolicySubentry: cn=p,dc=example"), policyOf("p", "pwdUseCheckModule: TRUE")}},
		{name: "2.6 without a module", schema: schema26, target: user, want: "cn=p,dc=example", blocked: "no check module",
			entries: []policy.Entry{overlayEntry(), jo("pwdPolicySubentry: cn=p,dc=example"), policyOf("p", "pwdUseCheckModule: TRUE")}},
		{name: "2.6 and nobody tells the module", schema: schema26, target: user, err: "olcPPolicyCheckModule",
			entries: []policy.Entry{jo("pwdPolicySubentry: cn=p,dc=example"), policyOf("p", "pwdUseCheckModule: TRUE")}},
		{name: "2.6 and the configuration tells the module", schema: schema26, target: user, want: "cn=p,dc=example", refuses: "abcdefghij",
			cfg:     Config{CheckModule: map[string]string{"dc=example": "ppm.so"}},
			entries: []policy.Entry{jo("pwdPolicySubentry: cn=p,dc=example"), policyOf("p", "pwdUseCheckModule: TRUE", argument("minQuality 3"))}},
		{name: "2.6 compares with attributes", schema: schema26, target: user, want: "cn=p,dc=example", refuses: "xxJOSEPHINExx", accepts: "xxsmithxxwhoeverxx",
			cfg: Config{CheckModule: map[string]string{"": "ppm.so"}},
			entries: []policy.Entry{jo("pwdPolicySubentry: cn=p,dc=example"),
				policyOf("p", "pwdUseCheckModule: TRUE", argument("minQuality 0", "checkAttributes mail,givenName,commonName,DisplayName,x)(y"))}},
		{name: "2.6 has a maximum for classes", schema: schema26, target: user, want: "cn=p,dc=example", refuses: "abc1234", accepts: "abc123",
			cfg:     Config{CheckModule: map[string]string{"": "ppm.so"}},
			entries: []policy.Entry{jo("pwdPolicySubentry: cn=p,dc=example"), policyOf("p", "pwdUseCheckModule: TRUE", argument("minQuality 0", "class-digit 0123456789 0 0 3"))}},
		{name: "2.6 does not mind the object class", schema: schema26, target: user, want: "cn=p,dc=example", refuses: "short", accepts: "long enough",
			entries: []policy.Entry{jo("pwdPolicySubentry: cn=p,dc=example"), entry("cn=p,dc=example", "objectClass: extensibleObject", "pwdCheckQuality: 2", "pwdMinLength: 8")}},
		{name: "2.7 minds the object class", schema: schema27, target: user, want: "", accepts: "short",
			entries: []policy.Entry{jo("pwdPolicySubentry: cn=p,dc=example"), entry("cn=p,dc=example", "objectClass: extensibleObject", "pwdCheckQuality: 2", "pwdMinLength: 8")}},
		{name: "2.7 minds the checker's class", schema: schema27, target: user, want: "cn=p,dc=example", accepts: "abcdefghij",
			cfg:     Config{CheckModule: map[string]string{"": "ppm.so"}},
			entries: []policy.Entry{jo("pwdPolicySubentry: cn=p,dc=example"), policyOf("p", "pwdUseCheckModule: TRUE", argument("minQuality 3"))}},
		{name: "2.7 shows the outcome of its rules", schema: schema27, target: user, want: "cn=p,dc=example", refuses: "short",
			entries: []policy.Entry{overlayEntry("olcPPolicyDefault: cn=other,dc=example"),
				entry("cn={0}staff,olcOverlay={0}ppolicy,olcDatabase={1}mdb,cn=config", "objectClass: olcPPolicyAbstractRule", "objectClass: olcPPolicyScopedRule"),
				jo("pwdPolicySubentry: cn=p,dc=example"), policyOf("p", "pwdMinLength: 8")}},
		{name: "2.7 does not show it for an entry that is missing", schema: schema27, target: "uid=new,ou=people,dc=example", err: "depends on the rules",
			entries: []policy.Entry{overlayEntry("olcPPolicyDefault: cn=p,dc=example"),
				entry("cn={0}staff,olcOverlay={0}ppolicy,olcDatabase={1}mdb,cn=config", "objectClass: olcPPolicyAbstractRule", "objectClass: olcPPolicyScopedRule"),
				policyOf("p", "pwdMinLength: 8")}},
		{name: "2.7 without rules has a default", schema: schema27, target: "uid=new,ou=people,dc=example", want: "cn=p,dc=example", refuses: "short",
			entries: []policy.Entry{overlayEntry("olcPPolicyDefault: cn=p,dc=example"), policyOf("p", "pwdMinLength: 8")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			svc := policy.NewService(New(tc.cfg), newer(tc.schema, tc.entries...), policy.ServiceConfig{})
			eff, err := svc.Resolve(t.Context(), policy.Selection{Target: tc.target})
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if eff.Policy.DN != tc.want || !strings.Contains(eff.Policy.Blocked, tc.blocked) || (tc.blocked == "") != (eff.Policy.Blocked == "") {
				t.Errorf("policy %q, blocked %q; want %q, %q", eff.Policy.DN, eff.Policy.Blocked, tc.want, tc.blocked)
			}
			if tc.refuses != "" && len(eff.Compiled.Validate([]byte(tc.refuses), eff.Subject)) == 0 {
				t.Errorf("%q is accepted", tc.refuses)
			}
			if reasons := eff.Compiled.Validate([]byte(tc.accepts), eff.Subject); tc.accepts != "" && len(reasons) > 0 {
				t.Errorf("%q is refused: %q", tc.accepts, reasons)
			}
		})
	}
}

// The module is not loaded: there are no policies, whatever an entry says.
func TestWithoutPPolicy(t *testing.T) {
	m := memory{
		entry("", "namingContexts: dc=example", "subschemaSubentry: cn=Subschema"),
		entry("cn=Subschema", "objectClasses: ( 2.5.6.6 NAME 'person' SUP top STRUCTURAL )"),
		entry("uid=jo,dc=example"),
	}
	svc := policy.NewService(New(Config{}), m, policy.ServiceConfig{})
	for _, sel := range []policy.Selection{{}, {Target: "uid=jo,dc=example"}, {Target: "uid=new,dc=example"}} {
		eff, err := svc.Resolve(t.Context(), sel)
		if err != nil {
			t.Errorf("%+v: %v", sel, err)
		} else if eff.Policy.DN != "" || len(eff.Policy.Demands) > 0 || eff.Exists != (sel.Target == "uid=jo,dc=example") {
			t.Errorf("%+v: policy %q, exists %v", sel, eff.Policy.DN, eff.Exists)
		}
	}
}

// A database behind another server, or one that is not shown, has a policy
// that cn=config does not tell.
func TestUnknownDatabases(t *testing.T) {
	overlay := overlayEntry("olcPPolicyDefault: cn=p,dc=example")
	for _, tc := range []struct {
		name    string
		entries []policy.Entry
		context string
		want    string
	}{
		{"proxy", []policy.Entry{overlay, entry("olcDatabase={2}ldap,cn=config", "objectClass: olcDatabaseConfig", "olcDatabase: {2}ldap", "olcSuffix: dc=far")}, "dc=far", "another server's (back-ldap)"},
		{"hidden", []policy.Entry{overlay}, "dc=far", "does not show"},
		{"hidden below another", []policy.Entry{overlay}, "ou=sub,dc=example", "does not show"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newer(schema26, append(tc.entries, entry(tc.context), entry("uid=jo,"+tc.context))...)
			m[0].Attributes[0].Values = append(m[0].Attributes[0].Values, tc.context)
			svc := policy.NewService(New(Config{}), m, policy.ServiceConfig{})
			_, err := svc.Resolve(t.Context(), policy.Selection{Target: "uid=jo," + tc.context})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
