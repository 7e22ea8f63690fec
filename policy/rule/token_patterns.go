package rule

import (
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// TokenPatterns refuses passwords that match a piece of the user's name or
// of an attribute value. Each piece of at least three octets is a POSIX basic
// regular expression, found anywhere and whatever the case, and as long as
// that fails to compile, a plain string (checkRDN and checkAttributes of ppm,
// which skips what does not compile).
type TokenPatterns struct {
	// RDN takes the pieces from the value in the first RDN of the subject's
	// DN, split at spaces, tabs, "," ";" "-" "_" and the octets of "£".
	RDN bool

	// Attributes takes them from the values of these types, split at spaces,
	// tabs, "," ";" "-" "_" and "@".
	Attributes []string
}

// minToken is the length in octets from which a piece is looked for.
const minToken = 3

// Check implements Rule.
func (r TokenPatterns) Check(password []byte, s Subject) []string {
	var reasons []string
	if r.RDN && s.DN != "" {
		for _, name := range rdnSpellings(s.DN) {
			if matchesToken(password, name, " ,;-_\t\xC2\xA3") {
				reasons = append(reasons, "The password contains a part of the name of the entry.")
				break
			}
		}
	}
	if len(r.Attributes) == 0 {
		return reasons
	}
	said := ""
	for name, value := range s.values(r.Attributes) {
		if name != said && matchesToken(password, value, " ,;-_@\t") {
			reasons = append(reasons, "The password contains a part of a value of the attribute "+name+".")
			said = name
		}
	}
	return reasons
}

// rdnSpellings returns the value in the first RDN in every form in which the
// server may look at it: as it is, with its special characters in
// hexadecimal, and cut off where ppm takes an escaped comma or equals sign
// for the end. The server sorts the assertions of an RDN, so that any of
// them may come first.
func rdnSpellings(entry string) []string {
	cut := entry
	if i := strings.IndexAny(cut, ",+"); i >= 0 {
		cut = cut[:i]
	}
	_, cut, _ = strings.Cut(cut, "=")
	cut, _, _ = strings.Cut(cut, "=")
	out := []string{cut}

	d, err := dn.Parse(entry)
	if err != nil || d.IsRoot() {
		return out
	}
	for _, a := range d.RDNs[0] {
		var escaped strings.Builder
		for i := range len(a.Value) {
			if c := a.Value[i]; strings.IndexByte(`"+,;<>\=#`, c) >= 0 {
				escaped.WriteString(`\` + strings.ToUpper(string("0123456789abcdef"[c>>4])+string("0123456789abcdef"[c&15])))
			} else {
				escaped.WriteByte(c)
			}
		}
		out = append(out, a.Value, escaped.String())
	}
	return out
}

// matchesToken splits text at any of the octets of separators and reports
// whether password matches a piece, or could not be compared with it.
func matchesToken(password []byte, text, separators string) bool {
	split := NewByteSet(separators)
	start := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && !split.Contains(text[i]) {
			continue
		}
		token := text[start:i]
		start = i + 1
		if len(token) < minToken {
			continue
		}
		match, err := compileBRE(token)
		if err != nil {
			if containsFold(password, token) {
				return true
			}
			continue
		}
		if matched, err := match(password); matched || err != nil {
			return true
		}
	}
	return false
}

// Requirement implements Rule.
func (r TokenPatterns) Requirement() Requirement {
	req := Requirement{Type: "token-patterns"}
	var of []string
	if r.RDN {
		of = append(of, "the name of the entry")
		req.Properties = append(req.Properties, flag("check-rdn", true))
	}
	if len(r.Attributes) > 0 {
		of = append(of, "its attributes "+list(r.Attributes, "and"))
		req.Properties = append(req.Properties, Property{"match-attribute", strings.Join(r.Attributes, ",")})
	}
	if of == nil {
		req.Text = "The password may contain parts of the user's name."
		return req
	}
	req.Text = "The password must not contain a part of " + list(of, "or of") + " that has at least " +
		quantity(minToken, "character", "characters") + "."
	return req
}
