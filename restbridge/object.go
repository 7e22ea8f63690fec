package restbridge

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A member is one that a JSON object may have. What its value is read into
// says what it has to be: a *string, *int or *bool, a **string or **bool that
// stays nil if the member is absent, or a field, which reads the value itself.
type member struct {
	name string
	to   any
}

// A field reads the value of a member, which is JSON.
type field func(value []byte) error

// decodeObject reads a JSON object strictly: exact names, each at most once,
// no others than those of members, nothing behind the object. What names the
// object in errors. encoding/json by itself takes any case for a name, the
// last of several values, and anything at all for invalid UTF-8. It reads in
// one pass, and copies only what is asked for.
func decodeObject(data []byte, what string, members ...member) error {
	if !utf8.Valid(data) {
		return badRequest("%s is not UTF-8", what)
	}
	i := skipSpace(data, 0)
	switch at(data, i) {
	case '{':
	case 0:
		if i == len(data) {
			return badRequest("%s is empty; a JSON object is expected", what)
		}
		return malformed(data, what, i)
	default:
		if end, ok := scanValue(data, i, 0); !ok {
			return malformed(data, what, end)
		}
		return badRequest("%s must be a JSON object", what)
	}
	var seen uint64 // a bit for each of members
	for i = skipSpace(data, i+1); at(data, i) != '}' || seen != 0; {
		end, ok := scanString(data, i)
		if !ok {
			return malformed(data, what, end)
		}
		k, err := find(members, data[i+1:end-1], what)
		if err != nil {
			return err
		}
		if seen&(1<<k) != 0 {
			return badRequest("%s has the field %q twice", what, members[k].name)
		}
		seen |= 1 << k
		if i = skipSpace(data, end); at(data, i) != ':' {
			return malformed(data, what, i)
		}
		i = skipSpace(data, i+1)
		if end, ok = scanValue(data, i, 0); !ok {
			return malformed(data, what, end)
		}
		if err := members[k].read(data[i:end], what); err != nil {
			return err
		}
		if i = skipSpace(data, end); at(data, i) != ',' {
			break
		}
		i = skipSpace(data, i+1)
	}
	if at(data, i) != '}' {
		return malformed(data, what, i)
	}
	if skipSpace(data, i+1) != len(data) {
		return badRequest("%s is followed by something else", what)
	}
	return nil
}

// find returns the index of the member that has a name, which is as it stands
// between the quotes. There are at most 64 members.
func find(members []member, quoted []byte, what string) (int, error) {
	for k := range members {
		if string(quoted) == members[k].name {
			return k, nil
		}
	}
	name, ok := unquote(quoted)
	for k := range members {
		if ok && string(name) == members[k].name {
			return k, nil
		}
	}
	return 0, badRequest("%s has the unknown field %q", what, short(string(name)))
}

// malformed tells where the JSON breaks off, counted from 1, not what stands
// there.
func malformed(data []byte, what string, at int) error {
	if at >= len(data) {
		return badRequest("%s is malformed JSON: it ends too early", what)
	}
	return badRequest("%s is malformed JSON at octet %d", what, at+1)
}

func short(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

// read reads the member's value, in an object that what names.
func (m *member) read(value []byte, what string) error {
	name := m.name
	switch to := m.to.(type) {
	case *int:
		if value[0] == '-' || '0' <= value[0] && value[0] <= '9' {
			return m.number(value, to)
		}
		return badRequest("%s must be an integer", name)
	case *string:
		return m.text(value, what, to)
	case **string:
		*to = new(string)
		return m.text(value, what, *to)
	case *bool:
		return m.boolean(value, what, to)
	case **bool:
		*to = new(bool)
		return m.boolean(value, what, *to)
	case field:
		return to(value)
	}
	panic("restbridge: a member of this type cannot be read")
}

func (m *member) number(value []byte, to *int) error {
	n, err := strconv.ParseInt(string(value), 10, 32)
	switch e, _ := err.(*strconv.NumError); {
	case e != nil && e.Err == strconv.ErrRange:
		return badRequest("%s is out of range", m.name)
	case err != nil:
		return badRequest("%s must be an integer", m.name)
	}
	*to = int(n)
	return nil
}

func (m *member) boolean(value []byte, what string, to *bool) error {
	switch string(value) {
	case "true":
		*to = true
	case "false":
		*to = false
	default:
		return badRequest("%s must be true or false", m.label(what))
	}
	return nil
}

func (m *member) text(value []byte, what string, to *string) error {
	if value[0] != '"' {
		return badRequest("%s must be a string", m.label(what))
	}
	for _, c := range value {
		if c == '\\' {
			// As encoding/json has it: lone surrogates become U+FFFD.
			if json.Unmarshal(value, to) != nil {
				return badRequest("%s must be a string", m.label(what))
			}
			return nil
		}
	}
	*to = string(value[1 : len(value)-1])
	return nil
}

// label is the member's name, with that of its object where it is not plain
// which one that is.
func (m *member) label(what string) string {
	if what == "the body" {
		return m.name
	}
	return "the " + m.name + " of " + what
}

// maxDepth bounds the objects and arrays in each other.
const maxDepth = 512

// scanValue checks the JSON value that begins at i (RFC 8259), and returns
// where it ends; if it does not, where it breaks off.
func scanValue(b []byte, i, depth int) (end int, ok bool) {
	switch c := at(b, i); {
	case c == '"':
		return scanString(b, i)
	case c == '{', c == '[':
		if depth == maxDepth {
			return i, false
		}
		return scanList(b, i, depth)
	case c == '-', '0' <= c && c <= '9':
		return scanNumber(b, i)
	}
	for _, word := range []string{"true", "false", "null"} {
		if end := i + len(word); end <= len(b) && string(b[i:end]) == word {
			return end, true
		}
	}
	return i, false
}

// scanList is scanValue for an object or an array.
func scanList(b []byte, i, depth int) (end int, ok bool) {
	isObject := b[i] == '{'
	closing := b[i] + 2 // } follows { at a distance of 2, and ] follows [
	if i = skipSpace(b, i+1); at(b, i) == closing {
		return i + 1, true
	}
	for {
		if isObject {
			if i, ok = scanString(b, i); !ok {
				return i, false
			}
			if i = skipSpace(b, i); at(b, i) != ':' {
				return i, false
			}
			i = skipSpace(b, i+1)
		}
		if i, ok = scanValue(b, i, depth+1); !ok {
			return i, false
		}
		switch i = skipSpace(b, i); at(b, i) {
		case closing:
			return i + 1, true
		case ',':
			i = skipSpace(b, i+1)
		default:
			return i, false
		}
	}
}

// scanString is scanValue for a string.
func scanString(b []byte, i int) (end int, ok bool) {
	if at(b, i) != '"' {
		return i, false
	}
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, true
		case c < 0x20:
			return i, false
		case c != '\\':
		case at(b, i+1) == 'u':
			if _, ok := hex4(b[i:]); !ok {
				return i, false
			}
			i += 5
		case strings.IndexByte(`"\/bfnrt`, at(b, i+1)) < 0:
			return i, false
		default:
			i++
		}
	}
	return i, false
}

// scanNumber is scanValue for a number.
func scanNumber(b []byte, i int) (end int, ok bool) {
	digits := func() bool {
		first := i
		for '0' <= at(b, i) && at(b, i) <= '9' {
			i++
		}
		return i > first
	}
	if at(b, i) == '-' {
		i++
	}
	if at(b, i) == '0' {
		i++
	} else if !digits() {
		return i, false
	}
	if at(b, i) == '.' {
		i++
		if !digits() {
			return i, false
		}
	}
	if at(b, i)|0x20 == 'e' {
		if i++; at(b, i) == '+' || at(b, i) == '-' {
			i++
		}
		if !digits() {
			return i, false
		}
	}
	return i, true
}
