package activedirectory_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/activedirectory"
	"github.com/ldapsuggest/ldapsuggest/testenv/conformance"
)

// settings is a directory of one password settings object.
type settings policy.Entry

func (s settings) Search(context.Context, policy.Query) ([]policy.Entry, error) {
	return []policy.Entry{policy.Entry(s)}, nil
}

// BenchmarkConformance compiles the policies that TestConformance has the
// server judge, and draws under them.
func BenchmarkConformance(b *testing.B) {
	o := suite.FromEnv(b)
	const dn = "CN=PSO,CN=Password Settings Container,CN=System,DC=example,DC=com"
	var cases []conformance.Case
	for n := range o.Policies {
		length, complexity := randomSettings(rand.New(rand.NewPCG(o.Seed, uint64(n))))
		words := fmt.Sprintf("length %d, complexity %s", length, complexity)
		dir := settings{DN: dn, Attributes: []policy.Attribute{
			{Name: "objectClass", Values: []string{"msDS-PasswordSettings"}},
			{Name: "msDS-MinimumPasswordLength", Values: []string{strconv.Itoa(length)}},
			{Name: "msDS-PasswordComplexityEnabled", Values: []string{complexity}},
			{Name: "msDS-PasswordHistoryLength", Values: []string{"0"}},
			{Name: "msDS-MaximumPasswordAge", Values: []string{"0"}},
		}}
		p, err := activedirectory.New(activedirectory.Config{}).Load(b.Context(), dir, dn)
		if err != nil {
			b.Fatalf("%s: %v", words, err)
		}
		cases = append(cases, conformance.Case{Words: words, Policy: p})
	}
	conformance.Bench(b, cases)
}
