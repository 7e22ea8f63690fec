package restbridge

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop"
)

// What every answer of every API has, failures included: it is kept by no
// cache, its type is not guessed, no page of another origin may read it, and a
// body that is too large is not read.
func TestEveryRoute(t *testing.T) {
	b := start(t, returns("", extop.GeneratedPassword{Password: password("x")}), func(c *Config) {
		c.MaxBody = 100
		c.Adaxes = &Adaxes{Names: noNames{}}
		c.ECGrid = &ECGrid{ChangePassword: func(ctx context.Context, dn string, current, new []byte) error { return nil }}
		c.Nextcloud = &Nextcloud{}
	})
	large := `{"x":"` + strings.Repeat("x", 100) + `"}`
	tests := []struct {
		method, path, body string
		header, value      string
		status             int
	}{
		{"POST", path, `{}`, "", "", 200},
		{"POST", path, large, "", "", 413},
		{"OPTIONS", path, "", "", "", 405},
		{"POST", "/nothing", "", "", "", 404},
		{"POST", "/restApi" + adaxesPath, "", "", "", 401},
		{"POST", "/restApi" + adaxesPath, large, "Adm-Authorization", "x", 413},
		{"OPTIONS", "/restApi" + adaxesPath, "", "", "", 405},
		{"POST", ecgridGeneratePath, "", "", "", 401},
		{"POST", ecgridGeneratePath, large, "X-API-Key", "x", 413},
		{"PUT", ecgridChangePath, large, "X-API-Key", "x", 413},
		{"OPTIONS", ecgridChangePath, "", "", "", 405},
		{"GET", "/api/1.0/service/password", "", "", "", 200},
		{"POST", "/api/1.0/service/password", large, "", "", 413},
		{"OPTIONS", "/api/1.0/service/password", "", "", "", 405},
		{"GET", "/openapi.yaml", "", "", "", 200},
	}
	for _, tt := range tests {
		t.Run(tt.method+tt.path, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, b.URL+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth("jo", "s3cret:Pw")
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Origin", "https://elsewhere.example")
			req.Header.Set("Access-Control-Request-Method", tt.method)
			if tt.header != "" {
				req.Header.Set(tt.header, tt.value)
			}
			res, err := b.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
			for name, want := range map[string]string{
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			for name := range res.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s: %q", name, res.Header.Get(name))
				}
			}
		})
	}
}

type noNames struct{}

func (noNames) ResolveName(context.Context, string) (string, error) { return "", errors.New("none") }

// A client that stops in the middle of a request or of an answer does not hold
// a connection for ever, whichever API it speaks.
func TestTimeoutsAreSet(t *testing.T) {
	s, err := New(Config{Generate: &operation{}, Authenticate: &people{}})
	if err != nil {
		t.Fatal(err)
	}
	h := &s.http
	if min(h.ReadHeaderTimeout, h.ReadTimeout, h.IdleTimeout) <= 0 || h.WriteTimeout <= s.cfg.Timeout || s.cfg.Timeout <= 0 || h.MaxHeaderBytes <= 0 {
		t.Errorf("%v, %v, %v, %v, %d", h.ReadHeaderTimeout, h.ReadTimeout, h.IdleTimeout, h.WriteTimeout, h.MaxHeaderBytes)
	}
}
