package restbridge

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// contract holds exchanges to the OpenAPI document.
var contract = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromData(OpenAPI())
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	return legacy.NewRouter(doc)
})

// checkContract checks an exchange. A request is checked if it was accepted:
// what is refused may break the document, which is why.
func checkContract(t testing.TB, method, url string, header http.Header, body string, res *http.Response, answer []byte) {
	t.Helper()
	router, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == http.StatusNotFound && bytes.Contains(answer, []byte("there is no such resource")) {
		return // an API that is switched off
	}
	if strings.EqualFold(strings.TrimSuffix(url, "/"), adaxesBase+adaxesPath) {
		url = adaxesBase + adaxesPath // which the document has in one case
	}
	req := httptest.NewRequest(method, url, strings.NewReader(body))
	req.Header = header.Clone()
	if body == "" {
		req.Body = http.NoBody
		req.Header.Del("Content-Type")
	}
	route, params, err := router.FindRoute(req)
	if err != nil {
		// Unknown paths and methods have no place in the document.
		if res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusMethodNotAllowed && method != http.MethodHead {
			t.Errorf("contract: %s %s is answered %d: %v", method, url, res.StatusCode, err)
		}
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if res.StatusCode == http.StatusOK {
		if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
			t.Errorf("contract: %s %s was accepted: %v", method, url, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: res.StatusCode, Header: res.Header,
		Body: io.NopCloser(bytes.NewReader(answer)), Options: in.Options,
	}
	if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
		t.Errorf("contract: the answer %d to %s %s: %v", res.StatusCode, method, url, err)
	}
}

func TestOpenAPI(t *testing.T) {
	if _, err := contract(); err != nil {
		t.Fatal(err)
	}
	b := start(t, returns(""), nil)
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405} {
		req, err := http.NewRequestWithContext(t.Context(), method, b.URL+"/openapi.yaml", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := b.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != want || method == "GET" && (!bytes.Equal(text, OpenAPI()) || res.Header.Get("Content-Type") != "application/yaml") {
			t.Errorf("%s: %d, %d octets, %v", method, res.StatusCode, len(text), err)
		}
	}
}

// The document has every path that is served, and no other.
func TestOpenAPIPaths(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	s := fullServer(t, nil)
	paths := doc.Paths.Map()
	if len(paths) < 10 {
		t.Fatalf("%d paths", len(paths))
	}
	for path, item := range paths {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
			r := httptest.NewRequest(method, strings.ReplaceAll(path, "{range}", "abcde"), nil)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			documented := item.GetOperation(method) != nil
			// Without protection all are refused, but not as unknown.
			if w.Code == http.StatusNotFound || (w.Code == http.StatusMethodNotAllowed) == documented {
				t.Errorf("%s %s: status %d, documented %v", method, path, w.Code, documented)
			}
		}
	}
}
