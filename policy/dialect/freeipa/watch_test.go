package freeipa_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/freeipa"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// realm is a directory that notes which entries it returned to shared reads.
type realm struct {
	entries []policy.Entry
	shared  []policy.Entry
}

func entry(dn string, attributes ...string) policy.Entry {
	e := policy.Entry{DN: dn}
	for _, a := range attributes {
		name, values, _ := strings.Cut(a, ": ")
		e.Attributes = append(e.Attributes, policy.Attribute{Name: name, Values: strings.Split(values, " ")})
	}
	return e
}

func (r *realm) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	base, err := dn.Parse(q.Base)
	if err != nil {
		return nil, err
	}
	class := strings.TrimSuffix(strings.TrimPrefix(q.Filter, "(objectClass="), ")")
	known := false
	var out []policy.Entry
	for _, e := range r.entries {
		d, err := dn.Parse(e.DN)
		if err != nil {
			return nil, err
		}
		known = known || d.Equal(base)
		if depth := len(d.RDNs) - len(base.RDNs); !d.Under(base) || q.Scope == policy.BaseObject && depth != 0 || q.Scope == policy.SingleLevel && depth != 1 {
			continue
		}
		if class == "" || class == "*" || e.IsA(class) {
			out = append(out, e)
		}
	}
	if !known {
		return nil, result.New(result.NoSuchObject, "no %s", q.Base)
	}
	if q.Shared {
		r.shared = append(r.shared, out...)
	}
	return out, nil
}

// Every entry that policies are made from is one that a watch finds.
func TestWatchesFindWhatIsRead(t *testing.T) {
	const base = "dc=example,dc=com"
	const kerberos = "cn=EXAMPLE.COM,cn=kerberos," + base
	staff := "cn=staff,cn=groups,cn=accounts," + base
	dir := &realm{entries: []policy.Entry{
		entry("", "objectClass: top", "namingContexts: cn=changelog "+base+" o=ipaca", "vendorVersion: 389-Directory/2.3.1"),
		entry("cn=config", "objectClass: top", "passwordCheckSyntax: off", "nsslapd-pwpolicy-local: on"),
		entry(base, "objectClass: domain"),
		entry("cn=kerberos,"+base, "objectClass: krbContainer"),
		entry(kerberos, "objectClass: krbRealmContainer", "cn: EXAMPLE.COM"),
		entry("cn=global_policy,"+kerberos, "objectClass: krbPwdPolicy", "krbPwdMinLength: 8"),
		entry("cn=staff,"+kerberos, "objectClass: krbPwdPolicy", "krbPwdMinLength: 12"),
		entry("cn=cosTemplates,cn=accounts,"+base, "objectClass: nsContainer"),
		entry(`cn=staff template,cn=cosTemplates,cn=accounts,`+base, "objectClass: cosTemplate", `cn: "`+staff+`"`, "cosPriority: 1", "krbPwdPolicyReference: cn=staff,"+kerberos),
		entry("cn=local,"+base, "objectClass: ldapsubentry passwordpolicy", "passwordCheckSyntax: on"),
		entry("uid=jo,"+base, "objectClass: krbPrincipalAux", "uid: jo", "memberOf: "+staff),
		entry("uid=plain,"+base, "objectClass: account", "uid: plain"),
	}}
	d := freeipa.New(freeipa.Config{})
	svc := policy.NewService(d, dir, policy.ServiceConfig{})
	for sel, want := range map[policy.Selection]string{
		{}:                                 "cn=global_policy," + kerberos,
		{Target: "uid=jo," + base}:         "cn=staff," + kerberos,
		{Target: "uid=plain," + base}:      "cn=config",
		{PolicyDN: "cn=local," + base}:     "cn=local," + base,
		{PolicyDN: "cn=staff," + kerberos}: "cn=staff," + kerberos,
	} {
		eff, err := svc.Resolve(t.Context(), sel)
		if err != nil {
			t.Errorf("%+v: %v", sel, err)
		} else if eff.Policy.DN != want {
			t.Errorf("%+v: policy %q, want %q", sel, eff.Policy.DN, want)
		}
	}
	watches, err := d.Watches(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range watches {
		if w.Base == "cn=changelog" {
			t.Error("the changelog is watched")
		}
	}
	if len(dir.shared) < 8 {
		t.Fatalf("only %d entries were read", len(dir.shared))
	}
	for _, e := range dir.shared {
		found := slices.ContainsFunc(watches, func(w policy.Watch) bool {
			switch {
			case w.Scope == policy.BaseObject:
				return dn.Key(w.Base) == dn.Key(e.DN)
			case !strings.HasSuffix(dn.Key(e.DN), dn.Key(w.Base)):
				return false
			}
			return slices.ContainsFunc(e.Values("objectClass"), func(class string) bool {
				return strings.Contains(w.Filter, "(objectClass="+class+")")
			})
		})
		if !found {
			t.Errorf("no watch finds %q", e.DN)
		}
	}
}
