package testenv

import (
	"encoding/base64"
	"strings"
)

// slapdPolicy is one of the policies that every slapd is loaded with.
type slapdPolicy struct {
	Name       string
	Checker    bool // of object class pwdPolicyChecker too
	Attributes []string
}

// slapdUserPolicies maps the number of a user to the policy that its
// pwdPolicySubentry names. All other users have no pointer.
var slapdUserPolicies = map[int]string{
	1:  "strict",
	2:  "noquality",
	3:  "quality1",
	4:  "impossible",
	5:  "badmodule",
	6:  "ppm-default",
	7:  "ppm-strict",
	8:  "ppm-noarg",
	9:  "ppm-q0",
	10: "missing-policy", // there is no such entry
	11: "none",
	12: "neglen",
	13: "overflow",
	14: "quality3",
	15: "ppm-free",
	16: "ppm-consec1",
	17: "ppm-unsat",
}

// slapdPolicies returns the policies. They cover what makes slapd's reading
// of a policy surprising: a minimum over the maximum, a negative one, one
// that overflows, quality levels 0 and 3, modules that are not there. ppm is
// the path of the module or its name; from OpenLDAP 2.6 on a policy can only
// switch on the module that the overlay is configured with.
func slapdPolicies(ppm string, useCheckModule bool) []slapdPolicy {
	module := func(name, path, argument string, attributes ...string) slapdPolicy {
		p := slapdPolicy{Name: name, Checker: true, Attributes: attributes}
		if useCheckModule {
			p.Attributes = append(p.Attributes, "pwdUseCheckModule: TRUE")
		} else {
			p.Attributes = append(p.Attributes, "pwdCheckModule: "+path)
		}
		if argument != "" {
			p.Attributes = append(p.Attributes, "pwdCheckModuleArg:: "+base64.StdEncoding.EncodeToString([]byte(argument)))
		}
		return p
	}
	lines := func(s ...string) string { return strings.Join(s, "\n") }
	return []slapdPolicy{
		{Name: "default", Attributes: []string{
			"pwdCheckQuality: 2", "pwdMinLength: 10", "pwdInHistory: 5", "pwdMaxAge: 7776000", "pwdExpireWarning: 604800",
			"pwdLockout: TRUE", "pwdMaxFailure: 5", "pwdLockoutDuration: 300", "pwdFailureCountInterval: 300",
		}},
		{Name: "none"},
		{Name: "strict", Attributes: []string{
			"pwdCheckQuality: 2", "pwdMinLength: 16", "pwdMaxLength: 64", "pwdInHistory: 24", "pwdMinAge: 86400",
			"pwdMustChange: TRUE", "pwdSafeModify: TRUE",
		}},
		{Name: "noquality", Attributes: []string{"pwdCheckQuality: 0", "pwdMinLength: 30", "pwdInHistory: 3"}},
		{Name: "quality1", Attributes: []string{"pwdCheckQuality: 1", "pwdMinLength: 12"}},
		{Name: "impossible", Attributes: []string{"pwdCheckQuality: 2", "pwdMinLength: 20", "pwdMaxLength: 10"}},
		{Name: "neglen", Attributes: []string{"pwdCheckQuality: 2", "pwdMinLength: -1"}},
		{Name: "overflow", Attributes: []string{"pwdCheckQuality: 2", "pwdMinLength: 99999999999", "pwdMaxLength: 5", "pwdInHistory: 5"}},
		{Name: "quality3", Attributes: []string{"pwdCheckQuality: 3", "pwdMinLength: 6"}},
		module("badmodule", "no-such-module.so", "", "pwdCheckQuality: 2", "pwdMinLength: 8"),
		module("ppm-default", ppm, lines(
			"minQuality 3",
			"checkRDN 0",
			"forbiddenChars",
			"maxConsecutivePerClass 0",
			"useCracklib 0",
			"class-upperCase ABCDEFGHIJKLMNOPQRSTUVWXYZ 0 1",
			"class-lowerCase abcdefghijklmnopqrstuvwxyz 0 1",
			"class-digit 0123456789 0 1",
			"class-special <>,?;.:/!*$~\"#{([-|_@)]=}+ 0 1",
		), "pwdCheckQuality: 2", "pwdMinLength: 8"),
		module("ppm-strict", ppm, lines(
			"minQuality 4",
			"checkRDN 1",
			"forbiddenChars <>\"",
			"maxConsecutivePerClass 3",
			"class-upperCase ABCDEFGHIJKLMNOPQRSTUVWXYZ 2 2",
			"class-lowerCase abcdefghijklmnopqrstuvwxyz 2 2",
			"class-digit 0123456789 2 2",
			"class-special !%*()-_=+.,; 1 1",
			"class-emoji XYZ 0 0",
		), "pwdCheckQuality: 2", "pwdMinLength: 12", "pwdInHistory: 6"),
		module("ppm-noarg", ppm, "", "pwdCheckQuality: 2"),
		module("ppm-q0", ppm, "minQuality 4", "pwdCheckQuality: 0"),
		module("ppm-free", ppm, lines(
			"minQuality 3",
			"class-free XYZ",
			"class-digit 0123456789 3 3",
		), "pwdCheckQuality: 2", "pwdMinLength: 8"),
		module("ppm-consec1", ppm, lines(
			"minQuality 4",
			"maxConsecutivePerClass 1",
			"forbiddenChars lI1O0|",
		), "pwdCheckQuality: 2", "pwdMinLength: 12"),
		module("ppm-unsat", ppm, "minQuality 9", "pwdCheckQuality: 2"),
	}
}
