package restbridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// body reads a JSON request body.
func (s *Server) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if !isJSON(r.Header.Get("Content-Type")) {
		return nil, &httpError{status: http.StatusUnsupportedMediaType, accept: "application/json", text: "the Content-Type must be application/json"}
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, &httpError{status: http.StatusUnsupportedMediaType, text: "the body must come without Content-Encoding"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &httpError{status: http.StatusRequestEntityTooLarge, text: fmt.Sprintf("the body is larger than %d octets", s.cfg.MaxBody)}
	case err != nil:
		return nil, &httpError{status: http.StatusBadRequest, text: "the body did not arrive"}
	}
	return body, nil
}

// isJSON reports whether a Content-Type is JSON in UTF-8.
func isJSON(contentType string) bool {
	if contentType == "application/json" { // as nearly all clients have it
		return true
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	charset, given := params["charset"]
	return err == nil && mediaType == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// badRequest is a request that cannot be understood.
func badRequest(format string, args ...any) error {
	return result.New(result.ProtocolError, format, args...)
}

// A field reads the value of one member of a JSON object.
type field func(value json.RawMessage) error

// decodeObject reads a JSON object strictly: exact names, each at most once,
// no others than those of fields, nothing behind the object. What names the
// object in errors. encoding/json by itself takes any case for a name, the
// last of several values, and anything at all for invalid UTF-8.
func decodeObject(data []byte, what string, fields map[string]field) error {
	if !utf8.Valid(data) {
		return badRequest("%s is not UTF-8", what)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return badRequest("%s is empty; a JSON object is expected", what)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	start, err := dec.Token()
	if err != nil {
		return malformed(what, err)
	}
	if start != json.Delim('{') {
		return badRequest("%s must be a JSON object", what)
	}
	seen := make(map[string]bool)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return malformed(what, err)
		}
		name, ok := token.(string)
		if !ok {
			return badRequest("%s is malformed JSON", what)
		}
		read, known := fields[name]
		switch {
		case !known:
			return badRequest("%s has the unknown field %q", what, short(name))
		case seen[name]:
			return badRequest("%s has the field %q twice", what, name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return malformed(what, err)
		}
		if err := read(value); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return malformed(what, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badRequest("%s is followed by something else", what)
	}
	return nil
}

// malformed tells where the JSON breaks off, not what stands there.
func malformed(what string, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return badRequest("%s is malformed JSON at octet %d", what, syntax.Offset)
	}
	return badRequest("%s is malformed JSON", what)
}

func short(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

func stringField(name string, to *string) field {
	return func(value json.RawMessage) error {
		if value[0] != '"' || json.Unmarshal(value, to) != nil {
			return badRequest("%s must be a string", name)
		}
		return nil
	}
}

func intField(name string, to *int) field {
	return func(value json.RawMessage) error {
		n, err := strconv.ParseInt(string(value), 10, 32)
		switch {
		case errors.Is(err, strconv.ErrRange):
			return badRequest("%s is out of range", name)
		case err != nil:
			return badRequest("%s must be an integer", name)
		}
		*to = int(n)
		return nil
	}
}

func boolField(name string, to *bool) field {
	return func(value json.RawMessage) error {
		switch string(value) {
		case "true":
			*to = true
		case "false":
			*to = false
		default:
			return badRequest("%s must be true or false", name)
		}
		return nil
	}
}

// optionalBody is body for requests that may come without one.
func (s *Server) optionalBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	if r.ContentLength < 0 && r.Header.Get("Content-Type") == "" {
		// A body of unknown length, such as an empty one in chunks.
		var one [1]byte
		if _, err := io.ReadFull(r.Body, one[:]); errors.Is(err, io.EOF) {
			return nil, nil
		}
	}
	return s.body(w, r)
}
