package ds389_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/conformance"
)

// judge lets 389 Directory Server judge passwords.
type judge struct {
	*testenv.DS389
	service *policy.Service
}

func newJudge(t *testing.T, o testenv.DS389Options) *judge {
	t.Helper()
	s := testenv.StartDS389(t, o)
	client, err := directory.New(directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &judge{s, policy.NewService(ds389.New(ds389.Config{}), client, policy.ServiceConfig{TTL: -1})}
}

func (j *judge) Name() string             { return "389 Directory Server" }
func (j *judge) Service() *policy.Service { return j.service }
func (j *judge) Slots() int               { return 4 }

// interesting are the values worth trying, by attribute.
var interesting = map[string][]int{
	"passwordMinLength":      {2, 6, 8, 12, 20, 40},
	"passwordMinDigits":      {0, 1, 2, 9},
	"passwordMinAlphas":      {0, 1, 4, 12},
	"passwordMinUppers":      {0, 1, 3},
	"passwordMinLowers":      {0, 1, 3},
	"passwordMinSpecials":    {0, 1, 4},
	"passwordMin8bit":        {0, 1, 2},
	"passwordMaxRepeats":     {0, 1, 2, 3},
	"passwordMaxSequence":    {0, 1, 2, 3},
	"passwordMaxSeqSets":     {0, 1, 2, 3},
	"passwordMaxClassChars":  {0, 1, 2, 3, 5},
	"passwordMinCategories":  {1, 2, 3, 4, 5},
	"passwordMinTokenLength": {1, 2, 3, 5},
}

// randomSettings returns a policy's attributes, made from rng, and the same in
// words.
func randomSettings(rng *rand.Rand) (map[string]string, string) {
	attrs := map[string]string{"passwordCheckSyntax": "on"}
	for _, name := range slices.Sorted(maps.Keys(interesting)) {
		// Each attribute in one policy of three, or they would nearly all
		// exclude each other.
		if values := interesting[name]; rng.IntN(3) == 0 {
			attrs[name] = strconv.Itoa(values[rng.IntN(len(values))])
		}
	}
	if rng.IntN(8) == 0 {
		attrs["passwordPalindrome"] = "on"
	}
	if rng.IntN(10) == 0 {
		attrs["passwordCheckSyntax"] = "off"
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		words = append(words, name+"="+attrs[name])
	}
	return attrs, strings.Join(words, " ")
}

func (j *judge) Install(_ context.Context, slot int, rng *rand.Rand) (string, string, error) {
	attrs, words := randomSettings(rng)
	n := 20 + slot
	return j.UserDN(n), words, j.SetPolicy(n, attrs)
}

func (j *judge) Connect(context.Context) (func(string, []byte) error, func(), error) {
	conn, err := ldap.DialURL(j.URL)
	if err != nil {
		return nil, nil, err
	}
	if err := conn.Bind(j.Helpdesk.DN, j.Helpdesk.Password); err != nil {
		conn.Close()
		return nil, nil, err
	}
	set := func(dn string, password []byte) error {
		req := ldap.NewModifyRequest(dn, nil)
		req.Replace("userPassword", []string{string(password)})
		err := conn.Modify(req)
		var failure *ldap.Error
		if errors.As(err, &failure) && failure.ResultCode == ldap.LDAPResultConstraintViolation {
			return &conformance.Refusal{Text: failure.Err.Error()}
		}
		return err
	}
	return set, func() { conn.Close() }, nil
}

func (j *judge) Exempt(_ []byte, _ rule.Subject, _ []string, theirs *conformance.Refusal) string {
	if theirs != nil && strings.Contains(theirs.Text, "password in history") {
		return "what the password was before cannot be read"
	}
	return ""
}

var suite = conformance.Options{Policies: 110, Suggestions: 50, Verdicts: 40, Seed: 389}

func TestConformance(t *testing.T) {
	totals := conformance.Run(t, newJudge(t, testenv.DS389Options{}), suite.FromEnv(t))
	if totals.Accepted.Load() == 0 || totals.Refused.Load() == 0 {
		t.Error("the run proved nothing")
	}
}

// TestSuggestions sets suggestions for every user of the test directory, with
// the traps that it holds, and wants none refused.
func TestSuggestions(t *testing.T) {
	tests := []struct {
		name    string
		options testenv.DS389Options
	}{
		{"local policies", testenv.DS389Options{}},
		{"no local policies", testenv.DS389Options{NoLocalPolicies: true}},
		{"inherit global", testenv.DS389Options{InheritGlobal: true}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			j := newJudge(t, tc.options)
			set, done, err := j.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer done()
			users := []string{"ou=contractors,uid=contr00", "ou=contractors,uid=contr01", "ou=partners,uid=part00", "ou=partners,uid=part01", "ou=inner,ou=partners,uid=inner00"}
			var dns []string
			for _, u := range users {
				i := strings.LastIndex(u, ",")
				dns = append(dns, u[i+1:]+","+u[:i]+",ou=people,"+j.Suffix)
			}
			for n := range 16 {
				dns = append(dns, j.UserDN(n))
			}
			satisfiable := 0
			for _, dn := range dns {
				eff, err := j.service.Resolve(t.Context(), policy.Selection{Target: dn})
				if err != nil {
					t.Errorf("%s: %v", dn, err)
					continue
				}
				if eff.Unsatisfiable() != nil {
					if dn != j.UserDN(10) {
						t.Errorf("%s: %v", dn, eff.Unsatisfiable())
					}
					continue
				}
				satisfiable++
				list, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 20, Attempts: 20})
				if err != nil {
					t.Errorf("%s: %v", dn, err)
					continue
				}
				young := false
				for _, s := range list {
					if len(s.Errors) > 0 {
						t.Errorf("%s: no valid suggestion: %v", dn, s.Errors)
						continue
					}
					err := set(dn, s.Password.Bytes())
					if err != nil && strings.Contains(err.Error(), "within password minimum age") && !young && dn == j.UserDN(11) {
						break // the second change on one day, whatever the password
					}
					if err != nil {
						t.Errorf("%s under %q: %q refused: %v", dn, eff.Policy.DN, s.Password.Bytes(), err)
					}
				}
			}
			if satisfiable < len(dns)-1 {
				t.Errorf("%d of %d users got suggestions", satisfiable, len(dns))
			}
		})
	}
}

func TestLocate(t *testing.T) {
	j := newJudge(t, testenv.DS389Options{})
	people := "ou=people," + j.Suffix
	for _, tc := range []struct {
		sel    policy.Selection
		length int // of passwordMinLength in force; 0 for none
		exists bool
	}{
		{policy.Selection{}, 10, false},
		{policy.Selection{PolicyDN: "CN=Config"}, 10, false},
		{policy.Selection{Target: j.UserDN(0)}, 10, true},
		{policy.Selection{Target: j.UserDN(1)}, 12, true},
		{policy.Selection{Target: j.UserDN(9)}, 0, true},
		{policy.Selection{Target: j.UserDN(13)}, 8, true},
		{policy.Selection{Target: j.UserDN(testenv.DS389DanglingUser)}, 10, true},
		{policy.Selection{Target: "uid=contr00,ou=contractors," + people}, 14, true},
		{policy.Selection{Target: "uid=contr01,ou=contractors," + people}, 20, true},
		{policy.Selection{Target: "uid=part00,ou=partners," + people}, 12, true},
		{policy.Selection{Target: "uid=part01,ou=partners," + people}, 22, true},
		{policy.Selection{Target: "uid=inner00,ou=inner,ou=partners," + people}, 12, true},
		{policy.Selection{Target: "uid=new,ou=contractors," + people}, 14, false},
		{policy.Selection{Target: "uid=new,ou=nowhere,ou=contractors," + people}, 14, false},
		{policy.Selection{Target: "uid=new," + people}, 10, false},
	} {
		t.Run(fmt.Sprint(tc.sel), func(t *testing.T) {
			eff, err := j.service.Resolve(t.Context(), tc.sel)
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, d := range eff.Policy.Demands {
				if d.Source.Attribute == "passwordMinLength" {
					got, _ = strconv.Atoi(strings.Fields(d.Source.Value)[0])
				}
			}
			if got != tc.length || eff.Exists != tc.exists {
				t.Errorf("minimum length %d, exists %v; want %d, %v; steps %+v", got, eff.Exists, tc.length, tc.exists, eff.Steps)
			}
			if len(eff.Steps) == 0 {
				t.Error("no step explains it")
			}
		})
	}
}
