package ds389

import (
	"strconv"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// policyAttributes are read from cn=config and from local policies alike.
// passwordHistory must be asked for by name: the same attribute type holds
// the users' old hashes and is operational.
var policyAttributes = []string{
	"objectClass", localFlag, "nsslapd-pwpolicy-inherit-global", "nsslapd-allow-hashed-passwords",
	"passwordCheckSyntax", "passwordMinLength", "passwordMinDigits", "passwordMinAlphas", "passwordMinUppers",
	"passwordMinLowers", "passwordMinSpecials", "passwordMin8bit", "passwordMaxRepeats", "passwordMinCategories",
	"passwordMinTokenLength", "passwordPalindrome", "passwordMaxSequence", "passwordMaxSeqSets",
	"passwordMaxClassChars", "passwordDictCheck", "passwordDictPath", "passwordBadWords", "passwordUserAttributes",
	"passwordBreachCheck", "passwordHistory", "passwordInHistory", "passwordMustChange", "passwordExp", "passwordMaxAge",
}

// inherited are the settings that nsslapd-pwpolicy-inherit-global takes from
// the global policy, over the local ones.
var inherited = []string{
	"passwordMinLength", "passwordMinDigits", "passwordMinAlphas", "passwordMinUppers", "passwordMinLowers",
	"passwordMinSpecials", "passwordMin8bit", "passwordMaxRepeats", "passwordMinCategories", "passwordMinTokenLength",
}

// inheritedLater are those that releases since April 2026 take as well. Which
// releases do cannot be read from the server, so both values are honoured.
var inheritedLater = []string{
	"passwordPalindrome", "passwordMaxSequence", "passwordMaxSeqSets", "passwordMaxClassChars", "passwordDictCheck",
}

// builtIn are the values of what a policy entry does not say. A local policy
// inherits nothing from the global one.
var builtIn = map[string]string{
	"passwordMinLength":      "8",
	"passwordMinCategories":  "3",
	"passwordMinTokenLength": "3",
	"passwordInHistory":      "6",
	"passwordMaxAge":         "8640000",
}

// A setting is a value with the entry that it comes from.
type setting struct {
	policy.Source
	builtIn bool
}

// lookup returns the setting of one attribute of a policy entry.
func lookup(e policy.Entry, attribute string) setting {
	if v, ok := e.Value(attribute); ok {
		return setting{Source: policy.Source{DN: e.DN, Attribute: attribute, Value: v}}
	}
	v := builtIn[attribute]
	if v == "" {
		v = "0"
	}
	return setting{policy.Source{DN: e.DN, Attribute: attribute, Value: v}, true}
}

// number parses an integer setting.
func (s setting) number() (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(s.Value))
	if err != nil {
		return 0, result.Wrap(err, result.Other, "%s of %q is %q, which is no integer", s.Attribute, s.DN, s.Value)
	}
	return n, nil
}

// flag returns an on/off attribute of a policy entry.
func flag(e policy.Entry, attribute string, absent bool) (bool, error) {
	v, ok := e.Value(attribute)
	if !ok {
		return absent, nil
	}
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "on", "true", "1":
		return true, nil
	case "off", "false", "0":
		return false, nil
	}
	return false, result.New(result.Other, "%s of %q is %q, which is neither on nor off", attribute, e.DN, v)
}

// splitList splits the values of a list attribute at blanks and commas.
func splitList(values []string) []string {
	var out []string
	for _, v := range values {
		out = append(out, strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' })...)
	}
	return out
}
