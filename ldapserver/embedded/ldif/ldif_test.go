package ldif

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

func readAll(in string) ([]policy.Entry, error) {
	r := NewReader(strings.NewReader(in))
	var out []policy.Entry
	for {
		e, err := r.Read()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
}

func TestRead(t *testing.T) {
	in := "version: 1\r\n# a comment\n that goes on\n\n\ndn: cn=a,dc=example,dc=com\nCN: a\n" +
		"description: one\ncn: A\ndescription: tw\n o \nphoto:: AAH/\nempty:\nutf: ü\n\n# between\ndn:: Y249w7wsZGM9eA==\nou;lang-de: x: y\n"
	got, err := readAll(in)
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Entry{
		{DN: "cn=a,dc=example,dc=com", Attributes: []policy.Attribute{
			{Name: "CN", Values: []string{"a", "A"}},
			{Name: "description", Values: []string{"one", "two "}},
			{Name: "photo", Values: []string{"\x00\x01\xff"}},
			{Name: "empty", Values: []string{""}},
			{Name: "utf", Values: []string{"ü"}},
		}},
		{DN: "cn=ü,dc=x", Attributes: []policy.Attribute{{Name: "ou;lang-de", Values: []string{"x: y"}}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct {
		name, in string
		line     int
	}{
		{"no dn", "cn: a\n", 1},
		{"version 2", "version: 2\n", 1},
		{"version twice", "version: 1\nversion: 1\n", 2},
		{"bad dn", "dn: nonsense\ncn: a\n", 1},
		{"no attributes", "dn: cn=a\n\ndn: cn=b\ncn: b\n", 2},
		{"no attributes at the end", "dn: cn=a", 1},
		{"two records run together", "dn: cn=a\ncn: a\ndn: cn=b\ncn: b\n", 3},
		{"change record", "dn: cn=a\nchangetype: delete\n", 2},
		{"continuation of nothing", " x\n", 1},
		{"continuation after an empty line", "dn: cn=a\ncn: a\n\n x\n", 4},
		{"base64", "dn: cn=a\ncn:: !!\n", 2},
		{"base64 without its padding", "dn: cn=a\ncn:: YQ\n", 2},
		{"url", "dn: cn=a\ncn:< file:///etc/passwd\n", 2},
		{"no colon", "dn: cn=a\ncn\n", 2},
		{"bad name", "dn: cn=a\nc n: a\n", 2},
		{"empty option", "dn: cn=a\ncn;: a\n", 2},
		{"NUL", "dn: cn=a\ncn: \x00\n", 2},
		{"not UTF-8", "dn: cn=a\ncn: \xff\n", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readAll(tt.in)
			var e *SyntaxError
			if !errors.As(err, &e) {
				t.Fatalf("error is %v, want a SyntaxError", err)
			}
			if e.Line != tt.line {
				t.Errorf("line %d, want %d (%v)", e.Line, tt.line, err)
			}
		})
	}
}

// An error must not quote a value: it may be a password.
func TestErrorsHoldNoValues(t *testing.T) {
	for _, in := range []string{
		"dn: cn=a\nuserPassword:: s3cr3t!\n",
		"dn: cn=a\nuserPassword: s3cr3t\x00\n",
		"dn: cn=a\nuserPassword:< s3cr3t\n",
	} {
		_, err := readAll(in)
		if err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%v", err)
		}
	}
}

func TestWriteFoldsAndEncodes(t *testing.T) {
	e := policy.Entry{DN: "cn=ü", Attributes: []policy.Attribute{
		{Name: "a", Values: []string{"", " x", ":x", "<x", "x ", "a\nb", strings.Repeat("0123456789", 30)}},
	}}
	var b bytes.Buffer
	if err := NewWriter(&b).Write(e); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if len(line) > width+1 {
			t.Errorf("line of %d octets", len(line))
		}
	}
	got, err := readAll(b.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if d := cmp.Diff([]policy.Entry{e}, got); d != "" {
		t.Error(d)
	}
	if err := NewWriter(io.Discard).Write(policy.Entry{DN: "cn=a"}); err == nil {
		t.Error("an entry without attributes was written")
	}
}

func FuzzRead(f *testing.F) {
	f.Add("version: 1\n\ndn: cn=a\ncn: a\n")
	f.Add("dn:: Y249YQ==\ncn;lang-de:: /w==\n# c\n c\nx: a\n b\n\ndn: cn=b\nx:\n")
	f.Add("dn: cn=a\nchangetype: add\n")
	f.Fuzz(func(t *testing.T, in string) {
		first, err := readAll(in)
		if err != nil {
			var e *SyntaxError
			if !errors.As(err, &e) || e.Line < 1 {
				t.Fatalf("untyped error %v", err)
			}
		}
		if len(first) == 0 {
			return
		}
		var b bytes.Buffer
		w := NewWriter(&b)
		for _, e := range first {
			if err := w.Write(e); err != nil {
				t.Fatal(err)
			}
		}
		second, err := readAll(b.String())
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, b.String())
		}
		if d := cmp.Diff(first, second); d != "" {
			t.Fatal(d)
		}
	})
}
