// Package dn parses and compares distinguished names (RFC 4514).
//
// It exists beside the parser of go-ldap because packages below policy must
// not import BER or net, and it is stricter: what it accepts, it can print
// again. It imports only the standard library.
package dn

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A DN is a distinguished name, most specific RDN first. The zero DN is the
// root.
type DN struct {
	RDNs []RDN
}

// An RDN is a relative distinguished name: one or more assertions.
type RDN []AVA

// An AVA is an attribute type with a value, unescaped.
type AVA struct {
	Type  string
	Value string
	// Hex marks a value given as #hexstring: its octets are BER, and Value
	// holds them as they are.
	Hex bool
}

var errSyntax = errors.New("malformed distinguished name")

// Parse reads the string form of RFC 4514, with the quoted values and the
// spaces around separators that RFC 2253 section 4 has older writers use.
func Parse(s string) (DN, error) {
	p := parser{in: s}
	p.space()
	if p.done() {
		return DN{}, nil
	}
	n := min(strings.Count(s, ",")+strings.Count(s, ";")+1, 16)
	p.avas = make([]AVA, 0, n)
	d := DN{make([]RDN, 0, n)}
	for {
		rdn, err := p.rdn()
		if err != nil {
			return DN{}, fmt.Errorf("%w at octet %d: %w", errSyntax, p.at, err)
		}
		d.RDNs = append(d.RDNs, rdn)
		if p.done() {
			return d, nil
		}
		if c := p.in[p.at]; c != ',' && c != ';' {
			return DN{}, fmt.Errorf("%w at octet %d: a comma was expected", errSyntax, p.at)
		}
		p.at++
	}
}

type parser struct {
	in   string
	at   int
	avas []AVA // of all RDNs so far
}

func (p *parser) done() bool { return p.at >= len(p.in) }

func (p *parser) space() {
	for !p.done() && p.in[p.at] == ' ' {
		p.at++
	}
}

func (p *parser) rdn() (RDN, error) {
	first := len(p.avas)
	for {
		a, err := p.ava()
		if err != nil {
			return nil, err
		}
		p.avas = append(p.avas, a)
		if p.done() || p.in[p.at] != '+' {
			return RDN(slices.Clip(p.avas[first:])), nil
		}
		p.at++
	}
}

func (p *parser) ava() (AVA, error) {
	p.space()
	start := p.at
	for !p.done() && isTypeOctet(p.in[p.at]) {
		p.at++
	}
	a := AVA{Type: p.in[start:p.at]}
	if !validType(a.Type) {
		return a, errors.New("an attribute type was expected")
	}
	p.space()
	if p.done() || p.in[p.at] != '=' {
		return a, errors.New("an equals sign was expected")
	}
	p.at++
	p.space()
	var err error
	switch {
	case p.done():
	case p.in[p.at] == '#':
		a.Hex = true
		a.Value, err = p.hexString()
	case p.in[p.at] == '"':
		a.Value, err = p.quoted()
	default:
		a.Value, err = p.plain()
	}
	if err == nil && !a.Hex && !utf8.ValidString(a.Value) {
		err = errors.New("the value is not UTF-8")
	}
	return a, err
}

func isTypeOctet(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

// validType accepts a descr or a numericoid, the latter also after "OID." as
// RFC 2253 section 4 has it; "_" is no LDAP letter, but some servers take it.
func validType(t string) bool {
	if len(t) > 4 && strings.EqualFold(t[:4], "oid.") {
		t = t[4:]
		if t[0] < '0' || t[0] > '9' {
			return false
		}
	}
	if t == "" {
		return false
	}
	if t[0] >= '0' && t[0] <= '9' {
		for arc := range strings.SplitSeq(t, ".") {
			if arc == "" || strings.Trim(arc, "0123456789") != "" {
				return false
			}
		}
		return true
	}
	return t[0] != '-' && t[0] != '.' && t[0] != '_' && !strings.Contains(t, ".")
}

func (p *parser) hexString() (string, error) {
	p.at++
	start := p.at
	for !p.done() && strings.IndexByte("0123456789abcdefABCDEF", p.in[p.at]) >= 0 {
		p.at++
	}
	b, err := hex.DecodeString(p.in[start:p.at])
	if err != nil || len(b) == 0 {
		return "", errors.New("# must be followed by pairs of hex digits")
	}
	p.space()
	return string(b), nil
}

func (p *parser) quoted() (string, error) {
	p.at++
	var out []byte
	for !p.done() {
		switch c := p.in[p.at]; c {
		case '"':
			p.at++
			p.space()
			return string(out), nil
		case '\\':
			b, err := p.escape()
			if err != nil {
				return "", err
			}
			out = append(out, b)
		default:
			out = append(out, c)
			p.at++
		}
	}
	return "", errors.New("a quotation mark is not closed")
}

func (p *parser) plain() (string, error) {
	// Most values have nothing to unescape.
	if i := strings.IndexAny(p.in[p.at:], ",;+\\\"<>\x00"); i < 0 || strings.IndexByte(",;+", p.in[p.at+i]) >= 0 {
		if i < 0 {
			i = len(p.in) - p.at
		}
		value := p.in[p.at : p.at+i]
		p.at += i
		return strings.TrimRight(value, " "), nil
	}
	var out []byte
	keep := 0 // length of out that trailing spaces may not shorten
loop:
	for !p.done() {
		switch c := p.in[p.at]; c {
		case ',', ';', '+':
			break loop
		case '"', '<', '>', 0:
			return "", fmt.Errorf("%q must be escaped", c)
		case '\\':
			b, err := p.escape()
			if err != nil {
				return "", err
			}
			out = append(out, b)
			keep = len(out)
		default:
			out = append(out, c)
			if c != ' ' {
				keep = len(out)
			}
			p.at++
		}
	}
	return string(out[:keep]), nil
}

func (p *parser) escape() (byte, error) {
	rest := p.in[p.at+1:]
	if len(rest) >= 2 {
		if b, err := hex.DecodeString(rest[:2]); err == nil {
			p.at += 3
			return b[0], nil
		}
	}
	if rest != "" && strings.IndexByte(` "#+,;<=>\`, rest[0]) >= 0 {
		p.at += 2
		return rest[0], nil
	}
	return 0, errors.New("a backslash must be followed by a special character or two hex digits")
}

// IsRoot reports whether d is the zero-length DN.
func (d DN) IsRoot() bool { return len(d.RDNs) == 0 }

// Parent returns d without its first RDN. The parent of the root is the root.
func (d DN) Parent() DN {
	if d.IsRoot() {
		return d
	}
	return DN{d.RDNs[1:]}
}

// String returns the form of RFC 4514, spelled as it was given but for
// spaces and escapes.
func (d DN) String() string {
	var space [128]byte
	dst := space[:0]
	for i, rdn := range d.RDNs {
		if i > 0 {
			dst = append(dst, ',')
		}
		for k, a := range rdn {
			if k > 0 {
				dst = append(dst, '+')
			}
			dst = appendAVA(dst, a)
		}
	}
	return string(dst)
}

// String returns the form of RFC 4514.
func (r RDN) String() string { return DN{[]RDN{r}}.String() }

func appendAVA(dst []byte, a AVA) []byte {
	dst = append(append(dst, a.Type...), '=')
	if a.Hex {
		return hex.AppendEncode(append(dst, '#'), []byte(a.Value))
	}
	return appendEscaped(dst, a.Value)
}

// Escape returns a value as it is written in a DN.
func Escape(value string) string { return string(appendEscaped(nil, value)) }

func appendEscaped(dst []byte, value string) []byte {
	for i, r := range value {
		switch {
		case r == 0:
			dst = append(dst, `\00`...)
			continue
		case strings.IndexByte(`"+,;<>\=`, byte(r)) >= 0 && r < utf8.RuneSelf,
			r == '#' && i == 0,
			r == ' ' && (i == 0 || i == len(value)-1):
			dst = append(dst, '\\')
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// Key returns a form in which equal DNs are equal strings: types and values
// in lower case, runs of spaces as one, assertions of an RDN sorted. Values
// are compared as caseIgnoreMatch does, which is right for the attributes
// that entries are named by; the package knows no schema.
func (d DN) Key() string {
	var space [128]byte
	dst := space[:0]
	for i, rdn := range d.RDNs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = rdn.appendKey(dst)
	}
	return string(dst)
}

func (r RDN) appendKey(dst []byte) []byte {
	if len(r) == 1 {
		return appendAVA(dst, r[0].folded())
	}
	parts := make([]string, len(r))
	for i, a := range r {
		parts[i] = string(appendAVA(nil, a.folded()))
	}
	slices.Sort(parts)
	return append(dst, strings.Join(parts, "+")...)
}

// folded returns what is the same for all assertions that are equal.
func (a AVA) folded() AVA {
	if !a.Hex {
		if !a.spaceless() {
			a.Value = strings.Join(strings.FieldsFunc(a.Value, unicode.IsSpace), " ")
		}
		a.Value = strings.ToLower(a.Value)
	}
	a.Type = typeName(a.Type)
	return a
}

// spaceless reports whether the value is ASCII without spaces.
func (a AVA) spaceless() bool {
	for i := range len(a.Value) {
		if c := a.Value[i]; c >= utf8.RuneSelf || c == ' ' || c >= '\t' && c <= '\r' {
			return false
		}
	}
	return true
}

func (r RDN) equal(o RDN) bool {
	if len(r) == 1 && len(o) == 1 && !r[0].Hex && !o[0].Hex && r[0].spaceless() && o[0].spaceless() {
		return strings.EqualFold(r[0].Value, o[0].Value) && (strings.EqualFold(r[0].Type, o[0].Type) || typeName(r[0].Type) == typeName(o[0].Type))
	}
	var a, b [64]byte
	return string(r.appendKey(a[:0])) == string(o.appendKey(b[:0]))
}

// typeName folds the types that RFC 4514 section 3 lets be written as a name
// or as an OID, and the long spellings of RFC 4519.
func typeName(t string) string {
	t = strings.ToLower(t)
	switch strings.TrimPrefix(t, "oid.") {
	case "2.5.4.3", "commonname":
		return "cn"
	case "2.5.4.7", "localityname":
		return "l"
	case "2.5.4.8", "stateorprovincename":
		return "st"
	case "2.5.4.10", "organizationname":
		return "o"
	case "2.5.4.11", "organizationalunitname":
		return "ou"
	case "2.5.4.6", "countryname":
		return "c"
	case "2.5.4.9", "streetaddress":
		return "street"
	case "0.9.2342.19200300.100.1.25", "domaincomponent":
		return "dc"
	case "0.9.2342.19200300.100.1.1", "userid":
		return "uid"
	}
	return t
}

// Equal reports whether d and o name the same entry.
func (d DN) Equal(o DN) bool { return len(d.RDNs) == len(o.RDNs) && d.Under(o) }

// Under reports whether d is base or below it.
func (d DN) Under(base DN) bool {
	n := len(d.RDNs) - len(base.RDNs)
	return n >= 0 && slices.EqualFunc(d.RDNs[n:], base.RDNs, RDN.equal)
}

// Key returns the key of the DN that s spells, and s in lower case if it
// spells none: for comparing what a directory stored.
func Key(s string) string {
	d, err := Parse(s)
	if err != nil {
		return strings.ToLower(s)
	}
	return d.Key()
}
