package console

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
)

func TestParseForm(t *testing.T) {
	for _, tt := range []struct {
		body string
		want map[string]string // nil if it is malformed
	}{
		{"", map[string]string{}},
		{"a=b&c=d", map[string]string{"a": "b", "c": "d"}},
		{"a=b+c%20d%2B&e", map[string]string{"a": "b c d+", "e": ""}},
		{"password=%C3%A9%00%ff", map[string]string{"password": "é\x00\xff"}},
		{"&&a=b&", map[string]string{"a": "b"}},
		{"a=b=c", map[string]string{"a": "b=c"}},
		{"a=1&a=2", nil},
		{"a=%", nil},
		{"a=%2", nil},
		{"a=%zz", nil},
		{"%=a", nil},
		{"a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", nil},
	} {
		f, ok := parseForm([]byte(tt.body))
		if ok != (tt.want != nil) || len(f) != len(tt.want) {
			t.Errorf("%q: %q, %v", tt.body, f, ok)
		}
		for name, want := range tt.want {
			if f.text(name) != want {
				t.Errorf("%q: %s is %q", tt.body, name, f.text(name))
			}
		}
	}
}

// What is parsed is what net/url makes of it, and wiping leaves nothing.
func FuzzParseForm(f *testing.F) {
	for _, s := range []string{"", "a=b&c=d", "dn=uid%3Djo%2Cdc%3Dx&password=a+b%26", "a=1&a=2", "a=%zz", ";a=b", "=x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := parseForm(bytes.Clone(body))
		if !ok {
			return
		}
		want, err := url.ParseQuery(string(body))
		if bytes.ContainsRune(body, ';') {
			return // net/url refuses it, browsers do not
		}
		if err != nil || len(want) != len(got) {
			t.Fatalf("%q: %q, not %q, %v", body, got, want, err)
		}
		for name, values := range want {
			if len(values) != 1 || got.text(name) != values[0] {
				t.Fatalf("%q: %s is %q, not %q", body, name, got[name], values)
			}
		}
		got.wipe()
		for name, v := range got {
			if len(bytes.Trim(v, "\x00")) > 0 {
				t.Fatalf("%s is left behind", name)
			}
		}
	})
}

// Where to go on comes from a URL that anybody may have made.
func FuzzSafeNext(f *testing.F) {
	for _, s := range []string{
		"", "/console/person?dn=uid%3Djo", "https://evil.example/console/", "//evil.example/console/x", `/\evil.example`, "/console/../x",
		"/console//evil.example", "/console/%2e%2e/", "javascript:alert(1)", "/console/x\r\nSet-Cookie: a=b", "/console/find?text=%0d%0a", "/console/x#y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		next := safeNext(s)
		if next == "" {
			return
		}
		u, err := url.Parse("https://here.example/")
		if err != nil {
			t.Fatal(err)
		}
		to, err := u.Parse(next)
		if err != nil || to.Host != "here.example" || to.Scheme != "https" || len(to.Path) < len("/console/") || to.Path[:9] != "/console/" {
			t.Fatalf("%q leads to %v, %v", next, to, err)
		}
		path, _, _ := strings.Cut(next, "?")
		if strings.ContainsAny(path, "\\") || strings.ContainsFunc(next, func(c rune) bool { return c < 0x20 || c == 0x7f }) {
			t.Fatalf("%q is no header", next)
		}
	})
}
