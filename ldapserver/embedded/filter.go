package embedded

import (
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/ldif"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/schema"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// maxFilterDepth bounds nesting, of text and of BER alike.
const maxFilterDepth = 64

type filterKind int

const (
	filterAnd filterKind = iota
	filterOr
	filterNot
	filterEqual
	filterSubstrings
	filterGreater
	filterLess
	filterPresent
	filterExtensible
)

// A filter is a search filter (RFC 4511 4.5.1.7). Approximate matches are
// kept as equality, as RFC 4511 allows.
type filter struct {
	kind         filterKind
	of           []*filter
	attribute    string
	value        string
	parts        schema.Substrings
	matchingRule string
	dnAttributes bool
	mute         bool // gldap fails on the encoding, which is right
}

var matchAll = &filter{kind: filterPresent, attribute: "objectClass"}

func filterError(text string) error {
	return result.New(result.ProtocolError, "malformed filter: %s", text)
}

// parseFilter reads the string form of RFC 4515. Empty means
// (objectClass=*).
func parseFilter(s string) (*filter, error) {
	if s == "" {
		return matchAll, nil
	}
	p := filterParser{in: s}
	f, err := p.filter(0)
	if err != nil {
		return nil, err
	}
	if p.at != len(s) {
		return nil, filterError("text after the closing parenthesis")
	}
	return f, nil
}

type filterParser struct {
	in string
	at int
}

func (p *filterParser) peek() byte {
	if p.at < len(p.in) {
		return p.in[p.at]
	}
	return 0
}

func (p *filterParser) filter(depth int) (*filter, error) {
	if depth > maxFilterDepth {
		return nil, filterError("nested too deep")
	}
	if p.peek() != '(' {
		return nil, filterError("an opening parenthesis was expected")
	}
	p.at++
	f := &filter{}
	switch p.peek() {
	case '&', '|':
		if p.peek() == '|' {
			f.kind = filterOr
		}
		p.at++
		for p.peek() == '(' {
			sub, err := p.filter(depth + 1)
			if err != nil {
				return nil, err
			}
			f.of = append(f.of, sub)
		}
	case '!':
		p.at++
		sub, err := p.filter(depth + 1)
		if err != nil {
			return nil, err
		}
		f.kind, f.of = filterNot, []*filter{sub}
	default:
		if err := p.item(f); err != nil {
			return nil, err
		}
	}
	if p.peek() != ')' {
		return nil, filterError("a closing parenthesis was expected")
	}
	p.at++
	return f, nil
}

func (p *filterParser) item(f *filter) error {
	end := strings.IndexAny(p.in[p.at:], "()")
	if end < 0 {
		return filterError("a closing parenthesis was expected")
	}
	item := p.in[p.at : p.at+end]
	p.at += end
	i := strings.IndexByte(item, '=')
	if i <= 0 {
		return filterError("a comparison was expected")
	}
	left, right := item[:i], item[i+1:]
	switch left[len(left)-1] {
	case '>':
		f.kind, left = filterGreater, left[:len(left)-1]
	case '<':
		f.kind, left = filterLess, left[:len(left)-1]
	case '~':
		f.kind, left = filterEqual, left[:len(left)-1]
	case ':':
		return p.extensible(f, left[:len(left)-1], right)
	default:
		switch {
		case right == "*":
			f.kind = filterPresent
		case strings.Contains(right, "*"):
			f.kind = filterSubstrings
		default:
			f.kind = filterEqual
		}
	}
	if !ldif.ValidDescription(left) {
		return filterError("an attribute description was expected")
	}
	f.attribute = left
	var err error
	switch f.kind {
	case filterPresent:
	case filterSubstrings:
		pieces := strings.Split(right, "*")
		for i, raw := range pieces {
			piece, err := unescape(raw)
			switch {
			case err != nil:
				return err
			case i == 0:
				f.parts.Initial = piece
			case i == len(pieces)-1:
				f.parts.Final = piece
			case piece == "":
				return filterError("two asterisks in a row")
			default:
				f.parts.Any = append(f.parts.Any, piece)
			}
		}
	default:
		f.value, err = unescape(right)
	}
	return err
}

// extensible reads attr[":dn"][":" rule] or [":dn"] ":" rule.
func (p *filterParser) extensible(f *filter, left, right string) error {
	f.kind = filterExtensible
	fields := strings.Split(left, ":")
	f.attribute = fields[0]
	fields = fields[1:]
	if len(fields) > 0 && strings.EqualFold(fields[0], "dn") {
		f.dnAttributes = true
		fields = fields[1:]
	}
	if len(fields) > 0 {
		f.matchingRule = fields[0]
		fields = fields[1:]
	}
	if len(fields) > 0 || f.attribute == "" && f.matchingRule == "" ||
		f.attribute != "" && !ldif.ValidDescription(f.attribute) ||
		f.matchingRule != "" && !ldif.ValidDescription(f.matchingRule) {
		return filterError("malformed extensible match")
	}
	var err error
	f.value, err = unescape(right)
	return err
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		if strings.Contains(s, "*") || strings.Contains(s, sep) {
			return "", filterError("a special character is not escaped")
		}
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i+3 > len(s) {
				return "", filterError("a backslash must be followed by two hex digits")
			}
			o, err := hex.DecodeString(s[i+1 : i+3])
			if err != nil {
				return "", filterError("a backslash must be followed by two hex digits")
			}
			b.WriteByte(o[0])
			i += 2
		case '*', 0:
			return "", filterError("a special character is not escaped")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

// readFilter decodes a Filter (RFC 4511 4.5.1). What RFC 4511 has a server
// evaluate to Undefined, such as a name that is no attribute description, is
// kept; only a broken encoding is an error.
func readFilter(r *cursor, depth int) (*filter, error) {
	if depth > maxFilterDepth {
		return nil, filterError("nested too deep")
	}
	tag, contents := r.next()
	if r.err != nil {
		return nil, filterError("truncated")
	}
	in := &cursor{rest: contents}
	f := &filter{}
	switch tag {
	case 0xa0, 0xa1, 0xa2:
		f.kind = filterKind(tag - 0xa0)
		for !in.done() {
			sub, err := readFilter(in, depth+1)
			if err != nil {
				return nil, err
			}
			f.of = append(f.of, sub)
		}
		if f.kind == filterNot && len(f.of) != 1 {
			return nil, filterError("a negation has one operand")
		}
	case 0xa3, 0xa5, 0xa6, 0xa8:
		f.kind = map[byte]filterKind{0xa3: filterEqual, 0xa5: filterGreater, 0xa6: filterLess, 0xa8: filterEqual}[tag]
		f.attribute = in.string(tagOctetString)
		f.value = in.string(tagOctetString)
	case 0xa4:
		f.kind = filterSubstrings
		f.attribute = in.string(tagOctetString)
		f.readParts(in)
	case 0x87:
		f.kind, f.attribute = filterPresent, string(contents)
		return f, nil
	case 0xa9:
		f.kind = filterExtensible
		if in.peek() == 0x81 {
			f.matchingRule = in.string(0x81)
		}
		if in.peek() == 0x82 {
			f.attribute = in.string(0x82)
		}
		f.value = in.string(0x83)
		if in.peek() == 0x84 {
			// gldap's decoder panics on the boolean, whatever it is.
			f.dnAttributes, f.mute = in.boolean(0x84), true
		}
		if f.matchingRule == "" && f.attribute == "" {
			return nil, filterError("an extensible match without attribute and rule")
		}
	default:
		return nil, filterError("unknown choice")
	}
	if in.err != nil || len(in.rest) > 0 {
		return nil, filterError("malformed assertion")
	}
	return f, nil
}

// readParts reads the substrings of a SubstringFilter: at most one initial,
// which is the first, and at most one final, which is the last.
func (f *filter) readParts(in *cursor) {
	list := in.inner(tagSequence)
	if list.done() {
		in.fail()
		return
	}
	for first := true; !list.done(); first = false {
		tag, piece := list.next()
		switch {
		case list.err != nil || len(piece) == 0:
			list.fail()
		case tag == 0x80 && first:
			f.parts.Initial = string(piece)
		case tag == 0x81:
			f.parts.Any = append(f.parts.Any, string(piece))
		case tag == 0x82 && list.done():
			f.parts.Final = string(piece)
		default:
			list.fail()
		}
	}
	if list.err != nil {
		in.fail()
	}
}

// speakable reports whether the string form of f, which is all that gldap
// passes on, means the same.
func (f *filter) speakable() bool {
	for _, sub := range f.of {
		if !sub.speakable() {
			return false
		}
	}
	switch f.kind {
	case filterAnd, filterOr, filterNot:
		return true
	case filterExtensible:
		return !f.mute && (f.attribute == "" || ldif.ValidDescription(f.attribute)) &&
			(f.matchingRule == "" || ldif.ValidDescription(f.matchingRule) && !strings.EqualFold(f.matchingRule, "dn"))
	}
	return ldif.ValidDescription(f.attribute)
}

// truth is the outcome of a filter (RFC 4511 4.5.1.7).
type truth int

const (
	isFalse truth = iota
	isUndefined
	isTrue
)

// A predicate is a filter prepared for many entries.
type predicate func(key treeKey, e policy.Entry) truth

// compile prepares f. hidden names the attributes that the asker may not
// read: assertions about them are Undefined, so that no answer tells of them.
func (f *filter) compile(s *schema.Schema, hidden func(*schema.Type) bool) predicate {
	switch f.kind {
	case filterAnd, filterOr, filterNot:
		of := make([]predicate, len(f.of))
		for i, sub := range f.of {
			of[i] = sub.compile(s, hidden)
		}
		return combine(f.kind, of)
	case filterExtensible:
		return f.compileExtensible(s, hidden)
	}
	if !ldif.ValidDescription(f.attribute) {
		return undefined
	}
	t := s.Type(f.attribute)
	if hidden(t) {
		return undefined
	}
	match := f.valueMatch(t)
	if match == nil {
		return undefined
	}
	return func(_ treeKey, e policy.Entry) truth {
		for _, a := range e.Attributes {
			if !s.Describes(f.attribute, a.Name) {
				continue
			}
			for _, v := range a.Values {
				if match(v) {
					return isTrue
				}
			}
		}
		return isFalse
	}
}

func undefined(treeKey, policy.Entry) truth { return isUndefined }

func combine(kind filterKind, of []predicate) predicate {
	switch kind {
	case filterNot:
		return func(k treeKey, e policy.Entry) truth { return isTrue - of[0](k, e) }
	case filterOr:
		return func(k treeKey, e policy.Entry) truth {
			best := isFalse
			for _, p := range of {
				if best = max(best, p(k, e)); best == isTrue {
					break
				}
			}
			return best
		}
	}
	return func(k treeKey, e policy.Entry) truth {
		worst := isTrue
		for _, p := range of {
			if worst = min(worst, p(k, e)); worst == isFalse {
				break
			}
		}
		return worst
	}
}

// valueMatch returns the test of one value, nil if the assertion is
// Undefined.
func (f *filter) valueMatch(t *schema.Type) func(string) bool {
	switch f.kind {
	case filterPresent:
		return func(string) bool { return true }
	case filterEqual:
		want, ok := t.Equality.Normalize(f.value)
		if !ok && t.Known() {
			return nil
		}
		return func(v string) bool {
			got, _ := t.Equality.Normalize(v)
			return got == want
		}
	case filterSubstrings:
		parts := t.Equality.PrepareSubstrings(f.parts)
		return func(v string) bool {
			got, _ := t.Equality.Normalize(v)
			return parts.Match(got)
		}
	}
	if t.Ordering == schema.NoRule {
		return nil
	}
	want, ok := t.Ordering.Normalize(f.value)
	if !ok {
		return nil
	}
	return func(v string) bool {
		got, ok := t.Ordering.Normalize(v)
		if !ok {
			return false
		}
		c := t.Ordering.Compare(got, want)
		return c == 0 || (c > 0) == (f.kind == filterGreater)
	}
}

func (f *filter) compileExtensible(s *schema.Schema, hidden func(*schema.Type) bool) predicate {
	rule := schema.NoRule
	if f.matchingRule != "" {
		var ok bool
		if rule, ok = schema.RuleNamed(f.matchingRule); !ok {
			return undefined
		}
	}
	applies := func(name string) (schema.Rule, bool) {
		t := s.Type(name)
		if hidden(t) || f.attribute != "" && !s.Describes(f.attribute, name) {
			return 0, false
		}
		if rule != schema.NoRule {
			return rule, true
		}
		return t.Equality, true
	}
	matches := func(r schema.Rule, value string) bool {
		got, ok1 := r.Normalize(value)
		want, ok2 := r.Normalize(f.value)
		if !ok1 || !ok2 {
			return false
		}
		if r == schema.BitAnd || r == schema.BitOr {
			return bits(r, got, want)
		}
		return got == want
	}
	return func(_ treeKey, e policy.Entry) truth {
		for _, a := range e.Attributes {
			r, ok := applies(a.Name)
			if !ok {
				continue
			}
			for _, v := range a.Values {
				if matches(r, v) {
					return isTrue
				}
			}
		}
		if !f.dnAttributes {
			return isFalse
		}
		d, err := dn.Parse(e.DN)
		if err != nil {
			return isFalse
		}
		for _, rdn := range d.RDNs {
			for _, ava := range rdn {
				if r, ok := applies(ava.Type); ok && matches(r, ava.Value) {
					return isTrue
				}
			}
		}
		return isFalse
	}
}

func bits(r schema.Rule, got, want string) bool {
	g, _ := new(big.Int).SetString(got, 10)
	w, _ := new(big.Int).SetString(want, 10)
	and := new(big.Int).And(g, w)
	if r == schema.BitAnd {
		return and.Cmp(w) == 0
	}
	return and.Sign() != 0
}
