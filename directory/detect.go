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
	Behera          = "behera"
	DS389           = "ds389"
	FreeIPA         = "freeipa"
	OpenDJ          = "opendj"
	OpenLDAP        = "openldap"
)

// The attributes of the root DSE that tell directories apart.
var rootDSE = []string{
	"objectClass", "vendorName", "vendorVersion", "supportedCapabilities", "forestFunctionality",
	"nsBackendSuffix", "ipaTopologyPluginVersion", "ipaDomainLevel", "ds-private-naming-contexts",
	"supportedControl", "subschemaSubentry",
}

// A Detection is what a directory tells about itself.
type Detection struct {
	Dialect string // empty if none is known
	Sign    Sign   // what it was told by
	Vendor  string // vendorName; often absent
	Version string // vendorVersion
}

// A Sign is an attribute value of the root DSE, or of the subschema entry if
// it is objectClasses.
type Sign struct{ Attribute, Value string }

// Detect reads the root DSE and returns the name of the dialect in which the
// directory keeps its password policies.
//
// Errors: unwillingToPerform(53) for a directory that is none of those
// known; those of Search.
func (c *Client) Detect(ctx context.Context) (string, error) {
	d, err := c.Detection(ctx)
	if err != nil {
		return "", err
	}
	if d.Dialect == "" {
		vendor := d.Vendor
		if vendor == "" {
			vendor = "no vendor"
		}
		return "", result.New(result.UnwillingToPerform, "the directory's root DSE names %s: no known dialect; set directory.dialect", vendor)
	}
	return d.Dialect, nil
}

// Detection reads the root DSE, and the schema of a directory that nothing
// else is known of. Its errors are those of Search.
func (c *Client) Detection(ctx context.Context) (Detection, error) {
	e, err := policy.Read(ctx, c, policy.Query{Attributes: rootDSE})
	if err != nil {
		return Detection{}, err
	}
	var d Detection
	d.Dialect, d.Sign = dialectOf(e)
	d.Vendor, _ = e.Value("vendorName")
	d.Version, _ = e.Value("vendorVersion")
	subschema, ok := e.Value("subschemaSubentry")
	if d.Dialect != "" || !ok {
		return d, nil
	}
	schema, err := policy.Read(ctx, c, policy.Query{Base: subschema, Attributes: []string{"objectClasses"}})
	switch {
	case result.Is(err, result.NoSuchObject), result.Is(err, result.InsufficientAccessRights):
		return d, nil
	case err != nil:
		return d, err
	}
	for _, class := range schema.Values("objectClasses") {
		if strings.Contains(class, "'pwdPolicy'") {
			d.Dialect, d.Sign = Behera, Sign{"objectClasses", class}
		}
	}
	return d, nil
}

// dialectOf looks for the signs of each dialect, the most specific first:
// FreeIPA is 389 Directory Server with more on top, and many more answer the
// control of draft-behera.
func dialectOf(e policy.Entry) (string, Sign) {
	const (
		adCapability  = "1.2.840.113556.1.4.800" // LDAP_CAP_ACTIVE_DIRECTORY_OID
		beheraControl = "1.3.6.1.4.1.42.2.27.8.5.1"
	)
	var sign Sign
	has := func(attribute string) bool {
		v, ok := e.Value(attribute)
		if ok {
			sign = Sign{attribute, v}
		}
		return ok
	}
	is := func(attribute, value string) bool {
		i := slices.IndexFunc(e.Values(attribute), func(v string) bool { return strings.EqualFold(v, value) })
		if i >= 0 {
			sign = Sign{attribute, e.Values(attribute)[i]}
		}
		return i >= 0
	}
	by := func(names ...string) bool {
		vendor, _ := e.Value("vendorName")
		sign = Sign{"vendorName", vendor}
		return slices.ContainsFunc(names, func(n string) bool { return strings.Contains(strings.ToLower(vendor), n) })
	}
	switch {
	case is("supportedCapabilities", adCapability), has("forestFunctionality"):
		return ActiveDirectory, sign
	case has("ipaTopologyPluginVersion"), has("ipaDomainLevel"):
		return FreeIPA, sign
	case by("389 project"), has("nsBackendSuffix"):
		return DS389, sign
	case is("objectClass", "OpenLDAProotDSE"):
		return OpenLDAP, sign
	case by("ldapsuggest", "opendj", "open identity platform", "forgerock", "ping identity", "unboundid", "wren security"),
		has("ds-private-naming-contexts"):
		return OpenDJ, sign
	case is("supportedControl", beheraControl):
		return Behera, sign
	}
	return "", Sign{}
}
