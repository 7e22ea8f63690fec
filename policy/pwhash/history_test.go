package pwhash_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy/pwhash"
)

func TestHistory(t *testing.T) {
	const octets = "#1.3.6.1.4.1.1466.115.121.1.40#"
	for _, tc := range []struct {
		name   string
		values []string
		want   []string
	}{
		{"none", nil, []string{}},
		{"slapd", []string{
			"20261120220750Z" + octets + "38#{SSHA}UpSWoYpmXeIjjcFX0T0tUuVbmF7QfP9g",
			"20261120220751Z" + octets + "4#1#3#",
			"20261120220749Z" + octets + "1#7",
			"20261120220749Z" + octets + "1#8",
		}, []string{"1#3#", "{SSHA}UpSWoYpmXeIjjcFX0T0tUuVbmF7QfP9g", "8", "7"}},
		{"opendj", []string{
			"20261120220750.125Z#1.3.6.1.4.1.26027.1.3.1#{SSHA512}old",
			"20261120220750.126Z#1.3.6.1.4.1.26027.1.3.1#{CLEAR}a#b",
		}, []string{"{CLEAR}a#b", "{SSHA512}old"}},
		{"389", []string{"20261120221743Z{SSHA512}old", "20261120221744Z{CLEAR}a#b#c"}, []string{"{CLEAR}a#b#c", "{SSHA512}old"}},
		{"malformed", []string{
			"", "2026", "20261120220750Z#", "20261120220750Z#1.2", "when#1.2#3#abc", "20261120221743{SSHA}x", "2026112022174{Z}Zabc",
		}, []string{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := pwhash.History(tc.values); !slices.Equal(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzHistory(f *testing.F) {
	f.Add("20261120220750Z#1.3.6.1.4.1.1466.115.121.1.40#3#abc")
	f.Add("20261120220750Z#1.3#{SSHA}x")
	f.Add("20261120221743Z{SSHA512}old")
	f.Fuzz(func(t *testing.T, value string) {
		for _, stored := range pwhash.History([]string{value}) {
			if !strings.HasSuffix(value, stored) || len(stored) > len(value)-14 {
				t.Errorf("%q from %q", stored, value)
			}
		}
	})
}
