package opendj

import (
	"context"
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A validatorType reads the validators of one object class.
type validatorType struct {
	class string
	// read turns the entry into rules. What is wrong goes to r.fail.
	// passwordAttribute is where the policy keeps passwords.
	read func(d *Dialect, r *reader, passwordAttribute string) []policy.Demand
}

// validatorTypes are those of both products, but for the ones that run code
// of the server's owner.
func validatorTypes() []validatorType {
	return []validatorType{
		{"ds-cfg-length-based-password-validator", (*Dialect).lengthBased},
		{"ds-cfg-character-set-password-validator", (*Dialect).characterSet},
		{"ds-cfg-attribute-value-password-validator", (*Dialect).attributeValue},
		{"ds-cfg-dictionary-password-validator", (*Dialect).dictionary},
		{"ds-cfg-repeated-characters-password-validator", (*Dialect).repeatedCharacters},
		{"ds-cfg-unique-characters-password-validator", (*Dialect).uniqueCharacters},
		{"ds-cfg-regular-expression-password-validator", (*Dialect).regularExpression},
		{"ds-cfg-disallowed-characters-password-validator", (*Dialect).disallowedCharacters},
		{"ds-cfg-haystack-password-validator", (*Dialect).haystack},
		{"ds-cfg-similarity-based-password-validator", (*Dialect).similarityBased},
		{"ds-cfg-utf-8-password-validator", (*Dialect).utf8},
		{"ds-cfg-pwned-passwords-password-validator", (*Dialect).pwnedPasswords},
	}
}

// readValidator turns a validator entry into rules, whether it is enabled or
// not.
func (d *Dialect) readValidator(e policy.Entry, passwordAttribute string) ([]policy.Demand, error) {
	var found []validatorType
	for _, t := range validatorTypes() {
		if e.IsA(t.class) {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 0:
		return nil, result.Wrap(errUnsupported, result.UnwillingToPerform, "%q is a validator of a type that cannot be checked here (%s): no password is suggested where nobody can tell whether it would be accepted", e.DN, typesOf(e))
	case 1:
		r := &reader{entry: e}
		demands := found[0].read(d, r, passwordAttribute)
		if err := r.err(); err != nil {
			return nil, err
		}
		return demands, nil
	}
	return nil, configError("%q is of several validator types at once: %s", e.DN, typesOf(e))
}

// typesOf names the object classes of an entry that tell what it is.
func typesOf(e policy.Entry) string {
	general := []string{"top", validatorClass, generatorClass}
	var names []string
	for _, c := range e.Values("objectClass") {
		if !slices.ContainsFunc(general, func(g string) bool { return strings.EqualFold(g, c) }) {
			names = append(names, c)
		}
	}
	if len(names) == 0 {
		return "it has no object class that tells its type"
	}
	return strings.Join(names, ", ")
}

// referenced reads an entry that a policy names in an attribute.
func referenced(ctx context.Context, dir policy.Directory, policyDN, attribute, name, class string) (policy.Entry, error) {
	e, err := policy.Read(ctx, dir, policy.Query{Base: name, Attributes: []string{"*"}, Shared: true})
	switch {
	case result.Is(err, result.NoSuchObject):
		return e, result.Wrap(err, result.UnwillingToPerform, "the policy %q names %q in %s, which does not exist or which the service account may not see", policyDN, name, attribute)
	case result.Is(err, result.InvalidDNSyntax):
		return e, result.Wrap(err, result.UnwillingToPerform, "the policy %q names %q in %s, which is no DN", policyDN, name, attribute)
	case err != nil:
		return e, unreadable(err, name, configReadRights)
	case !e.IsA(class):
		return e, configError("the policy %q names %q in %s, which has no objectClass %s", policyDN, e.DN, attribute, class)
	}
	r := &reader{entry: e}
	enabled := r.boolean("ds-cfg-enabled", noDefault)
	if err := r.err(); err != nil {
		return e, err
	}
	if !enabled {
		return e, configError("the policy %q names %q in %s, which is disabled", policyDN, e.DN, attribute)
	}
	return e, nil
}

// variantOf says which product a validator entry is written for. ping and
// openDJ are attributes that only one of them knows.
func (d *Dialect) variantOf(r *reader, ping, openDJ []string) Variant {
	foreign := map[Variant][]string{Ping: openDJ, OpenDJ: ping}[d.cfg.Variant]
	for _, a := range foreign {
		if r.has(a) {
			r.fail(a, "the variant %s, which is configured, does not know this attribute", d.cfg.Variant)
		}
	}
	if d.cfg.Variant != Auto {
		return d.cfg.Variant
	}
	isPing, isOpenDJ := r.has(ping...), r.has(openDJ...)
	switch {
	case isPing && isOpenDJ:
		r.fail(openDJ[0], "the entry mixes attributes of OpenDJ (%s) and PingDirectory (%s)", strings.Join(openDJ, ", "), strings.Join(ping, ", "))
		return Auto
	case isPing:
		return Ping
	case isOpenDJ:
		return OpenDJ
	}
	class, _ := r.entry.Value("ds-cfg-java-class")
	switch {
	case strings.HasPrefix(class, "com.unboundid."), strings.HasPrefix(class, "com.pingidentity."):
		return Ping
	case strings.HasPrefix(class, "org.opends."), strings.HasPrefix(class, "org.forgerock."), strings.HasPrefix(class, "org.openidentityplatform."):
		return OpenDJ
	}
	return Auto
}

// demand is a list of one rule.
func demand(r rule.Rule, s policy.Source) []policy.Demand {
	return []policy.Demand{{Rule: r, Source: s}}
}
