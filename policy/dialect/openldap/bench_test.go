package openldap_test

import (
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// One search of the user's entry is what a request waits for: the rest comes
// from the cache.
func BenchmarkResolve(b *testing.B) {
	s := testenv.StartSlapd(b, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20}}})
	svc := service(b, s, s.Reader, openldap.Config{})
	for name, user := range map[string]int{"pointer": 1, "default": 0} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := svc.Resolve(b.Context(), policy.Selection{Target: s.UserDN(user)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
