package restbridge

import (
	_ "embed"
	"net/http"
	"strconv"
)

//go:embed openapi.yaml
var openAPIDocument []byte

// OpenAPI returns the description of all APIs, an OpenAPI 3.0 document in
// YAML. The caller must not change it.
func OpenAPI() []byte { return openAPIDocument }

// openAPI serves the description to whoever asks: it holds no secret.
func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.fail(w, r, &httpError{status: http.StatusMethodNotAllowed, allow: "GET, HEAD", text: "the method must be GET"})
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/yaml")
	h.Set("Content-Length", strconv.Itoa(len(openAPIDocument)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(openAPIDocument) // the client is gone
	}
}
