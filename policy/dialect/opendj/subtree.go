package opendj

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A subtree is a subtreeSpecification (RFC 3672 section 2.1) with its names
// made absolute. As OpenDJ extends it, the specificationFilter may also be
// a quoted search filter.
type subtree struct {
	base       dn.DN
	minimum    int
	maximum    int // -1: none
	chopBefore []dn.DN
	chopAfter  []dn.DN

	// filter is the specificationFilter as a search filter, for the
	// directory to evaluate. Empty: every entry.
	filter string
}

// contains reports whether the name d is in the subtree. Whether its entry
// passes the filter is another question.
func (t subtree) contains(d dn.DN) bool {
	if !d.Under(t.base) {
		return false
	}
	depth := len(d.RDNs) - len(t.base.RDNs)
	if depth < t.minimum || t.maximum >= 0 && depth > t.maximum {
		return false
	}
	for _, c := range t.chopBefore {
		if d.Under(c) {
			return false
		}
	}
	for _, c := range t.chopAfter {
		if d.Under(c) && !d.Equal(c) {
			return false
		}
	}
	return true
}

// parseSubtree reads a subtreeSpecification of a subentry below
// administrative point above.
func parseSubtree(s string, above dn.DN) (subtree, error) {
	p := gser{in: s}
	t := subtree{base: above, maximum: -1}
	var chopBefore, chopAfter []dn.DN
	seen := make(map[string]bool)
	err := p.list(func() error {
		name := p.word()
		if seen[strings.ToLower(name)] {
			return fmt.Errorf("%s occurs twice", name)
		}
		seen[strings.ToLower(name)] = true
		var err error
		switch strings.ToLower(name) {
		case "base":
			var local dn.DN
			local, err = p.localName()
			t.base = below(above, local)
		case "minimum":
			t.minimum, err = p.number()
		case "maximum":
			t.maximum, err = p.number()
		case "specificexclusions":
			err = p.list(func() error {
				kind := strings.ToLower(p.word())
				if err := p.token(":"); err != nil {
					return err
				}
				local, err := p.localName()
				if err != nil {
					return err
				}
				switch kind {
				case "chopbefore":
					chopBefore = append(chopBefore, local)
				case "chopafter":
					chopAfter = append(chopAfter, local)
				default:
					return fmt.Errorf("chopBefore or chopAfter was expected, not %q", kind)
				}
				return nil
			})
		case "specificationfilter":
			t.filter, err = p.specificationFilter()
		default:
			err = fmt.Errorf("%q is no component of a subtree specification", name)
		}
		return err
	})
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return subtree{}, fmt.Errorf("octet %d: %w", p.at, err)
	}
	for _, c := range chopBefore {
		t.chopBefore = append(t.chopBefore, below(t.base, c))
	}
	for _, c := range chopAfter {
		t.chopAfter = append(t.chopAfter, below(t.base, c))
	}
	return t, nil
}

// below returns the DN of local relative to base.
func below(base, local dn.DN) dn.DN {
	return dn.DN{RDNs: append(slices.Clone(local.RDNs), base.RDNs...)}
}

// gser reads the Generic String Encoding Rules (RFC 3641) as far as subtree
// specifications need them.
type gser struct {
	in    string
	at    int
	depth int
}

// maxDepth bounds the nesting of refinements.
const maxDepth = 32

func (p *gser) space() { p.at += len(span(p.in[p.at:], " \t\r\n")) }

func (p *gser) end() error {
	p.space()
	if p.at < len(p.in) {
		return fmt.Errorf("nothing was expected after the closing brace")
	}
	return nil
}

// token takes s or fails.
func (p *gser) token(s string) error {
	p.space()
	if !strings.HasPrefix(p.in[p.at:], s) {
		return fmt.Errorf("%q was expected", s)
	}
	p.at += len(s)
	return nil
}

// peek reports whether s comes next, and takes it if so.
func (p *gser) peek(s string) bool { return p.token(s) == nil }

// word takes an identifier or an OID; it may be empty.
func (p *gser) word() string {
	p.space()
	w := span(p.in[p.at:], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")
	p.at += len(w)
	return w
}

func (p *gser) number() (int, error) {
	w := p.word()
	n, err := strconv.Atoi(w)
	if err != nil || n < 0 || w[0] == '-' {
		return 0, fmt.Errorf("%q is not a number of levels", w)
	}
	return n, nil
}

// list takes a braced list, calling item at the start of each element.
func (p *gser) list(item func() error) error {
	if err := p.token("{"); err != nil {
		return err
	}
	if p.peek("}") {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if p.peek("}") {
			return nil
		}
		if err := p.token(","); err != nil {
			return err
		}
	}
}

// quoted takes a string in quotation marks; a doubled one stands for itself.
func (p *gser) quoted() (string, error) {
	if err := p.token(`"`); err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(p.in[p.at:], '"')
		if i < 0 {
			return "", fmt.Errorf("a quotation mark is not closed")
		}
		b.WriteString(p.in[p.at : p.at+i])
		p.at += i + 1
		if !strings.HasPrefix(p.in[p.at:], `"`) {
			return b.String(), nil
		}
		b.WriteByte('"')
		p.at++
	}
}

func (p *gser) localName() (dn.DN, error) {
	s, err := p.quoted()
	if err != nil {
		return dn.DN{}, err
	}
	return dn.Parse(s)
}

// specificationFilter takes a refinement or a quoted search filter and
// returns a search filter.
func (p *gser) specificationFilter() (string, error) {
	p.space()
	if strings.HasPrefix(p.in[p.at:], `"`) {
		f, err := p.quoted()
		if err != nil {
			return "", err
		}
		if f = strings.TrimSpace(f); f == "" {
			return "", fmt.Errorf("the filter is empty")
		}
		if f[0] != '(' {
			f = "(" + f + ")"
		}
		return f, nil
	}
	return p.refinement()
}

// refinement takes a Refinement of RFC 3672 and returns it as a search filter
// over object classes.
func (p *gser) refinement() (string, error) {
	if p.depth++; p.depth > maxDepth {
		return "", fmt.Errorf("the refinement is nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	kind := strings.ToLower(p.word())
	if err := p.token(":"); err != nil {
		return "", err
	}
	switch kind {
	case "item":
		class := p.word()
		if class == "" {
			return "", fmt.Errorf("an object class was expected")
		}
		return "(objectClass=" + class + ")", nil
	case "not":
		inner, err := p.refinement()
		return "(!" + inner + ")", err
	case "and", "or":
		var b strings.Builder
		b.WriteString(map[string]string{"and": "(&", "or": "(|"}[kind])
		err := p.list(func() error {
			inner, err := p.refinement()
			b.WriteString(inner)
			return err
		})
		b.WriteByte(')')
		return b.String(), err
	}
	return "", fmt.Errorf("item, and, or or not was expected, not %q", kind)
}
