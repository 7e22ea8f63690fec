package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
	"github.com/ldapsuggest/ldapsuggest/testenv/conformance"
)

// judge lets the embedded directory judge passwords.
type judge struct {
	*Directory
	policies atomic.Int64
}

// connect binds as the administrator. The suite calls it outside the test's
// own goroutine.
func (j *judge) connect(ctx context.Context) (*ldap.Conn, error) {
	nc, err := j.Dial(ctx)
	if err != nil {
		return nil, err
	}
	conn := ldap.NewConn(nc, false)
	conn.Start()
	if err := conn.Bind(adminDN, adminPassword); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (j *judge) Name() string             { return "the embedded directory" }
func (j *judge) Service() *policy.Service { return j.Policies() }
func (j *judge) Slots() int               { return 2 }

// validators make validators of every type with random settings: attributes
// without the prefix ds-cfg-.
var validators = map[string]func(rng *rand.Rand) map[string][]string{
	"length-based": func(rng *rand.Rand) map[string][]string {
		least := rng.IntN(20)
		return map[string][]string{"min-password-length": {fmt.Sprint(least)}, "max-password-length": {fmt.Sprint([]int{0, least + rng.IntN(10) + 1}[rng.IntN(2)])}}
	},
	"character-set": func(rng *rand.Rand) map[string][]string {
		sets := []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "!#$%&()*+-./:;<=>?@"}
		var values []string
		for _, s := range sets[:1+rng.IntN(len(sets))] {
			values = append(values, fmt.Sprintf("%d:%s", rng.IntN(4), s))
		}
		return map[string][]string{"character-set": values, "allow-unclassified-characters": {fmt.Sprint(rng.IntN(2) == 0)}}
	},
	"attribute-value": func(rng *rand.Rand) map[string][]string {
		return map[string][]string{"match-attribute": {"cn", "uid"}, "test-reversed-password": {fmt.Sprint(rng.IntN(2) == 0)},
			"test-attribute-value-substring-of-password": {"true"}, "minimum-attribute-value-length-for-substring-matches": {"3"}}
	},
	"repeated-characters": func(rng *rand.Rand) map[string][]string {
		return map[string][]string{"max-consecutive-length": {fmt.Sprint(rng.IntN(4))}, "case-sensitive-validation": {fmt.Sprint(rng.IntN(2) == 0)}}
	},
	"unique-characters": func(rng *rand.Rand) map[string][]string {
		return map[string][]string{"min-unique-characters": {fmt.Sprint(rng.IntN(12))}, "case-sensitive-validation": {fmt.Sprint(rng.IntN(2) == 0)}}
	},
	"disallowed-characters": func(rng *rand.Rand) map[string][]string {
		return map[string][]string{"disallowed-characters": {"lI1O0"}, "disallowed-leading-characters": {"-+"}, "disallowed-trailing-characters": {"."}}
	},
	"regular-expression": func(rng *rand.Rand) map[string][]string {
		patterns := []string{`^.*[0-9].*$`, `^(?=.*[a-z])(?=.*[A-Z]).*$`, `(?:19|20)[0-9][0-9]`}
		i := rng.IntN(len(patterns))
		return map[string][]string{"match-pattern": {patterns[i]}, "match-behavior": {[]string{"require-match", "require-match", "reject-match"}[i]}}
	},
	"haystack": func(rng *rand.Rand) map[string][]string {
		return map[string][]string{"minimum-acceptable-time-to-exhaust-search-space": {fmt.Sprintf("%d weeks", 1+rng.IntN(1000))}}
	},
	"utf-8": func(rng *rand.Rand) map[string][]string {
		return map[string][]string{"allow-non-ascii-characters": {fmt.Sprint(rng.IntN(2) == 0)}}
	},
}

func (j *judge) Install(ctx context.Context, slot int, rng *rand.Rand) (string, string, error) {
	conn, err := j.connect(ctx)
	if err != nil {
		return "", "", err
	}
	defer conn.Close()
	n := j.policies.Add(1)
	pol := ldap.NewAddRequest(fmt.Sprintf("cn=policy %d,cn=Password Policies,cn=config", n), nil)
	pol.Attribute("objectClass", []string{"ds-cfg-password-policy"})
	pol.Attribute("ds-cfg-password-attribute", []string{"userPassword"})
	var names, words []string
	for _, kind := range []string{"length-based", "character-set", "attribute-value", "repeated-characters", "unique-characters",
		"disallowed-characters", "regular-expression", "haystack", "utf-8"} {
		if rng.IntN(3) > 0 {
			continue
		}
		settings := validators[kind](rng)
		v := ldap.NewAddRequest(fmt.Sprintf("cn=%s %d,cn=Password Validators,cn=config", kind, n), nil)
		v.Attribute("objectClass", []string{"ds-cfg-password-validator", "ds-cfg-" + kind + "-password-validator"})
		v.Attribute("ds-cfg-enabled", []string{"true"})
		for name, values := range settings {
			v.Attribute("ds-cfg-"+name, values)
		}
		if err := conn.Add(v); err != nil {
			return "", kind, fmt.Errorf("%s %v: %w", kind, settings, err)
		}
		names = append(names, v.DN)
		words = append(words, fmt.Sprint(kind, settings))
	}
	if len(names) > 0 {
		pol.Attribute("ds-cfg-password-validator", names)
	}
	if err := conn.Add(pol); err != nil {
		return "", "", err
	}
	user := []string{"uid=jo", "uid=kenji"}[slot] + ",ou=people,dc=example,dc=com"
	return user, strings.Join(words, " "), conn.Modify(replace(user, "ds-pwp-password-policy-dn", pol.DN))
}

func (j *judge) Connect(ctx context.Context) (func(string, []byte) error, func(), error) {
	conn, err := j.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	set := func(dn string, password []byte) error {
		err := conn.Modify(replace(dn, "userPassword", string(password)))
		var failure *ldap.Error
		if errors.As(err, &failure) && failure.ResultCode == ldap.LDAPResultConstraintViolation {
			return &conformance.Refusal{Text: failure.Err.Error()}
		}
		return err
	}
	return set, func() { conn.Close() }, nil
}

func (j *judge) Exempt([]byte, rule.Subject, []string, *conformance.Refusal) string { return "" }

var suite = conformance.Options{Policies: 110, Suggestions: 20, Verdicts: 20, Seed: 1389}

func TestConformance(t *testing.T) {
	totals := conformance.Run(t, &judge{Directory: open(t, Config{})}, suite.FromEnv(t))
	if totals.Accepted.Load() == 0 || totals.Refused.Load() == 0 {
		t.Error("the run proved nothing")
	}
}

// BenchmarkConformance compiles the policies that TestConformance tries, and
// draws under them.
func BenchmarkConformance(b *testing.B) {
	o := suite.FromEnv(b)
	j := &judge{Directory: open(b, Config{})}
	var cases []conformance.Case
	for n := range o.Policies {
		dn, words, err := j.Install(b.Context(), 0, rand.New(rand.NewPCG(o.Seed, uint64(n))))
		if err != nil {
			b.Fatalf("%s: %v", words, err)
		}
		eff, err := j.Service().Resolve(b.Context(), policy.Selection{Target: dn})
		if err != nil {
			b.Fatalf("%s: %v", words, err)
		}
		cases = append(cases, conformance.Case{Words: words, Policy: eff.Policy})
	}
	conformance.Bench(b, cases)
}
