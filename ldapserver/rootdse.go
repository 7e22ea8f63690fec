package ldapserver

import (
	"slices"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

// The attributes of the root DSE that we change (RFC 4512 section 5.1).
var (
	supportedExtension      = attributeType{"supportedExtension", "1.3.6.1.4.1.1466.101.120.7"}
	supportedControl        = attributeType{"supportedControl", "1.3.6.1.4.1.1466.101.120.13"}
	supportedSASLMechanisms = attributeType{"supportedSASLMechanisms", "1.3.6.1.4.1.1466.101.120.14"}
)

type attributeType struct{ name, oid string }

func (a attributeType) is(name []byte) bool {
	return strings.EqualFold(string(name), a.name) || string(name) == a.oid
}

// A rootDSE is what the server changes in the root DSE.
type rootDSE struct {
	extensions []string // to add to supportedExtension
	controls   []string // to add to supportedControl
	tls        bool     // StartTLS is ours, and answered
	layers     bool     // mechanisms with security layers are let through
}

func newRootDSE(extensions, controls []string, tls, layers bool) rootDSE {
	r := rootDSE{extensions: slices.Clone(extensions), controls: slices.Clone(controls), tls: tls, layers: layers}
	if tls {
		r.extensions = append(r.extensions, message.StartTLSOID)
	}
	return r
}

// A rootWant is what a search of the root DSE asks for.
type rootWant struct {
	extension bool // supportedExtension, by name or among all operational attributes
	control   bool // supportedControl likewise
	mechanism bool // supportedSASLMechanisms likewise
	external  bool // EXTERNAL is offered
	typesOnly bool
}

// want returns what a search asks of the root DSE, nil if it is another
// search.
func (r *rootDSE) want(body []byte) *rootWant {
	base, _, err := message.Expect(body, 0x04)
	if err != nil || len(base) != 0 {
		return nil
	}
	s, err := message.ParseSearch(body)
	if err != nil || s.Scope != 0 {
		return nil
	}
	w := &rootWant{typesOnly: s.TypesOnly}
	_ = message.EachString(s.Attributes, func(name []byte) bool {
		// "+" asks for all operational attributes (RFC 3673).
		all := string(name) == "+"
		w.extension = w.extension || all || supportedExtension.is(name)
		w.control = w.control || all || supportedControl.is(name)
		w.mechanism = w.mechanism || all || supportedSASLMechanisms.is(name)
		return true
	})
	return w
}

// rewriteAll is rewrite for responses that stand one behind the other.
func (r *rootDSE) rewriteAll(responses []byte, want *rootWant) []byte {
	out := make([]byte, 0, len(responses)+256)
	for rest := responses; ; {
		size, ok, err := message.Size(rest, message.Limits{})
		if err != nil || !ok || size > len(rest) {
			return append(out, rest...)
		}
		piece := rest[:size]
		if m, err := message.Scan(piece, message.Limits{}); err == nil && m.Op == message.SearchResultEntry {
			if rewritten, ok := r.rewrite(m, want); ok {
				piece = rewritten
			}
		}
		out, rest = append(out, piece...), rest[size:]
	}
}

// rewrite returns a SearchResultEntry with our additions. All else keeps its
// octets and its order. It returns false if the entry is not the root DSE or
// is malformed; it is then passed on as it is.
func (r *rootDSE) rewrite(m message.Message, want *rootWant) ([]byte, bool) {
	e, err := message.ParseEntry(m.Body)
	if err != nil || len(e.DN) != 0 {
		return nil, false
	}
	attributes := make([]byte, 0, len(e.Attributes)+256)
	hasExtension, hasControl, hasMechanism := false, false, false
	var bad error // of the values of an attribute
	err = message.EachAttribute(e.Attributes, func(name, values, raw []byte) bool {
		var changed []byte
		switch {
		case supportedExtension.is(name):
			hasExtension = true
			changed, bad = replaceValues(values, r.keepExtension, r.extensions)
		case supportedControl.is(name):
			hasControl = true
			changed, bad = replaceValues(values, nil, r.controls)
		case supportedSASLMechanisms.is(name):
			hasMechanism = true
			changed, bad = replaceValues(values, r.keepMechanism, want.mechanisms())
		default:
			attributes = append(attributes, raw...)
			return true
		}
		if bad != nil {
			return false
		}
		switch {
		case want.typesOnly:
			attributes = append(attributes, raw...)
		case len(changed) > 0:
			attributes = appendAttribute(attributes, name, changed)
		}
		return true
	})
	if err != nil || bad != nil {
		return nil, false
	}
	create := func(a attributeType, oids []string) {
		var values []byte
		if len(oids) == 0 {
			return
		}
		if !want.typesOnly {
			for _, oid := range oids {
				values = message.AppendElement(values, 0x04, oid)
			}
		}
		attributes = appendAttribute(attributes, []byte(a.name), values)
	}
	if want.extension && !hasExtension {
		create(supportedExtension, r.extensions)
	}
	if want.control && !hasControl {
		create(supportedControl, r.controls)
	}
	if want.mechanism && !hasMechanism {
		create(supportedSASLMechanisms, want.mechanisms())
	}
	body := message.AppendElement(make([]byte, 0, len(attributes)+16), 0x04, e.DN)
	body = message.AppendElement(body, 0x30, attributes)
	return message.AppendMessage(make([]byte, 0, len(body)+32), m.ID, m.Op, body, m.Controls), true
}

func (r *rootDSE) keepExtension(oid []byte) bool { return r.tls || string(oid) != message.StartTLSOID }

func (r *rootDSE) keepMechanism(name []byte) bool {
	return !external(name) && (r.layers || !securityLayers(name))
}

// replaceValues returns the values that keep lets stand (nil: all), and those
// of add that were not there.
func replaceValues(values []byte, keep func([]byte) bool, add []string) ([]byte, error) {
	out := make([]byte, 0, len(values)+32*len(add))
	missing := slices.Clone(add)
	err := message.EachString(values, func(v []byte) bool {
		missing = slices.DeleteFunc(missing, func(oid string) bool { return oid == string(v) })
		if keep == nil || keep(v) {
			out = message.AppendElement(out, 0x04, v)
		}
		return true
	})
	for _, oid := range missing {
		out = message.AppendElement(out, 0x04, oid)
	}
	return out, err
}

// appendAttribute appends a PartialAttribute with an encoded set of values.
func appendAttribute(dst, name, values []byte) []byte {
	dst = message.AppendHeader(dst, 0x30, message.ElementSize(len(name))+message.ElementSize(len(values)))
	dst = message.AppendElement(dst, 0x04, name)
	return message.AppendElement(dst, 0x31, values)
}
