package ds389_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
	"github.com/ldapsuggest/ldapsuggest/testenv/conformance"
)

// entries is a directory of a few entries, each read by its DN.
type entries map[string]policy.Entry

func (d entries) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	e, ok := d[q.Base]
	if !ok {
		return nil, result.New(result.NoSuchObject, "there is no %q", q.Base)
	}
	return []policy.Entry{e}, nil
}

// BenchmarkConformance compiles the policies that TestConformance has the
// server judge, and draws under them.
func BenchmarkConformance(b *testing.B) {
	o := suite.FromEnv(b)
	const dn = "cn=policy,dc=example,dc=com"
	var cases []conformance.Case
	for n := range o.Policies {
		settings, words := randomSettings(rand.New(rand.NewPCG(o.Seed, uint64(n))))
		local := policy.Entry{DN: dn, Attributes: []policy.Attribute{{Name: "objectClass", Values: []string{"passwordPolicy"}}}}
		for name, value := range settings {
			local.Attributes = append(local.Attributes, policy.Attribute{Name: name, Values: []string{value}})
		}
		dir := entries{
			"": {},
			"cn=config": {DN: "cn=config", Attributes: []policy.Attribute{
				{Name: "nsslapd-pwpolicy-local", Values: []string{"on"}}, {Name: "passwordCheckSyntax", Values: []string{"off"}},
			}},
			dn: local,
		}
		p, err := ds389.New(ds389.Config{}).Load(b.Context(), dir, dn)
		if err != nil {
			b.Fatalf("%s: %v", words, err)
		}
		cases = append(cases, conformance.Case{Words: words, Policy: p})
	}
	conformance.Bench(b, cases)
}
