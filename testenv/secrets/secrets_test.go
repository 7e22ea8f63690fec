package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const (
	planted = "Tr0ub4dor&3 <\"x\"> \\ü"
	other   = "correct horse battery"
)

// TestPlanted writes a secret the ways that programs do, and wants each
// found.
func TestPlanted(t *testing.T) {
	request, err := http.NewRequest("GET", "http://localhost/?p="+url.QueryEscape(planted), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("jo", planted)
	longer, err := http.NewRequest("GET", "http://localhost/"+url.PathEscape(planted), nil)
	if err != nil {
		t.Fatal(err)
	}
	longer.SetBasicAuth("cn=x", planted)
	var text, lines bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "password", planted)
	slog.New(slog.NewJSONHandler(&lines, nil)).Info("x", "password", planted)
	quoted, _ := json.Marshal(map[string]string{"password": planted})
	tests := map[string]string{
		"plain":            "before " + planted + " after",
		"at the start":     planted,
		"text log":         text.String(),
		"JSON log":         lines.String(),
		"JSON":             string(quoted),
		"basic":            request.Header.Get("Authorization"),
		"basic, longer":    longer.Header.Get("Authorization"),
		"bearer":           "Bearer " + base64.RawURLEncoding.EncodeToString([]byte("id."+planted)),
		"query":            request.URL.String(),
		"path":             longer.URL.String(),
		"hex":              fmt.Sprintf("%x", planted),
		"HEX":              fmt.Sprintf("%X", []byte(planted)),
		"hex dump":         fmt.Sprintf("% x", planted),
		"octets":           fmt.Sprint(struct{ B []byte }{[]byte(planted)}),
		"%q":               fmt.Sprintf("%q", planted),
		"%+q":              fmt.Sprintf("%+q", planted),
		"HTML":             "Tr0ub4dor&amp;3 &lt;&#34;x&#34;&gt; \\ü",
		"UTF-16":           utf16Text(planted, binary.LittleEndian),
		"beyond a block":   strings.Repeat("x", 1<<20-7) + planted,
		"in the end":       strings.Repeat("x", 3<<20) + planted,
		"at the overlap":   strings.Repeat("x", 1<<20-overlap-2) + planted + strings.Repeat("x", 1<<20),
		"LDAP filter":      "(uid=" + filterText(planted) + ")",
		"a part of a core": string(make([]byte, 5<<20)) + planted + string(make([]byte, 1<<20)),
	}
	var b Book
	b.Add("planted", planted)
	b.Add("other", other)
	for name, text := range tests {
		leaks := b.SearchString(name, text)
		if len(leaks) == 0 {
			t.Errorf("%s: not found", name)
		}
		for _, l := range leaks {
			if l.Secret != "planted, no. 1" || l.Place != name || strings.Contains(l.String(), planted) {
				t.Errorf("%s", l)
			}
		}
	}
}

// TestNothingPlanted: what is not there is not found.
func TestNothingPlanted(t *testing.T) {
	var b Book
	noise := make([]byte, 8<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for i := range 200 {
		b.Add(fmt.Sprint(i), fmt.Sprintf("Secret-%04d-%d", i, rand.Uint64()))
	}
	leaks, err := b.Search("noise", bytes.NewReader(noise))
	if err != nil || len(leaks) > 0 || b.Len() != 200 {
		t.Errorf("%v, %v", leaks, err)
	}
	if leaks := b.SearchString("empty", ""); len(leaks) > 0 {
		t.Errorf("%v", leaks)
	}
}

func TestAddLater(t *testing.T) {
	var b Book
	b.Add("first", planted)
	if leaks := b.SearchString("x", other); len(leaks) > 0 {
		t.Errorf("%v", leaks)
	}
	b.Add("second", other)
	if leaks := b.SearchString("x", "-"+other+"-"+planted); len(leaks) != 2 {
		t.Errorf("%v", leaks)
	}
	defer func() {
		if recover() == nil {
			t.Error("a short secret is taken")
		}
	}()
	b.Add("short", "12345")
}
