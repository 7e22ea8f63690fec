package ldif

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// MaxLine is the greatest length of a logical line, in octets. It bounds what
// a broken file can make the reader hold.
const MaxLine = 16 << 20

// A SyntaxError says where a file is not LDIF. It never quotes a value.
type SyntaxError struct {
	Line int // of the file, from 1
	Text string
}

// Error returns the text with the line.
func (e *SyntaxError) Error() string { return fmt.Sprintf("ldif: line %d: %s", e.Line, e.Text) }

// A Reader reads content records.
type Reader struct {
	in      *bufio.Reader
	line    int // of the physical line read last
	peeked  *string
	peekErr error
	began   bool
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReader(r)} }

// Read returns the next entry, or io.EOF after the last. Values of one
// attribute that stand apart in the record come together, in their order.
func (r *Reader) Read() (policy.Entry, error) {
	var e policy.Entry
	inRecord := false
	for {
		line, at, err := r.logical()
		switch {
		case err == io.EOF && inRecord:
			return r.finish(e, at)
		case err != nil:
			return policy.Entry{}, err
		case line == "" && inRecord:
			return r.finish(e, at)
		case line == "":
			continue
		}
		name, value, err := r.spec(line, at)
		if err != nil {
			return policy.Entry{}, err
		}
		first := !r.began
		r.began = true
		switch {
		case inRecord:
			if err := add(&e, name, value, at); err != nil {
				return policy.Entry{}, err
			}
		case first && strings.EqualFold(name, "version"):
			if value != "1" {
				return policy.Entry{}, &SyntaxError{at, "only version 1 is known"}
			}
		case strings.EqualFold(name, "dn"):
			if _, err := dn.Parse(value); err != nil {
				return policy.Entry{}, &SyntaxError{at, err.Error()}
			}
			e.DN = value
			inRecord = true
		default:
			return policy.Entry{}, &SyntaxError{at, `a record must begin with "dn:"`}
		}
	}
}

func (r *Reader) finish(e policy.Entry, at int) (policy.Entry, error) {
	if len(e.Attributes) == 0 {
		return policy.Entry{}, &SyntaxError{at, "the record has no attributes"}
	}
	return e, nil
}

func add(e *policy.Entry, name, value string, at int) error {
	switch strings.ToLower(name) {
	case "dn":
		return &SyntaxError{at, "an empty line must stand before the next record"}
	case "changetype", "control":
		return &SyntaxError{at, "change records are not entries; apply them with ldapmodify"}
	}
	for i := range e.Attributes {
		if strings.EqualFold(e.Attributes[i].Name, name) {
			e.Attributes[i].Values = append(e.Attributes[i].Values, value)
			return nil
		}
	}
	e.Attributes = append(e.Attributes, policy.Attribute{Name: name, Values: []string{value}})
	return nil
}

// spec splits an attrval-spec and decodes the value.
func (r *Reader) spec(line string, at int) (name, value string, err error) {
	i := strings.IndexByte(line, ':')
	if i <= 0 {
		return "", "", &SyntaxError{at, "an attribute name and a colon were expected"}
	}
	name, rest := line[:i], line[i+1:]
	if !ValidDescription(name) {
		return "", "", &SyntaxError{at, "an attribute name has letters, digits, hyphens and options only"}
	}
	switch {
	case strings.HasPrefix(rest, ":"):
		b, err := base64.StdEncoding.Strict().DecodeString(strings.Trim(rest[1:], " "))
		if err != nil || strings.ContainsAny(rest, "\r\n") {
			return "", "", &SyntaxError{at, "the value is not base64"}
		}
		return name, string(b), nil
	case strings.HasPrefix(rest, "<"):
		return "", "", &SyntaxError{at, "values by URL are not supported"}
	}
	// RFC 2849 has writers encode anything but ASCII; many do not, and UTF-8
	// leaves no doubt.
	value = strings.TrimLeft(rest, " ")
	if strings.ContainsAny(value, "\x00\r") || !utf8.ValidString(value) {
		return "", "", &SyntaxError{at, "the value has octets that must be written as base64"}
	}
	return name, value, nil
}

// ValidDescription reports whether s is an attribute description: a name or
// an OID with options (RFC 4512 2.5). Underscores, which RFC 4512 does not
// have, occur in the field and are accepted.
func ValidDescription(s string) bool {
	base, options, hasOptions := strings.Cut(s, ";")
	if base == "" || strings.HasPrefix(base, "-") || strings.HasPrefix(base, ".") {
		return false
	}
	for i := range len(base) {
		if c := base[i]; !keychar(c) && c != '.' {
			return false
		}
	}
	if !hasOptions {
		return true
	}
	for o := range strings.SplitSeq(options, ";") {
		if o == "" {
			return false
		}
		for i := range len(o) {
			if !keychar(o[i]) {
				return false
			}
		}
	}
	return true
}

func keychar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// logical returns the next line that is no comment, with its continuations
// joined, and the number of its first physical line.
func (r *Reader) logical() (string, int, error) {
	for {
		line, err := r.physical()
		if err != nil {
			return "", r.line, err
		}
		at := r.line
		if strings.HasPrefix(line, " ") {
			return "", at, &SyntaxError{at, "there is no line to continue"}
		}
		var joined strings.Builder
		joined.WriteString(line)
		for line != "" {
			next, err := r.peek()
			if err == io.EOF || err == nil && !strings.HasPrefix(next, " ") {
				break
			}
			if err != nil {
				return "", at, err
			}
			r.peeked = nil
			r.line++
			joined.WriteString(next[1:])
			if joined.Len() > MaxLine {
				return "", at, &SyntaxError{at, "the line is too long"}
			}
		}
		if !strings.HasPrefix(line, "#") {
			return joined.String(), at, nil
		}
	}
}

func (r *Reader) peek() (string, error) {
	if r.peeked == nil && r.peekErr == nil {
		line, err := r.scan()
		if err != nil {
			r.peekErr = err
		} else {
			r.peeked = &line
		}
	}
	if r.peeked != nil {
		return *r.peeked, nil
	}
	return "", r.peekErr
}

func (r *Reader) physical() (string, error) {
	line, err := r.peek()
	if err != nil {
		return "", err
	}
	r.peeked = nil
	r.line++
	return line, nil
}

func (r *Reader) scan() (string, error) {
	var b []byte
	for {
		part, err := r.in.ReadSlice('\n')
		b = append(b, part...)
		switch {
		case len(b) > MaxLine:
			return "", &SyntaxError{r.line + 1, "the line is too long"}
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF && len(b) == 0, err != nil && err != io.EOF:
			return "", err
		}
		line := strings.TrimSuffix(string(b), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	}
}
