package openldap_test

import (
	"context"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/conformance"
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

// entries is a directory of a few entries, each read by its DN.
type entries map[string]policy.Entry

func (d entries) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	e, ok := d[q.Base]
	if !ok {
		return nil, result.New(result.NoSuchObject, "there is no %q", q.Base)
	}
	return []policy.Entry{e}, nil
}

// add adds the entries of some LDIF without folded lines.
func (d entries) add(b *testing.B, ldif string) {
	b.Helper()
	for _, block := range strings.Split(strings.TrimSpace(ldif), "\n\n") {
		var e policy.Entry
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			if coded, ok := strings.CutPrefix(value, ": "); ok {
				octets, err := base64.StdEncoding.DecodeString(coded)
				if err != nil {
					b.Fatal(err)
				}
				value = string(octets)
			} else {
				value = strings.TrimPrefix(value, " ")
			}
			if name == "dn" {
				e.DN = value
			} else if values := e.Values(name); values == nil {
				e.Attributes = append(e.Attributes, policy.Attribute{Name: name, Values: []string{value}})
			} else {
				last := &e.Attributes[len(e.Attributes)-1] // values of one attribute stand together
				last.Values = append(last.Values, value)
			}
		}
		d[e.DN] = e
	}
}

// BenchmarkConformance compiles the random policies that the tests have slapd
// judge, and draws under them.
func BenchmarkConformance(b *testing.B) {
	n := seed(b)
	for _, bb := range []struct {
		name string
		make func() (string, []subject)
	}{
		{"ppolicy/suggestions", func() (string, []subject) { return randomPolicies(rand.New(rand.NewPCG(n, 1)), 40, testenv.BaseDN) }},
		{"ppolicy/verdicts", func() (string, []subject) { return randomPolicies(rand.New(rand.NewPCG(n, 2)), 24, testenv.BaseDN) }},
		{"ppm/suggestions", func() (string, []subject) { return randomPPMPolicies(rand.New(rand.NewPCG(n, 3)), 22, "ppm.so") }},
		{"ppm/verdicts", func() (string, []subject) { return randomPPMPolicies(rand.New(rand.NewPCG(n, 4)), 60, "ppm.so") }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			ldif, users := bb.make()
			dir := entries{
				"": {Attributes: []policy.Attribute{{Name: "namingContexts", Values: []string{testenv.BaseDN}}}},
				"cn=Subschema": {Attributes: []policy.Attribute{{Name: "objectClasses", Values: []string{
					"( 1.3.6.1.4.1.42.2.27.8.2.1 NAME 'pwdPolicy' SUP top AUXILIARY )"}}}},
			}
			dir.add(b, ldif)
			var cases []conformance.Case
			for _, u := range users {
				pointer, _ := dir[u.dn].Value("pwdPolicySubentry")
				// The end of the reference says that no module is known.
				p, err := openldap.New(openldap.Config{}).Load(b.Context(), dir, pointer+"\x00")
				if err != nil {
					b.Fatalf("%s: %v", u.policy, err)
				}
				if p.DN != pointer && !strings.Contains(u.policy, "99999999999") {
					b.Fatalf("%s: the policy was not read", u.policy)
				}
				cases = append(cases, conformance.Case{Words: u.policy, Policy: p})
			}
			conformance.Bench(b, cases)
		})
	}
}
