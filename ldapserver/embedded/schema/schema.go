package schema

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed subschema.txt
var subschemaText string

// A Type is an attribute type (RFC 4512 2.5.1).
type Type struct {
	Name         string // the preferred spelling; lower case if the type is unknown
	Equality     Rule
	Ordering     Rule // NoRule where values have no order
	SingleValue  bool
	NoUserMod    bool // NO-USER-MODIFICATION: the server alone writes it
	Operational  bool
	sup          *Type
	known        bool
	key, supName string
}

// Known reports whether the schema describes the type.
func (t *Type) Known() bool { return t.known }

// A Schema is a set of attribute types and object classes. It is immutable.
type Schema struct {
	types       map[string]*Type  // by name, in lower case and as defined, and by OID
	structural  map[string]string // lower-case name of a structural class: its superior
	spelling    map[string]string // lower-case class name: as defined
	definitions []Definition
}

// A Definition is one value of the subschema entry, such as an
// "attributeTypes: ( 2.5.4.3 NAME ... )".
type Definition struct{ Attribute, Value string }

// caseExact are types of server configurations whose values are significant
// to the case and which have no published OID.
var caseExact = []string{
	"ds-cfg-character-set", "ds-cfg-character-set-ranges", "ds-cfg-password-character-set",
	"ds-cfg-match-pattern", "ds-cfg-disallowed-characters", "ds-cfg-disallowed-leading-characters",
	"ds-cfg-disallowed-trailing-characters", "ds-cfg-alternative-password-character-mapping",
	"ds-cfg-dictionary-file", "ds-cfg-java-class",
}

// Default returns the built-in schema.
func Default() (*Schema, error) { return parse(subschemaText) }

func parse(text string) (*Schema, error) {
	s := &Schema{
		types:      make(map[string]*Type),
		structural: make(map[string]string),
		spelling:   make(map[string]string),
	}
	var order []*Type
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		attribute, value, ok := strings.Cut(line, ": ")
		if !ok {
			return nil, fmt.Errorf("schema: %q is no definition", line)
		}
		s.definitions = append(s.definitions, Definition{attribute, value})
		d, err := describe(value)
		if err != nil {
			return nil, fmt.Errorf("schema: %q: %w", line, err)
		}
		switch attribute {
		case "attributeTypes":
			t, err := d.attributeType()
			if err != nil {
				return nil, fmt.Errorf("schema: %q: %w", line, err)
			}
			order = append(order, t)
			s.types[d.oid] = t
			for _, n := range d.fields["NAME"] {
				s.types[strings.ToLower(n)] = t
				s.types[n] = t // the spelling that most entries have costs no folding
			}
		case "objectClasses":
			s.objectClass(d)
		}
	}
	for _, t := range order {
		if t.supName == "" {
			continue
		}
		sup := s.types[strings.ToLower(t.supName)]
		if sup == nil {
			return nil, fmt.Errorf("schema: %s has the unknown superior %q", t.Name, t.supName)
		}
		t.sup = sup
		if t.Equality == NoRule {
			t.Equality, t.Ordering = sup.Equality, sup.Ordering
		}
	}
	for _, name := range caseExact {
		s.types[name] = &Type{Name: name, key: name, Equality: CaseExact, Ordering: CaseExact}
	}
	return s, nil
}

// Definitions returns what the subschema entry publishes, in order.
func (s *Schema) Definitions() []Definition { return s.definitions }

// Type returns the type of an attribute description, whatever its case and
// options, by name or OID. It never returns nil: unknown types compare as
// caseIgnoreMatch does.
func (s *Schema) Type(description string) *Type {
	base, _, _ := strings.Cut(description, ";")
	if t, ok := s.types[base]; ok {
		return t
	}
	base = strings.ToLower(base)
	if t, ok := s.types[base]; ok {
		return t
	}
	return &Type{Name: base, key: base, Equality: CaseIgnore, Ordering: CaseIgnore}
}

// Is reports whether t is, or is a subtype of, o.
func (t *Type) Is(o *Type) bool {
	for ; t != nil; t = t.sup {
		if t.key == o.key {
			return true
		}
	}
	return false
}

// Describes reports whether the attribute description have falls under want:
// the type is want's or a subtype of it, and it has all of want's options
// (RFC 4512 2.5).
func (s *Schema) Describes(want, have string) bool {
	if strings.EqualFold(want, have) {
		return true
	}
	_, wantOptions, _ := strings.Cut(want, ";")
	_, haveOptions, _ := strings.Cut(have, ";")
	if wantOptions != "" && !hasOptions(haveOptions, wantOptions) {
		return false
	}
	return s.Type(have).Is(s.Type(want))
}

func hasOptions(have, want string) bool {
next:
	for w := range strings.SplitSeq(want, ";") {
		for h := range strings.SplitSeq(have, ";") {
			if strings.EqualFold(h, w) {
				continue next
			}
		}
		return false
	}
	return true
}

// Same reports whether two attribute descriptions name the same attribute of
// an entry: one type, the same options.
func (s *Schema) Same(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	_, ao, _ := strings.Cut(a, ";")
	_, bo, _ := strings.Cut(b, ";")
	if (ao == "") != (bo == "") || ao != "" && !(hasOptions(ao, bo) && hasOptions(bo, ao)) {
		return false
	}
	return s.Type(a).key == s.Type(b).key
}

// Structural returns the most specific structural class among classes, or
// "" if the schema knows none of them.
func (s *Schema) Structural(classes []string) string {
	best, depth := "", 0
	for _, c := range classes {
		n := 0
		for k, ok := strings.ToLower(c), true; ok && n < 16; n++ {
			k, ok = s.structural[k]
		}
		if n--; n > depth {
			best, depth = s.spelling[strings.ToLower(c)], n
		}
	}
	return best
}

func (s *Schema) objectClass(d description) {
	if _, ok := d.fields["ABSTRACT"]; ok {
		return
	}
	if _, ok := d.fields["AUXILIARY"]; ok {
		return
	}
	sup := ""
	if f := d.fields["SUP"]; len(f) > 0 {
		sup = strings.ToLower(f[0])
	}
	for _, n := range d.fields["NAME"] {
		s.structural[strings.ToLower(n)] = sup
		s.spelling[strings.ToLower(n)] = n
	}
}

// description is a parsed schema description (RFC 4512 4.1): an OID and
// keywords, each with its words.
type description struct {
	oid    string
	fields map[string][]string
}

func describe(value string) (description, error) {
	words := strings.Fields(value)
	if len(words) < 3 || words[0] != "(" || words[len(words)-1] != ")" {
		return description{}, fmt.Errorf("no parentheses around it")
	}
	d := description{oid: words[1], fields: make(map[string][]string)}
	keyword := ""
	for _, w := range words[2 : len(words)-1] {
		switch {
		case w == "(" || w == ")" || w == "$":
		case strings.ToUpper(w) == w && w[0] >= 'A' && w[0] <= 'Z':
			keyword = w
			d.fields[keyword] = nil
		case keyword == "":
			return d, fmt.Errorf("%q stands before any keyword", w)
		default:
			d.fields[keyword] = append(d.fields[keyword], strings.Trim(w, "'"))
		}
	}
	return d, nil
}

func (d description) first(keyword string) string {
	if f := d.fields[keyword]; len(f) > 0 {
		return f[0]
	}
	return ""
}

func (d description) attributeType() (*Type, error) {
	t := &Type{Name: d.first("NAME"), supName: d.first("SUP"), known: true}
	t.key = strings.ToLower(t.Name)
	if t.Name == "" {
		return nil, fmt.Errorf("no name")
	}
	if name := d.first("EQUALITY"); name != "" {
		rule, ok := RuleNamed(name)
		if !ok {
			return nil, fmt.Errorf("unknown matching rule %q", name)
		}
		t.Equality = rule
	} else if t.supName == "" {
		t.Equality = bySyntax(d.first("SYNTAX"))
	}
	if t.Equality.ordered() {
		t.Ordering = t.Equality
	}
	_, t.SingleValue = d.fields["SINGLE-VALUE"]
	_, t.NoUserMod = d.fields["NO-USER-MODIFICATION"]
	usage := d.first("USAGE")
	t.Operational = usage != "" && usage != "userApplications"
	return t, nil
}

// bySyntax is for types that have no equality rule of their own: they still
// have to be deleted by value.
func bySyntax(oid string) Rule {
	switch strings.TrimPrefix(oid, "1.3.6.1.4.1.1466.115.121.1.") {
	case "12":
		return DN
	case "15":
		return CaseExact
	case "27":
		return Integer
	case "38":
		return OID
	}
	return Octets
}
