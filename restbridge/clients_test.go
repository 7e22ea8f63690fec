package restbridge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the HTTP libraries of the other products' clients put on the wire, as
// far as it is not what curl sends: they need another base URL and a key, and
// nothing else.
func TestClientsOnTheWire(t *testing.T) {
	c := dial(t, nil)
	address := strings.TrimPrefix(c.URL, "http://")
	const (
		string12 = `^"\S{12,20}"\n$`
		envelope = `^{"success":true,"data":"\S{16,}"}\n$`
		changed  = `^{"success":true,"data":null,"errorCode":"","message":"Password updated successfully."}\n$`
		words    = `^{"password":"[A-Za-z0-9]+","words":\[.*\],"strength":2,"numbers":true,"special":false}\n$`
	)
	lines := func(l ...string) string { return strings.Join(l, "\r\n") }
	chunked := func(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }
	for _, tt := range []struct{ name, request, want string }{
		{".NET HttpClient, no content", lines(
			"POST /restApi/api/directoryObjects/passwordUtils/generate HTTP/1.1", "Host: x", "Adm-Authorization: KEY", "Content-Length: 0", "", ""), string12},
		{".NET HttpClient, StringContent", lines(
			"POST /restApi/api/directoryObjects/passwordUtils/generate HTTP/1.1", "Host: x", "Adm-Authorization: KEY",
			"Content-Type: application/json; charset=utf-8", "Content-Length: LENGTH", "", "\n        {\n            \"directoryObject\": \"dc=example,dc=com\"\n        }    "), string12},
		{"Windows PowerShell, no body", lines(
			"POST /restApi/api/directoryObjects/passwordUtils/generate HTTP/1.1", "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1",
			"Content-Type: application/x-www-form-urlencoded", "Adm-Authorization: KEY", "Host: x", "Content-Length: 0", "Connection: Keep-Alive", "", ""), string12},
		{"Windows PowerShell, ConvertTo-Json", lines(
			"POST /restApi/api/directoryObjects/passwordUtils/generate HTTP/1.1", "Content-Type: application/json", "Adm-Authorization: KEY", "Host: x",
			"Content-Length: LENGTH", "", "{\r\n    \"directoryObject\":  \"dc=example,dc=com\"\r\n}"), string12},
		{"PowerShell 7, no body", lines(
			"POST /restApi/api/directoryObjects/passwordUtils/generate HTTP/1.1", "Host: x", "User-Agent: Mozilla/5.0 (PowerShell/7.4)", "Adm-Authorization: KEY",
			"Content-Type: application/x-www-form-urlencoded", "Content-Length: 0", "", ""), string12},
		{"node, fetch without a body", lines(
			"POST /restapi/api/directoryObjects/passwordUtils/generate HTTP/1.1", "host: x", "connection: keep-alive", "Adm-Authorization: KEY",
			"accept: */*", "accept-language: *", "sec-fetch-mode: cors", "user-agent: node", "accept-encoding: gzip, deflate", "content-length: 0", "", ""), string12},
		{".NET PostAsJsonAsync", lines(
			"POST /v2/users/generate-password HTTP/1.1", "Host: x", "X-API-Key: KEY", "Transfer-Encoding: chunked", "Content-Type: application/json; charset=utf-8",
			"", chunked(`{"length":16}`)), envelope},
		{".NET PutAsJsonAsync", lines(
			"PUT /v2/auth/password HTTP/1.1", "Host: x", "X-API-Key: KEY", "Transfer-Encoding: chunked", "Content-Type: application/json; charset=utf-8",
			"", chunked(`{"currentPassword":"OldP@ssword1","newPassword":"NewP@ssword2!"}`)), changed},
		{"Java HttpClient", lines(
			"POST /v2/users/generate-password HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "Content-Length: LENGTH", "Host: x", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
			"Upgrade: h2c", "User-Agent: Java-http-client/21", "Content-Type: application/json", "X-API-Key: KEY", "", `{ "length": 16 }`), envelope},
		{"a session's token, as ECGrid has it", lines(
			"POST /v2/users/generate-password HTTP/1.1", "Host: x", "Authorization: bearer KEY", "Content-Type: application/json", "Content-Length: LENGTH", "", `{ "length": 16 }`), envelope},
		{"Nextcloud, OkHttp", lines(
			"POST /index.php/apps/passwords/api/1.0/service/password HTTP/1.1", "Authorization: Basic am86czNjcmV0OlB3", "OCS-APIRequest: true", "Accept: application/json",
			"Content-Type: application/json; charset=UTF-8", "Content-Length: LENGTH", "Host: x", "Connection: Keep-Alive", "Accept-Encoding: gzip", "", `{"strength":2,"numbers":true}`), words},
		{"Nextcloud, a form", lines(
			"POST /index.php/apps/passwords/api/1.0/service/password HTTP/1.1", "Authorization: Basic am86czNjcmV0OlB3", "Accept: application/json, text/plain, */*",
			"Content-Type: application/x-www-form-urlencoded;charset=UTF-8", "Content-Length: LENGTH", "Host: x", "", `strength=2&numbers=true`), words},
		{"Nextcloud, in the query", lines(
			"GET /index.php/apps/passwords/api/1.0/service/password?strength=2&numbers=1 HTTP/1.1", "Authorization: Basic am86czNjcmV0OlB3", "Host: x", "", ""), words},
		{"PingDirectory, with hints for other servers", lines(
			"POST /directory/v1/suggestPassword HTTP/1.1", "Host: x", "Authorization: Basic am86czNjcmV0OlB3", "Accept: application/hal+json, application/json", "Content-Type: application/json",
			"Transfer-Encoding: chunked", "", chunked(`{"_controls":[{"oid":"1.3.6.1.4.1.30221.2.5.2","control-name":"Intermediate Client Request Control","criticality":false,"value-json":{"client-name":"portal"}},`+
				`{"oid":"1.3.6.1.4.1.30221.2.5.19","criticality":false,"value-json":{"application-name":"portal","request-purpose":"new user"}}]}`)),
			`^{"resultCode":{"value":0,"name":"success"},"passwordPolicyDN":"cn=policy","suggestedPasswords":\[{"suggestedPassword":"\S+","validationAttempted":(true|false)}\]}\n$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.DialTimeout("tcp", address, 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			_, sent, _ := strings.Cut(tt.request, "\r\n\r\n")
			request := strings.NewReplacer("KEY", c.secret, "LENGTH", strconv.Itoa(len(sent))).Replace(tt.request)
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != 200 || !regexp.MustCompile(tt.want).Match(body) {
				t.Errorf("%v: %s %s", err, res.Status, body)
			}
		})
	}
}
