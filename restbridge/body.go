package restbridge

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

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
	if n := r.ContentLength; n > 0 && n <= min(s.cfg.MaxBody, shortBody) {
		body := make([]byte, n)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, errBody
		}
		return body, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &httpError{status: http.StatusRequestEntityTooLarge, text: fmt.Sprintf("the body is larger than %d octets", s.cfg.MaxBody)}
	case err != nil:
		return nil, errBody
	}
	return body, nil
}

var errBody = &httpError{status: http.StatusBadRequest, text: "the body did not arrive"}

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
