package restbridge

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCORS(t *testing.T) {
	const portal, other = "https://portal.example.com", "https://elsewhere.example"
	exact := &CORS{Origins: []string{"http://localhost:5173", portal}}
	type header map[string]string
	for _, tt := range []struct {
		name                 string
		cors                 *CORS
		method, path, origin string
		wanted               string // Access-Control-Request-Method
		status               int
		want                 header // all that begins with Access-Control-
		vary                 string
	}{
		{"off", nil, "POST", path, portal, "", 200, nil, "Accept"},
		{"off, preflight", nil, "OPTIONS", path, portal, "POST", 405, nil, "Accept"},
		{"no origin", exact, "POST", path, "", "", 200, nil, "Origin, Accept"},
		{"another origin", exact, "POST", path, other, "", 200, nil, "Origin, Accept"},
		{"another origin, preflight", exact, "OPTIONS", path, other, "POST", 405, nil, "Origin, Accept"},
		{"a longer one", exact, "POST", path, portal + ".evil.example", "", 200, nil, "Origin, Accept"},
		{"another scheme", exact, "POST", path, "http://portal.example.com", "", 200, nil, "Origin, Accept"},
		{"null", exact, "POST", path, "null", "", 200, nil, "Origin, Accept"},
		{"granted", exact, "POST", path, portal, "", 200, header{"Allow-Origin": portal, "Expose-Headers": "Retry-After, X-Request-Id"}, "Origin, Accept"},
		{"preflight", exact, "OPTIONS", path, portal, "POST", 204,
			header{"Allow-Origin": portal, "Allow-Methods": "POST", "Allow-Headers": "Authorization, Content-Type", "Max-Age": "600"}, "Origin, Access-Control-Request-Method"},
		{"preflight for another method", exact, "OPTIONS", path, portal, "DELETE", 405, nil, "Origin, Accept"},
		{"no preflight", exact, "OPTIONS", path, portal, "", 405, header{"Allow-Origin": portal, "Expose-Headers": "Retry-After, X-Request-Id"}, "Origin, Accept"},
		{"a failure", exact, "DELETE", path, portal, "", 405, header{"Allow-Origin": portal, "Expose-Headers": "Retry-After, X-Request-Id"}, "Origin, Accept"},
		{"everybody", &CORS{Origins: []string{"*"}}, "POST", path, other, "", 200, header{"Allow-Origin": "*", "Expose-Headers": "Retry-After, X-Request-Id"}, "Accept"},
		{"everybody, preflight", &CORS{Origins: []string{"*"}, MaxAge: time.Hour}, "OPTIONS", path, other, "POST", 204,
			header{"Allow-Origin": "*", "Allow-Methods": "POST", "Allow-Headers": "Authorization, Content-Type", "Max-Age": "3600"}, "Access-Control-Request-Method"},
		{"credentials", &CORS{Origins: []string{portal}, Credentials: true}, "POST", path, portal, "", 200,
			header{"Allow-Origin": portal, "Allow-Credentials": "true", "Expose-Headers": "Retry-After, X-Request-Id"}, "Origin, Accept"},
		{"Adaxes", exact, "OPTIONS", "/restApi" + adaxesPath, portal, "POST", 204,
			header{"Allow-Origin": portal, "Allow-Methods": "POST", "Allow-Headers": "Adm-Authorization, Content-Type", "Max-Age": "600"}, "Origin, Access-Control-Request-Method"},
		{"ECGrid", exact, "OPTIONS", ecgridChangePath, portal, "PUT", 204,
			header{"Allow-Origin": portal, "Allow-Methods": "PUT", "Allow-Headers": "X-API-Key, Authorization, Content-Type", "Max-Age": "600"}, "Origin, Access-Control-Request-Method"},
		{"Nextcloud", exact, "OPTIONS", nextcloudPaths[1] + "/password", portal, "GET", 204,
			header{"Allow-Origin": portal, "Allow-Methods": "GET, POST", "Allow-Headers": "Authorization, Content-Type", "Max-Age": "600"}, "Origin, Access-Control-Request-Method"},
		{"no API", exact, "POST", "/nothing", portal, "", 404, nil, "Accept"},
	} {
		c := dial(t, &full{config: func(c *Config) { c.CORS = tt.cors }})
		req, err := http.NewRequestWithContext(t.Context(), tt.method, c.URL+tt.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("jo", "s3cret:Pw")
		req.Header.Set("Content-Type", "application/json")
		for name, value := range map[string]string{"Origin": tt.origin, "Access-Control-Request-Method": tt.wanted} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		res, err := c.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != tt.status {
			t.Errorf("%s: status %d, want %d", tt.name, res.StatusCode, tt.status)
		}
		for name, want := range tt.want {
			if got := res.Header.Get("Access-Control-" + name); got != want {
				t.Errorf("%s: Access-Control-%s: %q, want %q", tt.name, name, got, want)
			}
		}
		for name := range res.Header {
			if short, ok := strings.CutPrefix(name, "Access-Control-"); ok && tt.want[short] == "" {
				t.Errorf("%s: %s: %q", tt.name, name, res.Header.Get(name))
			}
		}
		if got := strings.Join(res.Header.Values("Vary"), ", "); got != tt.vary {
			t.Errorf("%s: Vary: %q, want %q", tt.name, got, tt.vary)
		}
	}
}

func TestCORSRefuses(t *testing.T) {
	for name, c := range map[string]CORS{
		"none":                       {},
		"everybody with credentials": {Origins: []string{"*"}, Credentials: true},
		"everybody and one":          {Origins: []string{"*", "https://a.example"}},
		"a path":                     {Origins: []string{"https://a.example/"}},
		"a pattern":                  {Origins: []string{"https://*.a.example"}},
		"capitals":                   {Origins: []string{"https://A.example"}},
		"the default port":           {Origins: []string{"https://a.example:443"}},
		"no scheme":                  {Origins: []string{"a.example"}},
		"another scheme":             {Origins: []string{"file://a"}},
		"null":                       {Origins: []string{"null"}},
		"an age below zero":          {Origins: []string{"https://a.example"}, MaxAge: -1},
	} {
		if _, err := New(Config{Generate: &operation{}, Authenticate: &people{}, CORS: &c}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
