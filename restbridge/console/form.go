package console

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// The bounds of a form. The longest thing in one is a DN.
const (
	maxForm   = 32 << 10
	maxFields = 16
)

// A form is what was posted, in memory that can be wiped: passwords are in
// forms, and strings stay in memory until something else needs it.
type form map[string][]byte

// readForm reads the body of a POST.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, result.New(result.ProtocolError, "the request is no form")
	}
	// In one piece: growing would leave copies behind.
	space := make([]byte, maxForm+1)
	defer clear(space)
	n, err := io.ReadFull(r.Body, space)
	switch {
	case err == nil:
		return nil, result.New(result.ProtocolError, "the form is too long")
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, result.Wrap(err, result.ProtocolError, "the form did not arrive")
	}
	f, ok := parseForm(space[:n])
	if !ok {
		return nil, result.New(result.ProtocolError, "the form is malformed")
	}
	return f, nil
}

// parseForm parses application/x-www-form-urlencoded. A name that is given
// twice is malformed, as what the browser sends has each once.
func parseForm(body []byte) (form, bool) {
	f := make(form)
	for len(body) > 0 {
		var field []byte
		field, body, _ = bytes.Cut(body, []byte{'&'})
		if len(field) == 0 {
			continue
		}
		rawName, rawValue, _ := bytes.Cut(field, []byte{'='})
		name, ok := unescape(rawName)
		value, valid := unescape(rawValue)
		if _, twice := f[string(name)]; !ok || !valid || twice || len(f) == maxFields {
			clear(value)
			f.wipe()
			return nil, false
		}
		f[string(name)] = value
	}
	return f, true
}

// unescape returns what a name or a value of a form means.
func unescape(b []byte) ([]byte, bool) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(b) {
				clear(out)
				return nil, false
			}
			hi, ok := unhex(b[i+1])
			lo, valid := unhex(b[i+2])
			if !ok || !valid {
				clear(out)
				return nil, false
			}
			out = append(out, hi<<4|lo)
			i += 2
		default:
			out = append(out, b[i])
		}
	}
	return out, true
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// text returns a field that is no secret.
func (f form) text(name string) string { return string(f[name]) }

// secret returns a field in memory that wipe reaches.
func (f form) secret(name string) []byte { return f[name] }

func (f form) wipe() {
	for _, v := range f {
		clear(v)
	}
}
