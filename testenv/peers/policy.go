package peers

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// A Policy is one that many directories have, on the server that has it.
type Policy struct {
	Name     string
	Server   Kind
	Settings []string // "attribute: value", as the server has them
	Wish     Wish     // the same for a generator, as far as one can say it
	module   string   // ppm's configuration
}

// A Kind is a kind of server.
type Kind string

// The servers that judge.
const (
	Slapd Kind = "slapd"
	DS389 Kind = "389 DS"
	Samba Kind = "Samba"
)

// ppmSpecial are the symbols that ppm counts, unless told others; the symbols
// of ASCII that it does not count are ppmOther.
const (
	ppmSpecial = "<>,?;.:/!*$~\"#{([-|_@)]=}+"
	ppmOther   = "%&'\\^`"
)

// ppm returns a configuration of slapd's check module ppm: how many classes
// have to count, how many characters of each there must be, and more lines.
func ppm(quality, least int, more ...string) string {
	// How many there must be, and how many make the class count.
	counts := fmt.Sprintf(" %d %d", least, max(least, 1))
	c := []string{
		fmt.Sprintf("minQuality %d", quality),
		"class-upperCase ABCDEFGHIJKLMNOPQRSTUVWXYZ" + counts,
		"class-lowerCase abcdefghijklmnopqrstuvwxyz" + counts,
		"class-digit 0123456789" + counts,
		"class-special " + ppmSpecial + counts,
	}
	return strings.Join(append(c, more...), "\n")
}

// Policies returns ten common policies: of standards, of the manuals of the
// servers, and of what administrators add to them.
func Policies() []Policy {
	return []Policy{
		{Name: "NIST SP 800-63B-4: 15 characters", Server: Slapd, Wish: Wish{Length: 15},
			Settings: []string{"pwdCheckQuality: 2", "pwdMinLength: 15"}},
		{Name: "12 characters, none of the last 24", Server: Slapd, Wish: Wish{Length: 12},
			Settings: []string{"pwdCheckQuality: 2", "pwdMinLength: 12", "pwdInHistory: 24"}},
		{Name: "12 characters, one of each class", Server: Slapd, Wish: Wish{12, 1, ppmOther},
			Settings: []string{"pwdCheckQuality: 2", "pwdMinLength: 12"},
			module:   ppm(4, 1, "checkRDN 1")},
		{Name: "16 characters, two of each class, at most 3 of one in a row", Server: Slapd, Wish: Wish{16, 2, ppmOther + "<>\""},
			Settings: []string{"pwdCheckQuality: 2", "pwdMinLength: 16"},
			module:   ppm(4, 2, "checkRDN 1", "maxConsecutivePerClass 3", "forbiddenChars <>\"")},
		{Name: "12 characters, three classes, no dictionary words", Server: Slapd, Wish: Wish{12, 1, ppmOther},
			Settings: []string{"pwdCheckQuality: 2", "pwdMinLength: 12"},
			module:   ppm(3, 0, "useCracklib 1")},
		{Name: "8 characters, three categories", Server: DS389, Wish: Wish{Length: 8, Each: 1},
			Settings: []string{"passwordCheckSyntax: on", "passwordMinLength: 8", "passwordMinCategories: 3", "passwordMinTokenLength: 3"}},
		{Name: "14 characters, two of each class", Server: DS389, Wish: Wish{Length: 14, Each: 2},
			Settings: []string{"passwordCheckSyntax: on", "passwordMinLength: 14", "passwordMinUppers: 2", "passwordMinLowers: 2", "passwordMinDigits: 2", "passwordMinSpecials: 2"}},
		{Name: "12 characters, no repeats, sequences, palindromes or dictionary words", Server: DS389, Wish: Wish{Length: 12, Each: 1},
			Settings: []string{"passwordCheckSyntax: on", "passwordMinLength: 12", "passwordMaxRepeats: 2", "passwordMaxSequence: 3",
				"passwordMaxClassChars: 3", "passwordPalindrome: on", "passwordDictCheck: on"}},
		{Name: "AD complexity, 8 characters", Server: Samba, Wish: Wish{Length: 8, Each: 1},
			Settings: []string{"msDS-PasswordComplexityEnabled: TRUE", "msDS-MinimumPasswordLength: 8"}},
		{Name: "AD complexity, 12 characters", Server: Samba, Wish: Wish{Length: 12, Each: 1},
			Settings: []string{"msDS-PasswordComplexityEnabled: TRUE", "msDS-MinimumPasswordLength: 12"}},
	}
}

// Terms returns the settings in one line, with ppm's.
func (p Policy) Terms() string {
	terms := strings.Join(p.Settings, ", ")
	if p.module != "" {
		terms += "; ppm: " + strings.ReplaceAll(p.module, "\n", ", ")
	}
	return terms
}

// entry returns the policy as an entry of slapd 2.5, which finds ppm by its
// path; cn is its name.
func (p Policy) entry(cn, suffix, ppmPath string) string {
	classes := "objectClass: namedPolicy\nobjectClass: pwdPolicy\n"
	terms := strings.Join(p.Settings, "\n") + "\n"
	if p.module != "" {
		classes += "objectClass: pwdPolicyChecker\n"
		terms += "pwdCheckModule: " + ppmPath + "\npwdCheckModuleArg:: " + base64.StdEncoding.EncodeToString([]byte(p.module)) + "\n"
	}
	return fmt.Sprintf("dn: cn=%s,ou=policies,%s\n%scn: %[1]s\npwdAttribute: userPassword\n%[4]s\n", cn, suffix, classes, terms)
}

// attributes returns the settings by attribute.
func (p Policy) attributes() map[string]string {
	m := make(map[string]string)
	for _, s := range p.Settings {
		name, value, _ := strings.Cut(s, ": ")
		m[name] = value
	}
	return m
}

// ownEntropy is that of the passwords that the policy's server makes itself.
// slapd: eight characters of 64, whatever the policy. 389 Directory Server: as
// many characters as the policy demands and eight at least, of letters, digits
// and the seven symbols : ; < = > ? @, which it draws with a bias that no
// formula is given for; so it is a bound.
func (p Policy) ownEntropy() Entropy {
	switch p.Server {
	case Slapd:
		return Entropy{8 * 6, Exactly}
	case DS389:
		length := max(p.Wish.Length, 4*p.Wish.Each, 8)
		return Entropy{conditioned(length, 2*letters+digits+7), AtMost}
	}
	return Entropy{}
}
