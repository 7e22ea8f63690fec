package embedded

import (
	"slices"
	"strconv"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

const (
	subschemaDN                 = "cn=schema"
	subschemaKey        treeKey = "cn=schema"
	policyPointerAttr           = "ds-pwp-password-policy-dn"
	defaultPolicyAttr           = "ds-cfg-default-password-policy"
	passwordAttr                = "userPassword"
	passwordHistoryAttr         = "pwdHistory"
)

// rootDSE returns the entry of RFC 4512 5.1. It describes what is reachable
// through the front end, which adds its own operations.
func (d *Directory) rootDSE() policy.Entry {
	return policy.Entry{Attributes: []policy.Attribute{
		{Name: "objectClass", Values: []string{"top"}},
		{Name: "namingContexts", Values: slices.Clone(d.namingContexts())},
		{Name: "supportedLDAPVersion", Values: []string{"3"}},
		{Name: "supportedControl", Values: []string{pagedOID, manageDITOID, proxiedOID}},
		{Name: "supportedExtension", Values: []string{whoAmIOID, passModOID}},
		{Name: "supportedFeatures", Values: []string{allOpAttrs, trueFalse, incrementOID}},
		{Name: "subschemaSubentry", Values: []string{subschemaDN}},
		{Name: "vendorName", Values: []string{"ldapsuggest"}},
	}}
}

func (d *Directory) subschema() policy.Entry {
	e := policy.Entry{DN: subschemaDN, Attributes: []policy.Attribute{
		{Name: "objectClass", Values: []string{"top", "subentry", "subschema"}},
		{Name: "cn", Values: []string{"schema"}},
		{Name: "subschemaSubentry", Values: []string{subschemaDN}},
	}}
	index := make(map[string]int)
	for _, def := range d.schema.Definitions() {
		i, ok := index[def.Attribute]
		if !ok {
			i = len(e.Attributes)
			index[def.Attribute] = i
			e.Attributes = append(e.Attributes, policy.Attribute{Name: def.Attribute})
		}
		e.Attributes[i].Values = append(e.Attributes[i].Values, def.Value)
	}
	return e
}

func boolean(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

func itoa(n int) string { return strconv.Itoa(n) }
