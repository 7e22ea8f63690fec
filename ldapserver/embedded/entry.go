package embedded

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// Entries are stored as the version octet and then length-prefixed strings:
// DN, and for each attribute its name, the number of values and the values.
// Values are octets and are kept as they came.
const entryVersion = 1

var errCorrupt = errors.New("embedded: a stored entry is corrupt")

func appendEntry(b []byte, e policy.Entry) []byte {
	b = append(b, entryVersion)
	b = appendString(b, e.DN)
	b = binary.AppendUvarint(b, uint64(len(e.Attributes)))
	for _, a := range e.Attributes {
		b = appendString(b, a.Name)
		b = binary.AppendUvarint(b, uint64(len(a.Values)))
		for _, v := range a.Values {
			b = appendString(b, v)
		}
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeEntry copies raw once; all strings of the entry share that copy.
func decodeEntry(raw []byte) (policy.Entry, error) {
	d := decoder{rest: string(raw)}
	if d.rest == "" || d.rest[0] != entryVersion {
		return policy.Entry{}, errCorrupt
	}
	d.rest = d.rest[1:]
	e := policy.Entry{DN: d.string()}
	e.Attributes = make([]policy.Attribute, d.count())
	for i := range e.Attributes {
		a := &e.Attributes[i]
		a.Name = d.string()
		a.Values = make([]string, d.count())
		for j := range a.Values {
			a.Values[j] = d.string()
		}
	}
	if d.bad || d.rest != "" {
		return policy.Entry{}, errCorrupt
	}
	return e, nil
}

type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) count() int {
	var n uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		n |= uint64(d.rest[i]&0x7f) << (7 * i)
		if d.rest[i] < 0x80 {
			d.rest = d.rest[i+1:]
			if n > uint64(len(d.rest)) {
				break
			}
			return int(n)
		}
	}
	d.bad, d.rest = true, ""
	return 0
}

func (d *decoder) string() string {
	n := d.count()
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

// treeKey is a DN as the store orders entries: RDNs from the root down,
// separated by NUL, which no RDN key contains. The subtree of an entry is the
// range of keys that begin with its own and a NUL.
type treeKey string

const sep = "\x00"

func keyOf(d dn.DN) treeKey {
	parts := make([]string, len(d.RDNs))
	for i, rdn := range d.RDNs {
		parts[len(parts)-1-i] = dn.DN{RDNs: []dn.RDN{rdn}}.Key()
	}
	return treeKey(strings.Join(parts, sep))
}

func (k treeKey) parent() treeKey {
	i := strings.LastIndex(string(k), sep)
	if i < 0 {
		return ""
	}
	return k[:i]
}

// under reports whether k is base or below it. Everything is under the root.
func (k treeKey) under(base treeKey) bool {
	return base == "" || k == base || strings.HasPrefix(string(k), string(base)+sep)
}

// clone copies an entry so that its attributes can be changed.
func clone(e policy.Entry) policy.Entry {
	out := policy.Entry{DN: e.DN, Attributes: make([]policy.Attribute, len(e.Attributes))}
	for i, a := range e.Attributes {
		out.Attributes[i] = policy.Attribute{Name: a.Name, Values: append([]string(nil), a.Values...)}
	}
	return out
}

// set replaces the values of an attribute, or removes it if there are none.
func set(e *policy.Entry, name string, values ...string) {
	for i := range e.Attributes {
		if !strings.EqualFold(e.Attributes[i].Name, name) {
			continue
		}
		if len(values) == 0 {
			e.Attributes = append(e.Attributes[:i], e.Attributes[i+1:]...)
		} else {
			e.Attributes[i].Values = values
		}
		return
	}
	if len(values) > 0 {
		e.Attributes = append(e.Attributes, policy.Attribute{Name: name, Values: values})
	}
}
