package pwhash

import (
	"slices"
	"strconv"
	"strings"
)

// History returns the stored passwords in the values of a history attribute,
// the newest first. Each value begins with a time, which is in UTC:
//
//   - time#syntax#length#password, pwdHistory of draft-behera 5.3.8, slapd
//     and the embedded directory
//   - time#syntax#password, pwdHistory of OpenDJ
//   - time password, in one word, passwordHistory of 389 Directory Server and
//     FreeIPA
//
// Other values are left out, as the directories pass over them.
func History(values []string) []string {
	type item struct{ time, stored string }
	items := make([]item, 0, len(values))
	for _, v := range values {
		if time, stored, ok := parseHistory(v); ok {
			items = append(items, item{time, stored})
		}
	}
	// Of the same second, what was added later is newer.
	slices.SortStableFunc(items, func(a, b item) int { return strings.Compare(a.time, b.time) })
	slices.Reverse(items)
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = it.stored
	}
	return out
}

// timeLength is that of a GeneralizedTime down to seconds, without its zone.
const timeLength = len("20060102150405")

func parseHistory(value string) (time, stored string, ok bool) {
	if len(value) <= timeLength || strings.Trim(value[:timeLength], "0123456789") != "" {
		return "", "", false
	}
	time, rest, ok := strings.Cut(value, "#")
	if !ok || strings.ContainsAny(time, "{}") {
		rest, ok = strings.CutPrefix(value[timeLength:], "Z")
		return value[:timeLength], rest, ok
	}
	_, stored, ok = strings.Cut(rest, "#")
	if length, password, found := strings.Cut(stored, "#"); found {
		if n, err := strconv.Atoi(length); err == nil && n == len(password) {
			stored = password
		}
	}
	return time, stored, ok
}
