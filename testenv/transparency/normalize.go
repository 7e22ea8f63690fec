package transparency

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// What two runs on the same server never have in common.
var (
	generalizedTime = regexp.MustCompile(`\b\d{14}(\.\d+)?Z(#[0-9a-f]{6}#[0-9a-f]{3}#[0-9a-f]{6})?`)
	uuid            = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	nsUniqueID      = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}\b`)
	counters        = regexp.MustCompile(`(?im)^(uSNCreated|uSNChanged|highestCommittedUSN|pwdLastSet|badPasswordTime|lastLogon|lastLogonTimestamp|entryid|parentid|entryusn|nextnsuniqueid|lockoutTime): -?\d+$`)
	binaryIDs       = regexp.MustCompile(`(?im)^(objectSid|objectGUID):: \S+$`)
	hash            = regexp.MustCompile(`\{(SSHA|SSHA512|PBKDF2_SHA256|PBKDF2-SHA512|ARGON2)\}[A-Za-z0-9+/=$.,\-_]+`)
	handle          = regexp.MustCompile(`(?m)\b(cookie|context)=([A-Za-z0-9+/]+={0,2})( |$)`)
	encoded         = regexp.MustCompile(`(?m)^(.*[: ])([A-Za-z0-9+/]{8,}={0,2})$`)
)

// Normalizer returns a function that replaces what differs between two runs
// on the same server: where it is (each of the names), the times and the
// identifiers that it gives, and salted hashes. All else stays as it is.
func Normalizer(names ...string) func(string) string {
	var pairs []string
	for _, n := range names {
		if n != "" {
			pairs = append(pairs, n, "SERVER")
		}
	}
	replacer := strings.NewReplacer(pairs...)
	plain := func(s string) string {
		s = replacer.Replace(s)
		s = generalizedTime.ReplaceAllString(s, "TIME")
		s = uuid.ReplaceAllString(s, "UUID")
		s = nsUniqueID.ReplaceAllString(s, "UNIQUEID")
		s = hash.ReplaceAllString(s, "{$1}HASH")
		return s
	}
	return func(s string) string {
		// Some servers' handles on lists of results are addresses. They are
		// in the value of a control too. That the client gives them back
		// unharmed shows in what it gets for them.
		handles := []string{}
		s = handle.ReplaceAllStringFunc(s, func(found string) string {
			m := handle.FindStringSubmatch(found)
			raw, err := base64.StdEncoding.DecodeString(m[2])
			if err != nil || len(raw) < 8 {
				return found
			}
			handles = append(handles, string(raw), strings.Repeat("x", len(raw)))
			return fmt.Sprintf("%s=%d octets%s", m[1], len(raw), m[3])
		})
		unhandle := strings.NewReplacer(handles...)
		s = counters.ReplaceAllString(s, "$1: N")
		s = binaryIDs.ReplaceAllString(s, "$1:: ID")
		// What is encoded, such as the value of a control, hides the same.
		s = encoded.ReplaceAllStringFunc(s, func(line string) string {
			m := encoded.FindStringSubmatch(line)
			raw, err := base64.StdEncoding.DecodeString(m[2])
			if err != nil {
				return line
			}
			if inside := plain(unhandle.Replace(string(raw))); inside != string(raw) {
				return m[1] + base64.StdEncoding.EncodeToString([]byte(inside))
			}
			return line
		})
		return plain(s)
	}
}
