package schema

import (
	"math/big"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A Rule is a family of matching rules (RFC 4517 section 4): equality,
// ordering and substrings of values that are prepared in the same way.
type Rule int

// The rules. CaseIgnore also stands for the IA5 and list variants.
const (
	NoRule Rule = iota
	CaseIgnore
	CaseExact
	Octets
	Integer
	Boolean
	DN
	OID
	Telephone
	Numeric
	Time
	UUID
	FirstComponent
	BitAnd // [MS-ADTS] 3.1.1.3.4.4.1; an assertion, not an equality
	BitOr
)

var ruleNames = map[string]Rule{
	"objectidentifiermatch": OID, "2.5.13.0": OID,
	"distinguishednamematch": DN, "2.5.13.1": DN,
	"uniquemembermatch": DN, "2.5.13.23": DN,
	"caseignorematch": CaseIgnore, "2.5.13.2": CaseIgnore,
	"caseignoreorderingmatch": CaseIgnore, "2.5.13.3": CaseIgnore,
	"caseignoresubstringsmatch": CaseIgnore, "2.5.13.4": CaseIgnore,
	"caseexactmatch": CaseExact, "2.5.13.5": CaseExact,
	"caseexactorderingmatch": CaseExact, "2.5.13.6": CaseExact,
	"caseexactsubstringsmatch": CaseExact, "2.5.13.7": CaseExact,
	"numericstringmatch": Numeric, "2.5.13.8": Numeric,
	"caseignorelistmatch": CaseIgnore, "2.5.13.11": CaseIgnore,
	"booleanmatch": Boolean, "2.5.13.13": Boolean,
	"integermatch": Integer, "2.5.13.14": Integer,
	"integerorderingmatch": Integer, "2.5.13.15": Integer,
	"bitstringmatch": Octets, "2.5.13.16": Octets,
	"octetstringmatch": Octets, "2.5.13.17": Octets,
	"octetstringorderingmatch": Octets, "2.5.13.18": Octets,
	"telephonenumbermatch": Telephone, "2.5.13.20": Telephone,
	"telephonenumbersubstringsmatch": Telephone, "2.5.13.21": Telephone,
	"generalizedtimematch": Time, "2.5.13.27": Time,
	"generalizedtimeorderingmatch": Time, "2.5.13.28": Time,
	"objectidentifierfirstcomponentmatch": FirstComponent, "2.5.13.30": FirstComponent,
	"uuidmatch": UUID, "1.3.6.1.1.16.2": UUID,
	"uuidorderingmatch": UUID, "1.3.6.1.1.16.3": UUID,
	"caseexactia5match": CaseExact, "1.3.6.1.4.1.1466.109.114.1": CaseExact,
	"caseignoreia5match": CaseIgnore, "1.3.6.1.4.1.1466.109.114.2": CaseIgnore,
	"caseignoreia5substringsmatch": CaseIgnore, "1.3.6.1.4.1.1466.109.114.3": CaseIgnore,
	"integerbitandmatch": BitAnd, "1.2.840.113556.1.4.803": BitAnd,
	"integerbitormatch": BitOr, "1.2.840.113556.1.4.804": BitOr,
}

// RuleNamed returns the rule with a name or OID of RFC 4517.
func RuleNamed(name string) (Rule, bool) {
	r, ok := ruleNames[strings.ToLower(name)]
	return r, ok
}

func (r Rule) ordered() bool {
	switch r {
	case DN, Boolean, OID, FirstComponent, BitAnd, BitOr, NoRule:
		return false
	}
	return true
}

// Normalize returns value in a form in which equal values are equal strings.
// ok is false for a value that the rule's syntax does not allow; the form is
// then the value itself, so that it still equals its own octets.
func (r Rule) Normalize(value string) (form string, ok bool) {
	switch r {
	case CaseIgnore:
		return foldString(value)
	case CaseExact:
		return spaceString(value)
	case Integer, BitAnd, BitOr:
		n, ok := new(big.Int).SetString(strings.TrimPrefix(value, "+"), 10)
		if !ok || strings.Contains(value, "_") || strings.HasPrefix(value, "+") || value == "-0" {
			return value, false
		}
		return n.String(), true
	case Boolean:
		switch u := strings.ToUpper(value); u {
		case "TRUE", "FALSE":
			return u, true
		}
		return value, false
	case DN:
		// A name with an optional UID is compared as a whole: "dn#'0101'B".
		name, uid := value, ""
		if i := strings.LastIndex(value, "#'"); i >= 0 && strings.HasSuffix(value, "'B") {
			name, uid = value[:i], value[i:]
		}
		d, err := dn.Parse(name)
		if err != nil {
			return value, false
		}
		return d.Key() + uid, true
	case OID:
		return strings.ToLower(value), value != ""
	case FirstComponent:
		fields := strings.Fields(strings.TrimPrefix(value, "("))
		if len(fields) == 0 {
			return value, false
		}
		return strings.ToLower(fields[0]), true
	case Telephone:
		return strip(strings.ToLower(value), " -"), true
	case Numeric:
		return strip(value, " "), true
	case Time:
		return normalizeTime(value)
	case UUID:
		u := strings.ToLower(value)
		if len(u) != 36 || u[8] != '-' || u[13] != '-' || u[18] != '-' || u[23] != '-' || strings.Trim(u, "0123456789abcdef-") != "" {
			return value, false
		}
		return u, true
	}
	return value, true
}

// Equal reports whether a and b are the same value.
func (r Rule) Equal(a, b string) bool {
	if a == b {
		return true
	}
	an, _ := r.Normalize(a)
	bn, _ := r.Normalize(b)
	return an == bn
}

// Compare orders two normalized values.
func (r Rule) Compare(a, b string) int {
	if r == Integer {
		x, okX := new(big.Int).SetString(a, 10)
		y, okY := new(big.Int).SetString(b, 10)
		if okX && okY {
			return x.Cmp(y)
		}
	}
	return strings.Compare(a, b)
}

// foldString prepares a directory string: case folded, spaces at the ends
// removed and runs of spaces made one. It is RFC 4518 without the
// compatibility mappings of Unicode.
func foldString(s string) (string, bool) {
	ascii, plain := true, true
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			ascii = false
		case c >= 'A' && c <= 'Z', c < '!':
			plain = false
		}
	}
	switch {
	case ascii && plain:
		return s, true
	case ascii:
		return strings.ToLower(squeeze(s)), true
	case !utf8.ValidString(s):
		return s, false
	}
	return strings.ToLower(strings.ToUpper(squeeze(s))), true
}

func spaceString(s string) (string, bool) {
	if !utf8.ValidString(s) {
		return s, false
	}
	return squeeze(s), true
}

func squeeze(s string) string {
	if s == "" || s[0] > ' ' && s[len(s)-1] > ' ' && strings.IndexFunc(s, unicode.IsSpace) < 0 {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ")
}

func strip(s, cut string) string {
	if !strings.ContainsAny(s, cut) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(cut, r) {
			return -1
		}
		return r
	}, s)
}

// normalizeTime reads a generalized time (RFC 4517 3.3.13) and writes it in
// UTC, with a fraction only where it has one.
func normalizeTime(s string) (string, bool) {
	body := strings.ReplaceAll(s, ",", ".")
	zone := time.UTC
	switch i := strings.IndexAny(body, "Z+-"); {
	case i < 0:
		return s, false
	case body[i] == 'Z' && i == len(body)-1:
		body = body[:i]
	case body[i] != 'Z':
		off := body[i+1:]
		if len(off) != 2 && len(off) != 4 || strings.Trim(off, "0123456789") != "" {
			return s, false
		}
		off = (off + "00")[:4]
		sec := (int(off[0]-'0')*10+int(off[1]-'0'))*3600 + (int(off[2]-'0')*10+int(off[3]-'0'))*60
		if body[i] == '-' {
			sec = -sec
		}
		zone, body = time.FixedZone("", sec), body[:i]
	default:
		return s, false
	}
	whole, fraction, hasFraction := strings.Cut(body, ".")
	layouts := map[int]struct {
		layout string
		unit   time.Duration
	}{10: {"2006010215", time.Hour}, 12: {"200601021504", time.Minute}, 14: {"20060102150405", time.Second}}
	l, ok := layouts[len(whole)]
	if !ok {
		return s, false
	}
	t, err := time.ParseInLocation(l.layout, whole, zone)
	if err != nil {
		return s, false
	}
	if hasFraction {
		if fraction == "" || len(fraction) > 18 || strings.Trim(fraction, "0123456789") != "" {
			return s, false
		}
		num, _ := new(big.Int).SetString(fraction, 10)
		num.Mul(num, big.NewInt(int64(l.unit)))
		num.Quo(num, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction))), nil))
		t = t.Add(time.Duration(num.Int64()))
	}
	return t.UTC().Format("20060102150405.000000000"), true
}

// Substrings is a prepared substring assertion (RFC 4511 4.5.1.7.2).
type Substrings struct {
	Initial, Final string
	Any            []string
}

// PrepareSubstrings normalizes the parts of an assertion under r.
func (r Rule) PrepareSubstrings(s Substrings) Substrings {
	out := Substrings{Initial: r.part(s.Initial), Final: r.part(s.Final)}
	for _, a := range s.Any {
		out.Any = append(out.Any, r.part(a))
	}
	return out
}

// part normalizes a fragment, which may begin or end with a space that
// counts.
func (r Rule) part(s string) string {
	switch r {
	case CaseIgnore, CaseExact:
		if s == "" || !utf8.ValidString(s) {
			return s
		}
		form, _ := r.Normalize(s)
		if form == "" {
			return " "
		}
		if unicode.IsSpace(rune(s[0])) {
			form = " " + form
		}
		if unicode.IsSpace(rune(s[len(s)-1])) {
			form += " "
		}
		return form
	case DN, OID, Boolean:
		return strings.ToLower(s)
	case Telephone, Numeric:
		form, _ := r.Normalize(s)
		return form
	}
	return s
}

// Match reports whether a normalized value holds the parts in order, none
// overlapping another.
func (s Substrings) Match(value string) bool {
	if !strings.HasPrefix(value, s.Initial) {
		return false
	}
	value = value[len(s.Initial):]
	for _, a := range s.Any {
		i := strings.Index(value, a)
		if i < 0 {
			return false
		}
		value = value[i+len(a):]
	}
	return strings.HasSuffix(value, s.Final)
}
