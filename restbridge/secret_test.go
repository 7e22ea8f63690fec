package restbridge

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func TestTakeSecret(t *testing.T) {
	for _, tc := range []struct {
		body, secret string
		found, ok    bool
		left         string
	}{
		{`{"password": "s3cret", "a": {"password": "not this"}}`, "s3cret", true, true, `{"password": ""      , "a": {"password": "not this"}}`},
		{` {"a":[1,"}",{"b":"]\""}],"password":"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"} `, "a\"\\/\b\f\n\r\té😀", true, true, ""},
		{`{"\u0070assword":"s3cret"}`, "s3cret", true, true, `{"\u0070assword":""      }`},
		{`{"password":""}`, "", true, true, `{"password":""}`},
		{`{"password":"one","password":"two"}`, "two", true, true, `{"password":""   ,"password":""   }`},
		{`{"password":12345}`, "", false, true, `{"password":0    }`},
		{`{"password":null}`, "", false, true, `{"password":0   }`},
		{`{}`, "", false, true, `{}`},
		{`{"a":true}`, "", false, true, `{"a":true}`},
		{`{"password":"\ud83d"}`, "", false, false, ""},
		{`{"password":"\x"}`, "", false, false, ""},
		{"{\"password\":\"\n\"}", "", false, false, ""},
		{"{\"password\":\"\xff\"}", "", false, false, ""},
		{`{"password":"s3cret`, "", false, false, ""},
		{`{"password":"s3cret",}`, "", false, false, ""},
		{`{"password":"s3cret";}`, "", false, false, ""},
		{`["password","s3cret"]`, "", false, false, ""},
		{`{"password" "s3cret"}`, "", false, false, ""},
		{``, "", false, false, ""},
		{`{`, "", false, false, ""},
	} {
		body := []byte(tc.body)
		secret, found, ok := takeSecret(body, "password")
		if string(secret) != tc.secret || found != tc.found || ok != tc.ok || tc.left != "" && string(body) != tc.left {
			t.Errorf("%s: %q, %v, %v; left is %s", tc.body, secret, found, ok, body)
		}
	}
}

// FuzzTakeSecret holds that what is taken is what encoding/json reads, and
// that nothing of it is left.
func FuzzTakeSecret(f *testing.F) {
	for _, s := range []string{`{"password":"s3cret\u00e9","a":[{"b":"c"}]}`, `{"a":1,"password":null}`, `{"password":"a","password":"b"}`, `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		secret, found, ok := takeSecret(body, "password")
		if len(body) != len(before) {
			t.Fatal("the body has another length")
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(before, &members) != nil || members == nil {
			return // whatever was done, the decoder refuses the rest
		}
		if !ok {
			// encoding/json mends surrogates and octets that are no UTF-8;
			// here they are refused.
			if utf8.Valid(before) && !bytes.Contains(before, []byte(`\u`)) {
				t.Fatalf("%q is not read", before)
			}
			return
		}
		var want string
		if raw, given := members["password"]; given && json.Unmarshal(raw, &want) == nil && string(raw) != "null" {
			if bytes.Count(before, []byte("assword")) == 1 && (!found || string(secret) != want) {
				t.Fatalf("%q: got %q, want %q", before, secret, want)
			}
		} else if found && bytes.Count(before, []byte("assword")) <= 1 {
			t.Fatalf("%q: found %q", before, secret)
		}
		var after map[string]any
		if err := json.Unmarshal(body, &after); err != nil {
			t.Fatalf("%q became %q", before, body)
		}
		if v, given := after["password"]; given && v != "" && v != float64(0) {
			t.Fatalf("%q is left in %q", v, body)
		}
	})
}
