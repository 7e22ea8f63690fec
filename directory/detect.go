package directory

import (
	"context"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// The names of the dialects that Detect tells apart.
const (
	ActiveDirectory = "activedirectory"
	DS389           = "ds389"
	FreeIPA         = "freeipa"
	OpenDJ          = "opendj"
	OpenLDAP        = "openldap"
)

// The attributes of the root DSE that tell directories apart.
var rootDSE = []string{
	"objectClass", "vendorName", "vendorVersion", "supportedCapabilities", "forestFunctionality",
	"nsBackendSuffix", "ipaTopologyPluginVersion", "ipaDomainLevel", "ds-private-naming-contexts",
}

// Detect reads the root DSE and returns the name of the dialect in which the
// directory keeps its password policies.
//
// Errors: unwillingToPerform(53) for a directory that is none of those
// known; those of Search.
func (c *Client) Detect(ctx context.Context) (string, error) {
	e, err := policy.Read(ctx, c, policy.Query{Attributes: rootDSE})
	if err != nil {
		return "", err
	}
	name := dialectOf(e)
	if name == "" {
		vendor, ok := e.Value("vendorName")
		if !ok {
			vendor = "no vendor"
		}
		return "", result.New(result.UnwillingToPerform, "the directory's root DSE names %s: no known dialect; set directory.dialect", vendor)
	}
	return name, nil
}

// dialectOf looks for the signs of each dialect, the most specific first:
// FreeIPA is 389 Directory Server with more on top.
func dialectOf(e policy.Entry) string {
	const adCapability = "1.2.840.113556.1.4.800" // LDAP_CAP_ACTIVE_DIRECTORY_OID
	has := func(attribute string) bool { return len(e.Values(attribute)) > 0 }
	vendor, _ := e.Value("vendorName")
	vendor = strings.ToLower(vendor)
	by := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.Contains(vendor, n) })
	}
	switch {
	case slices.Contains(e.Values("supportedCapabilities"), adCapability), has("forestFunctionality"):
		return ActiveDirectory
	case has("ipaTopologyPluginVersion"), has("ipaDomainLevel"):
		return FreeIPA
	case by("389 project"), has("nsBackendSuffix"):
		return DS389
	case e.IsA("OpenLDAProotDSE"):
		return OpenLDAP
	case by("ldapsuggest", "opendj", "open identity platform", "forgerock", "ping identity", "unboundid", "wren security"),
		has("ds-private-naming-contexts"):
		return OpenDJ
	}
	return ""
}
