package restbridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

// readAll decodes an object with a member of each kind, and returns the
// members that it has.
func readAll(body []byte) (map[string]string, error) {
	var text string
	var optional *string
	var number int
	var yes *bool
	got := make(map[string]string)
	err := decodeObject(body, "the body",
		member{"text", &text}, member{"optional", &optional}, member{"number", &number}, member{"yes", &yes},
		member{"any", field(func(value []byte) error { got["any"] = string(value); return nil })})
	if text != "" {
		got["text"] = text
	}
	if optional != nil {
		got["optional"] = *optional
	}
	return got, err
}

func TestDecodeObject(t *testing.T) {
	deep := func(n int) string { return `{"any":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	for body, want := range map[string]string{
		"":                                    "the body is empty; a JSON object is expected",
		" \n":                                 "the body is empty; a JSON object is expected",
		"{}":                                  "",
		" { } ":                               "",
		"[]":                                  "the body must be a JSON object",
		"null":                                "the body must be a JSON object",
		"[":                                   "the body is malformed JSON: it ends too early",
		"x":                                   "the body is malformed JSON at octet 1",
		"\x00":                                "the body is malformed JSON at octet 1",
		"\xff":                                "the body is not UTF-8",
		"\ufeff{}":                            "the body is malformed JSON at octet 1",
		`{"text":"x"}`:                        "",
		`{"t\u0065xt":"x"}`:                   "",
		`{"text":"\ud800"}`:                   "", // as encoding/json mends it
		`{"Text":"x"}`:                        `the body has the unknown field "Text"`,
		`{"text":"x","t\u0065xt":"y"}`:        `the body has the field "text" twice`,
		`{"text":"x",}`:                       "the body is malformed JSON at octet 13",
		`{,"text":"x"}`:                       "the body is malformed JSON at octet 2",
		`{"text" "x"}`:                        "the body is malformed JSON at octet 9",
		`{"text":"x"} {}`:                     "the body is followed by something else",
		`{"text":"x"`:                         "the body is malformed JSON: it ends too early",
		`{"text":null}`:                       "text must be a string",
		`{"text":"` + "\t" + `"}`:             "the body is malformed JSON at octet 10",
		`{"number":01}`:                       "the body is malformed JSON at octet 12",
		`{"number":1.5}`:                      "number must be an integer",
		`{"number":1e3}`:                      "number must be an integer",
		`{"number":-2147483649}`:              "number is out of range",
		`{"number":"1"}`:                      "number must be an integer",
		`{"yes":1}`:                           "yes must be true or false",
		`{"any":{"a":[1,-0.5e+7,true,null]}}`: "",
		`{"any":tru}`:                         "the body is malformed JSON at octet 8",
		deep(maxDepth):                        "",
		deep(maxDepth + 1):                    "the body is malformed JSON at octet 520",
	} {
		_, err := readAll([]byte(body))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != want {
			t.Errorf("%.40q: %q, want %q", body, text, want)
		}
	}
}

// What a body is read into costs no memory but for the texts in it.
func TestDecodeObjectAllocates(t *testing.T) {
	body := []byte(`{"numberOfPasswords": 2, "validationAttempts": 5}`)
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := decodeSuggestPassword(body); err != nil {
			t.Error(err)
		}
	}); n > 5 {
		t.Errorf("%v allocations", n)
	}
}

// withDecoder is decodeObject by encoding/json: it takes the same bodies.
func withDecoder(data []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("no UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("no object")
	}
	members := make(map[string]json.RawMessage)
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errors.New("no name")
		}
		if _, twice := members[name]; twice {
			return nil, errors.New("twice")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		members[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something behind")
	}
	return members, nil
}

func FuzzDecodeObject(f *testing.F) {
	for _, s := range []string{
		`{"a":"\u00e9\ud83d\ude00","b":[1,-0.5e+7,{"c":null}],"d":true}`, `{"a":01}`, `{"a":1,}`, `{"a":"\ud800"}`, `{} x`, `{"a":{}}`, `[`, "{\"a\":\"\x7f\"}",
		`{"a":1.}`, `{"a":-}`, `{"a":1e}`, `{"a":truefalse}`, `{"a":[1,]}`, `{"a" :1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, name := range []string{"a", "b", "c", "d"} {
			var got string
			found := false
			read := field(func(value []byte) error { got, found = string(value), true; return nil })
			var others [3]string
			k := 0
			for _, n := range []string{"a", "b", "c", "d"} {
				if n != name {
					others[k] = n
					k++
				}
			}
			ignore := field(func([]byte) error { return nil })
			err := decodeObject(body, "the body", member{name, read}, member{others[0], ignore}, member{others[1], ignore}, member{others[2], ignore})
			want, wantErr := withDecoder(body)
			unknown := false
			for n := range want {
				unknown = unknown || !strings.Contains("abcd", n) || len(n) != 1
			}
			switch {
			case err != nil && !result.Is(err, result.ProtocolError):
				t.Fatalf("%q: %#v", body, err)
			case err == nil && wantErr != nil:
				t.Fatalf("%q is accepted, encoding/json says %v", body, wantErr)
			case err != nil && wantErr == nil && !unknown && bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) < maxDepth:
				t.Fatalf("%q: %v", body, err)
			case err == nil && found != (want[name] != nil) || err == nil && found && got != string(want[name]):
				t.Fatalf("%q: %s is %q, want %q", body, name, got, want[name])
			}
		}
	})
}
