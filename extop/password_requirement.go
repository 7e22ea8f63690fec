package extop

import (
	"slices"
	"strconv"

	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// A PasswordRequirement is one demand on a password, as the Get Password
// Quality Requirements operation and the Password Validation Details control
// describe it:
//
//	PasswordQualityRequirement ::= SEQUENCE {
//	     description              OCTET STRING,
//	     clientSideValidationInfo [1] SEQUENCE {
//	          validationType OCTET STRING,
//	          properties     [1] SET OF SEQUENCE {
//	               name  OCTET STRING,
//	               value OCTET STRING } OPTIONAL } OPTIONAL }
//
// The UnboundID LDAP SDK documents both optional parts as [0]; what it writes
// and reads is [1], and it refuses [0].
type PasswordRequirement struct {
	Description string
	Validation  *ClientSideValidation // nil if a client cannot check it
}

// A ClientSideValidation tells a client how to check a requirement.
type ClientSideValidation struct {
	Type       string
	Properties []rule.Property // names are unique; the order is kept
}

// requirementOf is the requirement that a rule describes. A property that the
// rule has several times is numbered, as in scheme-1 and scheme-2: clients
// keep one value for a name.
func requirementOf(r rule.Requirement) PasswordRequirement {
	p := PasswordRequirement{Description: r.Text}
	if r.Type == "" {
		return p
	}
	p.Validation = &ClientSideValidation{Type: r.Type, Properties: slices.Clone(r.Properties)}
	total, seen := make(map[string]int), make(map[string]int)
	for _, q := range r.Properties {
		total[q.Name]++
	}
	for i, q := range r.Properties {
		if total[q.Name] > 1 {
			seen[q.Name]++
			p.Validation.Properties[i].Name += "-" + strconv.Itoa(seen[q.Name])
		}
	}
	return p
}

// decode reads the content of the SEQUENCE, which is not extensible.
func (p *PasswordRequirement) decode(e elements) (err error) {
	if p.Description, err = e.wantString(tagOctetString); err != nil || len(e) == 0 {
		return err
	}
	info, err := e.want(contextConstructed(1))
	if err != nil {
		return err
	}
	if len(e) > 0 {
		return errTrailing
	}
	p.Validation = new(ClientSideValidation)
	return p.Validation.decode(info)
}

func (v *ClientSideValidation) decode(e elements) (err error) {
	if v.Type, err = e.wantString(tagOctetString); err != nil || len(e) == 0 {
		return err
	}
	set, err := e.want(contextConstructed(1))
	if err != nil {
		return err
	}
	if len(e) > 0 {
		return errTrailing
	}
	at := make(map[string]int) // a name given again replaces its value
	for list := elements(set); len(list) > 0; {
		content, err := list.want(tagSequence)
		if err != nil {
			return err
		}
		var p rule.Property
		item := elements(content)
		if p.Name, err = item.wantString(tagOctetString); err != nil {
			return err
		}
		if p.Value, err = item.wantString(tagOctetString); err != nil {
			return err
		}
		if len(item) > 0 {
			return errTrailing
		}
		if i, ok := at[p.Name]; ok {
			v.Properties[i] = p
			continue
		}
		at[p.Name] = len(v.Properties)
		v.Properties = append(v.Properties, p)
	}
	return nil
}

// sizes returns the content lengths of the requirement, of its
// clientSideValidationInfo and of its properties.
func (p *PasswordRequirement) sizes() (whole, info, properties int) {
	whole = sizeOf(len(p.Description))
	if p.Validation == nil {
		return whole, 0, 0
	}
	for _, q := range p.Validation.Properties {
		properties += sizeOf(sizeOf(len(q.Name)) + sizeOf(len(q.Value)))
	}
	info = sizeOf(len(p.Validation.Type))
	if len(p.Validation.Properties) > 0 {
		info += sizeOf(properties)
	}
	return whole + sizeOf(info), info, properties
}

// size is the size of the element.
func (p *PasswordRequirement) size() int {
	whole, _, _ := p.sizes()
	return sizeOf(whole)
}

func (p *PasswordRequirement) append(dst []byte) []byte {
	whole, info, properties := p.sizes()
	dst = appendHeader(dst, tagSequence, whole)
	dst = appendString(dst, tagOctetString, p.Description)
	if p.Validation == nil {
		return dst
	}
	dst = appendHeader(dst, contextConstructed(1), info)
	dst = appendString(dst, tagOctetString, p.Validation.Type)
	if len(p.Validation.Properties) == 0 {
		return dst
	}
	dst = appendHeader(dst, contextConstructed(1), properties)
	for _, q := range p.Validation.Properties {
		dst = appendHeader(dst, tagSequence, sizeOf(len(q.Name))+sizeOf(len(q.Value)))
		dst = appendString(dst, tagOctetString, q.Name)
		dst = appendString(dst, tagOctetString, q.Value)
	}
	return dst
}
