package openldap_test

import (
	"bytes"
	"fmt"
	"hash/crc64"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// seed returns what random policies and passwords are made from. It is the
// same for every run but where LDAPSUGGEST_SEED sets another.
func seed(t testing.TB) uint64 {
	t.Helper()
	n := uint64(1)
	if s := os.Getenv("LDAPSUGGEST_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("LDAPSUGGEST_SEED=%d", n)
	return n
}

// perUser is the number of suggestions for each user; LDAPSUGGEST_N sets it.
func perUser(t *testing.T) int {
	t.Helper()
	s := os.Getenv("LDAPSUGGEST_N")
	if s == "" {
		return 1000
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("LDAPSUGGEST_N=%q is no number", s)
	}
	return n
}

// connections is how many set passwords at a time, where the server bears it.
const connections = 4

// A subject is a user under a policy of its own.
type subject struct {
	dn     string
	policy string // what the policy demands, for messages
}

// randomPolicies returns n policies and users as LDIF, each attribute over
// the values that are interesting.
func randomPolicies(rnd *rand.Rand, n int, suffix string) (string, []subject) {
	pick := func(values ...string) string { return values[rnd.IntN(len(values))] }
	var ldif strings.Builder
	var users []subject
	for i := range n {
		var lines []string
		set := func(attribute string, values ...string) {
			if v := pick(values...); v != "" {
				lines = append(lines, attribute+": "+v)
			}
		}
		set("pwdCheckQuality", "2", "2", "2", "1", "1", "3", "0", "-1", "")
		set("pwdMinLength", "", "0", "1", "2", "5", "8", "10", "14", "16", "17", "24", "40", "100", "255", "-3")
		set("pwdMaxLength", "", "", "", "", "", "0", "-1", "8", "10", "14", "16", "24", "64", "128", "256")
		set("pwdInHistory", "", "0", "1", "3", "24", "-1")
		set("pwdMustChange", "", "TRUE", "FALSE")
		set("pwdMaxAge", "", "0", "86400", "-1", "86400", "86400", "86400", "86400", "99999999999")
		set("pwdMaxFailure", "", "5")
		users = append(users, writePolicy(&ldif, fmt.Sprintf("random%03d", i), suffix, lines))
	}
	return ldif.String(), users
}

// writePolicy writes a policy and a user under it.
func writePolicy(ldif *strings.Builder, name, suffix string, lines []string, classes ...string) subject {
	policyDN := "cn=" + name + ",ou=policies," + suffix
	userDN := "uid=" + name + ",ou=people," + suffix
	fmt.Fprintf(ldif, "\ndn: %s\nobjectClass: namedPolicy\nobjectClass: pwdPolicy\n", policyDN)
	for _, c := range classes {
		fmt.Fprintf(ldif, "objectClass: %s\n", c)
	}
	fmt.Fprintf(ldif, "cn: %s\npwdAttribute: userPassword\n%s\n", name, strings.Join(lines, "\n"))
	fmt.Fprintf(ldif, "\ndn: %s\nobjectClass: inetOrgPerson\nuid: %[2]s\ncn: %[2]s\nsn: %[2]s\nuserPassword: Start-Pw1!\npwdPolicySubentry: %s\n", userDN, name, policyDN)
	return subject{userDN, strings.Join(lines, ", ")}
}

// A setter sets passwords as a helpdesk does: with write access to
// userPassword and no more, so that the policy binds it.
type setter struct {
	conn *ldap.Conn
	// careful is for policies that want the current password and have a
	// minimum age: a reset is due for those who have to change it anyway.
	careful bool
	current string
}

func (s *setter) set(dn, password string) error {
	m := ldap.NewModifyRequest(dn, nil)
	if s.careful {
		due := ldap.NewModifyRequest(dn, nil)
		due.Replace("pwdReset", []string{"TRUE"})
		if err := s.conn.Modify(due); err != nil {
			return err
		}
		m.Delete("userPassword", []string{s.current})
		m.Add("userPassword", []string{password})
	} else {
		m.Replace("userPassword", []string{password})
	}
	err := s.conn.Modify(m)
	if err == nil {
		s.current = password
	}
	return err
}

// refused reports whether the server judged a password and found it wanting.
// Any other failure is no verdict.
func refused(t *testing.T, err error) bool {
	t.Helper()
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultConstraintViolation) {
		t.Errorf("the server gave no verdict: %v", err)
	}
	return err != nil
}

// inParallel runs f for every subject on a few connections.
func inParallel(t *testing.T, s *testenv.Slapd, connections int, users []subject, f func(t *testing.T, conn *ldap.Conn, u subject)) {
	t.Helper()
	work := make(chan subject)
	var wg sync.WaitGroup
	for range connections {
		conn := s.Dial(t, s.Helpdesk)
		wg.Go(func() {
			for u := range work {
				f(t, conn, u)
			}
		})
	}
	for _, u := range users {
		work <- u
	}
	close(work)
	wg.Wait()
}

// proofServer starts a slapd with testenv's policies and random ones.
func proofServer(t *testing.T, rnd *rand.Rand, random int) (*testenv.Slapd, []subject) {
	t.Helper()
	ldif, users := randomPolicies(rnd, random, testenv.BaseDN)
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20, LDIF: ldif}}})
	for _, n := range []int{0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 14} {
		name := s.UserPolicy(n)
		if name == "" {
			name = "default"
		}
		users = append(users, subject{s.UserDN(n), name})
	}
	return s, users
}

// No suggestion is refused; and where we say that nothing can be suggested,
// the server accepts nothing.
func TestSuggestionsAreAccepted(t *testing.T) {
	t.Parallel()
	n := perUser(t)
	rnd := rand.New(rand.NewPCG(seed(t), 1))
	s, users := proofServer(t, rnd, 40)
	prove(t, s, connections, users, n, 15, openldap.Config{})
}

// prove sets n suggestions for each user and wants all of them accepted,
// under at least atLeast different policies that demand something.
func prove(t *testing.T, s *testenv.Slapd, connections int, subjects []subject, n, atLeast int, cfg openldap.Config) {
	t.Helper()
	svc := service(t, s, s.Reader, cfg)
	var mu sync.Mutex
	set, users, policies, impossible := 0, 0, make(map[string]bool), 0
	inParallel(t, s, connections, subjects, func(t *testing.T, conn *ldap.Conn, u subject) {
		eff, err := svc.Resolve(t.Context(), policy.Selection{Target: u.dn})
		if err != nil {
			t.Errorf("%s (%s): %v", u.dn, u.policy, err)
			return
		}
		who := &setter{conn: conn, careful: u.policy == "strict", current: testenv.UserPassword}
		if err := eff.Unsatisfiable(); err != nil {
			for _, p := range attempts() {
				if err := who.set(u.dn, p); err == nil {
					t.Errorf("%s (%s): said to be unsatisfiable, but the server accepts a password: %v", u.dn, u.policy, eff.Unsatisfiable())
				}
			}
			mu.Lock()
			impossible++
			mu.Unlock()
			return
		}
		suggestions, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: n, Attempts: 20})
		if err != nil {
			t.Errorf("%s (%s): %v", u.dn, u.policy, err)
			return
		}
		for _, p := range suggestions {
			if len(p.Errors) > 0 {
				t.Errorf("%s (%s): no candidate passed in 20 attempts: %v", u.dn, u.policy, p.Errors)
				return
			}
			if err := who.set(u.dn, string(p.Password.Bytes())); err != nil {
				t.Errorf("%s (%s): a suggestion was refused: %v", u.dn, u.policy, err)
				return
			}
		}
		mu.Lock()
		set += len(suggestions)
		users++
		if len(eff.Policy.Demands) > 0 {
			policies[eff.Policy.DN] = true
		}
		mu.Unlock()
	})
	if t.Failed() {
		return
	}
	t.Logf("%d suggestions for %d users accepted, none refused; %d policies with demands, %d more that nothing can satisfy", set, users, len(policies), impossible)
	if len(policies) < atLeast || set != n*users {
		t.Errorf("%d suggestions under %d policies are no proof", set, len(policies))
	}
}

// attempts returns passwords of many lengths and four classes, which a server
// might yet accept under a policy that is said to be unsatisfiable.
func attempts() []string {
	var out []string
	for n := 1; n <= 300; n += 7 {
		out = append(out, strings.Repeat("aB3$", n/4+1)[:n])
	}
	return out
}

// Our verdict on random passwords near the limits of a policy is the
// server's.
func TestVerdictsAgree(t *testing.T) {
	t.Parallel()
	n := perUser(t) / 5
	base := seed(t)
	s, users := proofServer(t, rand.New(rand.NewPCG(base, 2)), 24)
	users = slices.DeleteFunc(users, func(u subject) bool { return u.policy == "strict" })
	compareVerdicts(t, s, connections, users, n, base, openldap.Config{}, lengthsNear)
}

// compareVerdicts asks both about n passwords for each user.
func compareVerdicts(t *testing.T, s *testenv.Slapd, connections int, users []subject, n int, base uint64, cfg openldap.Config, candidates func(*rand.Rand, *policy.Effective) []byte) {
	t.Helper()
	svc := service(t, s, s.Reader, cfg)
	var mu sync.Mutex
	accepted, rejected := 0, 0
	inParallel(t, s, connections, users, func(t *testing.T, conn *ldap.Conn, u subject) {
		eff, err := svc.Resolve(t.Context(), policy.Selection{Target: u.dn})
		if err != nil {
			t.Errorf("%s (%s): %v", u.dn, u.policy, err)
			return
		}
		rnd := rand.New(rand.NewPCG(base, crc64.Checksum([]byte(u.dn), crc64.MakeTable(crc64.ISO))))
		who := &setter{conn: conn}
		tried := map[string]bool{testenv.UserPassword: true} // a password set twice is refused for its history
		yes, no := 0, 0
		for range n {
			p := candidates(rnd, eff)
			if tried[string(p)] {
				continue
			}
			tried[string(p)] = true
			ours := eff.Compiled.Validate(p, eff.Subject)
			err := who.set(u.dn, string(p))
			if theirs := refused(t, err); theirs != (len(ours) > 0) {
				t.Errorf("%s (%s): password %q: we say %q, the server says %v", u.dn, u.policy, p, ours, err)
				return
			}
			if err != nil {
				no++
			} else {
				yes++
			}
		}
		mu.Lock()
		accepted, rejected = accepted+yes, rejected+no
		mu.Unlock()
	})
	t.Logf("%d passwords accepted by both, %d refused by both", accepted, rejected)
	if !t.Failed() && (accepted < n || rejected < n) {
		t.Errorf("%d accepted and %d refused are no proof", accepted, rejected)
	}
}

// lengthsNear returns a password about as long as one of the policy's limits,
// in octets or, since that is what slapd does not count, in characters.
func lengthsNear(rnd *rand.Rand, eff *policy.Effective) []byte {
	limits := []int{0, 1, 8, 30}
	for _, d := range eff.Policy.Demands {
		if n, err := strconv.Atoi(d.Source.Value); err == nil && n > 0 && n < 1000 {
			limits = append(limits, n, n)
		}
	}
	n := max(limits[rnd.IntN(len(limits))]+rnd.IntN(5)-2, 0)
	alphabet := [][]rune{[]rune("abcXYZ019{}$%/ "), []rune("aZ0é"), []rune("€😀\u0301x")}[rnd.IntN(3)]
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteRune(alphabet[rnd.IntN(len(alphabet))])
	}
	if rnd.IntN(2) == 0 && b.Len() > n {
		b.Truncate(n) // in the middle of a character: slapd does not mind
	}
	if p := b.Bytes(); len(p) > 0 && p[0] != '{' {
		return p
	}
	return append([]byte("-"), b.Bytes()...)
}

// What begins like a hash is where we part from slapd, which takes some of it
// for one: accepted unchecked, and then nobody can log in with it.
func TestVerdictsOnHashes(t *testing.T) {
	t.Parallel()
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, Databases: []testenv.SlapdDatabase{{Users: 20}}})
	svc := service(t, s, s.Reader, openldap.Config{})
	helpdesk := s.Dial(t, s.Helpdesk)
	const quality2, quality1 = 0, 3 // users: minimum lengths 10 and 12
	for _, tc := range []struct {
		user     int
		password string
		ours     bool // whether we accept it
		theirs   bool
	}{
		{quality2, "", false, false},
		{quality1, "", false, false},
		{quality2, "{BOGUS}plain-text", true, true},
		{quality2, "{unclosed-plain-text", true, true},
		{quality2, "{}-plain-text", true, true},
		{quality2, "{SHA}x", false, false},
		{quality2, "{SSHA}abcdefghijkl", false, false},
		{quality2, "{ssha}abcdefghijkm", false, false},
		{quality2, "{MD5}abcdefghijkl", false, false},
		{quality2, "{CRYPT}abcdefghijkl", false, false},
		// Exceptions, with slapd 2.5.13.
		{quality2, "{CLEARTEXT}abcdefghijkl", false, true},
		{quality2, "{ARGON2}abcdefghijkl", false, true}, // that module is not loaded
		{quality1, "{SSHA}abcdefghijkl", false, true},
		{quality1, "{CRYPT}abcdefghijkl", false, true},
	} {
		eff, err := svc.Resolve(t.Context(), policy.Selection{Target: s.UserDN(tc.user)})
		if err != nil {
			t.Fatal(err)
		}
		who := &setter{conn: helpdesk}
		ours, err := eff.Compiled.Validate([]byte(tc.password), eff.Subject), who.set(s.UserDN(tc.user), tc.password)
		if theirs := !refused(t, err); (len(ours) == 0) != tc.ours || theirs != tc.theirs {
			t.Errorf("user %d, %q: we say %q, the server says %v; want accepted by us %v, by it %v", tc.user, tc.password, ours, err, tc.ours, tc.theirs)
		}
	}
}
